//! Backups and passwords, as programs ask for them.

use std::collections::BTreeMap;

use api::Rotation;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use verbs::data::{self, CopyLimits, Wanted};
use verbs::environment::{self, Turning};

use super::answer::{Answer, Body, key, tagged, unconditional};
use super::copies::begun;
use crate::app::Mine;
use crate::pages::passwords::{self, Asked};
use crate::pages::{Address, CopyPlace, Nothing, Place, namespace};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Of {
    namespace: String,
    environment: Option<String>,
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
        ("If-None-Match" = Option<String>, Header, description = "The ETag that one has"),
    ),
    responses(
        (status = 200, description = "The newest last", body = ref("#/components/schemas/Backups")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn list(Mine(app): Mine, headers: HeaderMap, Address(of): Address<Of>) -> Answer {
    let namespace = namespace(&of.namespace)?;
    app.within(&namespace)?;
    let environment = of.environment.map(|name| Place::parse(&namespace, &name)).transpose()?;
    let environment = environment.as_ref().map(|place| place.name.as_str());
    tagged(&headers, &data::backups(&app.cluster, &namespace, environment).await?)
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
/// /api/v1/copies` with its name as `backup`.
#[utoipa::path(
    post,
    path = "/api/v1/backups",
    operation_id = "beginBackup",
    tag = "backups",
    request_body = ref("#/components/schemas/WantedBackup"),
    responses(
        (status = 201, description = "The copy that makes it", body = ref("#/components/schemas/CopyDetail")),
        (status = "default", description = "Why not; 409: there is one of that name", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn begin(Mine(app): Mine, Body(wanted): Body<WantedBackup>) -> Answer {
    let namespace = namespace(&wanted.namespace)?;
    app.within(&namespace)?;
    let place = Place::parse(&namespace, &wanted.environment)?;
    let name = wanted.name.map(|name| CopyPlace::parse(&namespace, &name)).transpose()?;
    let made = data::back_up(&place.name, wanted.services, wanted.limits, app.cluster.now().await);
    let name = name.map_or_else(|| made.name.clone(), |named| named.name);
    let wanted = Wanted { name, protected: wanted.protected, ..made };
    begun(&app, namespace, wanted).await
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
    unconditional(&headers)?;
    let request = key(&headers)?.map(|key| app.called(key));
    let asked = Asked { services: wanted.services, request, ..Asked::default() };
    let turning = passwords::ask(&app, &place, &asked).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(turning)).into_response())
}
