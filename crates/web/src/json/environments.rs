//! Environments, as programs see them.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use verbs::environment::{self, Summary, summary};
use verbs::logs::search::{Answer as Line, Search, search};
use verbs::logs::{Entry, Filter, Moment, Query as Wanted, Words};
use verbs::{Event, error};

use super::answer::{Answer, tagged};
use crate::app::{App, Result};
use crate::failure::Failure;
use crate::lines::{Known, follow};
use crate::live;
use crate::pages::{Address, Place};

const PAGE: usize = 100;
const LONGEST_PAGE: usize = 500;

/// Which environments are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Filtered {
    project: Option<String>,
    class: Option<String>,
    state: Option<String>,
    owner: Option<String>,
    limit: Option<usize>,
    after: Option<String>,
}

/// A page of environments.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Environments {
    pub items: Vec<Summary>,
    /// To go on with: say it as `after`. None: this is the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// List environments, by namespace and name
#[utoipa::path(
    get,
    path = "/api/v1/environments",
    operation_id = "listEnvironments",
    tag = "environments",
    params(
        ("project" = Option<String>, Query, description = "Only of this project"),
        ("class" = Option<String>, Query, description = "Only of this class"),
        ("state" = Option<String>, Query, description = "Only in this state"),
        ("owner" = Option<String>, Query, description = "Only of this owner"),
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 500, description = "So many a page; 100 unless it is said"),
        ("after" = Option<String>, Query, description = "Where the page before ended: its `next`"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that one has"),
    ),
    responses(
        (status = 200, description = "A page of them", body = ref("#/components/schemas/Environments")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): State<App>, headers: HeaderMap, Address(wanted): Address<Filtered>) -> Answer {
    let all = app.watched.all();
    let all = all.iter().map(|environment| summary(environment));
    tagged(&headers, &page(all, &wanted)?)
}

fn page(all: impl Iterator<Item = Summary>, wanted: &Filtered) -> Result<Environments> {
    let limit = wanted.limit.unwrap_or(PAGE);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        let sentence = format!("`limit` is from 1 to {LONGEST_PAGE}, not {limit}");
        return Err(Failure::said(sentence, "leave it out, or ask page by page"));
    }
    let after = match wanted.after.as_deref().map(|after| after.split_once('/')) {
        None => None,
        Some(Some(after)) => Some(after),
        Some(None) => {
            return Err(Failure::said(
                "`after` is of the form NAMESPACE/NAME",
                "say the `next` of the page before",
            ));
        }
    };
    let is = |said: &Option<String>, value: &str| said.as_deref().is_none_or(|said| said == value);
    let mut rest = all.filter(|one| {
        after.is_none_or(|after| (one.namespace.as_str(), one.name.as_str()) > after)
            && is(&wanted.project, &one.project)
            && is(&wanted.class, &one.class)
            && is(&wanted.state, one.state.as_str())
            && is(&wanted.owner, one.owner.as_deref().unwrap_or_default())
    });
    let items: Vec<Summary> = rest.by_ref().take(limit).collect();
    let more = rest.next().is_some();
    let next = items.last().filter(|_| more).map(|last| format!("{}/{}", last.namespace, last.name));
    Ok(Environments { items, next })
}

/// Everything about one environment
#[utoipa::path(
    get,
    path = "/api/v1/environments/{namespace}/{name}",
    operation_id = "showEnvironment",
    tag = "environments",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that one has"),
    ),
    responses(
        (status = 200, description = "The environment", body = ref("#/components/schemas/EnvironmentDetail")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn show(State(app): State<App>, headers: HeaderMap, place: Place) -> Answer {
    let environment = app.environment(&place.namespace, &place.name).await?;
    tagged(&headers, &environment::detail(&app.cluster, &environment).await)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Destroying {
    /// Also if its class is protected.
    protected: bool,
}

/// Destroy an environment, with its data
///
/// Answered as soon as the order is given; its events tell when it is gone. One that does not exist is as good as destroyed.
#[utoipa::path(
    delete,
    path = "/api/v1/environments/{namespace}/{name}",
    operation_id = "destroyEnvironment",
    tag = "environments",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("protected" = Option<bool>, Query, description = "Also if its class is protected"),
    ),
    responses(
        (status = 202, description = "It is being destroyed"),
        (status = 204, description = "There is none"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn destroy(State(app): State<App>, place: Place, Address(how): Address<Destroying>) -> Answer {
    let Place { namespace, name } = &place;
    let mut deaf = |_: Event| {};
    let begun = environment::destroy(&app.cluster, namespace, name, how.protected, false, None, &mut deaf);
    Ok(match begun.await? {
        environment::Destroyed::Missing { .. } => StatusCode::NO_CONTENT,
        environment::Destroyed::Started { .. } | environment::Destroyed::Gone { .. } => StatusCode::ACCEPTED,
    }
    .into_response())
}

/// The revisions of an environment, newest first
#[utoipa::path(
    get,
    path = "/api/v1/environments/{namespace}/{name}/revisions",
    operation_id = "listRevisions",
    tag = "environments",
    params(("namespace" = String, Path, description = "The control namespace"), ("name" = String, Path)),
    responses(
        (status = 200, description = "Its revisions; also of one that was destroyed, as long as they are kept", body = ref("#/components/schemas/Revisions")),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn history(State(app): State<App>, headers: HeaderMap, place: Place) -> Answer {
    tagged(&headers, &environment::history(&app.cluster, &place.namespace, &place.name).await?)
}

/// An environment whenever it changes
///
/// Each event is all of it, as `GET` would answer; `null` once it is gone. With `Last-Event-ID` nothing is sent that one has.
#[utoipa::path(
    get,
    path = "/api/v1/environments/{namespace}/{name}/events",
    operation_id = "followEnvironment",
    tag = "environments",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that one has"),
    ),
    responses(
        (status = 200, description = "Server-sent events", body = String, content_type = "text/event-stream"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn events(State(app): State<App>, headers: HeaderMap, place: Place) -> Answer {
    app.environment(&place.namespace, &place.name).await?;
    let sent = live::of(app.clone(), app.watched.news(), &headers, move |app| {
        let place = place.clone();
        async move {
            let detail = match app.watched.find(&place.namespace, &place.name) {
                Some(environment) => Some(environment::detail(&app.cluster, &environment).await),
                None => None,
            };
            serde_json::to_string(&detail).map_err(|error| Failure::ours(&error))
        }
    });
    Ok(sent.into_response())
}

/// Which lines are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
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
    if let Some(seconds) = api::project::seconds(text) {
        return Ok(Moment::Ago(std::time::Duration::from_secs(seconds.into())));
    }
    text.parse().map(Moment::At).map_err(|_| {
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
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn logs(
    State(app): State<App>,
    headers: HeaderMap,
    place: Place,
    Address(asked): Address<Lines>,
) -> Answer {
    let limit = asked.limit.unwrap_or(PAGE).clamp(1, LONGEST_PAGE);
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
    tagged(&headers, &FoundLines { lines, cursor: found.cursor, gaps: found.gaps })
}

/// Lines of an environment's logs as they are written
///
/// One event a line. With `Last-Event-ID` they go on where they ended.
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
pub async fn log_events(
    State(app): State<App>,
    headers: HeaderMap,
    place: Place,
    Address(asked): Address<Lines>,
) -> Answer {
    app.environment(&place.namespace, &place.name).await?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let known = last.map(Known::parse).unwrap_or_default();
    let wanted = asked.wanted(&place)?;
    Ok(follow(app, place.namespace, wanted, known, drawn, false).into_response())
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
    use crate::view::sample::world;

    fn names(wanted: &Filtered) -> (Vec<String>, Option<String>) {
        let all = world();
        let page = page(all.iter().map(|environment| summary(environment)), wanted).unwrap();
        (page.items.into_iter().map(|one| one.name).collect(), page.next)
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let mut wanted = Filtered { limit: Some(2), ..Filtered::default() };
        let mut seen = vec![];
        loop {
            let (names, next) = names(&wanted);
            seen.extend(names);
            let Some(next) = next else { break };
            wanted.after = Some(next);
        }
        assert_eq!(seen, ["production", "qa-42", "qa-43", "qa-44", "qa-45"]);
    }

    #[test]
    fn a_filter_counts_before_the_page_is_cut() {
        let wanted = Filtered { owner: Some("ann".into()), limit: Some(1), ..Filtered::default() };
        assert_eq!(names(&wanted), (vec!["qa-42".to_owned()], Some("shop/qa-42".to_owned())));
        let nobody = Filtered { state: Some("perfect".into()), ..Filtered::default() };
        assert_eq!(names(&nobody), (vec![], None));
    }

    #[test]
    fn a_page_of_nothing_or_of_everything_is_refused() {
        for limit in [0, 501] {
            let wanted = Filtered { limit: Some(limit), ..Filtered::default() };
            assert!(page(std::iter::empty(), &wanted).is_err());
        }
        let wanted = Filtered { after: Some("x".into()), ..Filtered::default() };
        assert!(page(std::iter::empty(), &wanted).is_err());
    }
}
