//! What stands around every page.

use crate::app::App;
use crate::door::Guest;

pub struct Shell {
    pub title: String,
    /// The entry of the navigation that this page belongs to.
    pub nav: &'static str,
    pub server: String,
    pub who: String,
    /// They signed in, so they can sign out.
    pub signed: bool,
    /// What the forms of this page carry.
    pub token: String,
    /// The command that does the same.
    pub command: Option<String>,
    /// They may look here and not send the forms of this page: what they are told.
    pub barred: Option<String>,
    /// Whether there is anything to navigate to.
    pub inside: bool,
}

impl Shell {
    pub fn new(app: &App, guest: &Guest, title: impl Into<String>, nav: &'static str) -> Self {
        Self {
            title: title.into(),
            nav,
            server: app.cluster.server.clone(),
            who: app.who().unwrap_or_else(|| "you".to_owned()),
            signed: app.actor.is_some(),
            token: match guest {
                Guest::Browser { forms } => forms.clone(),
                Guest::Script => String::new(),
            },
            command: None,
            barred: None,
            inside: true,
        }
    }

    pub fn command(mut self, command: String) -> Self {
        self.command = Some(command);
        self
    }

    /// What the forms of the page do as they stand. Nobody is told a command that is refused as they are; an empty one is told
    /// once something was chosen.
    pub fn does(mut self, command: Option<String>) -> Self {
        self.command = command.filter(|_| self.barred.is_none());
        self
    }

    /// Of a page that knows nobody.
    pub fn bare(title: &str, inside: bool) -> Self {
        Self {
            title: title.to_owned(),
            nav: "",
            server: String::new(),
            who: String::new(),
            signed: false,
            token: String::new(),
            command: None,
            barred: None,
            inside,
        }
    }
}
