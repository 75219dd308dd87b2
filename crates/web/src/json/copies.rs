//! Copies of data, as programs see them, begin them and steer them.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Deserialize;
use verbs::data::{self, CopyKeys, CopyLimits, DeniedChoice, MaskChoice, SnapshotChoice, Summary};
use verbs::{Error, Event};

use super::answer::{Answer, Body, is_of_what_was_seen, key, once, tagged, unconditional, unmoved};
use super::page::{Page, cut, linked};
use crate::app::{App, Mine, Result};
use crate::begun::Told;
use crate::command;
use crate::failure::Failure;
use crate::live;
use crate::pages::{Address, CopyPlace, Place, namespace};

/// A copy that is wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantedCopy {
    /// The control namespace.
    pub namespace: String,
    /// What it is called; said again, no second copy begins. None: a name that begins with the target's, with an
    /// `Idempotency-Key` always the same.
    #[serde(default)]
    pub name: Option<String>,
    /// With a `backup`: the environment that it was made of.
    pub from: String,
    /// The backup that comes into `to`, in place of what `from` has now; `latest`: the newest whole one.
    #[serde(default)]
    pub backup: Option<String>,
    /// Its data is replaced.
    pub to: String,
    /// None: every MariaDB, Redis and S3 that both have.
    #[serde(default)]
    pub services: Vec<String>,
    /// Which keys of a Redis, and which objects of an S3, by service; none: all of them.
    #[serde(default)]
    pub keys: BTreeMap<String, CopyKeys>,
    /// Of S3: what the source does not have is removed from the target, if it is no more than this.
    #[serde(default)]
    pub delete_up_to: Option<u32>,
    /// Of S3: what becomes of the copy if objects may not be read or written.
    #[serde(default)]
    pub denied: DeniedChoice,
    /// Of Redis: whether all keys are copied as of one moment, out of a snapshot of the source.
    #[serde(default)]
    pub snapshot: SnapshotChoice,
    /// Of S3: pods that copy the objects together, up to 16.
    #[serde(default)]
    #[schemars(range(min = 1, max = 16))]
    pub workers: Option<u32>,
    #[serde(default)]
    pub masks: MaskChoice,
    #[serde(default)]
    pub limits: CopyLimits,
    /// Only say what would be copied and whether it can be.
    #[serde(default)]
    pub dry_run: bool,
    /// Whether what writes to the target is stopped meanwhile.
    #[serde(default = "yes")]
    pub quiesce: bool,
    /// Also into an environment of a protected class, or out of one unmasked.
    #[serde(default)]
    pub protected: bool,
}

fn yes() -> bool {
    true
}

/// List copies of data, by namespace and name
#[utoipa::path(
    get,
    path = "/api/v1/copies",
    operation_id = "listCopies",
    tag = "copies",
    params(
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 500, description = "So many a page; all unless it is said"),
        ("after" = Option<String>, Query, description = "Where the page before ended: it stands in its `Link`"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that one has"),
    ),
    responses(
        (status = 200, description = "Those that are kept", body = ref("#/components/schemas/Copies")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn list(Mine(app): Mine, headers: HeaderMap, uri: Uri, Address(page): Address<Page>) -> Answer {
    let all: Vec<Summary> = app.copies().await?.all().iter().map(|copy| data::summary(copy)).collect();
    let (all, next) = cut(all, &page, |copy| format!("{}/{}", copy.namespace, copy.name))?;
    linked(&headers, &uri, &all, next.as_deref())
}

/// Replace the data of one environment by that of another
///
/// Answered as soon as it is written down; its events tell how far it is. Said again with the same `Idempotency-Key`, the answer
/// is the same, and no second copy begins.
#[utoipa::path(
    post,
    path = "/api/v1/copies",
    operation_id = "beginCopy",
    tag = "copies",
    params(("Idempotency-Key" = Option<String>, Header, description = "What the asker calls this request; at most 64 characters")),
    request_body = ref("#/components/schemas/WantedCopy"),
    responses(
        (status = 201, description = "The copy", body = ref("#/components/schemas/CopyDetail")),
        (status = "default", description = "Why not; 409: there is one of that name", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn begin(Mine(app): Mine, headers: HeaderMap, Body(wanted): Body<WantedCopy>) -> Answer {
    let asked = format!("copy {wanted:?}");
    let namespace = namespace(&wanted.namespace)?;
    app.within(&namespace)?;
    // Names that lead elsewhere are none.
    let from = Place::parse(&namespace, &wanted.from)?.name;
    let to = Place::parse(&namespace, &wanted.to)?.name;
    let name = match (&wanted.name, key(&headers)?) {
        (Some(name), _) => CopyPlace::parse(&namespace, name)?.name,
        // So that no second one begins either once the key is known no more.
        (None, Some(key)) => data::named(&to, &app.called(key)),
        (None, None) => data::fresh_name(&to, app.cluster.now().await),
    };
    let backup = wanted.backup.map(|backup| CopyPlace::parse(&namespace, &backup)).transpose()?;
    let wanted = data::Wanted {
        name,
        from,
        to,
        services: wanted.services,
        keys: wanted.keys,
        delete_up_to: wanted.delete_up_to,
        denied: wanted.denied,
        snapshot: wanted.snapshot,
        workers: wanted.workers,
        masks: wanted.masks,
        limits: wanted.limits,
        dry_run: wanted.dry_run,
        scan: false,
        quiesce: wanted.quiesce,
        protected: wanted.protected,
        backing: data::Backing::None,
    };
    let (cluster, place) = (app.cluster.clone(), namespace.clone());
    let wanted = async move {
        let Some(backup) = backup else { return Ok(wanted) };
        let said = (wanted.from.as_str(), backup.name.as_str());
        let chosen = data::chosen(&cluster, &place, said, &wanted.services).await?;
        if chosen.environment != wanted.from {
            let (backup, of, from) = (&backup.name, &chosen.environment, &wanted.from);
            let sentence = format!("backup `{backup}` is of environment {of}, not of {from}");
            return Err(Failure::said(sentence, "say that environment as `from`"));
        }
        Ok(data::Wanted { backing: data::Backing::From(chosen.backup), ..wanted })
    };
    begun(&app, &headers, asked, namespace, wanted).await
}

/// Writes it down and says where it is. `asked`: all that was said; what that means is looked up only if it was not begun
/// before, since what it is looked up in may be gone by then.
pub(super) async fn begun(
    app: &App,
    headers: &HeaderMap,
    asked: String,
    namespace: String,
    wanted: impl Future<Output = Result<data::Wanted>> + Send + 'static,
) -> Answer {
    unconditional(headers)?;
    let within = app.clone();
    let begin = async move {
        let wanted = wanted.await?;
        within.note(command::asked(&namespace, &wanted));
        let copy = data::begin(&within.cluster, &namespace, &wanted, &mut |_: Event| {}).await?;
        let place = format!("/api/v1{}", CopyPlace { namespace, name: wanted.name }.path());
        Told::new(StatusCode::CREATED, Some(place), &data::detail(&copy))
    };
    once(app, headers, asked, Box::pin(begin)).await
}

/// Everything about one copy
#[utoipa::path(
    get,
    path = "/api/v1/copies/{namespace}/{name}",
    operation_id = "showCopy",
    tag = "copies",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that one has"),
    ),
    responses(
        (status = 200, description = "The copy", body = ref("#/components/schemas/CopyDetail")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn show(Mine(app): Mine, headers: HeaderMap, place: CopyPlace) -> Answer {
    tagged(&headers, &data::show(&app.cluster, &place.namespace, &place.name).await?)
}

/// A copy whenever it goes on
///
/// Each event is all of it, as `GET` would answer; `null` once it is kept no more. With `Last-Event-ID` nothing is sent that one
/// has.
#[utoipa::path(
    get,
    path = "/api/v1/copies/{namespace}/{name}/events",
    operation_id = "followCopy",
    tag = "copies",
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
pub async fn events(Mine(app): Mine, headers: HeaderMap, place: CopyPlace) -> Answer {
    let news = app.copies().await?.news();
    data::show(&app.cluster, &place.namespace, &place.name).await?;
    let sent = live::of(app, news, &headers, move |app| {
        let place = place.clone();
        async move {
            let shown = match app.copies().await?.find(&place.namespace, &place.name) {
                Some(copy) => Some(data::detail(&copy)),
                // One that was made a moment ago.
                None => match data::show(&app.cluster, &place.namespace, &place.name).await {
                    Ok(detail) => Some(detail),
                    Err(Error::NotFound { .. }) => None,
                    Err(error) => return Err(error.into()),
                },
            };
            serde_json::to_string(&shown).map_err(|error| Failure::ours(&error))
        }
    });
    Ok(sent.into_response())
}

/// What becomes of a copy that is under way.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steering {
    pub action: Steer,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Steer {
    /// It stops, with nothing held on either side.
    Pause,
    /// It goes on.
    Resume,
    /// It ends, for good.
    Cancel,
}

/// Pause a copy, let it go on, or end it
///
/// Said twice, it is as if it had been said once.
#[utoipa::path(
    patch,
    path = "/api/v1/copies/{namespace}/{name}",
    operation_id = "steerCopy",
    tag = "copies",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Only if it is as this ETag says; else 412"),
    ),
    request_body = ref("#/components/schemas/Steering"),
    responses(
        (status = 200, description = "The copy", body = ref("#/components/schemas/CopyDetail")),
        (status = "default", description = "Why not; 409: it has ended", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn steer(
    Mine(app): Mine,
    headers: HeaderMap,
    place: CopyPlace,
    Body(wanted): Body<Steering>,
) -> Answer {
    let CopyPlace { namespace, name } = &place;
    if is_of_what_was_seen(&headers)? {
        let now = data::show(&app.cluster, namespace, name).await?;
        unmoved(&headers, &format!("copy `{name}`"), Some(&now))?;
    }
    let word = match wanted.action {
        Steer::Pause => "pause",
        Steer::Resume => "resume",
        Steer::Cancel => "cancel",
    };
    app.note(command::steered(namespace, word, name));
    let (copy, _) = match wanted.action {
        Steer::Pause => data::pause(&app.cluster, namespace, name).await?,
        Steer::Resume => data::resume(&app.cluster, namespace, name).await?,
        Steer::Cancel => data::cancel(&app.cluster, namespace, name).await?,
    };
    Ok(axum::Json(data::detail(&copy)).into_response())
}
