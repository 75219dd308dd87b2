//! Asking for a change of an environment: other versions, new pods, a newer project, an earlier revision. Each is planned and
//! shown before anything is done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::{Environment, Role};
use askama::Template;
use axum::Extension;
use axum::response::{IntoResponse, Redirect, Response};
use verbs::environment;

use super::barred::Forms;
use super::data::others;
use super::filled::{self, Fields};
use super::revision::number;
use super::{Address, ComponentPlace, Place, Said, Shell, html, versions};
use crate::app::{Mine, Result};
use crate::ask::Ask;
use crate::command;
use crate::door::Guest;
use crate::failure::Failure;
use crate::view::versions::Offered;

#[derive(Template)]
#[template(path = "change.html")]
struct Change {
    shell: Shell,
    place: Place,
    tab: &'static str,
    components: Vec<Versioned>,
    newest: Option<String>,
    /// Those whose bytes it can get, and at which revision they are.
    others: Vec<(String, Option<i64>)>,
    /// The one of them that was chosen.
    from: String,
    runs: String,
}

/// A component with the version that it has.
struct Versioned {
    name: String,
    version: String,
    /// The same, or what was typed.
    wanted: String,
    /// It was chosen for a restart.
    ticked: bool,
    /// Where what its registry has is asked for.
    asks: String,
    offered: Offered,
    completes: bool,
}

/// With fields of a form that was filled in before.
pub async fn page(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    place: Place,
    Address(fields): Address<Fields>,
) -> Result<Response> {
    let environment = app.environment(&place.namespace, &place.name).await?;
    let typed = chosen(&fields);
    let ticked: Vec<&String> =
        fields.iter().filter(|(field, _)| field == "component").map(|(_, name)| name).collect();
    let detail = environment::detail(&app.cluster, &environment).await;
    let seen = app.environments().await?;
    let known = known_versions(&seen.all(), &place.namespace, &detail.summary.project);
    let roles = [Role::Component, Role::Job, Role::After, Role::Schedule];
    let summary = &detail.summary;
    let components = detail.parts.iter().filter(|part| roles.contains(&part.role)).filter_map(|part| {
        let version = part.version.clone()?;
        let at = ComponentPlace::parse(&place.namespace, &summary.project, &part.name).ok()?;
        Some(Versioned {
            asks: versions::address(&at, &summary.class, Some(&summary.project_revision), &version),
            offered: Offered::known(&part.name, known.get(&part.name).cloned().unwrap_or_default()),
            wanted: typed.get(&part.name).unwrap_or(&version).clone(),
            ticked: ticked.contains(&&part.name),
            name: part.name.clone(),
            version,
            completes: part.role != Role::Component,
        })
    });
    let components = components.collect();
    let shell = Shell::new(&app, &guest, format!("Change {}", place.name), "environments");
    let shell = shell.with(&app, &place.namespace, Forms::Change).await;
    let shell = shell.does(Some(filled_in(&place, &fields)));
    let from = fields.into_iter().find(|(field, _)| field == "from").map(|(_, from)| from);
    let from = from.unwrap_or_default();
    let (newest, runs) = (detail.newer_project_revision, detail.summary.project_revision);
    let others = others(&seen, &environment).into_iter().map(|other| {
        let there = seen.find(&place.namespace, &other);
        let revision = there.and_then(|there| there.status.as_ref()?.revision);
        (other, revision)
    });
    let others = others.collect();
    html(&Change { shell, place, tab: "/change", components, newest, others, from, runs })
}

/// The command for what was filled in before, of the form that comes first.
fn filled_in(place: &Place, fields: &[(String, String)]) -> String {
    let said = |name: &str| fields.iter().any(|(field, _)| field == name);
    let action = match (said("from"), said("component")) {
        _ if !chosen(fields).is_empty() => "set",
        (true, _) => "promote",
        (_, true) => "restart",
        _ => return String::new(),
    };
    let action = ("action".to_owned(), action.to_owned());
    does(place, &[&[action][..], fields].concat())
}

/// The command that does what a form of this page does as it stands; none as long as nothing is chosen in it.
fn does(place: &Place, fields: &[(String, String)]) -> String {
    match ask(&place.name, fields) {
        Ok(Ask::Set { versions, .. }) if versions.is_empty() => String::new(),
        // An address says whatever somebody wrote into it.
        Ok(ask) if ask.is_named("") => command::of(&place.namespace, &ask),
        Ok(_) | Err(_) => String::new(),
    }
}

pub async fn command(Mine(_): Mine, place: Place, Address(fields): Address<Fields>) -> String {
    does(&place, &fields)
}

/// By component, the versions that some environment of the project has.
pub fn known_versions(
    all: &[Arc<Environment>],
    namespace: &str,
    project: &str,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut known = BTreeMap::<String, BTreeSet<String>>::new();
    for environment in all {
        if environment.spec.project != project || environment.metadata.namespace.as_deref() != Some(namespace)
        {
            continue;
        }
        for part in environment.status.iter().flat_map(|status| &status.parts) {
            if let Some(version) = &part.version {
                known.entry(part.name.clone()).or_default().insert(version.clone());
            }
        }
    }
    known
}

/// Fields of the form as they come; versions are called `version.COMPONENT`, with `was.COMPONENT` beside.
pub async fn plan(Mine(app): Mine, place: Place, Said(fields): Said<Fields>) -> Result<Response> {
    let sheet = match ask(&place.name, &fields) {
        Ok(ask) => app.plan(&place.namespace, ask, None).await,
        Err(failure) => Err(failure),
    };
    let sheet = sheet.map_err(|failure| failure.back(filled::change(&place, &fields)))?;
    Ok(Redirect::to(&format!("/plans/{}", sheet.id)).into_response())
}

fn ask(environment: &str, fields: &[(String, String)]) -> Result<Ask> {
    let environment = environment.to_owned();
    let said = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.trim());
    // The revision with which the form showed an environment.
    let seen = |from: &str| said(&format!("at.{from}")).map(number).transpose();
    Ok(match said("action") {
        Some("set") => {
            let (settings, unset) = (BTreeMap::new(), vec![]);
            Ask::Set { environment, versions: chosen(fields), settings, unset }
        }
        Some("restart") => {
            let components = fields.iter().filter(|(field, _)| field == "component");
            Ask::Restart { environment, components: components.map(|(_, value)| value.clone()).collect() }
        }
        Some("update") => Ask::Update { environment, revision: said("revision").map(str::to_owned) },
        // Of this environment into another, or of another into this one.
        Some("promote") => match (said("into"), said("from")) {
            (Some(into), None) => Ask::Promote {
                environment: into.to_owned(),
                revision: seen(&environment)?,
                from: environment,
            },
            (None, Some(from)) => Ask::Promote { environment, revision: seen(from)?, from: from.to_owned() },
            _ => return Err(Failure::said("it is not said what is promoted", "choose an environment")),
        },
        Some("rollback") => Ask::Rollback { environment, to: said("to").map(number).transpose()? },
        Some("restore") => Ask::Restore {
            environment,
            revision: said("revision").map(number).transpose()?,
            kept: None,
            without_data: said("empty").is_some(),
        },
        _ => return Err(Failure::said("it is not said what is to be changed", "choose one of the forms")),
    })
}

/// Versions that are others than they were.
pub fn chosen(fields: &[(String, String)]) -> BTreeMap<String, String> {
    let was = |component: &str| {
        fields.iter().find(|(field, _)| field.strip_prefix("was.") == Some(component)).map(|(_, value)| value)
    };
    fields
        .iter()
        .filter_map(|(field, value)| Some((field.strip_prefix("version.")?, value.trim())))
        .filter(|(component, value)| !value.is_empty() && was(component).is_none_or(|was| was != value))
        .map(|(component, value)| (component.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn only_versions_that_are_others_than_before_are_asked_for() {
        let said = fields(&[
            ("action", "set"),
            ("was.web", "1"),
            ("version.web", "2 "),
            ("was.worker", "1"),
            ("version.worker", "1"),
            ("version.new", ""),
        ]);
        let versions = BTreeMap::from([("web".to_owned(), "2".to_owned())]);
        let (settings, unset) = (BTreeMap::new(), vec![]);
        assert_eq!(
            ask("qa", &said).unwrap(),
            Ask::Set { environment: "qa".into(), versions, settings, unset }
        );
    }

    #[test]
    fn a_form_has_a_command_once_something_is_chosen_in_it() {
        let place = Place { namespace: "shop".into(), name: "qa".into() };
        let does = |all: &[(&str, &str)]| does(&place, &fields(all));
        assert_eq!(does(&[("action", "set"), ("was.web", "1"), ("version.web", "1")]), "");
        let web = [("action", "set"), ("was.web", "1"), ("version.web", "2")];
        assert_eq!(does(&web), "outboard -n shop env set qa --set web=2");
        assert_eq!(does(&[("action", "restart")]), "outboard -n shop env restart qa");
        assert_eq!(does(&[]), "");
        let before = |all: &[(&str, &str)]| filled_in(&place, &fields(all));
        assert_eq!(before(&[]), "");
        assert_eq!(before(&[("version.web", "2")]), "outboard -n shop env set qa --set web=2");
        assert_eq!(before(&[("from", "dev")]), "outboard -n shop env promote dev qa");
        assert_eq!(before(&[("component", "web")]), "outboard -n shop env restart qa web");
    }

    #[test]
    fn what_was_tested_goes_from_here_into_another_or_comes_from_there() {
        let promote = |environment: &str, from: &str| Ask::Promote {
            environment: environment.to_owned(),
            from: from.to_owned(),
            revision: Some(if from == "dev" { 3 } else { 4 }),
        };
        let said = |field, other| {
            let shown = [("at.dev", "3"), ("at.qa", "4"), ("at.live", "5")];
            ask("qa", &fields(&[&[("action", "promote"), (field, other)][..], &shown[..]].concat())).unwrap()
        };
        assert_eq!(said("into", "live"), promote("live", "qa"));
        assert_eq!(said("from", "dev"), promote("qa", "dev"));
    }

    #[test]
    fn what_was_destroyed_comes_back_as_a_revision_of_it_was_with_what_was_kept_unless_it_is_said() {
        let said = |more: &[(&str, &str)]| {
            let all = [&[("action", "restore"), ("revision", "3")], more].concat();
            ask("qa", &fields(&all)).unwrap()
        };
        let back = |without_data| Ask::Restore {
            environment: "qa".into(),
            revision: Some(3),
            kept: None,
            without_data,
        };
        assert_eq!(said(&[]), back(false));
        assert_eq!(said(&[("empty", "1")]), back(true));
    }

    #[test]
    fn a_form_that_says_nothing_of_ours_is_refused() {
        assert!(ask("qa", &fields(&[])).is_err());
        assert!(ask("qa", &fields(&[("action", "destroy")])).is_err());
        assert!(ask("qa", &fields(&[("action", "rollback"), ("to", "x")])).is_err());
        assert!(ask("qa", &fields(&[("action", "promote")])).is_err());
        assert!(ask("qa", &fields(&[("action", "restore"), ("revision", "x")])).is_err());
        assert!(ask("qa", &fields(&[("action", "promote"), ("from", "dev"), ("at.dev", "x")])).is_err());
        assert!(ask("qa", &fields(&[("action", "promote"), ("into", "live"), ("from", "dev")])).is_err());
    }
}
