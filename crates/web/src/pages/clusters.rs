//! The cluster that is spoken to, as whoever asks may see it, and those whose files this process was told of.

use std::path::Path;
use std::time::{Duration, Instant};

use askama::Template;
use axum::Extension;
use axum::response::Response;
use jiff::Timestamp;
use verbs::clusters::{self, Folder, Here, Kept};

use super::{Shell, html};
use crate::app::{App, Mine, Result};
use crate::command;
use crate::door::Guest;
use crate::failure::Failure;
use crate::view::clusters::{Files, Standing};

/// AWS is asked at most so often.
const BELIEVED: Duration = Duration::from_secs(60);

#[derive(Template)]
#[template(path = "clusters.html")]
struct Clusters {
    shell: Shell,
    standing: Standing,
    files: Files,
}

/// Files are read, and AWS is asked, with what this process has: so only for those who may see the machines themselves.
pub async fn kept(app: &App, here: &Here) -> Option<Result<Folder>> {
    let folder = app.clusters.as_ref()?;
    if app.actor.is_some() && here.machines.is_empty() {
        let hint = "ask whoever looks after the cluster for the right to list nodes";
        return Some(Err(Failure::said("only those who may list nodes see files of clusters", hint)));
    }
    Some(shared(app, folder).await)
}

/// One answer for all who look within a moment: the second waits for the first. Of a server only it knows paths and whose its
/// credentials are.
async fn shared(app: &App, folder: &Path) -> Result<Folder> {
    let mut known = app.kept.lock().await;
    if let Some((_, all)) = known.as_ref().filter(|(at, _)| at.elapsed() < BELIEVED) {
        return Ok(all.clone());
    }
    let mut all = clusters::kept(folder).await?;
    if app.actor.is_some() {
        all.clusters.iter_mut().for_each(hide);
    }
    *known = Some((Instant::now(), all.clone()));
    Ok(all)
}

/// Leaves what tells of this process to its log.
fn hide(kept: &mut Kept) {
    let name = Path::new(&kept.file).file_name().map(|name| name.to_string_lossy().into_owned());
    for trouble in &mut kept.troubles {
        tracing::warn!("{}: {trouble}", kept.file);
        let sentence = trouble.split_once(": ").map_or("", |(sentence, _)| sentence);
        *trouble = format!("{sentence}; the log of the server says why");
    }
    kept.file = name.unwrap_or_default();
}

pub async fn page(Mine(app): Mine, Extension(guest): Extension<Guest>) -> Result<Response> {
    let here = clusters::here(&app.cluster).await;
    let now = Timestamp::now();
    let files = match kept(&app, &here).await {
        None => Files::none(None),
        Some(Ok(all)) => Files::of(all, now),
        Some(Err(failure)) => Files::none(Some(failure.words.sentence.clone())),
    };
    // Nodes are no part of what goes through a server.
    let command = app.door.is_local().then(command::nodes);
    let shell = Shell::new(&app, &guest, "Clusters", "clusters").does(command);
    html(&Clusters { shell, standing: Standing::of(here, now), files })
}
