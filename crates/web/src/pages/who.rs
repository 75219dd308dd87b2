//! Who somebody is here, and whom they ask who may do nothing yet.

use askama::Template;
use axum::Extension;
use axum::response::Response;

use super::{Shell, html};
use crate::app::{App, Mine, Result};
use crate::door::Guest;

/// Somebody who may see nothing: what to tell those whom they ask.
pub struct Stranger {
    /// As Kubernetes has them.
    pub name: String,
    pub groups: Vec<String>,
    pub contact: Option<String>,
}

impl Stranger {
    pub fn of(app: &App) -> Self {
        let prefixed = |text: &str| format!("{}{text}", verbs::PREFIX);
        let person = app.actor.as_ref().map(|actor| &actor.person);
        Self {
            name: person.map(|person| prefixed(person.name())).unwrap_or_default(),
            groups: person
                .map(|person| person.groups().iter().map(|group| prefixed(group)).collect())
                .unwrap_or_default(),
            contact: app.door.site().and_then(|site| site.contact.clone()),
        }
    }
}

#[derive(Template)]
#[template(path = "who.html")]
struct Who {
    shell: Shell,
    stranger: Stranger,
    until: Option<String>,
}

pub async fn page(Mine(app): Mine, Extension(guest): Extension<Guest>) -> Result<Response> {
    let shell = Shell::new(&app, &guest, "Who you are", "");
    let until = app.actor.as_ref().and_then(|actor| actor.until);
    let until = until.map(|until| until.strftime("%Y-%m-%d %H:%M UTC").to_string());
    html(&Who { shell, stranger: Stranger::of(&app), until })
}
