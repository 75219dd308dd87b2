//! What has happened to an environment; looked at again twice a minute, as whoever looks on.

use api::DataCopy;
use askama::Template;
use axum::Extension;
use axum::response::Response;
use jiff::Timestamp;
use verbs::environment::{self, Timeline};

use super::{Place, Shell, html};
use crate::app::{App, Mine, Result};
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

/// Copies are those that are watched for all, if they may be seen; else Kubernetes says why they are not told of.
pub async fn told(app: &App, place: &Place) -> Result<Timeline> {
    let Place { namespace, name } = place;
    Ok(environment::timeline_with(&app.cluster, namespace, name, copies(app, place).await).await?)
}

async fn copies(app: &App, place: &Place) -> Option<Vec<DataCopy>> {
    let seen = app.copies().await.ok()?;
    // Where nobody answers the watch, what it knows is old.
    if !seen.scope.has(&place.namespace) || seen.news().borrow().silence.is_some() {
        return None;
    }
    let all = seen.all();
    let here = all.iter().filter(|copy| {
        let spec = &copy.spec;
        copy.metadata.namespace.as_ref() == Some(&place.namespace)
            && (spec.from.environment == place.name || spec.to.environment == place.name)
    });
    Some(here.map(|copy| copy.as_ref().clone()).collect())
}

pub async fn page(Mine(app): Mine, Extension(guest): Extension<Guest>, place: Place) -> Result<Response> {
    let told = Told::of(told(&app, &place).await?, &place.namespace, Timestamp::now());
    let shell = Shell::new(&app, &guest, format!("Events of {}", place.name), "environments");
    let shell = shell.command(command::events(&place.namespace, &place.name));
    html(&Events { shell, place, tab: "/events", told })
}
