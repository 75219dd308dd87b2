//! `env restore`: an environment that was destroyed, as a revision of it was, with the volumes that were kept.

use api::kept::VOLUMES;
use api::marks;
use api::names::EnvironmentName;
use api::{EnvironmentSpec, KeptVolumes};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::api::{Api, ListParams};

use super::history::{self, Entry};
use super::read;
use super::wish::Wish;
use crate::{Cluster, Error, Result};

/// What somebody wants back.
#[derive(Clone, Debug)]
pub struct Lost {
    pub name: EnvironmentName,
    /// Default: the last one that was ready.
    pub revision: Option<i64>,
    /// Of several environments of the name that ended with the same revision, the record of what was kept of one.
    pub kept: Option<String>,
    /// Its services begin empty, also where volumes were kept.
    pub without_data: bool,
}

pub async fn restore(cluster: &Cluster, namespace: &str, lost: &Lost) -> Result<Wish> {
    let name = lost.name.as_str();
    let environment = name.to_owned();
    if let Some(existing) = read::find(cluster, namespace, name).await? {
        return Err(match existing.metadata.deletion_timestamp {
            Some(_) => Error::BeingDestroyed { environment },
            None => Error::StillThere { environment },
        });
    }
    let entries = match history::history(cluster, namespace, name).await {
        Err(Error::NotFound { .. }) => return Err(Error::NothingKept { environment }),
        entries => entries?,
    };
    let number = chosen(&entries, lost)?;
    let old = history::revision(cluster, namespace, name, number).await?.revision;
    let records = kept(cluster, namespace, name).await?;
    let records: Vec<KeptVolumes> =
        records.into_iter().filter(|record| record.project == old.project).collect();
    let record = match lost.without_data {
        true => None,
        false => with(&records, number, lost)?,
    };
    if record.is_none() && !lost.without_data {
        let others = records.iter().map(|record| (record.revision, record.until.0.to_string())).collect();
        return Err(Error::NoVolumesKept { environment, class: old.class, revision: number, others });
    }
    let mut notes = Vec::new();
    if lost.without_data {
        notes.extend(left(&records, &old.project, name, Timestamp::now()));
        let by_hand: Vec<&str> = old.kept.iter().map(|kept| kept.object.as_str()).collect();
        if !by_hand.is_empty() {
            notes.push(format!(
                "revision {number} keeps changes made by hand, which it does not get: {}",
                by_hand.join(", ")
            ));
        }
    }
    let data = if lost.without_data { " without data" } else { "" };
    Ok(Wish {
        environment: environment.clone(),
        base: None,
        wanted: EnvironmentSpec {
            project: old.project,
            project_revision: old.project_revision,
            class: old.class,
            owner: cluster.user().await,
            versions: old.requested,
            overrides: old.overrides,
            restarts: old.restarts,
            digests: old.digests,
            // With its data jobs have done their work already; without, they have to do it again.
            restores: record.map(|_| number),
            restores_volumes: record.map(KeptVolumes::object_name_of),
            ..EnvironmentSpec::default()
        },
        refresh: Vec::new(),
        promotes: None,
        action: format!("restore r{number}{data}"),
        thaws: false,
        previews: None,
        notes,
    })
}

/// The revision to go on from.
fn chosen(entries: &[Entry], lost: &Lost) -> Result<i64> {
    let name = lost.name.as_str();
    let Some(said) = lost.revision else {
        // What is made anew need not have been ready.
        let ready = entries.iter().filter(|entry| entry.ready || lost.without_data);
        let ready = ready.max_by_key(|entry| (entry.ready, entry.revision)).map(|entry| entry.revision);
        return ready.ok_or_else(|| Error::NothingToRestore { environment: name.to_owned() });
    };
    if entries.iter().any(|entry| entry.revision == said) {
        return Ok(said);
    }
    Err(Error::NotFound {
        kind: "revision",
        name: said.to_string(),
        place: format!("the history of `{name}`"),
        known: entries.iter().map(|entry| entry.revision.to_string()).collect(),
        nearest: None,
    })
}

/// What was kept of the environment that had this revision: it ended with this one or a later one. An environment that was
/// made just like the one before goes on with its last revision, so that several may have ended with the same.
fn with<'a>(records: &'a [KeptVolumes], number: i64, lost: &Lost) -> Result<Option<&'a KeptVolumes>> {
    if let Some(said) = &lost.kept {
        let found = records.iter().find(|record| record.object_name_of() == *said);
        return found.map(Some).ok_or_else(|| Error::NotFound {
            kind: "record of kept volumes",
            name: said.clone(),
            place: format!("what is kept of `{}`", lost.name),
            known: records.iter().map(KeptVolumes::object_name_of).collect(),
            nearest: None,
        });
    }
    let Some(last) = records.iter().map(|record| record.revision).filter(|last| *last >= number).min() else {
        return Ok(None);
    };
    let of_it: Vec<&KeptVolumes> = records.iter().filter(|record| record.revision == last).collect();
    match of_it.as_slice() {
        [only] => Ok(Some(only)),
        several => Err(Error::WhichKept {
            environment: lost.name.to_string(),
            revision: last,
            known: several
                .iter()
                .map(|record| (record.object_name_of(), record.until.0.to_string()))
                .collect(),
        }),
    }
}

/// What was kept of environments of this name that were destroyed.
pub(super) async fn kept(cluster: &Cluster, namespace: &str, name: &str) -> Result<Vec<KeptVolumes>> {
    let api = Api::<ControllerRevision>::namespaced(cluster.client.clone(), namespace);
    let selector = format!("{}={VOLUMES},{}={name}", marks::REVISION_OF, marks::ENVIRONMENT);
    let list = api.list(&ListParams::default().labels(&selector)).await;
    let list = list.map_err(|error| cluster.explain(error))?;
    Ok(list.iter().filter_map(KeptVolumes::from_object).collect())
}

/// What stays as it is when one of the name begins empty, a line for each that was destroyed.
pub(super) fn left(records: &[KeptVolumes], project: &str, name: &str, now: Timestamp) -> Vec<String> {
    let lasting = records.iter().filter(|record| record.project == project && record.until.0 > now);
    let line = |record: &KeptVolumes| {
        let claims: Vec<&str> = record.volumes.iter().map(|claim| claim.kept.claim.as_str()).collect();
        format!(
            "an earlier {name} has kept volumes until {} ({}): this one begins with empty ones; outboard env restore {name} --kept {} would take those",
            record.until.0,
            claims.join(", "),
            record.object_name_of()
        )
    };
    lasting.map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn record(revision: i64, until: &str) -> KeptVolumes {
        serde_json::from_value(json!({
            "project": "shop", "environment": "qa", "environmentUid": format!("uid-{revision}"), "namespaceUid": "ns",
            "class": "qa", "revision": revision, "until": until, "volumes": [{
                "claim": "data-db-0", "service": "db", "size": "1Gi", "volume": "pv-1", "until": until,
                "labels": {}, "accessModes": ["ReadWriteOnce"]}],
        }))
        .unwrap()
    }

    fn list(version: &str, kind: &str, items: &[Value]) -> (u16, Value) {
        (200, json!({"apiVersion": version, "kind": format!("{kind}List"), "metadata": {}, "items": items}))
    }

    fn stored(number: i64, ready: bool) -> Value {
        let annotations =
            if ready { json!({"outboard.dev/ready-since": "2026-11-26T00:00:00Z"}) } else { json!({}) };
        json!({
            "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": number,
            "metadata": {"name": format!("qa-r{number}"), "namespace": "shop", "annotations": annotations,
                "labels": {"outboard.dev/project": "shop"}},
            "data": {"project": "shop", "projectRevision": "p-1", "class": "qa", "requested": {"web": "2"}, "versions": {},
                "renderer": "0", "urls": {}, "secrets": [], "parts": []},
        })
    }

    /// Revisions 1 to 3 of an environment that is gone, the last of which was never ready.
    fn cluster(records: &[KeptVolumes]) -> Cluster {
        let records: Vec<Value> = records
            .iter()
            .map(|record| json!({"metadata": {"name": "qa-v1"}, "revision": record.revision, "data": record}))
            .collect();
        crate::fake::cluster(move |_, path| {
            let revisions = [stored(1, true), stored(2, true), stored(3, false)];
            Some(if path.contains("/environments/qa") {
                return crate::fake::status(404, "environments.outboard.dev \"qa\" not found", "NotFound");
            } else if path.contains("controllerrevisions/qa-r") {
                let number = path.chars().find(char::is_ascii_digit).map_or(0, |_| {
                    path.split("qa-r").nth(1).and_then(|rest| rest[..1].parse::<usize>().ok()).unwrap_or(0)
                });
                (200, revisions[number - 1].clone())
            } else if path.contains("volumes") {
                list("apps/v1", "ControllerRevision", &records)
            } else if path.contains("controllerrevisions") {
                list("apps/v1", "ControllerRevision", &revisions)
            } else {
                return crate::fake::status(403, "no", "Forbidden");
            })
        })
    }

    fn lost(revision: Option<i64>, without_data: bool) -> Lost {
        Lost { name: EnvironmentName::parse("qa").unwrap(), revision, kept: None, without_data }
    }

    #[tokio::test]
    async fn the_last_revision_that_was_ready_comes_back_with_its_volumes_and_without_its_jobs() {
        let cluster = cluster(&[record(3, "2026-12-03T00:00:00Z")]);
        let wish = restore(&cluster, "shop", &lost(None, false)).await.unwrap();
        assert_eq!((wish.wanted.restores, wish.action.as_str()), (Some(2), "restore r2"));
        assert_eq!(wish.wanted.restores_volumes, Some(KeptVolumes::object_name("qa", "uid-3")));
        assert_eq!(wish.wanted.versions["web"], "2");
        assert!(wish.base.is_none());
    }

    #[tokio::test]
    async fn without_its_data_it_is_made_anew_jobs_and_all_and_what_is_kept_stays() {
        let cluster = cluster(&[record(3, "2999-12-03T00:00:00Z")]);
        let wish = restore(&cluster, "shop", &lost(Some(1), true)).await.unwrap();
        assert_eq!((wish.wanted.restores, wish.wanted.restores_volumes), (None, None));
        assert!(
            wish.notes[0].contains("2999-12-03") && wish.notes[0].contains("data-db-0"),
            "{:?}",
            wish.notes
        );
    }

    #[tokio::test]
    async fn where_no_volumes_were_kept_it_has_to_be_said() {
        let refused = restore(&cluster(&[]), "shop", &lost(None, false)).await.unwrap_err();
        assert!(matches!(refused, Error::NoVolumesKept { revision: 2, .. }), "{refused:?}");
        restore(&cluster(&[]), "shop", &lost(None, true)).await.unwrap();
        let missing = restore(&cluster(&[]), "shop", &lost(Some(9), true)).await.unwrap_err();
        assert!(matches!(missing, Error::NotFound { kind: "revision", .. }), "{missing:?}");
    }

    #[test]
    fn volumes_are_those_of_the_environment_that_had_the_revision() {
        let records = [record(9, "2026-12-01T00:00:00Z"), record(4, "2026-12-03T00:00:00Z")];
        let of = |number| {
            let found = with(&records, number, &lost(None, false)).unwrap();
            found.map(|record| record.revision)
        };
        assert_eq!((of(1), of(4), of(5), of(9), of(10)), (Some(4), Some(4), Some(9), Some(9), None));
    }

    #[test]
    fn of_two_that_ended_with_the_same_revision_one_has_to_be_named() {
        let mut second = record(3, "2026-12-04T00:00:00Z");
        second.environment_uid = "uid-other".into();
        let records = [record(3, "2026-12-03T00:00:00Z"), second.clone()];
        let refused = with(&records, 3, &lost(None, false)).unwrap_err();
        let Error::WhichKept { known, .. } = refused else { panic!("{refused:?}") };
        assert_eq!(known.len(), 2);
        let named = |kept: String| Lost { kept: Some(kept), ..lost(None, false) };
        assert_eq!(with(&records, 3, &named(second.object_name_of())).unwrap(), Some(&second));
        assert!(matches!(with(&records, 3, &named("qa-v0".into())), Err(Error::NotFound { .. })));
    }

    #[test]
    fn only_what_lasts_and_is_of_this_project_is_told_of_each_that_was_destroyed() {
        let mut other = record(5, "2026-12-05T00:00:00Z");
        other.project = "till".into();
        let records = [record(3, "2026-12-03T00:00:00Z"), record(4, "2026-12-04T00:00:00Z"), other];
        let told = |now: &str| left(&records, "shop", "qa", now.parse().unwrap()).len();
        assert_eq!((told("2026-12-01T00:00:00Z"), told("2026-12-03T12:00:00Z")), (2, 1));
        assert_eq!(told("2026-12-06T00:00:00Z"), 0);
    }
}
