//! Counts what is done about hostnames: how many are how far, what was asked of Route 53, and how long it took until name
//! servers had it.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::Reconciles;

type Host = [(&'static str, String); 1];
type Labels = [(&'static str, &'static str); 1];

/// From what Route 53 usually takes to what nobody should wait for.
const BUCKETS: [f64; 9] = [5.0, 15.0, 30.0, 60.0, 90.0, 120.0, 300.0, 900.0, 1800.0];

/// Clones share their counts.
#[derive(Clone, Debug)]
pub struct Hostnames {
    reconciles: Reconciles,
    hosts: Family<Labels, Gauge>,
    accepted: Counter,
    requests: Family<Labels, Gauge>,
    sync: Histogram,
    certificates: Family<Host, Gauge>,
}

impl Hostnames {
    pub(super) fn new(reconciles: Reconciles) -> Self {
        Self {
            reconciles,
            hosts: Family::default(),
            accepted: Counter::default(),
            requests: Family::default(),
            sync: Histogram::new(BUCKETS),
            certificates: Family::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("hostnames", "Named hosts, by how far they are", self.hosts.clone());
        registry.register("hostname_changes", "Hosts whose records were changed", self.accepted.clone());
        registry.register(
            "route53_requests",
            "Requests to Route 53 since the process began",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "dns_sync",
            "Time from a change of records to every name server of their zone having it",
            Unit::Seconds,
            self.sync.clone(),
        );
        registry.register(
            "certificate_not_after_timestamp_seconds",
            "Until when the certificate holds that visitors of a host are shown, in seconds since 1970",
            self.certificates.clone(),
        );
    }
}

impl hostnames::Observer for Hostnames {
    fn looked(&self, took: Duration, failed: bool) {
        self.reconciles.reconciled("hostnames", took, failed);
    }

    fn accepted(&self, hosts: usize) {
        self.accepted.inc_by(u64::try_from(hosts).unwrap_or(u64::MAX));
    }

    fn synced(&self, seconds: f64) {
        self.sync.observe(seconds);
    }

    fn hosts(&self, counts: &BTreeMap<&'static str, usize>) {
        // One that nobody is at any more is 0, not the last that was there.
        self.hosts.clear();
        for (reason, count) in counts {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            self.hosts.get_or_create(&[("reason", *reason)]).set(count);
        }
    }

    fn certificates(&self, expiries: &BTreeMap<String, Timestamp>) {
        self.certificates.clear();
        for (host, not_after) in expiries {
            self.certificates.get_or_create(&[("host", host.clone())]).set(not_after.as_second());
        }
    }

    fn asked(&self, request: &'static str, times: u64) {
        let times = i64::try_from(times).unwrap_or(i64::MAX);
        self.requests.get_or_create(&[("request", request)]).set(times);
    }
}
