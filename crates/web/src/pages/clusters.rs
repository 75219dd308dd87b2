//! The cluster that is spoken to, as whoever asks may see it, and those whose files this process was told of.

use askama::Template;
use axum::Extension;
use axum::response::Response;
use jiff::Timestamp;
use verbs::clusters::{self, Here, Kept};

use super::{Shell, html};
use crate::app::{App, Mine, Result};
use crate::command;
use crate::door::Guest;
use crate::failure::Failure;
use crate::view::clusters::{Files, Standing};

#[derive(Template)]
#[template(path = "clusters.html")]
struct Clusters {
    shell: Shell,
    standing: Standing,
    files: Files,
}

/// Files are read, and AWS is asked, with what this process has: so only for those who may see the machines themselves.
pub async fn kept(app: &App, here: &Here) -> Option<Result<Vec<Kept>>> {
    let folder = app.clusters.as_ref()?;
    if app.actor.is_some() && here.machines.is_empty() {
        let hint = "ask whoever looks after the cluster for the right to list nodes";
        return Some(Err(Failure::said("only those who may list nodes see files of clusters", hint)));
    }
    Some(clusters::kept(folder).await.map_err(Failure::from))
}

pub async fn page(Mine(app): Mine, Extension(guest): Extension<Guest>) -> Result<Response> {
    let here = clusters::here(&app.cluster).await;
    let now = Timestamp::now();
    let files = match kept(&app, &here).await {
        None => Files { rows: None, trouble: None },
        Some(Ok(all)) => Files::of(all, now),
        Some(Err(failure)) => Files { rows: None, trouble: Some(failure.words.sentence.clone()) },
    };
    let shell = Shell::new(&app, &guest, "Clusters", "clusters").command(command::nodes());
    html(&Clusters { shell, standing: Standing::of(here, now), files })
}
