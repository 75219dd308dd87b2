//! Clusters: planned, made, looked at and destroyed, each from its file.

pub mod addons;
mod kept;
mod machines;
mod outside;
mod zone;

use std::path::{Path, PathBuf};

pub use ::clusters::{
    Adopted, Cost, Count, Created, Error, Event, Finding, Holder, Look, Phase, PlanSummary, Planned, Purpose,
    Receipt, Result, Said, Sink, Status, Wanted, plan,
};
pub use aws::Failure as Unanswered;
pub use kept::{Drift, Folder, Kept, kept};
pub use machines::{Here, Machine, Room, here};
pub use outside::Outside;

use ::clusters::plan::drift::DriftReport;
use ::clusters::{ClusterFile, Kubeconfig, Way, Work, unless};
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::ListParams;

use crate::cluster::Cluster;
use crate::file::{self, Read, Source};

/// The name of the file in a directory.
pub const NAME: &str = "cluster.yaml";

/// What a person typed after `-f`: a file, a directory that holds one, `-`, or nothing for the working directory.
pub fn source(argument: Option<&Path>) -> Source {
    match argument {
        None => Source::Path(PathBuf::from(NAME)),
        Some(path) if path.is_dir() => Source::Path(path.join(NAME)),
        other => Source::from_argument(other),
    }
}

/// Reads and checks the file of a cluster.
pub fn wanted(source: &Source) -> crate::Result<Wanted> {
    let read: Read<ClusterFile> = file::cluster(source)?;
    let beside = match source {
        Source::Path(path) => path.parent().unwrap_or(Path::new("")).to_owned(),
        Source::Stdin | Source::Sent(_) => PathBuf::new(),
    };
    Ok(Wanted { file: read.content, beside })
}

/// A cluster with a plan that was read and judged.
pub struct Ready {
    work: Work,
    pub planned: Planned,
    /// What its Kubernetes has made in AWS, which goes with it.
    pub made: Count,
    /// What it gives back itself before it goes.
    pub outside: Outside,
    keep_volumes: bool,
    loss: bool,
}

/// How far a change may go.
#[derive(Clone, Debug, Default)]
pub struct Consent {
    /// What is planned may be done without a question.
    pub agreed: bool,
    /// Data may be lost.
    pub loss: bool,
    /// The plan that was agreed to.
    pub plan: Option<String>,
    /// Environments of protected classes may go with their cluster.
    pub protected: bool,
    /// Volumes of the cluster's workloads outlive it.
    pub keep_volumes: bool,
}

/// Looks at everything, takes up what an earlier run has left, and plans. Makes nothing, but for the bucket of states if that is agreed to.
pub async fn prepare(
    wanted: &Wanted,
    purpose: Purpose,
    consent: &Consent,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<Ready> {
    if purpose == Purpose::Apply {
        let found = plan::validate::version_problems(&wanted.file);
        if !found.is_empty() {
            return Err(Error::Preflight(found));
        }
    }
    let mut work = Box::pin(Work::open(wanted, sink)).await?;
    ::clusters::settle(&work, interrupted, sink).await?;
    if purpose == Purpose::Apply && !::clusters::is_begun(&work).await? {
        let named = match &work.file.spec.api {
            Some(api) => {
                let named = Box::pin(zone::look(api, sink));
                unless(interrupted, async { Ok(named.await) }).await?
            }
            None => Vec::new(),
        };
        unless(interrupted, ::clusters::preflight(&work, named, sink)).await?;
    }
    if purpose == Purpose::Apply && consent.agreed {
        work.make_bucket(sink).await?;
    }
    let planned = Box::pin(::clusters::planned(&work, purpose, interrupted, sink)).await?;
    planned.judge(purpose, consent.loss, consent.plan.as_deref())?;
    let outside = match purpose {
        Purpose::Destroy => unless(interrupted, Box::pin(outside::look(&work, consent.protected))).await?,
        Purpose::Apply | Purpose::Look => Outside::default(),
    };
    let made = match purpose {
        Purpose::Destroy => ::clusters::made_by_kubernetes(&work).await?.count(),
        Purpose::Apply | Purpose::Look => Count::default(),
    };
    Ok(Ready { work, planned, made, outside, keep_volumes: consent.keep_volumes, loss: consent.loss })
}

impl Ready {
    pub fn name(&self) -> &str {
        &self.work.identity.name
    }

    pub fn account(&self) -> &str {
        &self.work.identity.account
    }

    /// Where somebody was asked, the first cluster of an account is planned twice: only now they have agreed to a bucket, and a plan has
    /// to know where its state is to lie.
    pub async fn create(
        &mut self,
        interrupted: &mut (impl Future<Output = ()> + Unpin),
        sink: Sink<'_>,
    ) -> Result<Created> {
        if self.work.make_bucket(sink).await? {
            let agreed = self.planned.summary.hash.clone();
            self.planned = ::clusters::planned(&self.work, Purpose::Apply, interrupted, sink).await?;
            self.planned.judge(Purpose::Apply, self.loss, Some(&agreed))?;
        }
        ::clusters::apply(&self.work, &self.planned, interrupted, sink).await
    }

    pub async fn destroy(
        &self,
        interrupted: &mut (impl Future<Output = ()> + Unpin),
        sink: Sink<'_>,
    ) -> Result<Receipt> {
        let way = Way { agreed: &self.outside.agreed, keep_volumes: self.keep_volumes };
        ::clusters::destroy(&self.work, &self.planned, &way, interrupted, sink).await
    }
}

/// What differs from what was applied.
pub async fn drift(
    wanted: &Wanted,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<DriftReport> {
    let work = Work::open(wanted, sink).await?;
    ::clusters::settle(&work, interrupted, sink).await?;
    ::clusters::drift(&work, interrupted, sink).await
}

pub async fn status(wanted: &Wanted) -> Result<Status> {
    ::clusters::status(wanted).await
}

/// Why machines are no nodes.
pub async fn diagnose(wanted: &Wanted) -> Result<Vec<Finding>> {
    ::clusters::diagnose(wanted).await
}

pub async fn list(region: &str, bucket: Option<&str>) -> Result<Vec<Status>> {
    ::clusters::list(region, bucket).await
}

pub async fn unlock(wanted: &Wanted, id: &str, sink: Sink<'_>) -> Result<plan::lock::Lock> {
    ::clusters::unlock(wanted, id, sink).await
}

/// What a cluster that others made says of itself.
pub async fn found(cluster: &Cluster) -> crate::Result<Adopted> {
    let version = cluster.client.apiserver_version().await.map_err(|error| cluster.explain(error))?;
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let nodes = nodes.list_metadata(&ListParams::default()).await.map_err(|error| cluster.explain(error))?;
    Ok(Adopted {
        endpoint: cluster.server.clone(),
        kubernetes: version.git_version,
        nodes: nodes.items.len(),
        at: jiff::Timestamp::now().to_string(),
    })
}

/// Lists it among ours.
pub async fn adopt(
    name: &str,
    region: &str,
    bucket: Option<&str>,
    found: &Adopted,
    sink: Sink<'_>,
) -> Result<()> {
    ::clusters::adopt(name, region, bucket, found, sink).await
}

/// Strikes off a cluster that was adopted; it runs on.
pub async fn forget(name: &str, region: &str, bucket: Option<&str>) -> Result<()> {
    ::clusters::forget(name, region, bucket).await
}

/// A kubeconfig of an administrator, as YAML reads it.
pub async fn kubeconfig(wanted: &Wanted, hours: u32) -> Result<serde_json::Value> {
    match Box::pin(::clusters::kubeconfig(wanted, hours)).await? {
        Kubeconfig::Drawn(kubeconfig) => Ok(kubeconfig),
        Kubeconfig::Kept { place, text } => read_kubeconfig(&text).ok_or(Error::Unreadable {
            what: format!("the kubeconfig in {place}"),
            // Not what is there instead: it may be a secret of another kind.
            why: "it is no YAML of kind Config".to_owned(),
        }),
    }
}

fn read_kubeconfig(text: &str) -> Option<serde_json::Value> {
    let read: serde_json::Value = serde_saphyr::from_str(text).ok()?;
    Some(read).filter(|read| read["kind"] == "Config")
}

/// What it would cost; nobody is asked. None: a module of one's own.
pub fn cost(wanted: &Wanted) -> Result<Option<Cost>> {
    ::clusters::price(&wanted.file, &wanted.beside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_is_read_as_yaml_or_json_and_anything_else_is_none() {
        let yaml = "apiVersion: v1\nkind: Config\nclusters: []\n";
        assert_eq!(
            read_kubeconfig(yaml),
            read_kubeconfig(r#"{"apiVersion":"v1","kind":"Config","clusters":[]}"#)
        );
        assert!(read_kubeconfig(yaml).is_some());
        assert_eq!(read_kubeconfig("hunter22"), None);
        assert_eq!(read_kubeconfig("kind: Secret"), None);
        assert_eq!(read_kubeconfig(": : :"), None);
    }
}
