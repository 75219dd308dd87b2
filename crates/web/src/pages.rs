//! Pages for people. Everything works as plain links and forms; what is live is sent again by [`crate::live`].

mod barred;
mod change;
pub mod clusters;
mod copies;
mod copy;
mod data;
mod data_now;
mod destroy;
mod diff;
mod drift;
mod enter;
mod environment;
mod environments;
pub mod events;
mod filled;
mod hostnames;
pub mod logs;
mod named;
mod new;
pub mod passwords;
mod planned;
pub mod report;
mod restore;
pub mod revision;
mod revisions;
mod said;
mod several;
mod shell;
pub mod sign;
mod style;
pub mod trouble;
mod versions;
mod who;

use askama::Template;
use axum::Router;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use crate::app::{App, Result};
use crate::assets;
use crate::failure::Failure;

pub use said::{Address, ComponentPlace, CopyPlace, Nothing, Place, PlanId, Said, namespace};
pub use shell::Shell;

/// What there is to see of an environment: the rest of its path, and the word.
pub const TABS: [(&str, &str); 7] = [
    ("", "Overview"),
    ("/logs", "Logs"),
    ("/events", "Events"),
    ("/change", "Change"),
    ("/data", "Data"),
    ("/revisions", "Revisions"),
    ("/drift", "Drift"),
];

pub fn router() -> Router<App> {
    Router::new()
        .route("/", get(async || Redirect::to("/environments")))
        .route("/enter", get(enter::enter))
        .route("/environments", get(environments::page))
        .route("/environments/live", get(environments::live))
        .route("/environments/new", get(new::page).post(new::plan))
        .route("/environments/several", post(several::ask))
        .route("/environments/several/carry-out", post(several::carry_out))
        .route("/environments/{namespace}/{name}", get(environment::page))
        .route("/environments/{namespace}/{name}/live", get(environment::live))
        .route("/environments/{namespace}/{name}/events", get(events::page))
        .route("/environments/{namespace}/{name}/logs", get(logs::page))
        .route("/environments/{namespace}/{name}/logs/live", get(logs::live))
        .route("/environments/{namespace}/{name}/logs/histogram", get(logs::histogram))
        .route("/environments/{namespace}/{name}/change", get(change::page).post(change::plan))
        .route("/environments/{namespace}/{name}/revisions", get(revisions::page))
        .route("/environments/{namespace}/{name}/revisions/{revision}", get(revision::page))
        .route("/environments/{namespace}/{name}/diff", get(diff::page))
        .route("/environments/{namespace}/{name}/drift", get(drift::page))
        .route("/environments/{namespace}/{name}/report", get(report::page))
        .route("/environments/{namespace}/{name}/destroy", get(destroy::page).post(destroy::destroy))
        .route("/environments/{namespace}/{name}/data", get(data::page).post(data::copy))
        .route("/environments/{namespace}/{name}/data/live", get(data_now::live))
        .route("/environments/{namespace}/{name}/restore", get(restore::page).post(restore::restore))
        .route("/environments/{namespace}/{name}/passwords", get(passwords::page).post(passwords::rotate))
        .route("/environments/{namespace}/{name}/passwords/live", get(passwords::live))
        .route("/copies", get(copies::page))
        .route("/copies/live", get(copies::live))
        .route("/copies/{namespace}/{name}", get(copy::page))
        .route("/copies/{namespace}/{name}/live", get(copy::live))
        .route("/copies/{namespace}/{name}/{word}", post(copy::steer))
        .route("/clusters", get(clusters::page))
        .route("/hostnames", get(hostnames::page))
        .route("/projects/{namespace}/{name}/components/{component}/versions", get(versions::offered))
        .route("/commands/new", get(new::command))
        .route("/commands/{namespace}/{name}/change", get(change::command))
        .route("/commands/{namespace}/{name}/data", get(data::command))
        .route("/commands/{namespace}/{name}/restore", get(restore::command))
        .route("/plans/{id}", get(planned::page))
        .route("/plans/{id}/carry-out", post(planned::carry_out))
        .route("/plans/{id}/again", post(planned::again))
        .route("/style", get(style::page))
        .route("/assets/{version}/{name}", get(assets::serve))
        .fallback(async || Failure::nowhere())
        .method_not_allowed_fallback(async || Failure::otherwise())
}

/// A page that was filled in.
fn html(template: &impl Template) -> Result<Response> {
    let text = template.render().map_err(|error| Failure::ours(&error))?;
    Ok(Html(text).into_response())
}
