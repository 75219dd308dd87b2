//! Logs of an environment: what its containers wrote, what is archived, and what they write now.

use std::collections::BTreeSet;

use api::Role;
use api::names::PartName;
use askama::Template;
use axum::Extension;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::mpsc;
use verbs::logs::search::{Answer, Found, Search, search};
use verbs::logs::{self, Entry, Filter, Moment, Words};

use super::{Address, Place, Shell, html};
use crate::app::{App, Mine, Result};
use crate::command;
use crate::door::Guest;
use crate::failure::Failure;
use crate::lines::{Known, follow};
use crate::view::histogram::Bars;
use crate::view::log::Shown;
use crate::view::query::encoded;

/// The newest so many lines of a page that is loaded; a page keeps as many in view while it follows.
const LINES: usize = 500;
/// Steps of time in a histogram, about.
const STEPS: usize = 60;
/// How far back, in the words of the command line.
pub const SINCE: [(&str, &str); 5] =
    [("5m", "5 minutes"), ("15m", "15 minutes"), ("1h", "hour"), ("6h", "6 hours"), ("24h", "day")];

#[derive(Template)]
#[template(path = "logs.html")]
struct Logs {
    shell: Shell,
    place: Place,
    tab: &'static str,
    asked: Asked,
    parts: Vec<String>,
    lines: Vec<Shown>,
    /// Why there are none.
    trouble: Option<Failure>,
    /// What was passed over or may be missing.
    notes: Vec<String>,
    /// Where what is older begins.
    older: Option<String>,
    /// The newest line, where following goes on.
    after: String,
}

/// What is asked for, as it stands in the address.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    part: String,
    q: String,
    since: String,
    follow: String,
    /// Lines up to this one are known already.
    after: String,
    /// Only what is older than a page that ended so.
    cursor: String,
}

impl Asked {
    fn since(&self) -> &str {
        let known = SINCE.iter().find(|(word, _)| *word == self.since);
        known.map_or("15m", |(word, _)| word)
    }

    fn ago(&self) -> Moment {
        let seconds = api::project::seconds(self.since()).unwrap_or(900);
        Moment::Ago(std::time::Duration::from_secs(seconds.into()))
    }

    fn follows(&self) -> bool {
        !self.follow.is_empty()
    }

    fn parts(&self) -> Result<Vec<String>> {
        if self.part.is_empty() {
            return Ok(vec![]);
        }
        Ok(vec![PartName::parse(&self.part).map_err(verbs::Error::from)?.to_string()])
    }

    fn address(&self) -> String {
        let said = [("part", self.part.as_str()), ("q", &self.q), ("since", self.since())];
        let said = said.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
        format!("?{}", said.collect::<Vec<_>>().join("&"))
    }

    /// What is wrong with a query is said with the place.
    fn query(&self, place: &Place, since: Option<Moment>) -> Result<logs::Query> {
        let words = Words::parse(&self.q).map_err(|error| {
            let sentence = format!("{} (at character {})", error.message, error.position + 1);
            Failure::said(
                sentence,
                error.hint.unwrap_or_else(|| "write it as `level:>=warn checkout`".to_owned()),
            )
        })?;
        Ok(logs::Query {
            environment: place.name.clone(),
            parts: self.parts()?,
            since,
            filter: Filter { query: words, ..Filter::default() },
            ..logs::Query::default()
        })
    }
}

pub async fn page(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    place: Place,
    Address(asked): Address<Asked>,
) -> Result<Response> {
    let shell = Shell::new(&app, &guest, format!("Logs of {}", place.name), "environments");
    let line = command::logs(
        &place.namespace,
        &place.name,
        &asked.parts()?,
        asked.since(),
        &asked.q,
        asked.follows(),
    );
    let read = read(&app, &place, &asked).await;
    let (lines, found, trouble) = match read {
        Ok((lines, found)) => (lines, found, None),
        Err(failure) => (vec![], None, Some(failure)),
    };
    let found = found.unwrap_or_default();
    // That nothing was found has a place of its own.
    let notes = words::found::notes(&place.name, &Found { lines: found.lines.max(1), ..found.clone() });
    let newest = lines.last().map(|line| line.time);
    let after = match newest {
        // So many of that moment are on the page already.
        Some(time) => format!("{time}#{}", lines.iter().filter(|line| line.time == time).count()),
        None => app.cluster.now().await.to_string(),
    };
    let parts = parts(&app, &place).await;
    html(&Logs {
        shell: shell.command(line),
        place,
        tab: "/logs",
        asked,
        parts,
        lines,
        trouble,
        notes,
        older: found.cursor,
        after,
    })
}

/// Components, jobs and services that may have written something.
async fn parts(app: &App, place: &Place) -> Vec<String> {
    let environment = app.find(&place.namespace, &place.name).await.ok().flatten();
    let status = environment.iter().filter_map(|environment| environment.status.as_ref());
    let parts = status.flat_map(|status| &status.parts);
    let writes = |role: Role| !matches!(role, Role::Route | Role::Manifest);
    let names: BTreeSet<String> =
        parts.filter(|part| writes(part.role)).map(|part| part.name.clone()).collect();
    names.into_iter().collect()
}

/// The newest lines, in order of time.
async fn read(app: &App, place: &Place, asked: &Asked) -> Result<(Vec<Shown>, Option<Found>)> {
    let since = asked.ago();
    let cursor = Some(asked.cursor.clone()).filter(|cursor| !cursor.is_empty());
    let wanted =
        Search { query: asked.query(place, Some(since))?, limit: LINES, cursor, ..Search::default() };
    newest(app, &place.namespace, &wanted).await
}

/// What is found, in order of time.
pub async fn newest(app: &App, namespace: &str, wanted: &Search) -> Result<(Vec<Shown>, Option<Found>)> {
    let (out, mut answers) = mpsc::channel(64);
    let reading = search(&app.cluster, namespace, wanted, out);
    let listening = async {
        let mut lines = vec![];
        while let Some(answer) = answers.recv().await {
            if let Answer::Line(line) = answer {
                lines.push(Shown::of(&line));
            }
        }
        lines
    };
    let (found, mut lines) = tokio::join!(Box::pin(reading), listening);
    let found = found?;
    lines.reverse();
    Ok((lines, found))
}

/// How many lines there are, by time: a fragment, since it reads all of them.
pub async fn histogram(Mine(app): Mine, place: Place, Address(asked): Address<Asked>) -> Result<Response> {
    let wanted = Search { query: asked.query(&place, Some(asked.ago()))?, limit: LINES, ..Search::default() };
    let (out, mut answers) = mpsc::channel(64);
    let counting = logs::histogram::histogram(&app.cluster, &place.namespace, &wanted, STEPS, out);
    let deaf = async { while answers.recv().await.is_some() {} };
    let (counted, ()) = tokio::join!(Box::pin(counting), deaf);
    match counted? {
        Some(counted) => html(&Bars::of(&counted)),
        None => Err(Failure::nowhere()),
    }
}

/// Lines from now on, or from the one that the other side has.
pub async fn live(
    Mine(app): Mine,
    headers: HeaderMap,
    place: Place,
    Address(asked): Address<Asked>,
) -> Result<Response> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let known = Known::parse(last.unwrap_or(&asked.after));
    let query = asked.query(&place, None)?;
    Ok(follow(app, place.namespace, query, known, drawn, true).into_response())
}

fn drawn(entry: &Entry<'_>) -> String {
    let shown = match entry {
        Entry::Line(line) => Shown::of(&line.to_line()),
        Entry::Mark(mark) => Shown::mark(mark),
    };
    shown.to_string()
}
