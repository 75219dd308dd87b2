//! Every environment, in a table that keeps up with the cluster.

use api::Environment;
use askama::Template;
use axum::Extension;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::who::Stranger;
use super::{Address, Shell, html};
use crate::app::{Mine, Result};
use crate::door::Guest;
use crate::drawn::Moment;
use crate::failure::Failure;
use crate::sight::Looking;
use crate::view::query::Query as Wanted;
use crate::view::table::{Choices, Table};
use crate::{command, live};

#[derive(Template)]
#[template(path = "environments.html")]
struct Environments {
    shell: Shell,
    table: Table,
    choices: Choices,
    /// Who may see nothing yet, and whom they ask.
    stranger: Option<Stranger>,
}

fn table(seen: &Looking<'_, Environment>, wanted: &Wanted, now: Timestamp) -> Table {
    let silence = seen.news().borrow().silence.clone();
    Table::of(&seen.all(), wanted, silence.as_ref(), now)
}

pub async fn page(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    Address(wanted): Address<Wanted>,
) -> Result<Response> {
    let shell = Shell::new(&app, &guest, "Environments", "environments");
    let shell = shell.does(command::list(&app.places("environments").await?));
    let seen = app.environments().await?;
    let shell = shell.with_several(&app, &seen).await;
    let choices = Choices::of(&seen.all());
    // Who has a role where there is no environment yet has one all the same.
    let stranger = seen.scope.is_nothing() && app.places("environments").await?.is_empty();
    html(&Environments {
        shell,
        table: table(&seen, &wanted, Timestamp::now()),
        choices,
        stranger: stranger.then(|| Stranger::of(&app)),
    })
}

pub async fn live(Mine(app): Mine, headers: HeaderMap, Address(wanted): Address<Wanted>) -> Response {
    live::of(app.clone(), app.watched.news(), &headers, move |app| {
        let wanted = wanted.clone();
        async move {
            let seen = app.environments().await?;
            let now = Timestamp::now();
            let moment = Moment::of(&seen.news().borrow(), now);
            let draw = || table(&seen, &wanted, now).render().map_err(|error| Failure::ours(&error));
            app.drawn.or(&moment, format!("{:?} {wanted:?}", seen.scope), draw)
        }
    })
    .into_response()
}
