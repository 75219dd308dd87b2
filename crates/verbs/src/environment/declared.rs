//! The wish of a file in git: an environment is created, or changed in what differs. What stands as the file says stays.

use api::{Environment, EnvironmentSpec};
use environments::file::EnvironmentFile;

use super::choose;
use super::create::differences;
use super::read;
use super::wish::Wish;
use crate::{Cluster, Error, Result, Sink, project};

/// The wish; none: the environment is as the file says.
pub async fn declared(
    cluster: &Cluster,
    namespace: &str,
    file: &EnvironmentFile,
    events: Sink<'_>,
) -> Result<Option<Wish>> {
    let (name, said) = (file.name.as_str(), &file.spec);
    let base = read::find(cluster, namespace, name).await?;
    if base.as_ref().is_some_and(|base| base.metadata.deletion_timestamp.is_some()) {
        return Err(Error::BeingDestroyed { environment: name.to_owned() });
    }
    project::get(cluster, namespace, &said.project).await?;
    let project_revision = match said.project_revision.as_str() {
        // Without one it follows its project.
        "" => project::stored(cluster, namespace, &said.project, None, events).await?,
        chosen => chosen.to_owned(),
    };
    let revision = project::revision(cluster, namespace, &said.project, &project_revision).await?.spec;
    let class = api::names::ClassName::parse(&said.class)?;
    choose::class(&said.project, &revision, Some(&class))?;
    choose::check_components(&said.project, &revision, &said.versions)?;
    choose::check_versions(&said.project, &revision, &said.versions)?;
    let said = EnvironmentSpec { project_revision, ..said.clone() };
    let Some(base) = base else {
        let owner = match &said.owner {
            Some(owner) => Some(owner.clone()),
            None => cluster.user().await,
        };
        // What is new gets the bytes that the file names, else those of today.
        let anew = revision.components.keys().chain(revision.services.keys()).cloned();
        let refresh = if said.digests.is_empty() { anew.collect() } else { Vec::new() };
        return Ok(Some(Wish {
            environment: name.to_owned(),
            base: None,
            wanted: EnvironmentSpec { owner, ..said },
            refresh,
            promotes: None,
            action: "apply".to_owned(),
            thaws: false,
            previews: None,
            notes: Vec::new(),
        }));
    };
    changed(base, &said)
}

/// What an environment has to become; none: nothing.
fn changed(base: Environment, said: &EnvironmentSpec) -> Result<Option<Wish>> {
    let have = base.spec.clone();
    if (&have.project, &have.class) != (&said.project, &said.class) {
        let environment = base.metadata.name.unwrap_or_default();
        let mut differences = differences(&have, said);
        differences.retain(|difference| matches!(difference.setting.as_str(), "project" | "class"));
        return Err(Error::Exists { environment, differences });
    }
    let mut wanted = have.clone();
    wanted.project_revision.clone_from(&said.project_revision);
    wanted.versions.clone_from(&said.versions);
    wanted.overrides.clone_from(&said.overrides);
    wanted.digests.extend(said.digests.clone());
    wanted.restarts.extend(said.restarts.clone());
    if said.owner.is_some() {
        wanted.owner.clone_from(&said.owner);
    }
    if wanted == have {
        return Ok(None);
    }
    let moved = |(component, version): (&String, &String)| {
        (have.versions.get(component) != Some(version)).then(|| component.clone())
    };
    let refresh =
        if said.digests.is_empty() { wanted.versions.iter().filter_map(moved).collect() } else { vec![] };
    let mut wish = Wish::change(base, "apply".to_owned());
    (wanted.restores, wanted.keeps, wanted.change) = (None, None, None);
    (wish.wanted, wish.refresh) = (wanted, refresh);
    Ok(Some(wish))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn spec(web: &str) -> EnvironmentSpec {
        EnvironmentSpec {
            project: "shop".into(),
            project_revision: "p-0123456789".into(),
            class: "qa".into(),
            owner: Some("ann".into()),
            versions: BTreeMap::from([("web".to_owned(), web.to_owned())]),
            digests: BTreeMap::from([("r/web:1".to_owned(), "sha256:a".to_owned())]),
            ..EnvironmentSpec::default()
        }
    }

    fn said(web: &str) -> EnvironmentSpec {
        EnvironmentSpec { owner: None, digests: BTreeMap::new(), ..spec(web) }
    }

    #[test]
    fn what_stands_as_the_file_says_is_left_alone() {
        let base = Environment::new("qa", spec("1"));
        assert!(changed(base.clone(), &said("1")).unwrap().is_none());
        assert!(changed(base, &spec("1")).unwrap().is_none(), "digests that the file names are those it has");
    }

    #[test]
    fn what_differs_is_changed_looked_up_anew_and_a_rollback_by_hand_is_over() {
        let mut base = Environment::new("qa", spec("1"));
        base.spec.restores = Some(3);
        let wish = changed(base, &said("2")).unwrap().unwrap();
        assert_eq!((wish.wanted.versions["web"].as_str(), wish.wanted.restores), ("2", None));
        assert_eq!(wish.refresh, ["web"]);
        assert_eq!(wish.wanted.owner.as_deref(), Some("ann"), "the file says nothing of it");
    }

    #[test]
    fn a_setting_by_hand_that_the_file_does_not_have_goes() {
        let mut base = Environment::new("qa", spec("1"));
        base.spec.overrides.entry("web".into()).or_default().env.insert("A".into(), "1".into());
        let wish = changed(base, &said("1")).unwrap().unwrap();
        assert!(wish.wanted.overrides.is_empty());
    }

    #[test]
    fn an_environment_stays_in_its_class() {
        let other = EnvironmentSpec { class: "production".into(), ..said("2") };
        let error = changed(Environment::new("qa", spec("1")), &other).unwrap_err();
        let Error::Exists { differences, .. } = error else { panic!("{error}") };
        let settings: Vec<&str> = differences.iter().map(|difference| difference.setting.as_str()).collect();
        assert_eq!(settings, ["class"]);
    }
}
