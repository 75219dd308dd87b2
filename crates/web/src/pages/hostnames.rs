//! Every host, and whether name servers answer for it.

use askama::Template;
use axum::Extension;
use axum::response::Response;
use serde::Deserialize;

use super::{Address, Shell, html};
use crate::app::{Mine, Result};
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
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    Address(wanted): Address<Wanted>,
) -> Result<Response> {
    let shell = Shell::new(&app, &guest, "Hosts", "hosts");
    let shell = shell.does(command::hosts(&app.places("hostnames").await?));
    let hosts = app.listed_hosts().await?;
    html(&Page { shell, hosts: Hosts::of(hosts, &wanted.q), q: wanted.q })
}
