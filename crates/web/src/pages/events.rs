//! What has happened to an environment; looked at again every few seconds, as whoever looks on.

use askama::Template;
use axum::Extension;
use axum::response::Response;
use jiff::Timestamp;
use verbs::environment;

use super::{Place, Shell, html};
use crate::app::{Mine, Result};
use crate::command;
use crate::door::Guest;
use crate::view::timeline::Told;

#[derive(Template)]
#[template(path = "events.html")]
struct Events {
    shell: Shell,
    place: Place,
    tab: &'static str,
    told: Told,
}

pub async fn page(Mine(app): Mine, Extension(guest): Extension<Guest>, place: Place) -> Result<Response> {
    let timeline = environment::timeline(&app.cluster, &place.namespace, &place.name).await?;
    let told = Told::of(timeline, &place.namespace, Timestamp::now());
    let shell = Shell::new(&app, &guest, format!("Events of {}", place.name), "environments");
    let shell = shell.command(command::events(&place.namespace, &place.name));
    html(&Events { shell, place, tab: "/events", told })
}
