//! Environments, as programs see them.

use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use verbs::Event;
use verbs::environment::{self, Destroyed, Doomed, State as Of, Summary, summary};

use super::answer::{Answer, as_seen, tagged};
use super::page::{PAGE, Page, cut, limit, linked};
use crate::app::{Mine, Result};
use crate::command;
use crate::failure::Failure;
use crate::live;
use crate::pages::{Address, Place};
use crate::view::tone::STATES;

/// Which environments are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
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
        ("after" = Option<String>, Query, description = "Where the page before ended: its `next`, which stands in its `Link`, too"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that one has"),
    ),
    responses(
        (status = 200, description = "A page of them", body = ref("#/components/schemas/Environments")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn list(
    Mine(app): Mine,
    headers: HeaderMap,
    uri: Uri,
    Address(wanted): Address<Filtered>,
) -> Answer {
    let all = app.environments().await?.all();
    let all = all.iter().map(|environment| summary(environment));
    let page = page(all, &wanted)?;
    linked(&headers, &uri, &page, page.next.as_deref())
}

fn page(all: impl Iterator<Item = Summary>, wanted: &Filtered) -> Result<Environments> {
    let limit = limit(wanted.limit)?.unwrap_or(PAGE);
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
    if let Some(state) =
        wanted.state.as_ref().filter(|state| !STATES.iter().any(|known| known.as_str() == **state))
    {
        let known = STATES.map(Of::as_str).join(", ");
        let sentence = format!("`{}` is no state", state.escape_debug());
        return Err(Failure::said(sentence, format!("there are {known}")));
    }
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
pub async fn show(Mine(app): Mine, headers: HeaderMap, place: Place) -> Answer {
    let environment = app.environment(&place.namespace, &place.name).await?;
    tagged(&headers, &environment::detail(&app.cluster, &environment).await)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Destroying {
    /// Only the very one that was seen.
    uid: Option<String>,
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
        ("uid" = Option<String>, Query, description = "Only the very one that has this uid; else 409"),
        ("If-Match" = Option<String>, Header, description = "Only if it is as this ETag says; else 412"),
    ),
    responses(
        (status = 202, description = "It is being destroyed"),
        (status = 204, description = "There is none"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn destroy(
    Mine(app): Mine,
    headers: HeaderMap,
    place: Place,
    Address(how): Address<Destroying>,
) -> Answer {
    let seen = as_seen(&app, &headers, &place).await?;
    let Place { namespace, name } = &place;
    let uid = how.uid.or(seen);
    let doomed = Doomed { namespace, name, uid: uid.as_deref(), protected: how.protected };
    app.note(command::destroy(&place.namespace, &place.name, how.protected));
    let begun = environment::destroy(&app.cluster, doomed, false, None, &mut |_: Event| {}).await?;
    Ok(match begun {
        Destroyed::Missing { .. } => StatusCode::NO_CONTENT,
        Destroyed::Started { .. } | Destroyed::Gone { .. } => StatusCode::ACCEPTED,
    }
    .into_response())
}

/// The revisions of an environment, newest first
#[utoipa::path(
    get,
    path = "/api/v1/environments/{namespace}/{name}/revisions",
    operation_id = "listRevisions",
    tag = "environments",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 500, description = "So many a page; all unless it is said"),
        ("after" = Option<String>, Query, description = "Where the page before ended: it stands in its `Link`"),
    ),
    responses(
        (status = 200, description = "Its revisions; also of one that was destroyed, as long as they are kept", body = ref("#/components/schemas/Revisions")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn history(
    Mine(app): Mine,
    headers: HeaderMap,
    uri: Uri,
    place: Place,
    Address(page): Address<Page>,
) -> Answer {
    let all = environment::history(&app.cluster, &place.namespace, &place.name).await?;
    let (all, next) = cut(all, &page, |entry| entry.revision.to_string())?;
    linked(&headers, &uri, &all, next.as_deref())
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
pub async fn events(Mine(app): Mine, headers: HeaderMap, place: Place) -> Answer {
    app.environment(&place.namespace, &place.name).await?;
    let sent = live::of(app.clone(), app.watched.news(), &headers, move |app| {
        let place = place.clone();
        async move {
            let detail = match app.find(&place.namespace, &place.name).await? {
                Some(environment) => Some(environment::detail(&app.cluster, &environment).await),
                None => None,
            };
            serde_json::to_string(&detail).map_err(|error| Failure::ours(&error))
        }
    });
    Ok(sent.into_response())
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
        let nobody = Filtered { owner: Some("nobody".into()), ..Filtered::default() };
        assert_eq!(names(&nobody), (vec![], None));
    }

    #[test]
    fn a_page_of_nothing_or_of_everything_is_refused() {
        for limit in [0, 501] {
            let wanted = Filtered { limit: Some(limit), ..Filtered::default() };
            assert!(page(std::iter::empty(), &wanted).is_err());
        }
        let wanted = Filtered { state: Some("perfect".into()), ..Filtered::default() };
        assert!(page(std::iter::empty(), &wanted).is_err());
        let wanted = Filtered { after: Some("x".into()), ..Filtered::default() };
        assert!(page(std::iter::empty(), &wanted).is_err());
    }
}
