//! What others changed by hand, and who.

use askama::Template;
use axum::Extension;
use axum::response::Response;
use jiff::Timestamp;
use verbs::environment;

use super::{Place, Shell, html};
use crate::app::{Mine, Result};
use crate::command;
use crate::door::Guest;
use crate::view::drift::Found;

#[derive(Template)]
#[template(path = "drift.html")]
struct Drift {
    shell: Shell,
    place: Place,
    tab: &'static str,
    found: Found,
}

pub async fn page(Mine(app): Mine, Extension(guest): Extension<Guest>, place: Place) -> Result<Response> {
    let report = environment::drift(&app.cluster, &place.namespace, &place.name).await?;
    let shell = Shell::new(&app, &guest, format!("Drift of {}", place.name), "environments");
    let shell = shell.command(command::drift(&place.namespace, &place.name));
    html(&Drift { shell, place, tab: "/drift", found: Found::of(report, Timestamp::now()) })
}
