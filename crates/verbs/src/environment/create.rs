//! `env create`: checks everything that can be checked before the operator is asked.

use std::collections::{BTreeMap, BTreeSet};

use api::names::{ClassName, EnvironmentName, ProjectName};
use api::overrides::listed;
use api::{Environment, EnvironmentSpec, Overrides};
use jiff::Timestamp;
use kube::ResourceExt;

use super::choose::{self, Choice};
use super::read;
use super::restore;
use super::setting::{self, Setting};
use super::wish::Wish;
use crate::error::Difference;
use crate::{Cluster, Error, Result, Sink, project};

/// The environment that somebody wants.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub name: EnvironmentName,
    /// Default: the only project of the namespace.
    pub project: Option<ProjectName>,
    pub class: Option<ClassName>,
    pub versions: Vec<Choice>,
    /// Those that differ by hand from the project.
    pub settings: Vec<Setting>,
    /// Default: the project's newest.
    pub revision: Option<String>,
}

/// The wish for it; for one that exists already and is as wanted, a wish that changes nothing.
pub async fn create(cluster: &Cluster, namespace: &str, wanted: &Wanted, events: Sink<'_>) -> Result<Wish> {
    let (mut spec, parts) = resolve(cluster, namespace, wanted, events).await?;
    let base = read::find(cluster, namespace, wanted.name.as_str()).await?;
    if let Some(existing) = &base {
        if wanted.settings.is_empty() {
            // Nothing was asked about these.
            spec.overrides.clone_from(&existing.spec.overrides);
        }
        same(existing, &spec)?;
    }
    // Who may not look is told nothing; the volumes stay in any case.
    let kept = match base {
        None => restore::kept(cluster, namespace, wanted.name.as_str()).await.unwrap_or_default(),
        Some(_) => Vec::new(),
    };
    let notes = restore::left(&kept, &spec.project, wanted.name.as_str(), Timestamp::now());
    Ok(Wish {
        environment: wanted.name.to_string(),
        wanted: base.as_ref().map_or(spec, |existing| existing.spec.clone()),
        // An earlier environment of this name may have left revisions: what is new gets the bytes of today.
        refresh: if base.is_some() { Vec::new() } else { parts },
        base: base.map(Box::new),
        promotes: None,
        action: "create".to_owned(),
        thaws: false,
        previews: None,
        notes,
    })
}

/// The settings asked for, and everything that they run an image of.
async fn resolve(
    cluster: &Cluster,
    namespace: &str,
    wanted: &Wanted,
    events: Sink<'_>,
) -> Result<(EnvironmentSpec, Vec<String>)> {
    let project = match &wanted.project {
        Some(name) => name.to_string(),
        None => project::choose(cluster, namespace).await?,
    };
    project::get(cluster, namespace, &project).await?;
    let project_revision = match &wanted.revision {
        Some(revision) => revision.clone(),
        // Right after `project apply --no-wait` or a restore the operator may still be storing it.
        None => project::stored(cluster, namespace, &project, None, events).await?,
    };
    let revision = project::revision(cluster, namespace, &project, &project_revision).await?;
    let versions = choose::versions(&wanted.versions);
    choose::check_components(&project, &revision.spec, &versions)?;
    let class = choose::class(&project, &revision.spec, wanted.class.as_ref())?;
    choose::check_versions(&project, &revision.spec, &versions)?;
    setting::check(wanted.name.as_str(), &project, &revision.spec, &class, &wanted.settings)?;
    let mut overrides = Overrides::new();
    wanted.settings.iter().for_each(|setting| setting.put_into(&mut overrides));
    let parts = revision.spec.components.keys().chain(revision.spec.services.keys()).cloned().collect();
    let spec = EnvironmentSpec {
        project,
        project_revision,
        class,
        owner: cluster.user().await,
        versions,
        overrides,
        ..EnvironmentSpec::default()
    };
    Ok((spec, parts))
}

/// Whether an existing environment is the wanted one, whoever owns it.
pub(super) fn same(existing: &Environment, wanted: &EnvironmentSpec) -> Result<()> {
    let environment = existing.name_any();
    if existing.metadata.deletion_timestamp.is_some() {
        return Err(Error::BeingDestroyed { environment });
    }
    let differences = differences(&existing.spec, wanted);
    if differences.is_empty() { Ok(()) } else { Err(Error::Exists { environment, differences }) }
}

pub(super) fn differences(have: &EnvironmentSpec, want: &EnvironmentSpec) -> Vec<Difference> {
    let own = || "the project's own".to_owned();
    let version =
        |spec: &EnvironmentSpec, component: &str| spec.versions.get(component).cloned().unwrap_or_else(own);
    let mut settings = vec![
        ("project".to_owned(), have.project.clone(), want.project.clone()),
        ("class".to_owned(), have.class.clone(), want.class.clone()),
        ("project revision".to_owned(), have.project_revision.clone(), want.project_revision.clone()),
    ];
    let restored =
        |spec: &EnvironmentSpec| spec.restores.map_or_else(|| "none".to_owned(), |number| number.to_string());
    settings.push(("restored revision".to_owned(), restored(have), restored(want)));
    let kept = |spec: &EnvironmentSpec| {
        spec.keeps.map_or_else(|| "none".to_owned(), |number| format!("those on revision {number}"))
    };
    settings.push(("kept changes by hand".to_owned(), kept(have), kept(want)));
    if have.restarts != want.restarts {
        let last = |spec: &EnvironmentSpec| {
            spec.restarts.values().max().cloned().unwrap_or_else(|| "never".to_owned())
        };
        settings.push(("last restart".to_owned(), last(have), last(want)));
    }
    let by_hand = |spec: &EnvironmentSpec| listed(&spec.overrides).into_iter().collect::<BTreeMap<_, _>>();
    let (have_by_hand, want_by_hand) = (by_hand(have), by_hand(want));
    for setting in have_by_hand.keys().chain(want_by_hand.keys()).collect::<BTreeSet<_>>() {
        let value = |all: &BTreeMap<String, String>| all.get(setting).cloned().unwrap_or_else(own);
        settings.push((setting.clone(), value(&have_by_hand), value(&want_by_hand)));
    }
    let mut components: Vec<&String> = have.versions.keys().chain(want.versions.keys()).collect();
    components.sort();
    components.dedup();
    for component in components {
        settings.push((
            format!("version of {component}"),
            version(have, component),
            version(want, component),
        ));
    }
    settings
        .into_iter()
        .filter(|(_, have, want)| have != want)
        .map(|(setting, have, want)| Difference { setting, have, want })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_does_not_make_two_environments_differ_but_a_version_does() {
        let mine = EnvironmentSpec { owner: Some("ann".into()), ..EnvironmentSpec::default() };
        let yours = EnvironmentSpec { owner: Some("bob".into()), ..EnvironmentSpec::default() };
        assert_eq!(differences(&mine, &yours), []);
        let versions = BTreeMap::from([("web".to_owned(), "2".to_owned())]);
        let newer = EnvironmentSpec { versions, ..EnvironmentSpec::default() };
        let found = differences(&mine, &newer);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].setting.as_str(), found[0].want.as_str()), ("version of web", "2"));
    }
}
