//! How far somebody has come with the form for a new environment, and what it offers from there: what was typed and chosen stays,
//! whatever it starts from. Asks nobody but for the project and copies; changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::datacopy::CopyPhase;
use api::{DataCopy, Environment, Role};
use jiff::Timestamp;
use verbs::{data, project};

use crate::app::{App, Result};
use crate::pages::change::{chosen, known_versions};
use crate::pages::filled::BACKUP;
use crate::pages::{ComponentPlace, versions};
use crate::view::backup::Row;
use crate::view::masks::Masked;
use crate::view::versions::Offered;

/// What the form's fields say so far.
#[derive(Debug, Default)]
pub struct Start {
    /// `namespace/project`.
    pub project: String,
    from: String,
    /// As somebody chose it: what the page chose by itself follows what it starts from.
    class: String,
    data: String,
    bare: bool,
    name: String,
    versions: BTreeMap<String, String>,
}

impl Start {
    pub fn of(fields: &[(String, String)]) -> Self {
        let said = |name: &str| {
            let value = fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.trim());
            value.unwrap_or_default().to_owned()
        };
        let class = said("class");
        Self {
            project: said("project"),
            from: said("from"),
            class: if class == said("was-class") { String::new() } else { class },
            data: said("data"),
            bare: said("masks") == "none",
            name: said("name"),
            versions: chosen(fields),
        }
    }
}

/// The form of one project.
pub struct Begun {
    pub namespace: String,
    pub project: String,
    /// Environments that it can start from.
    pub origins: Vec<Origin>,
    pub from: String,
    pub classes: Vec<String>,
    pub class: String,
    /// What it would be if nobody had chosen one.
    pub own_class: String,
    pub name: String,
    pub components: Vec<Component>,
    /// Whose data it can start with.
    pub sources: Vec<Source>,
    pub data: String,
    /// Personal data comes as it is.
    pub bare: bool,
    /// What is masked otherwise.
    pub masks: Masked,
    /// What was chosen and is not there.
    pub told: Vec<String>,
}

pub struct Origin {
    pub name: String,
    pub class: String,
    pub ready: bool,
}

pub struct Component {
    pub name: String,
    /// Of what it starts from.
    pub was: String,
    /// The same, or what was typed.
    pub version: String,
    /// Where what its registry has is asked for.
    pub asks: String,
    pub offered: Offered,
}

/// Data that a new environment can start with, by what the form says for it.
pub struct Source {
    pub value: String,
    pub word: String,
}

impl Begun {
    pub async fn of(app: &App, summary: &project::Summary, start: &Start) -> Result<Self> {
        let (namespace, name) = (&summary.namespace, &summary.name);
        let spec = project::get(&app.cluster, namespace, name).await?.spec;
        let all = app.environments().await?.all();
        // Without them the form is as good, if it says so.
        let copies = app.copies().await.ok().map(|watched| watched.all());
        let of_project: Vec<&Arc<Environment>> = all
            .iter()
            .filter(|environment| {
                environment.spec.project == *name
                    && environment.metadata.namespace.as_ref() == Some(namespace)
                    && environment.metadata.deletion_timestamp.is_none()
            })
            .collect();
        let called = |environment: &&&Arc<Environment>| {
            environment.metadata.name.as_deref() == Some(start.from.as_str())
        };
        let from = of_project.iter().find(called).copied();
        let classes: Vec<String> = spec.class_names().into_iter().map(str::to_owned).collect();
        let own_class = match from {
            Some(from) => from.spec.class.clone(),
            None if classes.iter().any(|class| class == "qa") => "qa".to_owned(),
            None => classes.first().cloned().unwrap_or_default(),
        };
        let class = if classes.contains(&start.class) { &start.class } else { &own_class }.clone();
        let running = from.map(|from| running(from)).unwrap_or_default();
        let mut known = known_versions(&all, namespace, name);
        let components = spec.components.iter().filter_map(|(component, settings)| {
            let own = settings.version.clone().unwrap_or_default();
            let was = running.get(component).cloned().unwrap_or(own);
            let place = ComponentPlace::parse(namespace, name, component).ok()?;
            Some(Component {
                asks: versions::address(&place, &class, None, &was),
                offered: Offered::known(component, known.remove(component).unwrap_or_default()),
                version: start.versions.get(component).unwrap_or(&was).clone(),
                name: component.clone(),
                was,
            })
        });
        let mut origins: Vec<Origin> = of_project.iter().map(|environment| origin(environment)).collect();
        // What production runs is what most people want to start from.
        origins.sort_by_key(|origin| (origin.class != "production", origin.name.clone()));
        let mut begun = Self {
            components: components.collect(),
            sources: sources(&origins, backups(copies.as_deref().unwrap_or_default(), &all, summary)),
            origins,
            from: from.and_then(|from| from.metadata.name.clone()).unwrap_or_default(),
            classes,
            class,
            own_class,
            name: start.name.clone(),
            data: start.data.clone(),
            bare: start.bare,
            masks: Masked::of(&spec.masks),
            told: vec![],
            namespace: namespace.clone(),
            project: name.clone(),
        };
        if copies.is_none() {
            begun.told.push("Backups cannot be shown now.".to_owned());
            // Whether it is there the plan says.
            begun.sources.extend(unseen(&start.data));
        }
        begun.told.extend(begun.missing(start));
        if !begun.sources.iter().any(|source| source.value == begun.data) {
            begun.data.clear();
        }
        Ok(begun)
    }

    /// What was chosen and is not there, so that nothing is replaced without a word.
    fn missing(&self, start: &Start) -> Vec<String> {
        let project = &self.project;
        let mut told = vec![];
        if !start.from.is_empty() && self.from.is_empty() {
            told.push(format!(
                "`{project}` has no environment `{}`: this starts from the project.",
                start.from
            ));
        }
        if !start.class.is_empty() && start.class != self.class {
            told.push(format!(
                "`{project}` has no class `{}`: `{}` is chosen instead.",
                start.class, self.class
            ));
        }
        if !start.data.is_empty() && !self.sources.iter().any(|source| source.value == start.data) {
            let data = start.data.strip_prefix(BACKUP).unwrap_or(&start.data);
            told.push(format!("`{project}` has no data of `{data}`: none is chosen instead."));
        }
        let gone =
            start.versions.keys().filter(|typed| self.components.iter().all(|one| one.name != **typed));
        told.extend(
            gone.map(|typed| format!("`{project}` has no component `{typed}`: its version is left out.")),
        );
        told
    }

    pub fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.project)
    }
}

fn origin(environment: &Environment) -> Origin {
    Origin {
        name: environment.metadata.name.clone().unwrap_or_default(),
        class: environment.spec.class.clone(),
        ready: verbs::environment::summary(environment).state == verbs::environment::State::Ready,
    }
}

/// Versions by component.
fn running(environment: &Environment) -> BTreeMap<String, String> {
    let parts = environment.status.iter().flat_map(|status| &status.parts);
    let run = parts.filter(|part| !matches!(part.role, Role::Service | Role::Route | Role::Manifest));
    run.filter_map(|part| Some((part.name.clone(), part.version.clone()?))).collect()
}

/// Whole ones of a project, those of destroyed environments too; the oldest first.
fn backups(copies: &[Arc<DataCopy>], all: &[Arc<Environment>], of: &project::Summary) -> Vec<data::Backup> {
    let here = |namespace: &Option<String>| namespace.as_ref() == Some(&of.namespace);
    let there: BTreeSet<String> = all
        .iter()
        .filter(|one| here(&one.metadata.namespace))
        .filter_map(|one| one.metadata.name.clone())
        .collect();
    let whole = copies.iter().map(Arc::as_ref).filter(|copy| {
        let status = copy.status.as_ref().filter(|status| status.phase == CopyPhase::Done);
        let made = status.and_then(|status| status.backup.as_ref());
        here(&copy.metadata.namespace) && made.is_some_and(|made| made.project == of.name)
    });
    data::among(whole, &there)
}

/// A backup that was chosen, while none can be read.
fn unseen(chosen: &str) -> Option<Source> {
    let backup = chosen.strip_prefix(BACKUP)?;
    Some(Source { value: chosen.to_owned(), word: format!("backup {backup}") })
}

fn sources(origins: &[Origin], backups: Vec<data::Backup>) -> Vec<Source> {
    let environments = origins
        .iter()
        .map(|origin| Source { value: origin.name.clone(), word: format!("of {}", origin.name) });
    let backups = backups.into_iter().rev().map(|backup| {
        let row = Row::of(backup, Timestamp::now());
        let word = format!("backup {} of {}, {} ago", row.backup.name, row.backup.environment, row.age);
        Source { value: format!("{BACKUP}{}", row.backup.name), word }
    });
    environments.chain(backups).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_backup_stays_chosen_while_none_can_be_read() {
        let kept = unseen("backup/gold-1").map(|source| (source.value, source.word));
        assert_eq!(kept, Some(("backup/gold-1".to_owned(), "backup gold-1".to_owned())));
        // Environments are read by themselves.
        assert!(unseen("gold").is_none() && unseen("").is_none());
    }
}
