//! A new environment: what it starts from, its name, its versions; then its plan.

mod start;

use std::collections::BTreeMap;

use askama::Template;
use axum::Extension;
use axum::response::{IntoResponse, Redirect, Response};
use verbs::data::MaskChoice;
use verbs::project;

use super::barred::Forms;
use super::change::chosen;
use super::filled::{self, BACKUP, Fields};
use super::said::namespace;
use super::{Address, Said, Shell, html};
use crate::app::{Mine, Result};
use crate::ask::Ask;
use crate::command;
use crate::door::Guest;
use crate::failure::Failure;

use start::{Begun, Start};

#[derive(Template)]
#[template(path = "new.html")]
struct New {
    shell: Shell,
    projects: Vec<project::Summary>,
    /// Of the project that is chosen.
    begun: Option<Begun>,
}

/// What stands in a command for a name that was not typed yet.
const NAMELESS: &str = "NAME";

pub async fn page(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    Address(fields): Address<Fields>,
) -> Result<Response> {
    let start = Start::of(&fields);
    let shell = Shell::new(&app, &guest, "New environment", "new");
    let projects = app.listed_projects().await?;
    let wanted = |summary: &&project::Summary| {
        start.project.is_empty() || format!("{}/{}", summary.namespace, summary.name) == start.project
    };
    let begun = match projects.iter().find(wanted) {
        Some(summary) => Some(Begun::of(&app, summary, &start).await?),
        None => None,
    };
    let shell = match &begun {
        Some(begun) => {
            let shell = shell.with(&app, &begun.namespace, Forms::Create).await;
            shell.does(Some(does(&begun.namespace, &asked(begun))))
        }
        None => shell,
    };
    html(&New { shell, projects, begun })
}

/// What the form asks as it stands.
fn asked(begun: &Begun) -> Ask {
    let said = |value: &String| (!value.is_empty()).then(|| value.clone());
    let (data, backup) = of_data(&begun.data);
    let typed = begun.components.iter().filter(|component| component.version != component.was);
    Ask::Create {
        environment: said(&begun.name).unwrap_or_else(|| NAMELESS.to_owned()),
        project: Some(begun.project.clone()),
        class: said(&begun.class),
        from: said(&begun.from),
        data,
        backup,
        masks: masks_of(begun.bare, &begun.data),
        versions: typed.map(|component| (component.name.clone(), component.version.clone())).collect(),
        settings: BTreeMap::new(),
        revision: None,
    }
}

/// An environment or a backup, as the form says it.
fn of_data(said: &str) -> (Option<String>, Option<String>) {
    match said.strip_prefix(BACKUP) {
        Some(backup) => (None, Some(backup.to_owned())),
        None => ((!said.is_empty()).then(|| said.to_owned()), None),
    }
}

/// Without data there is nothing to mask.
fn masks_of(bare: bool, data: &str) -> MaskChoice {
    if bare && !data.is_empty() { MaskChoice::None } else { MaskChoice::Project }
}

/// The command that does what the form does as it stands, while somebody fills it in.
pub async fn command(Mine(_): Mine, Address(mut fields): Address<Fields>) -> String {
    for (field, value) in &mut fields {
        if field == "name" && value.trim().is_empty() {
            NAMELESS.clone_into(value);
        }
    }
    ask(&fields).map(|(place, ask)| does(&place, &ask)).unwrap_or_default()
}

/// The command for it; none if an address says what can be no name.
fn does(namespace: &str, ask: &Ask) -> String {
    if ask.is_named(NAMELESS) { command::of(namespace, ask) } else { String::new() }
}

pub async fn plan(Mine(app): Mine, Said(fields): Said<Fields>) -> Result<Response> {
    let back = filled::form("/environments/new", &fields);
    // Without JavaScript another start is chosen by a button of the same form.
    if fields.iter().any(|(field, value)| field == "use" && value == "start") {
        return Ok(Redirect::to(&back).into_response());
    }
    let asked = ask(&fields).and_then(|(place, ask)| {
        app.within(&place)?;
        Ok((place, ask))
    });
    let sheet = match asked {
        Ok((place, ask)) => app.plan(&place, ask, None).await,
        Err(failure) => Err(failure),
    };
    let sheet = sheet.map_err(|failure| failure.back(back))?;
    Ok(Redirect::to(&format!("/plans/{}", sheet.id)).into_response())
}

fn ask(fields: &[(String, String)]) -> Result<(String, Ask)> {
    let said = |name: &str| {
        let value = fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.trim().to_owned());
        value.filter(|value| !value.is_empty())
    };
    let Some(name) = said("name") else {
        return Err(Failure::said("the new environment has no name", "give it one, such as `qa-42`"));
    };
    let project = said("project").unwrap_or_default();
    let Some((place, project)) = project.split_once('/') else {
        return Err(Failure::said("it is not said of which project it is to be", "choose one"));
    };
    let (data, backup) = of_data(&said("data").unwrap_or_default());
    let ask = Ask::Create {
        environment: name,
        project: Some(project.to_owned()),
        class: said("class"),
        from: said("from"),
        data,
        backup,
        masks: masks_of(said("masks").as_deref() == Some("none"), &said("data").unwrap_or_default()),
        versions: chosen(fields),
        settings: BTreeMap::new(),
        revision: None,
    };
    Ok((namespace(place)?, ask))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_what_the_command_line_would_ask() {
        let all = [
            ("token", "x"),
            ("project", "shop/shop"),
            ("name", " qa-43 "),
            ("from", ""),
            ("class", "qa"),
            ("data", "production"),
            ("was.web", "1"),
            ("version.web", "2"),
        ];
        let fields: Vec<_> =
            all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (place, ask) = ask(&fields).unwrap();
        let line = command::of(&place, &ask);
        assert_eq!(
            line,
            "outboard -n shop env create qa-43 --project shop --class qa --data production --set web=2"
        );
    }

    #[test]
    fn a_form_may_say_a_backup_for_data_and_how_it_comes() {
        let of = |all: &[(&str, &str)]| {
            let said = [("project", "shop/shop"), ("name", "qa"), ("from", "live")];
            let all = said.iter().chain(all);
            let fields: Vec<_> = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let (place, ask) = ask(&fields).unwrap();
            command::of(&place, &ask)
        };
        let clone = "outboard -n shop env clone live qa";
        assert_eq!(
            of(&[("data", "backup/gold-1"), ("masks", "project")]),
            format!("{clone} --backup gold-1")
        );
        assert_eq!(of(&[("data", "gold"), ("masks", "none")]), format!("{clone} --data=gold --mask none"));
        assert_eq!(of(&[("data", ""), ("masks", "none")]), clone);
    }

    #[test]
    fn a_namespace_that_leads_elsewhere_is_refused() {
        let fields = [("project", "../x/shop"), ("name", "qa")];
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert!(ask(&fields).is_err());
    }
}
