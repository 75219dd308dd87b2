//! Destroying an environment, once somebody has said its name.

use askama::Template;
use axum::Extension;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use verbs::Event;
use verbs::environment::{self, Doomed};

use super::barred::Forms;
use super::{Place, Said, Shell, html};
use crate::app::{App, Mine, Result};
use crate::command;
use crate::door::Guest;
use crate::failure::Failure;

#[derive(Template)]
#[template(path = "destroy.html")]
struct Destroy {
    shell: Shell,
    place: Place,
    tab: &'static str,
    runs_in: Option<String>,
    class: String,
    /// The very one that is shown.
    uid: String,
    /// Its class says that this must be said once more.
    protected: bool,
}

#[derive(Deserialize)]
pub struct Word {
    #[serde(default)]
    name: String,
    #[serde(default)]
    uid: Option<String>,
    #[serde(default)]
    protected: String,
}

pub async fn page(Mine(app): Mine, Extension(guest): Extension<Guest>, place: Place) -> Result<Response> {
    let environment = app.environment(&place.namespace, &place.name).await?;
    let protected = class_of(&app, &environment).await.is_none_or(|class| class.protected);
    let shell = Shell::new(&app, &guest, format!("Destroy {}", place.name), "environments");
    let shell = shell.with(&app, &place.namespace, Forms::Destroy).await;
    let shell = shell.does(Some(command::destroy(&place.namespace, &place.name, protected)));
    let runs_in = environment.status.as_ref().and_then(|status| status.namespace.clone());
    html(&Destroy {
        shell,
        place,
        tab: "/destroy",
        runs_in,
        class: environment.spec.class.clone(),
        uid: environment.metadata.uid.clone().unwrap_or_default(),
        protected,
    })
}

/// What its class says, if that can be read.
pub async fn class_of(app: &App, environment: &api::Environment) -> Option<api::project::Class> {
    let (spec, namespace) = (&environment.spec, environment.metadata.namespace.as_deref()?);
    let revision = verbs::project::revision(&app.cluster, namespace, &spec.project, &spec.project_revision);
    revision.await.ok()?.spec.class(&spec.class)
}

pub async fn destroy(Mine(app): Mine, place: Place, Said(word): Said<Word>) -> Result<Response> {
    // Its name is typed anew.
    let back = format!("{}/destroy", place.path());
    Box::pin(begin(&app, &place, &word)).await.map_err(|failure| failure.back(back))
}

async fn begin(app: &App, place: &Place, word: &Word) -> Result<Response> {
    let Place { namespace, name } = place;
    if word.name.trim() != name {
        return Err(Failure::said(
            format!("{name} stays as it is: its name was not typed"),
            format!("type {name}"),
        ));
    }
    let protected = !word.protected.is_empty();
    let doomed = Doomed { namespace, name, uid: word.uid.as_deref(), protected };
    app.note(command::destroy(namespace, name, protected));
    environment::destroy(&app.cluster, doomed, false, None, &mut |_: Event| {}).await?;
    Ok(Redirect::to(&place.path()).into_response())
}
