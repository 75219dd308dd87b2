//! How add-ons stand: each object compared, and whether it has come up. Changes nothing.

use ::apply::bundle::{Compared, Standing};
use kube::Client;
use serde::Serialize;

use super::{Wish, wait};
use crate::plan::addons::ready::Ready;
use crate::plan::addons::versions::Versions;
use crate::plan::addons::{Addon, By, Chosen};
use crate::{Error, Result};

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Nothing of it is there.
    Missing,
    /// Something of it is not there, is otherwise than it should be, or is there and nobody asks for it.
    Differs,
    /// Something is in its way that others made.
    Conflict,
    /// It cannot be as it should be, or it is not known how it is.
    Failed,
    /// It is as it should be, and has not come up.
    NotReady,
    Ready,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    pub addon: Addon,
    pub by: By,
    pub version: String,
    pub state: State,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What is not as it should be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Compared>,
    /// How many objects it is made of.
    pub of: usize,
}

pub async fn look(client: &Client, wish: &Wish) -> Result<Vec<Look>> {
    let versions = Versions::table();
    let mut all = Vec::new();
    for one in wish.chosen.iter().copied() {
        let (addon, by, version) = (one.addon, one.by, versions.of(one.addon).version);
        // What is wrong with one says nothing of the others.
        let (compared, ready, of) = match Box::pin(looked(client, wish, one)).await {
            Ok(looked) => looked,
            Err(error) => {
                let (state, why) = (State::Failed, Some(error.to_string()));
                all.push(Look { addon, by, version, state, why, objects: Vec::new(), of: 0 });
                continue;
            }
        };
        let (state, why) = judge(&compared, ready);
        let objects = compared.into_iter().filter(|one| one.standing != Standing::Same).collect();
        all.push(Look { addon, by, version, state, why, objects, of });
    }
    Ok(all)
}

async fn looked(client: &Client, wish: &Wish, one: Chosen) -> Result<(Vec<Compared>, Ready, usize)> {
    let bundle = wish.bundle(client, one).await?;
    let compared =
        ::apply::compare(client, &bundle).await.map_err(|error| Error::of_addon(one.addon, error))?;
    let ready = wait::ready(client, one, &bundle).await?;
    Ok((compared, ready, bundle.objects.len()))
}

fn judge(compared: &[Compared], ready: Ready) -> (State, Option<String>) {
    let any = |standing: fn(&Standing) -> bool| compared.iter().any(|one| standing(&one.standing));
    if any(|standing| *standing == Standing::Foreign) {
        return (State::Conflict, None);
    }
    let refused = compared.iter().find_map(|one| match &one.standing {
        Standing::Refused { why } => Some(format!("{}: {why}", one.place())),
        _ => None,
    });
    if refused.is_some() {
        return (State::Failed, refused);
    }
    if !compared.is_empty() && compared.iter().all(|one| one.standing == Standing::Missing) {
        return (State::Missing, None);
    }
    if any(|standing| *standing != Standing::Same) {
        return (State::Differs, None);
    }
    match ready {
        Ready::Yes => (State::Ready, None),
        Ready::NotYet(why) | Ready::Never(why) => (State::NotReady, Some(why)),
    }
}
