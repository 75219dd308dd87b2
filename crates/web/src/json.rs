//! The same for programs, below `/api/v1`: JSON, problems with verdicts, an OpenAPI document that is made of the very routes.

mod answer;
mod environments;
pub mod openapi;
mod plans;
mod projects;

use axum::Router;
use axum::response::IntoResponse;
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
        .routes(routes!(environments::logs))
        .routes(routes!(environments::log_events))
        .routes(routes!(plans::plan))
        .routes(routes!(plans::show))
        .routes(routes!(plans::carry_out))
        .routes(routes!(projects::list))
}

pub fn router() -> Router<App> {
    let (router, _) = described().split_for_parts();
    router
        .route("/api/v1/openapi.json", get(async || axum::Json(openapi::document())))
        .route("/api/{*rest}", any(nowhere))
}

async fn nowhere() -> impl IntoResponse {
    problem(&Failure::nowhere())
}
