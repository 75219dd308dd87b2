//! Counts reconciles: how many, how many failed, how long they took, by controller.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

type Controller = [(&'static str, &'static str); 1];

/// From one API request's time to the longest anyone should wait.
const BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Clones share their counts.
#[derive(Clone, Debug)]
pub struct Reconciles {
    total: Family<Controller, Counter>,
    errors: Family<Controller, Counter>,
    duration: Family<Controller, Histogram>,
}

impl Default for Reconciles {
    fn default() -> Self {
        Self {
            total: Family::default(),
            errors: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
        }
    }
}

impl Reconciles {
    pub fn reconciled(&self, controller: &'static str, took: Duration, failed: bool) {
        let labels = [("controller", controller)];
        self.total.get_or_create(&labels).inc();
        // Made even when all is well, so that a rate over it starts at zero.
        let errors = self.errors.get_or_create(&labels);
        if failed {
            errors.inc();
        }
        self.duration.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("reconciles", "Reconciles that have ended", self.total.clone());
        registry.register("reconcile_errors", "Reconciles that have failed", self.errors.clone());
        registry.register_with_unit(
            "reconcile_duration",
            "Time from the start of a reconcile to its end",
            Unit::Seconds,
            self.duration.clone(),
        );
    }
}
