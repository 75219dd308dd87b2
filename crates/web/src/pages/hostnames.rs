//! Every host, and whether name servers answer for it.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use verbs::hostname;

use super::{Address, Shell, html};
use crate::app::{App, Result};
use crate::command;
use crate::door::Guest;
use crate::view::hosts::Hosts;

#[derive(Template)]
#[template(path = "hostnames.html")]
struct Page {
    shell: Shell,
    q: String,
    hosts: Hosts,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    q: String,
}

pub async fn page(
    State(app): State<App>,
    Extension(guest): Extension<Guest>,
    Address(wanted): Address<Wanted>,
) -> Result<Response> {
    let shell = Shell::new(&app, &guest, "Hosts", "hosts");
    let shell = shell.command(command::hosts(app.namespace.as_deref()));
    let hosts = hostname::list(&app.cluster, app.namespace.as_deref()).await?;
    html(&Page { shell, hosts: Hosts::of(hosts, &wanted.q), q: wanted.q })
}
