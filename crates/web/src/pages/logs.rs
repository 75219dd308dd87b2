//! Logs of an environment: what its containers wrote, what is archived, and what they write now.

mod asked;

use std::collections::BTreeSet;

use api::Role;
use askama::Template;
use axum::Extension;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use verbs::logs::search::{Found, Search};
use verbs::logs::{Entry, Moment};

use self::asked::{Asked, Span, Wrong};
use super::{Address, Place, Shell, html};
use crate::app::{App, Mine, Result};
use crate::door::Guest;
use crate::failure::Failure;
use crate::known::Known;
use crate::lines::{Draw, follow};
use crate::view::histogram::Bars;
use crate::view::log::Shown;
use crate::{command, searched};

/// The newest so many lines of a page that is loaded; a page keeps as many in view while it follows.
const LINES: usize = 500;
/// Steps of time in a histogram, about.
const STEPS: usize = 60;

#[derive(Template)]
#[template(path = "logs.html")]
struct Logs {
    shell: Shell,
    place: Place,
    tab: &'static str,
    asked: Asked,
    parts: Vec<String>,
    lines: Vec<Shown>,
    /// The field that makes no sense.
    wrong: Option<Wrong>,
    /// Why there are none.
    trouble: Option<Failure>,
    /// What was passed over or may be missing.
    notes: Vec<String>,
    /// How many there are, by time, where that was asked for with them.
    bars: Option<Bars>,
    /// Where what is older begins.
    older: Option<String>,
    /// Where these very lines are shown whenever it is opened, and before that who is called.
    link: Option<String>,
    origin: String,
    /// The newest line, where following goes on.
    after: String,
}

impl Logs {
    fn is_wrong(&self, field: &str) -> bool {
        self.wrong.as_ref().is_some_and(|wrong| wrong.field == field)
    }
}

/// What is on a page besides what was asked for.
#[derive(Default)]
struct Read {
    lines: Vec<Shown>,
    found: Found,
    bars: Option<Bars>,
    /// What there is to say of the bars.
    uncounted: Option<String>,
}

pub async fn page(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    place: Place,
    Address(asked): Address<Asked>,
) -> Result<Response> {
    let mut shell = Shell::new(&app, &guest, format!("Logs of {}", place.name), "environments");
    let (mut wrong, mut trouble, mut shown) = (None, None, Read::default());
    match asked.span() {
        Err(field) => wrong = Some(field),
        Ok(span) => {
            shell = shell.command(line(&place, &asked, span)?);
            match read(&app, &place, &asked, span).await {
                Ok(read) => shown = read,
                Err(failure) => trouble = Some(failure),
            }
        }
    }
    let Read { lines, found, bars, uncounted } = shown;
    // That nothing was found has a place of its own.
    let told = Found { lines: found.lines.max(1), ..found.clone() };
    let read = wrong.is_none() && trouble.is_none();
    let mut notes = if read { words::found::notes(&place.name, &told) } else { vec![] };
    // Mostly the same as of the lines.
    notes.extend(uncounted.filter(|note| !notes.contains(note)));
    let newest = lines.last().map(|line| line.time);
    let link = newest.map(|newest| {
        format!("{}/logs{}", place.path(), asked.between(found.since, found.until.max(newest)))
    });
    let after = match newest {
        // So many of that moment are on the page already.
        Some(time) => format!("{time}#{}", lines.iter().filter(|line| line.time == time).count()),
        None => app.cluster.now().await.to_string(),
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let parts = parts(&app, &place).await;
    let origin = app.door.origin();
    let page = html(&Logs {
        shell,
        place,
        tab: "/logs",
        asked,
        parts,
        lines,
        wrong,
        trouble,
        notes,
        bars,
        older: found.cursor,
        link,
        origin,
        after,
    })?;
    Ok((status, page).into_response())
}

/// The command that shows the same.
fn line(place: &Place, asked: &Asked, span: Span) -> Result<String> {
    let since = match span.since {
        Moment::At(time) => time.to_string(),
        Moment::Ago(_) => asked.since().to_owned(),
    };
    let until = span.until.and_then(|until| match until {
        Moment::At(time) => Some(time.to_string()),
        Moment::Ago(_) => None,
    });
    let between = (since.as_str(), until.as_deref());
    Ok(command::logs(&place.namespace, &place.name, &asked.parts()?, between, &asked.q, asked.follows()))
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

fn wanted(app: &App, place: &Place, asked: &Asked, span: Span) -> Result<Search> {
    let query = asked.query(place, Some(span))?;
    Ok(Search { project: asked.project()?, ..searched::wanted(app, query, LINES) })
}

/// The newest lines, in order of time.
async fn read(app: &App, place: &Place, asked: &Asked, span: Span) -> Result<Read> {
    let cursor = Some(asked.cursor.clone()).filter(|cursor| !cursor.is_empty());
    let wanted = wanted(app, place, asked, span)?;
    let (lines, found) = newest(app, &place.namespace, &Search { cursor, ..wanted.clone() }).await?;
    let mut read = Read { lines, found, ..Read::default() };
    if asked.counts() && !asked.follows() {
        let (bars, uncounted) = bars(app, place, asked, &wanted).await?;
        (read.bars, read.uncounted) = (Some(bars), uncounted);
    }
    Ok(read)
}

/// What is found, in order of time.
pub async fn newest(app: &App, namespace: &str, wanted: &Search) -> Result<(Vec<Shown>, Found)> {
    let (lines, found) = searched::lines(app, namespace, wanted).await?;
    Ok((lines.iter().rev().map(Shown::of).collect(), found))
}

/// How many lines there are, by time: each step leads to its lines.
async fn bars(app: &App, place: &Place, asked: &Asked, wanted: &Search) -> Result<(Bars, Option<String>)> {
    let counted = searched::counted(app, &place.namespace, wanted, STEPS).await?;
    let to = |from, until| format!("{}/logs{}", place.path(), asked.between(from, until));
    let uncounted = counted.unread.as_ref().map(words::found::unread);
    Ok((Bars::of(&counted.histogram, to), uncounted))
}

/// The same as a fragment, since it reads all of them.
pub async fn histogram(Mine(app): Mine, place: Place, Address(asked): Address<Asked>) -> Result<Response> {
    let span = asked.span().map_err(|wrong| Failure::said(wrong.sentence, "correct the address"))?;
    let (bars, note) = bars(&app, &place, &asked, &wanted(&app, &place, &asked, span)?).await?;
    html(&Bars { note, ..bars })
}

/// Lines from now on, or from the one that the other side has.
pub async fn live(
    Mine(app): Mine,
    headers: HeaderMap,
    place: Place,
    Address(asked): Address<Asked>,
) -> Result<Response> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    // Whoever says no id of ours has what the page had.
    let known = last.and_then(Known::parse).or_else(|| Known::parse(&asked.after)).unwrap_or_default();
    let query = asked.query(&place, None)?;
    Ok(follow(app, place.namespace, query, known, Draw::Together(drawn), None).into_response())
}

fn drawn(entry: &Entry<'_>) -> String {
    let shown = match entry {
        Entry::Line(line) => Shown::of(&line.to_line()),
        Entry::Mark(mark) => Shown::mark(mark),
    };
    shown.to_string()
}
