//! A new environment: what it starts from, its name, its versions; then its plan.

use std::collections::BTreeMap;

use api::Role;
use askama::Template;
use axum::Extension;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use verbs::project;

use super::barred::Forms;
use super::change::{chosen, known_versions};
use super::said::namespace;
use super::{Address, ComponentPlace, Said, Shell, html, versions};
use crate::app::{App, Mine, Result};
use crate::ask::Ask;
use crate::command;
use crate::door::Guest;
use crate::failure::Failure;
use crate::view::versions::Offered;

#[derive(Template)]
#[template(path = "new.html")]
struct New {
    shell: Shell,
    projects: Vec<project::Summary>,
    /// Of the project that is chosen.
    begun: Option<Begun>,
}

struct Begun {
    namespace: String,
    project: String,
    /// Environments that it can start from.
    origins: Vec<Origin>,
    from: String,
    classes: Vec<String>,
    class: String,
    components: Vec<Component>,
}

struct Origin {
    name: String,
    class: String,
    ready: bool,
}

struct Component {
    name: String,
    version: String,
    /// Where what its registry has is asked for.
    asks: String,
    offered: Offered,
}

/// How far somebody has come with the form.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Start {
    /// `namespace/project`.
    project: String,
    from: String,
    class: String,
}

pub async fn page(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    Address(start): Address<Start>,
) -> Result<Response> {
    let shell = Shell::new(&app, &guest, "New environment", "new");
    let projects = app.listed_projects().await?;
    let wanted = |summary: &&project::Summary| {
        start.project.is_empty() || format!("{}/{}", summary.namespace, summary.name) == start.project
    };
    let begun = match projects.iter().find(wanted) {
        Some(summary) => Some(begun(&app, summary, &start).await?),
        None => None,
    };
    let shell = match &begun {
        Some(begun) => {
            let shell = shell.command(command::of(&begun.namespace, &begun.ask("NAME")));
            shell.with(&app, &begun.namespace, Forms::Create).await
        }
        None => shell,
    };
    html(&New { shell, projects, begun })
}

async fn begun(app: &App, summary: &project::Summary, start: &Start) -> Result<Begun> {
    let (namespace, name) = (&summary.namespace, &summary.name);
    let spec = project::get(&app.cluster, namespace, name).await?.spec;
    let all = app.environments().await?.all();
    let of_project = all.iter().filter(|environment| {
        environment.spec.project == *name && environment.metadata.namespace.as_ref() == Some(namespace)
    });
    let of_project: Vec<_> =
        of_project.filter(|environment| environment.metadata.deletion_timestamp.is_none()).collect();
    let origin = |environment: &&&std::sync::Arc<api::Environment>| {
        environment.metadata.name.as_deref() == Some(start.from.as_str())
    };
    let from = of_project.iter().find(origin).copied();
    let running: BTreeMap<String, String> = from
        .iter()
        .flat_map(|environment| environment.status.iter().flat_map(|status| &status.parts))
        .filter(|part| !matches!(part.role, Role::Service | Role::Route | Role::Manifest))
        .filter_map(|part| Some((part.name.clone(), part.version.clone()?)))
        .collect();
    let mut known = known_versions(&all, namespace, name);
    let classes: Vec<String> = spec.class_names().into_iter().map(str::to_owned).collect();
    let class = match (classes.contains(&start.class), from) {
        (true, _) => start.class.clone(),
        (false, Some(from)) => from.spec.class.clone(),
        (false, None) if classes.iter().any(|class| class == "qa") => "qa".to_owned(),
        (false, None) => classes.first().cloned().unwrap_or_default(),
    };
    let components = spec.components.iter().filter_map(|(component, settings)| {
        let own = settings.version.clone().unwrap_or_default();
        let version = running.get(component).cloned().unwrap_or(own);
        let place = ComponentPlace::parse(namespace, name, component).ok()?;
        Some(Component {
            asks: versions::address(&place, &class, None, &version),
            offered: Offered::known(component, known.remove(component).unwrap_or_default()),
            name: component.clone(),
            version,
        })
    });
    let components = components.collect();
    let mut origins: Vec<Origin> = of_project
        .iter()
        .map(|environment| Origin {
            name: environment.metadata.name.clone().unwrap_or_default(),
            class: environment.spec.class.clone(),
            ready: verbs::environment::summary(environment).state == verbs::environment::State::Ready,
        })
        .collect();
    // What production runs is what most people want to start from.
    origins.sort_by_key(|origin| (origin.class != "production", origin.name.clone()));
    let from = from.and_then(|from| from.metadata.name.clone()).unwrap_or_default();
    Ok(Begun {
        namespace: namespace.clone(),
        project: name.clone(),
        origins,
        from,
        classes,
        class,
        components,
    })
}

impl Begun {
    fn ask(&self, name: &str) -> Ask {
        Ask::Create {
            environment: name.to_owned(),
            project: Some(self.project.clone()),
            class: Some(self.class.clone()),
            from: (!self.from.is_empty()).then(|| self.from.clone()),
            data: None,
            versions: BTreeMap::new(),
        }
    }

    /// Whose data it can start with.
    fn sources(&self) -> Vec<&str> {
        let all = self.origins.iter().map(|origin| origin.name.as_str());
        all.filter(|name| self.from.is_empty() || *name == self.from).collect()
    }

    fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.project)
    }
}

pub async fn plan(Mine(app): Mine, Said(fields): Said<Vec<(String, String)>>) -> Result<Response> {
    let (place, ask) = ask(&fields)?;
    app.within(&place)?;
    let sheet = app.plan(&place, ask, None).await?;
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
        return Err(Failure::said(
            "it is not said of which project it is to be",
            "begin at the form once more",
        ));
    };
    let ask = Ask::Create {
        environment: name,
        project: Some(project.to_owned()),
        class: said("class"),
        from: said("from"),
        data: said("data"),
        versions: chosen(fields),
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
    fn a_namespace_that_leads_elsewhere_is_refused() {
        let fields = [("project", "../x/shop"), ("name", "qa")];
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert!(ask(&fields).is_err());
    }
}
