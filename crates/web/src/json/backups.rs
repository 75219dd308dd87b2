//! Backups and passwords, as programs ask for them.

use std::collections::BTreeMap;

use api::Rotation;
use axum::http::{HeaderMap, StatusCode, Uri};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use verbs::data::{self, CopyLimits, Wanted};
use verbs::environment::{self, Turning};

use super::answer::{Answer, Body, as_seen, key, once, tagged};
use super::copies::begun;
use super::page::{Page, cut, linked};
use crate::app::Mine;
use crate::begun::Told;
use crate::pages::passwords::{self, Asked};
use crate::pages::{Address, CopyPlace, Nothing, Place, namespace};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Of {
    namespace: String,
    environment: Option<String>,
    limit: Option<usize>,
    after: Option<String>,
}

/// List backups of a namespace, those of destroyed environments too
#[utoipa::path(
    get,
    path = "/api/v1/backups",
    operation_id = "listBackups",
    tag = "backups",
    params(
        ("namespace" = String, Query, description = "The control namespace"),
        ("environment" = Option<String>, Query, description = "Only of this environment"),
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 500, description = "So many a page; all unless it is said"),
        ("after" = Option<String>, Query, description = "Where the page before ended: it stands in its `Link`"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that one has"),
    ),
    responses(
        (status = 200, description = "The newest last", body = ref("#/components/schemas/BackupList")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn list(Mine(app): Mine, headers: HeaderMap, uri: Uri, Address(of): Address<Of>) -> Answer {
    let namespace = namespace(&of.namespace)?;
    app.within(&namespace)?;
    let environment = of.environment.map(|name| Place::parse(&namespace, &name)).transpose()?;
    let environment = environment.as_ref().map(|place| place.name.as_str());
    let all = data::backups(&app.cluster, &namespace, environment).await?;
    let page = Page { limit: of.limit, after: of.after };
    let (all, next) = cut(all, &page, |backup| backup.name.clone())?;
    linked(&headers, &uri, &all, next.as_deref())
}

/// A backup that is wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantedBackup {
    /// The control namespace.
    pub namespace: String,
    pub environment: String,
    /// What it is called; said again, no second one begins. None: the environment's name and the time.
    #[serde(default)]
    pub name: Option<String>,
    /// None: every MariaDB, Redis and S3 that the environment runs itself.
    #[serde(default)]
    pub services: Vec<String>,
    #[serde(default)]
    pub limits: CopyLimits,
    /// Also of an environment of a protected class.
    #[serde(default)]
    pub protected: bool,
}

/// Store the data of an environment where its project says
///
/// Answered as soon as it is written down; it is a copy, whose events tell how far it is. It is brought back by `POST
/// /api/v1/copies` with its name as `backup`. Said again with the same `Idempotency-Key`, the answer is the same, and no second
/// backup begins.
#[utoipa::path(
    post,
    path = "/api/v1/backups",
    operation_id = "beginBackup",
    tag = "backups",
    params(("Idempotency-Key" = Option<String>, Header, description = "What the asker calls this request; at most 64 characters")),
    request_body = ref("#/components/schemas/WantedBackup"),
    responses(
        (status = 201, description = "The copy that makes it", body = ref("#/components/schemas/CopyDetail")),
        (status = "default", description = "Why not; 409: there is one of that name", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn begin(Mine(app): Mine, headers: HeaderMap, Body(wanted): Body<WantedBackup>) -> Answer {
    let asked = format!("backup {wanted:?}");
    let namespace = namespace(&wanted.namespace)?;
    app.within(&namespace)?;
    let place = Place::parse(&namespace, &wanted.environment)?;
    let name = wanted.name.map(|name| CopyPlace::parse(&namespace, &name)).transpose()?;
    let made = data::back_up(&place.name, wanted.services, wanted.limits, app.cluster.now().await);
    let name = name.map_or_else(|| made.name.clone(), |named| named.name);
    let wanted = Wanted { name, protected: wanted.protected, ..made };
    begun(&app, &headers, asked, namespace, async move { Ok(wanted) }).await
}

/// What other passwords would mean, and how the last change of each stands.
#[derive(JsonSchema, Serialize)]
pub struct Passwords {
    pub plan: Turning,
    /// By service.
    pub last: BTreeMap<String, Rotation>,
}

/// What other passwords of an environment's services would mean
#[utoipa::path(
    get,
    path = "/api/v1/environments/{namespace}/{name}/passwords",
    operation_id = "showPasswords",
    tag = "environments",
    params(("namespace" = String, Path, description = "The control namespace"), ("name" = String, Path)),
    responses(
        (status = 200, description = "What gets new pods, and how the last change stands; no password", body = ref("#/components/schemas/Passwords")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn show_passwords(
    Mine(app): Mine,
    headers: HeaderMap,
    place: Place,
    Address(Nothing {}): Address<Nothing>,
) -> Answer {
    let environment = app.environment(&place.namespace, &place.name).await?;
    let plan = environment::turning(&app.cluster, &place.namespace, &place.name, &[]).await?;
    let last = environment.status.as_ref().map(|status| status.rotations.clone()).unwrap_or_default();
    tagged(&headers, &Passwords { plan, last })
}

/// Which passwords are to be others.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedPasswords {
    /// None: of all services whose password can be changed.
    #[serde(default)]
    pub services: Vec<String>,
}

/// Change the passwords of an environment's services
///
/// Without a gap, on both sides. Asked for while one runs, it is that one. Said again with the same `Idempotency-Key`, it begins
/// nothing, as long as that password was not changed by another request since.
#[utoipa::path(
    post,
    path = "/api/v1/environments/{namespace}/{name}/passwords",
    operation_id = "changePasswords",
    tag = "environments",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "What the asker calls this request; at most 64 characters"),
        ("If-Match" = Option<String>, Header, description = "Only if it is as this ETag says; else 412"),
    ),
    request_body = ref("#/components/schemas/WantedPasswords"),
    responses(
        (status = 202, description = "It is asked for; `GET` tells how far it is", body = ref("#/components/schemas/Turning")),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn change_passwords(
    Mine(app): Mine,
    headers: HeaderMap,
    place: Place,
    Body(wanted): Body<WantedPasswords>,
) -> Answer {
    let said = format!("passwords {place:?} {wanted:?}");
    let request = key(&headers)?.map(|key| app.called(key));
    let (within, seen) = (app.clone(), headers.clone());
    let begin = async move {
        // Said again, it is another by what was done the first time.
        as_seen(&within, &seen, &place).await?;
        let asked = Asked { services: wanted.services, request, ..Asked::default() };
        let turning = passwords::ask(&within, &place, &asked).await?;
        Told::new(StatusCode::ACCEPTED, None, &turning)
    };
    once(&app, &headers, said, Box::pin(begin)).await
}
