//! What the operator tells Prometheus. Slices never see Prometheus: they report, this module counts.

mod copies;
mod environments;
mod hostnames;
mod process;
mod reconciles;
mod requests;

use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use copies::Copies;
pub use environments::Environments;
pub use hostnames::Hostnames;
pub use reconciles::Reconciles;
pub use requests::Requests;

/// The registry of one process and the metrics that the operator itself sets.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    leader: Gauge<i64, AtomicI64>,
    reconciles: Reconciles,
    requests: Requests,
    hostnames: Hostnames,
    environments: Environments,
    copies: Copies,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(|_| ())
    }
}

impl Metrics {
    /// `more` registers whatever else a slice has to tell, under the prefix `outboard`.
    pub fn new(more: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(process::Process));
        let ours = registry.sub_registry_with_prefix("outboard");
        ours.register("build", "Which outboard this is", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        let leader = Gauge::default();
        ours.register("leader", "1 while this process leads, else 0", leader.clone());
        let reconciles = Reconciles::default();
        reconciles.register(ours);
        let requests = Requests::default();
        requests.register(ours);
        let hostnames = Hostnames::new(reconciles.clone());
        hostnames.register(ours);
        let environments = Environments::new(reconciles.clone());
        environments.register(ours);
        let copies = Copies::new(reconciles.clone());
        copies.register(ours);
        more(ours);
        Self { registry, leader, reconciles, requests, hostnames, environments, copies }
    }

    pub(crate) fn lead(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Where a slice's controller reports what it did.
    pub fn reconciles(&self) -> Reconciles {
        self.reconciles.clone()
    }

    /// Where the controller of environments reports what it did, and what there is.
    pub(crate) fn environments(&self) -> Environments {
        self.environments.clone()
    }

    /// Where the controller of copies reports what it did, and what there is.
    pub(crate) fn copies(&self) -> Copies {
        self.copies.clone()
    }

    /// Where the keeper of hostnames reports what it did.
    pub(crate) fn hostnames(&self) -> Hostnames {
        self.hostnames.clone()
    }

    /// Where the client reports what it asks of the API server.
    pub(crate) fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// Everything, in the OpenMetrics text format.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_scrape_tells_version_leadership_reconciles_and_process() {
        let metrics = Metrics::default();
        metrics.lead(true);
        metrics.reconciles().reconciled("environment", Duration::from_millis(20), false);
        metrics.reconciles().reconciled("environment", Duration::from_millis(20), true);
        metrics.requests().count(&::http::Request::get("/api/v1/pods?watch=true").body(()).unwrap());
        let text = metrics.text().unwrap();
        for line in [
            concat!("outboard_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "outboard_leader 1",
            "outboard_reconciles_total{controller=\"environment\"} 2",
            "outboard_reconcile_errors_total{controller=\"environment\"} 1",
            "outboard_reconcile_duration_seconds_count{controller=\"environment\"} 2",
            "outboard_kubernetes_requests_total{verb=\"watch\",resource=\"pods\"} 1",
        ] {
            assert!(text.lines().any(|have| have == line), "no `{line}` in:\n{text}");
        }
        for name in ["process_resident_memory_bytes ", "process_cpu_seconds_total ", "process_open_fds "] {
            assert!(text.lines().any(|have| have.starts_with(name)), "no `{name}` in:\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
