//! What one revision of an environment changed, against the one before or another that is kept.

use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use verbs::environment;

use super::{Address, Place, Shell, html};
use crate::app::{Mine, Result};
use crate::command;
use crate::door::Guest;
use crate::failure::Failure;
use crate::view::plan::{Changed, changed};
use crate::view::revision::{Line, lines};

#[derive(Template)]
#[template(path = "revision.html")]
struct Revision {
    shell: Shell,
    place: Place,
    tab: &'static str,
    number: i64,
    against: Option<i64>,
    line: Option<Line>,
    /// The others, the newest first.
    others: Vec<i64>,
    changes: Vec<Changed>,
}

impl Revision {
    fn is_against(&self, other: &i64) -> bool {
        self.against == Some(*other)
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Against {
    against: Option<String>,
}

/// A revision, as a path or a form names it.
pub fn number(text: &str) -> Result<i64> {
    let hint = "choose one of the list of revisions";
    let number = text.parse::<i64>().ok().filter(|number| *number > 0);
    number.ok_or_else(|| Failure::said(format!("`{}` is no revision", text.escape_debug()), hint))
}

/// The place and the revision that a path names.
pub fn named(path: Result<Path<(String, String, String)>, PathRejection>) -> Result<(Place, i64)> {
    let Path((namespace, name, revision)) = path.map_err(|_| Failure::nowhere())?;
    Ok((Place::parse(&namespace, &name)?, number(&revision)?))
}

pub async fn page(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    Address(said): Address<Against>,
) -> Result<Response> {
    let (place, number) = named(path)?;
    app.within(&place.namespace)?;
    let against = said.against.filter(|text| !text.is_empty()).map(|text| self::number(&text)).transpose()?;
    let found = environment::changed(&app.cluster, &place.namespace, &place.name, number, against).await?;
    let entries = environment::history(&app.cluster, &place.namespace, &place.name).await?;
    let others = entries.iter().map(|entry| entry.revision).filter(|other| *other != number).collect();
    let line = lines(&entries, Timestamp::now()).into_iter().find(|line| line.entry.revision == number);
    let shell = Shell::new(&app, &guest, format!("r{number} of {}", place.name), "environments");
    let shell = shell.command(command::changed(&place.namespace, &place.name, number, against));
    html(&Revision {
        shell,
        place,
        tab: "/revisions",
        number,
        against: found.against,
        line,
        others,
        changes: found.changes.iter().map(changed).collect(),
    })
}
