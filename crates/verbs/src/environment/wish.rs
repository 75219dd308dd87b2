//! What somebody wants an environment to become: the settings after the change, from which its plan is made.
//! Wishes are made by the verbs; nothing is written here.

use std::collections::{BTreeMap, BTreeSet};

use api::names::EnvironmentName;
use api::{Environment, EnvironmentSpec};
use environments::plan::drift::frozen_until;
use jiff::Timestamp;

use super::choose::{self, Choice};
use super::setting::{self, Setting, Unset};
use super::{history, read};
use crate::{Cluster, Error, Result, Sink, project};

/// A change that is to be planned, and then made or not.
#[derive(Clone, Debug)]
pub struct Wish {
    pub environment: String,
    /// The environment as it was when it was asked for; none: it is to be created.
    pub base: Option<Box<Environment>>,
    pub wanted: EnvironmentSpec,
    /// Parts whose images are looked up anew.
    pub refresh: Vec<String>,
    /// The environment whose tested set this is to be.
    pub promotes: Option<String>,
    /// What was asked for, for the history: `set web=2`.
    pub action: String,
    /// The same write ends a freeze, so that nothing is healed in between.
    pub thaws: bool,
    /// What the new environment is a preview of.
    pub previews: Option<String>,
    /// What is worth knowing before, besides what the operator finds.
    pub notes: Vec<String>,
}

impl Wish {
    pub(super) fn change(base: Environment, action: String) -> Self {
        let mut wanted = base.spec.clone();
        wanted.restores = None;
        wanted.keeps = None;
        wanted.change = None;
        Self {
            environment: base.metadata.name.clone().unwrap_or_default(),
            base: Some(Box::new(base)),
            wanted,
            refresh: Vec::new(),
            promotes: None,
            action,
            thaws: false,
            previews: None,
            notes: Vec::new(),
        }
    }
}

/// What is to be set, and what no more.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub versions: Vec<Choice>,
    pub settings: Vec<Setting>,
    pub unset: Vec<Unset>,
}

/// `env set`: other versions, settings that differ by hand; what is not named keeps its bytes.
pub async fn set(cluster: &Cluster, namespace: &str, name: &str, wanted: &Settings) -> Result<Wish> {
    let base = standing(cluster, namespace, name).await?;
    let Settings { versions, settings, unset } = wanted;
    let versions = choose::versions(versions);
    let (project, class) = (base.spec.project.clone(), base.spec.class.clone());
    let spec = project::revision(cluster, namespace, &project, &base.spec.project_revision).await?.spec;
    choose::check_components(&project, &spec, &versions)?;
    setting::check(name, &project, &spec, &class, settings)?;
    let said = versions.iter().map(|(part, version)| format!("{part}={version}"));
    let said = said.chain(settings.iter().map(ToString::to_string));
    let said: Vec<String> = said.chain(unset.iter().map(|setting| format!("--unset {setting}"))).collect();
    let mut wish = Wish::change(base, shortened(format!("set {}", said.join(" "))));
    for setting in unset {
        if !setting.take_from(&mut wish.wanted.overrides) {
            wish.notes.push(format!("{setting} does not differ by hand: there is nothing to take away"));
        }
    }
    for setting in settings {
        setting.put_into(&mut wish.wanted.overrides);
    }
    wish.refresh = versions.keys().cloned().collect();
    wish.wanted.versions.extend(versions);
    Ok(wish)
}

/// What was asked for, no longer than Kubernetes takes it.
fn shortened(action: String) -> String {
    const LENGTH: usize = 250;
    match action.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &action[..end]),
        None => action,
    }
}

/// `env update`: a newer revision of the project, or the one that is named.
pub async fn update(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    revision: Option<&str>,
    events: Sink<'_>,
) -> Result<Wish> {
    let base = standing(cluster, namespace, name).await?;
    let project = base.spec.project.clone();
    let revision = match revision {
        Some(revision) => project::revision(cluster, namespace, &project, revision).await?.name(),
        None => project::stored(cluster, namespace, &project, None, events).await?,
    };
    let mut wish = Wish::change(base, format!("update to {revision}"));
    wish.wanted.project_revision = revision;
    Ok(wish)
}

/// `env restart`: new pods for the named components, or for all.
pub async fn restart(cluster: &Cluster, namespace: &str, name: &str, components: &[String]) -> Result<Wish> {
    let base = standing(cluster, namespace, name).await?;
    let spec =
        project::revision(cluster, namespace, &base.spec.project, &base.spec.project_revision).await?.spec;
    let named = components.iter().map(|component| (component.clone(), String::new())).collect();
    choose::check_components(&base.spec.project, &spec, &named)?;
    let servers = spec.components.iter().filter(|(_, component)| !component.completes());
    let parts: Vec<String> = match components {
        [] => servers.map(|(component, _)| component.clone()).collect(),
        some => each_once(some),
    };
    let (restores, keeps) = (base.spec.restores, base.spec.keeps);
    let mut wish = Wish::change(base, format!("restart {}", parts.join(" ")));
    // New pods of what runs: a rollback stays one, and what was kept stays kept.
    wish.wanted.restores = restores;
    wish.wanted.keeps = keeps;
    let now = Timestamp::now().to_string();
    wish.wanted.restarts.extend(parts.into_iter().map(|part| (part, now.clone())));
    Ok(wish)
}

/// Said several times, it is restarted once.
fn each_once(components: &[String]) -> Vec<String> {
    let mut said = BTreeSet::new();
    components.iter().filter(|component| said.insert(*component)).cloned().collect()
}

/// `env keep`, and the end of a freeze with `thaws`: the newest revision with what others changed since.
pub async fn keep(cluster: &Cluster, namespace: &str, name: &str, thaws: bool) -> Result<Wish> {
    let base = standing(cluster, namespace, name).await?;
    if let Some(until) = frozen_until(&base, Timestamp::now()).filter(|_| !thaws) {
        return Err(Error::Frozen { environment: name.to_owned(), until: until.to_string() });
    }
    let stored = history::current(cluster, namespace, &base).await?;
    let changed = base.status.iter().flat_map(|status| &status.drift).filter(|drift| !drift.reverted);
    let changed: Vec<&str> = changed.map(|drift| drift.object.as_str()).collect();
    let action = match changed.as_slice() {
        [] => format!("keep r{} as it stands", stored.number),
        [first, second, third, more @ ..] if !more.is_empty() => {
            format!("keep {first}, {second}, {third} and {} more", more.len())
        }
        some => format!("keep {}", some.join(", ")),
    };
    let waiting = base.spec.change.clone();
    let mut wish = Wish::change(base, action);
    let asked = |wanted: &EnvironmentSpec| {
        (wanted.project_revision.clone(), wanted.versions.clone(), wanted.overrides.clone())
    };
    let before = asked(&wish.wanted);
    wish.wanted.keeps = Some(stored.number);
    wish.wanted.project_revision = stored.revision.project_revision;
    wish.wanted.versions = stored.revision.requested;
    wish.wanted.restarts = stored.revision.restarts;
    wish.wanted.overrides = stored.revision.overrides;
    wish.wanted.digests = stored.revision.digests;
    wish.thaws = thaws;
    if thaws {
        wish.wanted.freeze = None;
    }
    if before != asked(&wish.wanted) {
        let what = waiting.map_or_else(|| "another change".to_owned(), |change| change.action);
        wish.notes.push(format!("{what} has been asked for and is not made: that is withdrawn"));
    }
    Ok(wish)
}

/// `env rollback`: an earlier revision as it was, image and settings together.
pub async fn rollback(cluster: &Cluster, namespace: &str, name: &str, to: Option<i64>) -> Result<Wish> {
    let base = standing(cluster, namespace, name).await?;
    let known = history::revisions(cluster, namespace, &base).await?;
    let now = base.status.as_ref().and_then(|status| status.revision).unwrap_or(0);
    // What was rolled back from is not what to roll back to.
    let before = base.spec.restores.unwrap_or(now);
    let number = match to {
        Some(number) => number,
        None => known
            .iter()
            .filter(|entry| entry.ready && entry.revision < before)
            .map(|entry| entry.revision)
            .max()
            .ok_or_else(|| Error::NothingToRestore { environment: name.to_owned() })?,
    };
    let known_numbers = known.iter().map(|entry| entry.revision.to_string()).collect();
    let Some(old) = known.into_iter().find(|entry| entry.revision == number) else {
        return Err(Error::NotFound {
            kind: "revision",
            name: number.to_string(),
            place: format!("the history of `{name}`"),
            known: known_numbers,
            nearest: None,
        });
    };
    let mut wish = Wish::change(base, format!("rollback to {number}"));
    wish.wanted.restores = Some(number);
    wish.wanted.project_revision = old.project_revision;
    wish.wanted.versions = old.chosen_versions;
    wish.wanted.restarts = old.restarts;
    wish.wanted.overrides = old.overrides;
    wish.wanted.digests = BTreeMap::new();
    Ok(wish)
}

/// `env promote`: exactly the set that was tested in `from`; of whoever looked at a revision there, only that one.
pub async fn promote(
    cluster: &Cluster,
    namespace: &str,
    from: &str,
    to: &str,
    seen: Option<i64>,
) -> Result<Wish> {
    let source = standing(cluster, namespace, from).await?;
    let base = standing(cluster, namespace, to).await?;
    if source.spec.project != base.spec.project {
        return Err(Error::OtherProject {
            from: from.to_owned(),
            from_project: source.spec.project,
            to: to.to_owned(),
            to_project: base.spec.project,
        });
    }
    let tested = history::current(cluster, namespace, &source).await?;
    if let Some(seen) = seen.filter(|seen| *seen != tested.number) {
        let what = format!("environment `{from}` was shown with r{seen} and is at r{}: it", tested.number);
        return Err(Error::Changed { what });
    }
    let mut wish = Wish::change(base, format!("promote {from} r{}", tested.number));
    wish.wanted.project_revision = tested.revision.project_revision;
    wish.wanted.versions = tested.revision.requested;
    wish.wanted.digests = tested.revision.digests;
    // What was tested, and nothing else.
    wish.wanted.overrides.clear();
    wish.promotes = Some(from.to_owned());
    Ok(wish)
}

/// `env clone`: another environment with the same bytes and settings, and data of its own.
pub async fn clone(
    cluster: &Cluster,
    namespace: &str,
    from: &str,
    to: &EnvironmentName,
    class: Option<&str>,
) -> Result<Wish> {
    let source = standing(cluster, namespace, from).await?;
    if read::find(cluster, namespace, to.as_str()).await?.is_some() {
        return Err(Error::Exists { environment: to.to_string(), differences: vec![] });
    }
    let original = history::current(cluster, namespace, &source).await?;
    let kept: Vec<&str> = original.revision.kept.iter().map(|kept| kept.object.as_str()).collect();
    let kept = (!kept.is_empty()).then(|| {
        format!("{from} keeps changes made by hand, which a clone does not get: {}", kept.join(", "))
    });
    Ok(Wish {
        notes: kept.into_iter().collect(),
        thaws: false,
        previews: None,
        environment: to.to_string(),
        base: None,
        wanted: EnvironmentSpec {
            project: source.spec.project.clone(),
            project_revision: original.revision.project_revision,
            class: class.unwrap_or(&source.spec.class).to_owned(),
            owner: cluster.user().await,
            versions: original.revision.requested,
            overrides: original.revision.overrides,
            digests: original.revision.digests,
            ..EnvironmentSpec::default()
        },
        refresh: Vec::new(),
        promotes: None,
        action: format!("clone {from} r{}", original.number),
    })
}

/// The same with other versions of some components.
pub async fn with_versions(
    cluster: &Cluster,
    namespace: &str,
    mut wish: Wish,
    choices: &[Choice],
) -> Result<Wish> {
    if choices.is_empty() {
        return Ok(wish);
    }
    let (project, revision) = (&wish.wanted.project, &wish.wanted.project_revision);
    let spec = project::revision(cluster, namespace, project, revision).await?.spec;
    let versions = choose::versions(choices);
    choose::check_components(project, &spec, &versions)?;
    let said: Vec<String> = versions.iter().map(|(part, version)| format!("{part}={version}")).collect();
    wish.action = shortened(format!("{}, {}", wish.action, said.join(" ")));
    wish.refresh.extend(versions.keys().cloned());
    wish.wanted.versions.extend(versions);
    Ok(wish)
}

/// An environment that is not on its way out.
async fn standing(cluster: &Cluster, namespace: &str, name: &str) -> Result<Environment> {
    let environment = read::get(cluster, namespace, name).await?;
    match environment.metadata.deletion_timestamp {
        Some(_) => Err(Error::BeingDestroyed { environment: name.to_owned() }),
        None => Ok(environment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_said_again_and_again_is_one() {
        let said =
            |parts: &[&str]| each_once(&parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
        assert_eq!(said(&["web", "db", "web", "web"]), ["web", "db"]);
        assert_eq!(said(&["web"; 40_000]), ["web"]);
    }
}
