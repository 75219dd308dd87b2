//! Reads what a process tells Prometheus about itself: the operator's metrics, and the API server's.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};

use crate::tools::kubectl;

const OPERATOR: &str = "/api/v1/namespaces/outboard-system/services/outboard-operator:http/proxy/metrics";

/// One look at a process's metrics.
pub struct Scrape(String);

impl Scrape {
    pub fn operator() -> anyhow::Result<Self> {
        kubectl(&["get", "--raw", OPERATOR], None).map(Self).context("the operator tells no metrics")
    }

    pub fn api_server() -> anyhow::Result<Self> {
        kubectl(&["get", "--raw", "/metrics"], None).map(Self)
    }

    /// Every series of a metric: its labels as they stand there, and its value.
    pub fn series<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = match rest.strip_prefix('{') {
                Some(rest) => rest.rsplit_once("} ")?,
                None => ("", rest.strip_prefix(' ')?),
            };
            Some((labels, value.trim().parse().ok()?))
        })
    }

    /// The sum of the series that have all of these labels, each written `name="value"`.
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let has = |found: &str| labels.iter().all(|label| found.split(',').any(|one| one == *label));
        self.series(name).filter(|(found, _)| has(found)).fold(0.0, |sum, (_, value)| sum + value)
    }

    pub fn cpu(&self) -> f64 {
        self.sum("process_cpu_seconds_total", &[])
    }

    pub fn resident_mib(&self) -> f64 {
        self.sum("process_resident_memory_bytes", &[]) / 1024.0 / 1024.0
    }

    pub fn leads(&self) -> bool {
        self.sum("outboard_leader", &[]) > 0.0
    }

    /// Looks of the operator at environments that have ended.
    pub fn looks(&self) -> f64 {
        self.sum("outboard_reconciles_total", &["controller=\"environment\""])
    }

    /// What the operator asked of the API server, by verb and resource.
    pub fn questions(&self) -> anyhow::Result<BTreeMap<String, f64>> {
        let all = self.series("outboard_kubernetes_requests_total");
        let all: BTreeMap<_, _> = all.map(|(labels, value)| (labels.to_owned(), value)).collect();
        ensure!(!all.is_empty(), "the operator does not count its requests: run `make install`");
        Ok(all)
    }

    /// How much of it was for passes: without watches and the renewal of its lease.
    pub fn requests(&self) -> anyhow::Result<f64> {
        Ok(for_passes(&self.questions()?))
    }
}

/// Requests without those that a process makes merely to be there: beginning watches, renewing its lease.
pub fn for_passes(questions: &BTreeMap<String, f64>) -> f64 {
    let upkeep = |labels: &str| labels.contains("verb=\"watch\"") || labels.contains("resource=\"leases\"");
    questions.iter().filter(|(labels, _)| !upkeep(labels)).fold(0.0, |sum, (_, value)| sum + value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_added_by_their_labels_and_names_that_only_begin_alike_are_left_out() {
        let scrape = Scrape(
            "# TYPE a counter\na{x=\"1\",y=\"2\"} 3\na{x=\"1\",y=\"3\"} 4\na_more{x=\"1\"} 100\nb 1.5e1\n"
                .into(),
        );
        assert!((scrape.sum("a", &["x=\"1\""]) - 7.0).abs() < f64::EPSILON);
        assert!((scrape.sum("a", &["y=\"3\"", "x=\"1\""]) - 4.0).abs() < f64::EPSILON);
        assert!((scrape.sum("b", &[]) - 15.0).abs() < f64::EPSILON);
    }
}
