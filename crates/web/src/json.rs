//! The same for programs, below `/api/v1`: JSON, problems with verdicts, an OpenAPI document that is made of the very routes.

mod answer;
mod copies;
mod environments;
mod hostnames;
mod logs;
pub mod openapi;
mod plans;
mod projects;

use axum::Router;
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
        .routes(routes!(logs::find))
        .routes(routes!(logs::follow))
        .routes(routes!(plans::plan))
        .routes(routes!(plans::show))
        .routes(routes!(plans::carry_out))
        .routes(routes!(copies::list, copies::begin))
        .routes(routes!(copies::show, copies::steer))
        .routes(routes!(copies::events))
        .routes(routes!(hostnames::list))
        .routes(routes!(projects::list))
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

async fn nowhere() -> impl IntoResponse {
    problem(&Failure::nowhere())
}
