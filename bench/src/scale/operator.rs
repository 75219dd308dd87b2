//! The installed operator, for the time of the bench: with room to show how much memory it takes, stopped and started.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::scrape::Scrape;
use crate::tools::kubectl;

const DEPLOYMENT: &str = "deployment/outboard-operator";
const PODS: &str = "app.kubernetes.io/name=outboard";
const LIMIT: Duration = Duration::from_secs(120);

/// The operator with a larger memory limit, for as long as this lives.
pub struct Operator {
    limit: String,
    replicas: String,
}

impl Operator {
    pub fn with_room() -> anyhow::Result<Self> {
        let read = |path: &str| ours(&["get", DEPLOYMENT, "-o", &format!("jsonpath={{{path}}}")]);
        let operator = Self {
            limit: read(".spec.template.spec.containers[0].resources.limits.memory")?,
            replicas: read(".spec.replicas")?,
        };
        operator.limit_to("4Gi")?;
        Ok(operator)
    }

    /// What it may take when nobody measures.
    pub fn usual_limit(&self) -> &str {
        &self.limit
    }

    fn limit_to(&self, memory: &str) -> anyhow::Result<()> {
        ours(&["set", "resources", DEPLOYMENT, &format!("--limits=memory={memory}")])?;
        ours(&["rollout", "status", DEPLOYMENT, "--timeout=120s"])?;
        // The old pod is still there for a moment, and answers for the Service too.
        self.wait_for_pods(self.replicas.parse().unwrap_or(1))?;
        wait_until_it_leads()
    }

    /// Ends it and waits until it is gone.
    pub fn stop(&self) -> anyhow::Result<()> {
        ours(&["scale", DEPLOYMENT, "--replicas=0"])?;
        self.wait_for_pods(0)
    }

    /// Orders it to start again.
    pub fn start(&self) -> anyhow::Result<()> {
        ours(&["scale", DEPLOYMENT, &format!("--replicas={}", self.replicas)]).map(drop)
    }

    fn wait_for_pods(&self, count: usize) -> anyhow::Result<()> {
        let begun = Instant::now();
        while ours(&["get", "pods", "-l", PODS, "-o", "name"])?.lines().count() != count {
            ensure!(begun.elapsed() < LIMIT, "there are not {count} pods of the operator");
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if let Err(error) = self.start().and_then(|()| self.limit_to(&self.limit)) {
            eprintln!("failed to give the operator its settings back (`outboard install` does): {error:#}");
        }
    }
}

fn wait_until_it_leads() -> anyhow::Result<()> {
    let begun = Instant::now();
    while !Scrape::operator().is_ok_and(|scrape| scrape.leads()) {
        ensure!(begun.elapsed() < LIMIT, "the operator does not lead");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn ours(arguments: &[&str]) -> anyhow::Result<String> {
    kubectl(&[&["-n", "outboard-system"], arguments].concat(), None)
}
