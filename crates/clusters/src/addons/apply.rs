//! Brings add-ons about, one after the other. What stands in the way of one stops those that need it, and no others.

use std::time::Instant;

use ::apply::{Compared, Done};
use kube::Client;
use serde::Serialize;

use super::{Wish, begin_installation, end_installation, wait};
use crate::plan::addons::{Addon, By, Chosen, stopped_by};
use crate::stop::unless;
use crate::{Error, Event, Result, Sink};

/// What became of one add-on.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub addon: Addon,
    pub by: By,
    pub created: usize,
    pub changed: usize,
    pub unchanged: usize,
    pub removed: usize,
    pub seconds: u64,
}

pub async fn apply(
    client: &Client,
    wish: &Wish,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<Vec<Report>> {
    let (mut reports, mut failed) = (Vec::new(), Vec::new());
    let mut said: Vec<(Addon, Error)> = Vec::new();
    for one in wish.chosen.iter().copied() {
        if let Some(needed) = stopped_by(one.addon, &failed) {
            let why = format!("{} is left out: it needs {}", one.addon.word(), needed.word());
            sink(Event::note(why));
            failed.push(one.addon);
            continue;
        }
        match unless(interrupted, Box::pin(bring(client, wish, one, sink))).await {
            Ok(report) => reports.push(report),
            Err(error @ Error::Stopped { .. }) => return Err(error),
            Err(error) => {
                sink(Event::note(format!("{}: {error}", one.addon.word())));
                failed.push(one.addon);
                said.push((one.addon, error));
            }
        }
    }
    match said.is_empty() {
        true => Ok(reports),
        false => Err(Error::Addons(said)),
    }
}

async fn bring(client: &Client, wish: &Wish, one: Chosen, sink: Sink<'_>) -> Result<Report> {
    let begun = Instant::now();
    let word = one.addon.word();
    sink(Event::Doing { what: format!("{word}, by {}", one.by.word()) });
    if one.addon == Addon::Cni && one.by == By::Outboard {
        wait::no_other_network(client).await?;
    }
    if one.addon == Addon::Outboard {
        begin_installation(client).await?;
    }
    let bundle = wish.bundle(client, one).await?;
    let mut report =
        Report { addon: one.addon, by: one.by, created: 0, changed: 0, unchanged: 0, removed: 0, seconds: 0 };
    let mut tell = |object: &Compared, done: Done| {
        let (action, count) = match done {
            Done::Created => ("create", &mut report.created),
            Done::Changed => ("update", &mut report.changed),
            Done::Removed => ("delete", &mut report.removed),
            Done::Unchanged => {
                report.unchanged += 1;
                return;
            }
        };
        *count += 1;
        sink(Event::Done { address: object.place(), action: action.to_owned(), seconds: 0 });
    };
    let written = ::apply::write(client, &bundle, &mut tell).await;
    written.map_err(|error| Error::of_addon(one.addon, error))?;
    wait::until_ready(client, one, &bundle, sink).await?;
    if one.addon == Addon::Outboard {
        end_installation(client).await?;
    }
    report.seconds = begun.elapsed().as_secs();
    sink(Event::Checked { what: word, found: format!("ready after {} s", report.seconds) });
    Ok(report)
}
