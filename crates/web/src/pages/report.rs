//! What somebody pastes into a ticket.

use askama::Template;
use axum::Extension;
use axum::response::Response;
use verbs::environment;
use verbs::logs::search::Found;
use verbs::logs::{Filter, Level, Moment, Query};

use super::logs::newest;
use super::{Place, Shell, html};
use crate::app::{App, Mine, Result};
use crate::door::Guest;
use crate::view::report::{Excerpt, Frame, report};
use crate::{command, searched};

/// So many lines of the logs.
const LINES: usize = 20;

#[derive(Template)]
#[template(path = "report.html")]
struct Report {
    shell: Shell,
    place: Place,
    tab: &'static str,
    text: String,
}

pub async fn page(Mine(app): Mine, Extension(guest): Extension<Guest>, place: Place) -> Result<Response> {
    let text = text(&app, &place).await?;
    let shell = Shell::new(&app, &guest, format!("Report on {}", place.name), "environments");
    let shell = shell.command(command::show(&place.namespace, &place.name));
    html(&Report { text, shell, place, tab: "/report" })
}

/// In Markdown.
pub async fn text(app: &App, place: &Place) -> Result<String> {
    let environment = app.environment(&place.namespace, &place.name).await?;
    let detail = environment::detail(&app.cluster, &environment).await;
    let frame = Frame::of(app.door.origin(), app.cluster.now().await);
    let query = Query {
        environment: place.name.clone(),
        since: Some(Moment::At(frame.since)),
        until: Some(Moment::At(frame.until)),
        filter: Filter { level: Some(Level::Warn), ..Filter::default() },
        ..Query::default()
    };
    let wanted = searched::wanted(app, query, LINES);
    let excerpt = match newest(app, &place.namespace, &wanted).await {
        Ok((lines, found)) => {
            let notes = words::found::notes(&place.name, &Found { lines: found.lines.max(1), ..found });
            Excerpt::Lines(lines, notes)
        }
        Err(failure) => Excerpt::Unread(failure.words.sentence.clone()),
    };
    Ok(report(&detail, &excerpt, &frame))
}
