//! How copies and backups of an environment are: on the page of its data, and sent again while they go on.

use api::Environment;
use askama::Template;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::Place;
use super::data::{backups, of};
use crate::app::{App, Mine, Result};
use crate::failure::Failure;
use crate::live;
use crate::view::backup::Backups;
use crate::view::copy::Copies;
use crate::view::table::said;

#[derive(Template)]
#[template(path = "_data_now.html")]
pub struct Now {
    copies: Copies,
    backups: Option<Backups>,
    /// Why none of those can be shown.
    pub unheard: Option<Failure>,
}

/// Those of before are an aside: without them the forms of the page are as good.
pub async fn now(app: &App, place: &Place, environment: &Environment, now: Timestamp) -> Result<Now> {
    let seen = app.environments().await?;
    let (copies, silence, unheard) = match app.copies().await {
        Ok(watched) => {
            let silence = watched.news().borrow().silence.as_ref().map(|silence| said(silence, now));
            (watched.all(), silence, None)
        }
        Err(failure) => (vec![], None, Some(failure)),
    };
    let backups = unheard
        .is_none()
        .then(|| Backups::of(backups(&copies, &seen, environment), &place.namespace, &place.name, now));
    Ok(Now { copies: Copies::of(of(&copies, place), silence, now), backups, unheard })
}

pub async fn live(Mine(app): Mine, headers: HeaderMap, place: Place) -> Result<Response> {
    let news = app.copies().await?.news();
    let sent = live::of(app, news, &headers, move |app| {
        let place = place.clone();
        async move {
            let environment = app.environment(&place.namespace, &place.name).await?;
            let drawn = now(&app, &place, &environment, Timestamp::now()).await?.render();
            drawn.map_err(|error| Failure::ours(&error))
        }
    });
    Ok(sent.into_response())
}
