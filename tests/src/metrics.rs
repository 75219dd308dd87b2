//! What the installed operator tells Prometheus about itself.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use kube::Client;

const PATH: &str = "/api/v1/namespaces/outboard-system/services/outboard-operator:http/proxy/metrics";

/// One look at its metrics: values by series.
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    pub async fn of_operator(client: &Client) -> Result<Self> {
        let text = client.request_text(hyper::Request::get(PATH).body(vec![])?).await;
        let text = text.context("the operator tells no metrics")?;
        let series = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Ok(Self(series.collect()))
    }

    /// The value of one series, as it is written: name and labels.
    pub fn value(&self, series: &str) -> Option<f64> {
        self.0.get(series).copied()
    }

    /// Requests to the API server but for what it does merely to be there: watches and its lease.
    pub fn requests(&self) -> f64 {
        self.questions().map(|(_, value)| value).sum()
    }

    fn questions(&self) -> impl Iterator<Item = (&String, f64)> {
        let upkeep = |name: &str| name.contains("verb=\"watch\"") || name.contains("resource=\"leases\"");
        self.0
            .iter()
            .filter(move |(name, _)| name.starts_with("outboard_kubernetes_requests_total") && !upkeep(name))
            .map(|(name, value)| (name, *value))
    }

    /// Looks at environments that have ended.
    pub fn looks(&self) -> f64 {
        let looks = |name: &str| {
            name.starts_with("outboard_reconciles_total") && name.contains("controller=\"environment\"")
        };
        self.0.iter().filter(|(name, _)| looks(name)).map(|(_, value)| value).sum()
    }

    /// What was asked since `before`, by series.
    pub fn since(&self, before: &Self) -> Vec<(String, f64)> {
        let more = |(name, value): (&String, f64)| {
            (name.clone(), value - before.0.get(name).copied().unwrap_or_default())
        };
        self.questions().map(more).filter(|(_, more)| *more > 0.0).collect()
    }
}
