//! Tells how many copies of data there are and how far they are, and how backups stand that schedules make, read from what the
//! controller knows at each scrape. Of single copies nothing is told: there is no end to their names.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use api::DataCopy;
use data::Standing;
use kube::ResourceExt;
use kube::runtime::reflector::Store;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::Reconciles;

/// Clones share what they know.
#[derive(Clone)]
pub struct Copies {
    reconciles: Reconciles,
    known: Arc<OnceLock<Store<DataCopy>>>,
    standing: Arc<Mutex<Vec<Standing>>>,
}

impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copies").finish_non_exhaustive()
    }
}

impl Copies {
    pub(super) fn new(reconciles: Reconciles) -> Self {
        Self { reconciles, known: Arc::default(), standing: Arc::default() }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.clone()));
    }
}

impl data::Observer for Copies {
    fn looked(&self, took: Duration, failed: bool) {
        self.reconciles.reconciled("copy", took, failed);
    }

    fn copies(&self, copies: Store<DataCopy>) {
        // A process leads once.
        let _ = self.known.set(copies);
    }

    fn backups(&self, standing: Vec<Standing>) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }
}

impl Collector for Copies {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        // Whoever only stands by knows of none.
        let Some(known) = self.known.get() else { return Ok(()) };
        let mut counts = BTreeMap::<[(&str, String); 3], i64>::new();
        for copy in known.state() {
            *counts.entry(kind(&copy)).or_default() += 1;
        }
        let mut family = encoder.encode_descriptor(
            "data_copies",
            "Copies of data, by what they are and how far",
            None,
            MetricType::Gauge,
        )?;
        for (labels, count) in counts {
            ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
        }
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (name, help, value) in GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for one in &standing {
                if let Some(value) = value(one) {
                    ConstGauge::new(value).encode(family.encode_family(&place(one))?)?;
                }
            }
        }
        Ok(())
    }
}

/// What is told of each environment of a class with a schedule.
type Gauge = (&'static str, &'static str, fn(&Standing) -> Option<i64>);

const GAUGES: [Gauge; 3] = [
    (
        "backup_last_success_timestamp_seconds",
        "When the newest whole backup of an environment was finished, in seconds since 1970",
        |standing| standing.whole.as_ref().map(|(_, at)| at.as_second()),
    ),
    (
        "backup_due_timestamp_seconds",
        "When the backup after the newest whole one is due, or was, in seconds since 1970",
        |standing| standing.due.map(k8s_openapi::jiff::Timestamp::as_second),
    ),
    (
        "backup_failed",
        "1 if the last backup that the schedule made failed, until one is whole or the failed one is removed; else 0",
        |standing| Some(i64::from(standing.failed.is_some())),
    ),
];

fn kind(copy: &DataCopy) -> [(&'static str, String); 3] {
    let kind = match &copy.spec {
        spec if spec.backup => "backup",
        spec if spec.from.backup.is_some() => "restore",
        spec if spec.scan => "scan",
        spec if spec.dry_run => "dry run",
        _ => "copy",
    };
    let phase = copy.status.as_ref().map(|status| status.phase).unwrap_or_default();
    [
        ("control_namespace", copy.namespace().unwrap_or_default()),
        ("kind", kind.to_owned()),
        ("state", phase.as_str().to_owned()),
    ]
}

fn place(standing: &Standing) -> [(&'static str, String); 5] {
    [
        ("control_namespace", standing.control_namespace.clone()),
        ("project", standing.project.clone()),
        ("environment", standing.environment.clone()),
        ("class", standing.class.clone()),
        ("protected", standing.protected.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use api::datacopy::{CopyPhase, DataCopySpec, DataCopyStatus};
    use data::Observer;
    use k8s_openapi::jiff::Timestamp;
    use kube::runtime::reflector;
    use kube::runtime::watcher::Event;

    use super::*;
    use crate::metrics::Metrics;

    fn copy(name: &str, backup: bool, phase: CopyPhase) -> DataCopy {
        let mut copy = DataCopy::new(name, DataCopySpec { backup, ..DataCopySpec::between("a", "b") });
        copy.metadata.namespace = Some("team".into());
        copy.status = Some(DataCopyStatus { phase, ..DataCopyStatus::default() });
        copy
    }

    fn own(metrics: &Metrics) -> Vec<String> {
        let text = metrics.text().unwrap();
        let ours = |line: &&str| line.starts_with("outboard_data_") || line.starts_with("outboard_backup_");
        text.lines().filter(ours).map(str::to_owned).collect()
    }

    #[test]
    fn a_scrape_tells_how_far_copies_are_and_how_backups_of_schedules_stand() {
        let metrics = Metrics::default();
        assert!(own(&metrics).is_empty(), "nobody leads yet");
        let (store, mut writer) = reflector::store();
        metrics.copies().copies(store);
        for one in [
            copy("one", false, CopyPhase::Copying),
            copy("two", true, CopyPhase::Failed),
            copy("three", true, CopyPhase::Failed),
        ] {
            writer.apply_watcher_event(&Event::Apply(one));
        }
        let second = |second| Timestamp::from_second(second).unwrap();
        let live = Standing {
            control_namespace: "team".into(),
            project: "shop".into(),
            environment: "live".into(),
            class: "production".into(),
            protected: true,
            whole: Some(("live-1".into(), second(100))),
            due: Some(second(200)),
            failed: Some("backup live-2 failed".into()),
        };
        metrics.copies().backups(vec![live.clone()]);
        let place = r#"control_namespace="team",project="shop",environment="live",class="production",protected="true""#;
        assert_eq!(
            own(&metrics),
            [
                r#"outboard_data_copies{control_namespace="team",kind="backup",state="failed"} 2"#.to_owned(),
                r#"outboard_data_copies{control_namespace="team",kind="copy",state="copying"} 1"#.to_owned(),
                format!("outboard_backup_last_success_timestamp_seconds{{{place}}} 100"),
                format!("outboard_backup_due_timestamp_seconds{{{place}}} 200"),
                format!("outboard_backup_failed{{{place}}} 1"),
            ]
        );
        metrics.copies().backups(vec![Standing { whole: None, due: None, failed: None, ..live }]);
        assert_eq!(own(&metrics)[2..], [format!("outboard_backup_failed{{{place}}} 0")]);
        metrics.copies().backups(vec![]);
        assert_eq!(own(&metrics).len(), 2, "it is no longer there, not 0");
    }
}
