//! `data reset`: the data that an environment got last, once more and from where it came from. Writes nothing itself.

use api::Environment;
use api::datacopy::{CopyPhase, DataCopy};
use jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::begin::{Backing, Wanted, fresh_name, standing};
use crate::{Cluster, Error, Result};

/// The copy that brings it again, with what was chosen then. What needs to be said each time does so here, too.
pub async fn reset(cluster: &Cluster, namespace: &str, to: &str) -> Result<Wanted> {
    let environment = standing(cluster, namespace, to).await?;
    let copies = Api::<DataCopy>::namespaced(cluster.client.clone(), namespace);
    let list = copies.list(&ListParams::default()).await.map_err(|error| cluster.explain(error))?;
    match last(&list.items, &environment) {
        None => Err(Error::NeverCopied { environment: to.to_owned() }),
        Some(copy) if !copy.spec.databases.is_empty() => Err(Error::OwnDatabases { copy: copy.name_any() }),
        Some(copy) => Ok(again(copy, to, cluster.now().await)),
    }
}

/// Of copies of one namespace, the last that brought `to` data of another environment, or of a backup of one; none that was one of
/// an environment which had this name before.
pub fn last<'a>(copies: impl IntoIterator<Item = &'a DataCopy>, to: &Environment) -> Option<&'a DataCopy> {
    let (name, since) = (to.name_any(), &to.metadata.creation_timestamp);
    let whole = |copy: &&DataCopy| copy.status.as_ref().is_some_and(|status| status.phase == CopyPhase::Done);
    let brought = |copy: &&DataCopy| {
        let spec = &copy.spec;
        let looks_only = spec.dry_run || spec.scan || spec.backup;
        spec.to.environment == name
            && spec.from.environment != name
            && !looks_only
            && copy.metadata.creation_timestamp >= *since
    };
    let ended = |copy: &&DataCopy| copy.status.as_ref().and_then(|status| Some(status.finished.as_ref()?.0));
    copies.into_iter().filter(brought).filter(whole).max_by_key(ended)
}

fn again(copy: &DataCopy, to: &str, now: Timestamp) -> Wanted {
    let spec = &copy.spec;
    Wanted {
        services: spec.services.clone(),
        keys: spec.keys.clone(),
        delete_up_to: spec.delete_up_to,
        denied: spec.denied,
        snapshot: spec.snapshot,
        workers: spec.workers,
        masks: spec.masks,
        limits: spec.limits,
        quiesce: spec.quiesce,
        backing: spec.from.backup.clone().map_or(Backing::None, Backing::From),
        ..Wanted::between(fresh_name(to, now), &spec.from.environment, to)
    }
}

#[cfg(test)]
mod tests {
    use api::datacopy::{DataCopySpec, DataCopyStatus, MaskChoice};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn qa(created: &str) -> Environment {
        let mut qa = Environment::new("qa", api::EnvironmentSpec::default());
        qa.metadata.creation_timestamp = Some(Time(created.parse().unwrap()));
        qa
    }

    fn copy(name: &str, from: &str, finished: &str, change: impl FnOnce(&mut DataCopySpec)) -> DataCopy {
        let mut spec = DataCopySpec::between(from, "qa");
        change(&mut spec);
        let mut copy = DataCopy::new(name, spec);
        let finished = Some(Time(finished.parse().unwrap()));
        copy.metadata.creation_timestamp = finished.clone();
        copy.status = Some(DataCopyStatus { phase: CopyPhase::Done, finished, ..DataCopyStatus::default() });
        copy
    }

    #[test]
    fn data_comes_again_from_where_it_came_from_last() {
        let mut failed = copy("failed", "live", "2026-11-27T08:00:00Z", |_| {});
        failed.status.as_mut().unwrap().phase = CopyPhase::Failed;
        let all = [
            copy("old", "live", "2026-11-25T03:00:00Z", |_| {}),
            copy("seed", "golden", "2026-11-26T03:00:00Z", |spec| {
                spec.services = vec!["db".into()];
                spec.masks = MaskChoice::None;
                spec.protected = true;
            }),
            copy("looked", "live", "2026-11-27T03:00:00Z", |spec| spec.dry_run = true),
            copy("own", "qa", "2026-11-27T04:00:00Z", |spec| spec.from.backup = Some("qa-1".into())),
            copy("away", "golden", "2026-11-27T05:00:00Z", |spec| spec.to.environment = "qa-2".into()),
            failed,
        ];
        let here = qa("2026-11-25T03:00:00Z");
        let found = last(&all, &here).unwrap();
        assert_eq!(found.name_any(), "seed");
        let wanted = again(found, "qa", Timestamp::UNIX_EPOCH);
        assert_eq!((wanted.from.as_str(), wanted.to.as_str()), ("golden", "qa"));
        assert_eq!((wanted.services, wanted.masks), (vec!["db".to_owned()], MaskChoice::None));
        // That it may is said each time.
        assert!(!wanted.protected && wanted.name != "seed");
        let backup =
            copy("b", "golden", "2026-11-28T03:00:00Z", |spec| spec.from.backup = Some("g-1".into()));
        assert_eq!(again(&backup, "qa", Timestamp::UNIX_EPOCH).backing, Backing::From("g-1".into()));
        assert!(last(&all[2..], &here).is_none());
    }

    #[test]
    fn an_environment_that_had_the_name_before_got_nothing_for_this_one() {
        let all = [copy("old", "live", "2026-11-25T03:00:00Z", |_| {})];
        assert!(last(&all, &qa("2026-11-25T03:00:00Z")).is_some());
        assert!(last(&all, &qa("2026-11-25T03:00:01Z")).is_none());
    }
}
