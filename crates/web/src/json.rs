//! The same for programs, below `/api/v1`: JSON, problems with verdicts, an OpenAPI document that is made of the very routes.

mod answer;
mod backups;
mod clusters;
mod copies;
mod environments;
mod explanation;
mod export;
mod freeze;
mod hostnames;
mod leftovers;
mod logs;
pub mod openapi;
mod page;
mod plans;
mod previews;
mod projects;
mod reset;
mod revisions;
mod timeline;
mod versions;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::ALLOW;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::failure::Failure;

pub use answer::problem;

/// Every route, registered and described at once.
fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::begun())
        .routes(routes!(environments::list))
        .routes(routes!(environments::show, environments::destroy))
        .routes(routes!(environments::history))
        .routes(routes!(environments::events))
        .routes(routes!(freeze::begin, freeze::end))
        .routes(routes!(explanation::show))
        .routes(routes!(explanation::report))
        .routes(routes!(export::show))
        .routes(routes!(timeline::show))
        .routes(routes!(revisions::changed))
        .routes(routes!(revisions::compared))
        .routes(routes!(revisions::drift))
        .routes(routes!(logs::find))
        .routes(routes!(logs::count))
        .routes(routes!(logs::follow))
        .routes(routes!(plans::plan))
        .routes(routes!(plans::show))
        .routes(routes!(plans::carry_out))
        .routes(routes!(copies::list, copies::begin))
        .routes(routes!(copies::show, copies::steer))
        .routes(routes!(copies::events))
        .routes(routes!(backups::list, backups::begin))
        .routes(routes!(backups::show_passwords, backups::change_passwords))
        .routes(routes!(reset::begin))
        .routes(routes!(clusters::show))
        .routes(routes!(hostnames::list))
        .routes(routes!(hostnames::claim, hostnames::release))
        .routes(routes!(previews::up))
        .routes(routes!(previews::show))
        .routes(routes!(leftovers::list))
        .routes(routes!(projects::list))
        .routes(routes!(projects::show, projects::apply))
        .routes(routes!(projects::apply_component))
        .routes(routes!(versions::list))
}

pub fn router() -> Router<App> {
    let (router, _) = described().split_for_parts();
    router
        .route("/api/v1/openapi.json", get(async || axum::Json(openapi::document())))
        .route("/api/{*rest}", any(nowhere))
        .method_not_allowed_fallback(async || Failure::otherwise())
        .layer(map_response(as_problem))
}

/// What was refused before a handler could say so is a problem, not a page.
async fn as_problem(response: Response) -> Response {
    match response.extensions().get::<Failure>() {
        Some(failure) => {
            let mut told = problem(failure);
            if let Some(allow) = response.headers().get(ALLOW) {
                told.headers_mut().insert(ALLOW, allow.clone());
            }
            told
        }
        None => response,
    }
}

/// What a terminal has to know to sign somebody in. Only where people sign in.
pub fn sign_in() -> Router<App> {
    let told = async |State(app): State<App>| match app.door.site().and_then(|site| site.terminal.clone()) {
        Some(terminal) => axum::Json(terminal).into_response(),
        None => {
            let sentence = "nobody signs in from a terminal here";
            let hint = "have the server told of a client for it: --cli-client-id";
            problem(&Failure::said(sentence, hint).with(StatusCode::NOT_FOUND))
        }
    };
    Router::new().route("/api/v1/sign-in", get(told))
}

async fn nowhere() -> impl IntoResponse {
    problem(&Failure::nowhere())
}
