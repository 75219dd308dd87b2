//! Hosts, as programs see them, claim them and give them back.

use api::names::{EnvironmentName, RouteName};
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Deserialize;
use verbs::{Change, Error, Event, hostname};

use super::answer::{Answer, Body, unconditional};
use super::page::{Page, cut, linked};
use crate::app::{App, Mine, Result};
use crate::command;
use crate::failure::Failure;
use crate::pages::{Address, Nothing, namespace};

/// List hosts, by environment
#[utoipa::path(
    get,
    path = "/api/v1/hostnames",
    operation_id = "listHosts",
    tag = "hostnames",
    params(
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 500, description = "So many a page; all unless it is said"),
        ("after" = Option<String>, Query, description = "Where the page before ended: it stands in its `Link`"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that one has"),
    ),
    responses(
        (status = 200, description = "Names of their own, and those that environments have by their names", body = ref("#/components/schemas/Hosts")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn list(Mine(app): Mine, headers: HeaderMap, uri: Uri, Address(page): Address<Page>) -> Answer {
    let all = app.listed_hosts().await?;
    let (all, next) = cut(all, &page, |host| format!("{}/{}", host.namespace, host.host))?;
    linked(&headers, &uri, &all, next.as_deref())
}

/// A name of its own that is wanted for a route.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantedHost {
    /// The environment that serves it.
    pub environment: String,
    /// The route whose paths it has, by its host in `outboard.yaml`. None: the only one, or as it is.
    #[serde(default)]
    pub route: Option<String>,
    /// Share of this cluster among all clusters that have the host. None: 100, or as it is.
    #[serde(default)]
    pub weight: Option<u8>,
    /// Health check of Route 53, by its id. None: as it is. Empty: none any more.
    #[serde(default)]
    pub health_check: Option<String>,
}

/// Give a route a name of its own, or change its weight
///
/// Answered as soon as it is written down: `dnsReady` of the list tells once name servers answer.
#[utoipa::path(
    put,
    path = "/api/v1/hostnames/{namespace}/{host}",
    operation_id = "claimHost",
    tag = "hostnames",
    params(("namespace" = String, Path, description = "The control namespace"), ("host" = String, Path)),
    request_body = ref("#/components/schemas/WantedHost"),
    responses(
        (status = 200, description = "The environment has it already", body = ref("#/components/schemas/Host")),
        (status = 201, description = "It is claimed", body = ref("#/components/schemas/Host")),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn claim(
    Mine(app): Mine,
    headers: HeaderMap,
    path: Result<Path<(String, String)>, PathRejection>,
    Body(wanted): Body<WantedHost>,
) -> Answer {
    unconditional(&headers)?;
    let (namespace, host) = place(&app, path)?;
    let wanted = hostname::Wanted {
        host,
        environment: EnvironmentName::parse(&wanted.environment).map_err(Error::from)?.to_string(),
        route: wanted
            .route
            .map(|route| RouteName::parse(&route).map(|route| route.to_string()))
            .transpose()
            .map_err(Error::from)?,
        weight: wanted.weight,
        health_check: wanted.health_check,
    };
    app.note(command::claim(&namespace, &wanted));
    let (claimed, change) = hostname::claim(&app.cluster, &namespace, &wanted).await?;
    let status = if change == Change::Created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(hostname::summary(&claimed))).into_response())
}

/// Take a name of its own back: its records of this cluster, then its route
///
/// Answered as soon as the order is given: it has left the list once nothing of it is left.
#[utoipa::path(
    delete,
    path = "/api/v1/hostnames/{namespace}/{host}",
    operation_id = "releaseHost",
    tag = "hostnames",
    params(("namespace" = String, Path, description = "The control namespace"), ("host" = String, Path)),
    responses(
        (status = 202, description = "As it was", body = ref("#/components/schemas/Host")),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn release(
    Mine(app): Mine,
    headers: HeaderMap,
    path: Result<Path<(String, String)>, PathRejection>,
    Address(Nothing {}): Address<Nothing>,
) -> Answer {
    unconditional(&headers)?;
    let (namespace, host) = place(&app, path)?;
    app.note(command::release(&namespace, &host));
    let was = hostname::release(&app.cluster, &namespace, &host, false, None, &mut |_: Event| {}).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(was)).into_response())
}

/// Namespace and host; what is no host is told by the verbs.
fn place(app: &App, path: Result<Path<(String, String)>, PathRejection>) -> Result<(String, String)> {
    let Path((namespace, host)) = path.map_err(|_| Failure::nowhere())?;
    let namespace = self::namespace(&namespace)?;
    app.within(&namespace)?;
    Ok((namespace, host))
}
