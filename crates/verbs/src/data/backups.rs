//! Backups of environments: made, listed, and brought back.

use std::collections::BTreeSet;

use api::Environment;
use api::datacopy::{BackupPlace, CopyLimits, CopyPhase, DataCopy};
use jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use schemars::JsonSchema;
use serde::Serialize;

use super::begin::{Backing, Wanted};
use crate::suggest::nearest;
use crate::{Cluster, Error, Result};

/// One backup, in one line.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    pub name: String,
    /// The control namespace.
    pub namespace: String,
    pub environment: String,
    /// The environment was destroyed.
    pub gone: bool,
    pub class: Option<String>,
    /// Nobody named services: it is of all.
    pub all: bool,
    /// Its class was protected.
    pub protected: bool,
    pub phase: CopyPhase,
    pub services: Vec<String>,
    /// What `rows` are: rows, keys, objects, or several of them.
    pub counts: &'static str,
    pub rows: u64,
    /// As they are stored.
    pub bytes: u64,
    /// `s3://BUCKET/FOLDER`.
    pub place: Option<String>,
    pub requested_by: Option<String>,
    pub created: Option<String>,
    pub finished: Option<String>,
    /// Why it failed, or does not go on.
    pub why: Option<String>,
}

/// Those of an environment, or of all in the namespace; the newest last.
pub async fn backups(cluster: &Cluster, namespace: &str, environment: Option<&str>) -> Result<Vec<Backup>> {
    let environments = Api::<Environment>::namespaced(cluster.client.clone(), namespace);
    let all = environments.list(&ListParams::default()).await.map_err(|error| cluster.explain(error))?;
    let there: BTreeSet<String> = all.iter().map(ResourceExt::name_any).collect();
    let copies = Api::<DataCopy>::namespaced(cluster.client.clone(), namespace);
    let list = copies.list(&ListParams::default()).await.map_err(|error| cluster.explain(error))?;
    let mut found = among(&list.items, &there);
    found.retain(|backup| environment.is_none_or(|of| backup.environment == of));
    Ok(found)
}

/// Those among copies of a namespace that were read already, where these environments are; the newest last.
pub fn among<'a>(copies: impl IntoIterator<Item = &'a DataCopy>, there: &BTreeSet<String>) -> Vec<Backup> {
    let mut found: Vec<&DataCopy> = copies.into_iter().filter(|copy| copy.spec.backup).collect();
    found.sort_by_key(|copy| (copy.creation_timestamp().map(|time| time.0), copy.name_any()));
    found.iter().map(|copy| backup(copy, !there.contains(&copy.spec.from.environment))).collect()
}

fn backup(copy: &DataCopy, gone: bool) -> Backup {
    let line = super::summary(copy);
    let status = copy.status.clone().unwrap_or_default();
    let place = status.backup.as_ref();
    let stored =
        status.services.iter().filter_map(|service| Some(service.report.as_ref()?.backup.as_ref()?.bytes));
    Backup {
        name: line.name,
        namespace: line.namespace,
        environment: copy.spec.from.environment.clone(),
        gone,
        class: place.map(|place| place.class.clone()),
        all: copy.spec.services.is_empty(),
        protected: place.is_some_and(|place| place.protected),
        phase: line.phase,
        services: status.services.iter().map(|service| service.name.clone()).collect(),
        counts: line.counts,
        rows: line.rows,
        bytes: stored.sum(),
        place: place.map(|place| format!("s3://{}/{}", place.place.bucket, place.folder)),
        requested_by: line.requested_by,
        created: line.created,
        finished: line.finished,
        why: line.why,
    }
}

/// A backup of an environment's services, of all of which there can be one if none is named.
pub fn back_up(environment: &str, services: Vec<String>, limits: CopyLimits, now: Timestamp) -> Wanted {
    let name = BackupPlace::name(environment, now);
    let backing = Backing::Made;
    Wanted { services, limits, quiesce: false, backing, ..Wanted::between(name, environment, environment) }
}

/// A backup, brought into `to`.
pub fn restore(chosen: &Chosen, to: &str, services: Vec<String>, now: Timestamp) -> Wanted {
    let backing = Backing::From(chosen.backup.clone());
    let between = Wanted::between(super::fresh_name(to, now), &chosen.environment, to);
    Wanted { services, backing, ..between }
}

/// A backup, and the environment that it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub backup: String,
    pub environment: String,
}

/// `latest` is the newest whole one of the environment that has these services, or all, if none are named; `OTHER/latest` that of
/// another.
pub async fn chosen(
    cluster: &Cluster,
    namespace: &str,
    (environment, said): (&str, &str),
    services: &[String],
) -> Result<Chosen> {
    let all = backups(cluster, namespace, None).await?;
    choose(&all, (environment, said), services)
}

fn choose(all: &[Backup], (environment, said): (&str, &str), services: &[String]) -> Result<Chosen> {
    let (of, name) = said.split_once('/').unwrap_or((environment, said));
    let whole = |backup: &&Backup| backup.phase == CopyPhase::Done;
    let has = |backup: &&Backup| match services {
        [] => backup.all,
        named => named.iter().all(|name| backup.services.contains(name)),
    };
    let found = match name {
        "latest" => {
            let of = all.iter().filter(whole).filter(has).filter(|backup| backup.environment == of);
            of.max_by_key(|backup| backup.finished.clone())
        }
        name => all.iter().find(|backup| backup.name == name),
    };
    if let Some(found) = found {
        return Ok(Chosen { backup: found.name.clone(), environment: found.environment.clone() });
    }
    let known: Vec<String> = all.iter().filter(whole).map(|backup| backup.name.clone()).collect();
    Err(Error::NotFound {
        kind: "backup",
        name: said.to_owned(),
        place: format!("the backups of environment `{of}`"),
        nearest: nearest(name, known.iter().map(String::as_str)),
        known,
    })
}

#[cfg(test)]
mod tests {
    use api::datacopy::{DataCopySpec, DataCopyStatus};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn made(name: &str, of: &str, phase: CopyPhase, finished: &str) -> Backup {
        let spec = DataCopySpec { backup: true, ..DataCopySpec::between(of, of) };
        let mut copy = DataCopy::new(name, spec);
        let finished = Some(Time(finished.parse().unwrap()));
        copy.status = Some(DataCopyStatus { phase, finished, ..DataCopyStatus::default() });
        backup(&copy, false)
    }

    #[test]
    fn the_latest_is_the_newest_whole_one_that_has_what_is_wanted() {
        let all = [
            made("qa-1", "qa", CopyPhase::Done, "2026-11-26T03:00:00Z"),
            made("qa-2", "qa", CopyPhase::Done, "2026-11-27T03:00:00Z"),
            made("qa-3", "qa", CopyPhase::Failed, "2026-11-28T03:00:00Z"),
            made("live-1", "live", CopyPhase::Done, "2026-11-28T04:00:00Z"),
        ];
        let name =
            |said: &str| choose(&all, ("qa", said), &[]).map(|found| (found.backup, found.environment));
        let is = |backup: &str, of: &str| (backup.to_owned(), of.to_owned());
        assert_eq!(name("latest").unwrap(), is("qa-2", "qa"));
        assert_eq!(name("live/latest").unwrap(), is("live-1", "live"));
        assert_eq!(name("qa-1").unwrap(), is("qa-1", "qa"));
        let mut partial = made("qa-9", "qa", CopyPhase::Done, "2026-11-29T03:00:00Z");
        (partial.all, partial.services) = (false, vec!["cache".into()]);
        let more = [&all[..], &[partial]].concat();
        let latest = |services: &[String]| choose(&more, ("qa", "latest"), services).unwrap().backup;
        assert_eq!((latest(&[]), latest(&["cache".into()])), ("qa-2".into(), "qa-9".into()));
        let missing = name("qa-4").unwrap_err();
        assert!(matches!(missing, Error::NotFound { kind: "backup", nearest: Some(_), .. }), "{missing:?}");
        assert!(name("other/latest").is_err());
    }
}
