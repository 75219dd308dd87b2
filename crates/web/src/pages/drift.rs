//! What others changed by hand, and who.

use api::DriftPolicy;
use askama::Template;
use axum::Extension;
use axum::response::Response;
use jiff::Timestamp;
use verbs::environment::{self, Report};
use words::time::age_at;

use super::{Place, Shell, html};
use crate::app::{Mine, Result};
use crate::command;
use crate::door::Guest;

#[derive(Template)]
#[template(path = "drift.html")]
struct Drift {
    shell: Shell,
    place: Place,
    tab: &'static str,
    report: Report,
    ages: Vec<String>,
}

impl Drift {
    /// Whether what is found next is put back: its class may leave it, and while it is frozen nothing is.
    fn is_put_back(&self) -> bool {
        self.report.frozen_until.is_none() && self.report.policy == Some(DriftPolicy::Heal)
    }
}

pub async fn page(Mine(app): Mine, Extension(guest): Extension<Guest>, place: Place) -> Result<Response> {
    let report = environment::drift(&app.cluster, &place.namespace, &place.name).await?;
    let now = Timestamp::now();
    let ages = report.drift.iter().map(|drift| age_at(Some(&drift.at.0.to_string()), now)).collect();
    let shell = Shell::new(&app, &guest, format!("Drift of {}", place.name), "environments");
    let shell = shell.command(command::drift(&place.namespace, &place.name));
    html(&Drift { shell, place, tab: "/drift", report, ages })
}
