//! Lines of logs, as programs see them.

use axum::http::HeaderMap;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use verbs::error;
use verbs::logs::search::Search;
use verbs::logs::{Entry, Filter, Histogram, Moment, Query as Wanted, Words};

use super::answer::{Answer, tagged};
use super::page::{PAGE, limit};
use crate::app::{Mine, Result};
use crate::failure::Failure;
use crate::known::Known;
use crate::lines::{self, Draw};
use crate::pages::{Address, Place};
use crate::searched;

/// Steps of time in which lines are counted, about.
const STEPS: usize = 60;

/// Which lines are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lines {
    part: Option<String>,
    query: Option<String>,
    since: Option<String>,
    until: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
    project: Option<String>,
}

impl Lines {
    fn wanted(&self, place: &Place) -> Result<Wanted> {
        let words = Words::parse(self.query.as_deref().unwrap_or_default()).map_err(error::Error::Pattern)?;
        let part =
            self.part.as_deref().map(api::names::PartName::parse).transpose().map_err(error::Error::from)?;
        Ok(Wanted {
            environment: place.name.clone(),
            parts: part.iter().map(ToString::to_string).collect(),
            since: self.since.as_deref().map(moment).transpose()?,
            until: self.until.as_deref().map(moment).transpose()?,
            filter: Filter { query: words, ..Filter::default() },
            ..Wanted::default()
        })
    }

    /// Whose environment it was, should it be gone.
    fn project(&self) -> Result<Option<String>> {
        let project = self.project.as_deref().map(api::names::ProjectName::parse).transpose();
        Ok(project.map_err(error::Error::from)?.map(|project| project.to_string()))
    }
}

/// `15m` ago, or a time.
fn moment(text: &str) -> Result<Moment> {
    words::time::moment(text).ok_or_else(|| {
        let sentence = format!("`{}` is no moment", text.escape_debug());
        Failure::said(sentence, "say how long ago, such as `15m`, or a time such as 2026-11-25T10:00:00Z")
    })
}

/// Lines that were found, newest first.
#[derive(Debug, JsonSchema, Serialize)]
pub struct FoundLines {
    #[schemars(with = "Vec<serde_json::Value>")]
    pub lines: Vec<verbs::logs::Line>,
    /// To go on with what is older: say it as `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Places at which the node no longer had what may have been written.
    pub gaps: u64,
    /// What was passed over or may be missing, and why, one sentence each.
    pub notes: Vec<String>,
}

/// Lines of an environment's logs, newest first; live and archived ones as one
#[utoipa::path(
    get,
    path = "/api/v1/environments/{namespace}/{name}/logs",
    operation_id = "findLines",
    tag = "logs",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("part" = Option<String>, Query, description = "Only of this component, job or service"),
        ("query" = Option<String>, Query, description = "As the command line takes it: `level:>=warn checkout`"),
        ("since" = Option<String>, Query, description = "`15m` ago, or a time; an hour ago unless it is said"),
        ("until" = Option<String>, Query, description = "The same; now unless it is said"),
        ("project" = Option<String>, Query, description = "Whose environment it was, should it be gone and the namespace have several projects"),
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 500, description = "So many; 100 unless it is said"),
        ("cursor" = Option<String>, Query, description = "Where the page before ended"),
    ),
    responses(
        (status = 200, description = "Lines", body = ref("#/components/schemas/FoundLines")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn find(
    Mine(app): Mine,
    headers: HeaderMap,
    place: Place,
    Address(asked): Address<Lines>,
) -> Answer {
    let limit = limit(asked.limit)?.unwrap_or(PAGE);
    let cursor = asked.cursor.clone();
    let wanted = searched::wanted(&app, asked.wanted(&place)?, limit);
    let wanted = Search { cursor, project: asked.project()?, ..wanted };
    let (lines, found) = searched::lines(&app, &place.namespace, &wanted).await?;
    let notes = words::found::notes(&place.name, &found);
    tagged(&headers, &FoundLines { lines, notes, cursor: found.cursor, gaps: found.gaps })
}

/// How many lines there are, by time and by level.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Counts {
    /// `since`, `until`, `stepSeconds`, and `steps` with `start`, `lines` and, by name, `levels`.
    #[schemars(with = "serde_json::Value")]
    pub histogram: Histogram,
    /// What does not count, and why, one sentence each.
    pub notes: Vec<String>,
}

/// Lines of an environment's logs, counted by time and by level
///
/// About sixty steps, live and archived lines as one. It reads all of them.
#[utoipa::path(
    get,
    path = "/api/v1/environments/{namespace}/{name}/logs/histogram",
    operation_id = "countLines",
    tag = "logs",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("part" = Option<String>, Query, description = "Only of this component, job or service"),
        ("query" = Option<String>, Query, description = "As the command line takes it: `level:>=warn checkout`"),
        ("since" = Option<String>, Query, description = "`15m` ago, or a time; an hour ago unless it is said"),
        ("until" = Option<String>, Query, description = "The same; now unless it is said"),
        ("project" = Option<String>, Query, description = "Whose environment it was, should it be gone and the namespace have several projects"),
    ),
    responses(
        (status = 200, description = "Counts", body = ref("#/components/schemas/Counts")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn count(
    Mine(app): Mine,
    headers: HeaderMap,
    place: Place,
    Address(asked): Address<Lines>,
) -> Answer {
    if asked.limit.is_some() || asked.cursor.is_some() {
        return Err(Failure::said("all lines are counted", "leave out `limit` and `cursor`").into());
    }
    let wanted = searched::wanted(&app, asked.wanted(&place)?, STEPS);
    let wanted = Search { project: asked.project()?, ..wanted };
    let counted = searched::counted(&app, &place.namespace, &wanted, STEPS).await?;
    let notes = counted.unread.iter().map(words::found::unread).collect();
    tagged(&headers, &Counts { histogram: counted.histogram, notes })
}

/// Lines of an environment's logs as they are written
///
/// One event a line, or what happened to a container. With `Last-Event-ID` they go on where they ended; an event `anew` says first
/// that it is none of ours, and they begin again. An event `ended` says why there are no more: whoever gets it need not ask again.
#[utoipa::path(
    get,
    path = "/api/v1/environments/{namespace}/{name}/logs/events",
    operation_id = "followLines",
    tag = "logs",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("part" = Option<String>, Query, description = "Only of this component, job or service"),
        ("query" = Option<String>, Query, description = "As the command line takes it: `level:>=warn checkout`"),
        ("since" = Option<String>, Query, description = "`15m` ago, or a time; everything there is unless it is said"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that one has"),
    ),
    responses(
        (status = 200, description = "Server-sent events", body = String, content_type = "text/event-stream"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn follow(
    Mine(app): Mine,
    headers: HeaderMap,
    place: Place,
    Address(asked): Address<Lines>,
) -> Answer {
    app.environment(&place.namespace, &place.name).await?;
    let wanted = asked.wanted(&place)?;
    if wanted.until.is_some() {
        return Err(Failure::said("what is followed has no end", "leave out `until`").into());
    }
    if asked.limit.is_some() || asked.cursor.is_some() || asked.project.is_some() {
        let sentence = "all lines of an environment that stands are followed";
        return Err(Failure::said(sentence, "leave out `limit`, `cursor` and `project`").into());
    }
    let last = headers.get("last-event-id");
    let known = last.and_then(|id| id.to_str().ok()).and_then(Known::parse);
    let first = (last.is_some() && known.is_none()).then(lines::anew);
    let (known, draw) = (known.unwrap_or_default(), Draw::Each(drawn));
    Ok(lines::follow(app, place.namespace, wanted, known, draw, first).into_response())
}

fn drawn(entry: &Entry<'_>) -> String {
    let json = match entry {
        Entry::Line(line) => serde_json::to_string(&line.to_line()),
        Entry::Mark(mark) => serde_json::to_string(mark),
    };
    // Both are made of texts and times, which can always be written.
    json.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_back_is_said_as_on_the_command_line() {
        assert_eq!(moment("7d").unwrap(), Moment::Ago(std::time::Duration::from_secs(7 * 86_400)));
        assert!(matches!(moment("2026-11-25T10:00:00Z").unwrap(), Moment::At(_)));
        assert!(moment("yesterday").is_err());
    }
}
