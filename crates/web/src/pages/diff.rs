//! In what another environment differs from this one. Their databases are not asked: nobody gets into pods for a page.

use askama::Template;
use axum::Extension;
use axum::response::Response;
use serde::Deserialize;
use verbs::environment::{self, ComparedSide};

use super::data::others;
use super::{Address, Place, Shell, html};
use crate::app::{Mine, Result};
use crate::command;
use crate::door::Guest;
use crate::view::plan::{Changed, changed};

#[derive(Template)]
#[template(path = "diff.html")]
struct Diff {
    shell: Shell,
    place: Place,
    tab: &'static str,
    /// Those of its project.
    others: Vec<String>,
    with: String,
    found: Option<Found>,
}

pub struct Found {
    pub left: ComparedSide,
    pub right: ComparedSide,
    pub same_digests: bool,
    pub changes: Vec<Changed>,
}

impl Found {
    /// Settings as they are typed.
    pub fn by_hand(side: &ComparedSide) -> String {
        let said = side.differs_by_hand.iter().map(|(setting, value)| format!("{setting}={value}"));
        let said: Vec<String> = said.collect();
        if said.is_empty() { "nothing".to_owned() } else { said.join(" ") }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct With {
    with: String,
}

pub async fn page(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    place: Place,
    Address(said): Address<With>,
) -> Result<Response> {
    let environment = app.environment(&place.namespace, &place.name).await?;
    let others = others(&app.environments().await?, &environment);
    let shell = Shell::new(&app, &guest, format!("{} and another", place.name), "environments");
    let Place { namespace, name } = &place;
    if said.with.is_empty() {
        let shell = shell.command(command::diff(namespace, name, "ANOTHER"));
        return html(&Diff { shell, place, tab: "/diff", others, with: String::new(), found: None });
    }
    let with = Place::parse(namespace, &said.with)?.name;
    let found = environment::compare(&app.cluster, namespace, name, &with).await?;
    let shell = shell.command(command::diff(namespace, name, &with));
    let changes = found.changes.iter().map(changed).collect();
    let (left, right, same_digests) = (found.left, found.right, found.same_digests);
    let found = Some(Found { left, right, same_digests, changes });
    html(&Diff { shell, place, tab: "/diff", others, with, found })
}
