//! Tells how many environments there are and how they are, and each verdict that stands, read from what the controller knows
//! at each scrape; counts what was announced.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use api::condition::{self, READY};
use api::{Environment, EnvironmentStatus};
use kube::ResourceExt;
use kube::runtime::reflector::Store;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::Reconciles;

type Outcome = [(&'static str, &'static str); 1];

/// Clones share what they know.
#[derive(Clone)]
pub struct Environments {
    reconciles: Reconciles,
    known: Arc<OnceLock<Store<Environment>>>,
    announcements: Family<Outcome, Counter>,
}

impl fmt::Debug for Environments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environments").field("announcements", &self.announcements).finish_non_exhaustive()
    }
}

impl Environments {
    pub(super) fn new(reconciles: Reconciles) -> Self {
        let announcements = Family::<Outcome, Counter>::default();
        // Made even when there is no webhook, so that a rate over it starts at zero.
        for outcome in ["taken", "refused"] {
            let _ = announcements.get_or_create(&[("outcome", outcome)]);
        }
        Self { reconciles, known: Arc::default(), announcements }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "announcements",
            "Messages to the webhook, by whether it took them",
            self.announcements.clone(),
        );
        registry.register_collector(Box::new(self.clone()));
    }
}

impl environments::Observer for Environments {
    fn reconciled(&self, controller: &'static str, took: Duration, failed: bool) {
        self.reconciles.reconciled(controller, took, failed);
    }

    fn environments(&self, environments: Store<Environment>) {
        // A process leads once.
        let _ = self.known.set(environments);
    }

    fn announced(&self, taken: bool) {
        let outcome = if taken { "taken" } else { "refused" };
        self.announcements.get_or_create(&[("outcome", outcome)]).inc();
    }
}

impl Collector for Environments {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        // Whoever only stands by knows of none.
        let Some(known) = self.known.get() else { return Ok(()) };
        let all = known.state();
        let mut counts = BTreeMap::<[(&str, String); 4], i64>::new();
        for environment in &all {
            *counts.entry(kind(environment)).or_default() += 1;
        }
        let mut family = encoder.encode_descriptor(
            "environments",
            "Environments, by project, class and how they are",
            None,
            MetricType::Gauge,
        )?;
        for (labels, count) in counts {
            ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
        }
        let mut family = encoder.encode_descriptor(
            "environment_verdict",
            "1 for each environment that is not ready and of which it is known why; terminal: waiting does not help",
            None,
            MetricType::Gauge,
        )?;
        for labels in all.iter().filter_map(|environment| verdict(environment)) {
            ConstGauge::new(1_i64).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// Where it belongs, and its state in one word.
fn kind(environment: &Environment) -> [(&'static str, String); 4] {
    [
        ("control_namespace", environment.namespace().unwrap_or_default()),
        ("project", environment.spec.project.clone()),
        ("class", environment.spec.class.clone()),
        ("state", state(environment).to_owned()),
    ]
}

fn state(environment: &Environment) -> &'static str {
    let nothing = EnvironmentStatus::default();
    let status = environment.status.as_ref().unwrap_or(&nothing);
    if environment.metadata.deletion_timestamp.is_some() {
        "destroying"
    } else if status.verdict.as_ref().is_some_and(|verdict| verdict.terminal) {
        "failing"
    } else if condition::find(&status.conditions, READY).is_some_and(api::Condition::is_true) {
        "ready"
    } else {
        "waiting"
    }
}

fn verdict(environment: &Environment) -> Option<[(&'static str, String); 9]> {
    let status = environment.status.as_ref()?;
    let verdict = status.verdict.as_ref()?;
    Some([
        ("control_namespace", environment.namespace().unwrap_or_default()),
        ("project", environment.spec.project.clone()),
        ("environment", environment.name_any()),
        ("class", environment.spec.class.clone()),
        ("protected", status.protection.is_some().to_string()),
        ("cause", format!("{:?}", verdict.cause)),
        ("about", verdict.about.clone()),
        ("terminal", verdict.terminal.to_string()),
        ("holds", verdict.holds.to_string()),
    ])
}

#[cfg(test)]
mod tests {
    use ::environments::Observer;
    use api::{Cause, EnvironmentSpec, Protection, Verdict};
    use kube::runtime::reflector;
    use kube::runtime::watcher::Event;

    use super::*;
    use crate::metrics::Metrics;

    fn environment(name: &str, verdict: Option<Verdict>) -> Environment {
        let spec =
            EnvironmentSpec { project: "shop".into(), class: "qa".into(), ..EnvironmentSpec::default() };
        let mut environment = Environment::new(name, spec);
        environment.metadata.namespace = Some("team".into());
        environment.status = Some(EnvironmentStatus {
            verdict,
            protection: (name == "live").then(Protection::default),
            ..EnvironmentStatus::default()
        });
        environment
    }

    fn crash(terminal: bool) -> Verdict {
        Verdict {
            cause: Cause::CrashLoop,
            about: "component \"web\"\n".into(),
            message: "m".into(),
            evidence: vec!["secret".into()],
            fix: "f".into(),
            terminal,
            holds: false,
        }
    }

    #[test]
    fn a_scrape_tells_how_environments_are_and_each_verdict_that_stands() {
        let metrics = Metrics::default();
        assert!(!metrics.text().unwrap().contains("outboard_environment_verdict{"), "nobody leads yet");
        let (store, mut writer) = reflector::store();
        metrics.environments().environments(store);
        metrics.environments().announced(true);
        for one in [
            environment("live", Some(crash(true))),
            environment("qa-1", Some(crash(false))),
            environment("qa-2", None),
        ] {
            writer.apply_watcher_event(&Event::Apply(one));
        }
        let text = metrics.text().unwrap();
        let own: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("outboard_environment") || line.starts_with("outboard_announce"))
            .collect();
        let mut own: Vec<&str> = own;
        own.sort_unstable();
        assert_eq!(
            own,
            [
                r#"outboard_announcements_total{outcome="refused"} 0"#,
                r#"outboard_announcements_total{outcome="taken"} 1"#,
                r#"outboard_environment_verdict{control_namespace="team",project="shop",environment="live",class="qa",protected="true",cause="CrashLoop",about="component \"web\"\n",terminal="true",holds="false"} 1"#,
                r#"outboard_environment_verdict{control_namespace="team",project="shop",environment="qa-1",class="qa",protected="false",cause="CrashLoop",about="component \"web\"\n",terminal="false",holds="false"} 1"#,
                r#"outboard_environments{control_namespace="team",project="shop",class="qa",state="failing"} 1"#,
                r#"outboard_environments{control_namespace="team",project="shop",class="qa",state="waiting"} 2"#,
            ]
        );
        // What has passed is gone, not 0.
        writer.apply_watcher_event(&Event::Apply(environment("live", None)));
        assert!(!metrics.text().unwrap().contains("environment=\"live\""));
    }
}
