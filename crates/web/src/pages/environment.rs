//! One environment: what it is made of, how each part is, why something is not ready.

use askama::Template;
use axum::Extension;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use verbs::{environment, hostname};

use super::barred::{Forms, barred};
use super::copy::token;
use super::named::Named;
use super::{Place, Shell, html};
use crate::app::{App, Mine, Result};
use crate::door::Guest;
use crate::failure::Failure;
use crate::view::carried::Carried;
use crate::view::detail::{Body, May};
use crate::view::table::said;
use crate::{command, live};

#[derive(Template)]
#[template(path = "environment.html")]
struct Environment {
    shell: Shell,
    place: Place,
    tab: &'static str,
    body: Body,
}

#[derive(Template)]
#[template(path = "_gone.html")]
struct Gone<'a> {
    place: &'a Place,
    /// It was there when somebody began to look.
    was: bool,
}

#[derive(Template)]
#[template(path = "missing.html")]
struct Missing<'a> {
    shell: Shell,
    gone: Gone<'a>,
}

async fn body(
    app: &App,
    place: &Place,
    environment: &api::Environment,
    token: String,
    named: &Named,
) -> Body {
    let (detail, named) =
        tokio::join!(environment::detail(&app.cluster, environment), named.of(&app.cluster, environment));
    // Without those that it was given, those by its name are shown all the same.
    let (mut hosts, unheard) = match named {
        Ok(named) => (named, None),
        Err(error) => (vec![], Some(Failure::from(error).words.sentence.clone())),
    };
    hosts.extend(hostname::by_name(environment));
    let may = May {
        change: barred(app, &place.namespace, Forms::Change).await.is_none(),
        destroy: barred(app, &place.namespace, Forms::Destroy).await.is_none(),
    };
    let now = Timestamp::now();
    let silence = app.watched.news().borrow().silence.as_ref().map(|silence| said(silence, now));
    let carried = app.carried(place, environment);
    let carried = carried.and_then(|sheet| Carried::of(&sheet.planned.status.changes, &detail));
    Body { unheard, token, may, carried, ..Body::of(detail, hosts, silence, now) }
}

pub async fn page(Mine(app): Mine, Extension(guest): Extension<Guest>, place: Place) -> Result<Response> {
    let shell = Shell::new(&app, &guest, &place.name, "environments");
    let environment = match app.environment(&place.namespace, &place.name).await {
        Err(failure) if failure.status == StatusCode::NOT_FOUND => {
            let page = html(&Missing { shell, gone: Gone { place: &place, was: false } })?;
            return Ok((StatusCode::NOT_FOUND, page).into_response());
        }
        environment => environment?,
    };
    let body = body(&app, &place, &environment, token(&guest), &Named::default()).await;
    let shell = shell.command(command::wait(&place.namespace, &place.name));
    html(&Environment { shell, place, tab: "", body })
}

pub async fn live(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    headers: HeaderMap,
    place: Place,
) -> Response {
    let (token, named) = (token(&guest), Named::default());
    live::of(app.clone(), app.watched.news(), &headers, move |app| {
        let (place, token, named) = (place.clone(), token.clone(), named.clone());
        async move {
            let drawn = match app.find(&place.namespace, &place.name).await? {
                Some(environment) => body(&app, &place, &environment, token, &named).await.render(),
                None => Gone { place: &place, was: true }.render(),
            };
            drawn.map_err(|error| Failure::ours(&error))
        }
    })
    .into_response()
}
