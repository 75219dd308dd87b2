//! Every environment, in a table that keeps up with the cluster.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::{Address, Shell, html};
use crate::app::{App, Result};
use crate::door::Guest;
use crate::failure::Failure;
use crate::view::query::Query as Wanted;
use crate::view::table::{Choices, Table};
use crate::{command, live};

#[derive(Template)]
#[template(path = "environments.html")]
struct Environments {
    shell: Shell,
    table: Table,
    choices: Choices,
}

fn table(app: &App, wanted: &Wanted) -> Table {
    let silence = app.watched.news().borrow().silence.clone();
    Table::of(&app.watched.all(), wanted, silence.as_ref(), Timestamp::now())
}

pub async fn page(
    State(app): State<App>,
    Extension(guest): Extension<Guest>,
    Address(wanted): Address<Wanted>,
) -> Result<Response> {
    let shell = Shell::new(&app, &guest, "Environments", "environments");
    let shell = shell.command(command::list(app.namespace.as_deref()));
    let choices = Choices::of(&app.watched.all());
    html(&Environments { shell, table: table(&app, &wanted), choices })
}

pub async fn live(State(app): State<App>, headers: HeaderMap, Address(wanted): Address<Wanted>) -> Response {
    live::of(app.clone(), app.watched.news(), &headers, move |app| {
        let table = table(&app, &wanted);
        async move { table.render().map_err(|error| Failure::ours(&error)) }
    })
    .into_response()
}
