//! Lines of logs, as programs see them.

use axum::http::HeaderMap;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use verbs::error;
use verbs::logs::search::{Answer as Line, Search, search};
use verbs::logs::{Entry, Filter, Moment, Query as Wanted, Words};

use super::answer::{Answer, tagged};
use super::page::{PAGE, limit};
use crate::app::{Mine, Result};
use crate::failure::Failure;
use crate::lines::{self, Known};
use crate::pages::{Address, Place};

/// Which lines are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lines {
    part: Option<String>,
    query: Option<String>,
    since: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
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
            filter: Filter { query: words, ..Filter::default() },
            ..Wanted::default()
        })
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
    let wanted = Search { query: asked.wanted(&place)?, limit, cursor, ..Search::default() };
    let (out, mut answers) = mpsc::channel(64);
    let reading = search(&app.cluster, &place.namespace, &wanted, out);
    let listening = async {
        let mut lines = vec![];
        while let Some(answer) = answers.recv().await {
            if let Line::Line(line) = answer {
                lines.push(line);
            }
        }
        lines
    };
    let (found, lines) = tokio::join!(Box::pin(reading), listening);
    let found = found?.unwrap_or_default();
    let notes = words::found::notes(&place.name, &found);
    tagged(&headers, &FoundLines { lines, notes, cursor: found.cursor, gaps: found.gaps })
}

/// Lines of an environment's logs as they are written
///
/// One event a line, or what happened to a container. With `Last-Event-ID` they go on where they ended. An event `ended` says
/// why there are no more: whoever gets it need not ask again.
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
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let known = last.map(Known::parse).unwrap_or_default();
    let wanted = asked.wanted(&place)?;
    Ok(lines::follow(app, place.namespace, wanted, known, drawn, false).into_response())
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
