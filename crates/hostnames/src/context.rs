//! What every look of the slice shares: the cluster, AWS, what the operator was told, and who counts.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::Access;
use futures::FutureExt;
use jiff::Timestamp;
use kube::Client;
use thiserror::Error;
use tokio::sync::OnceCell;

use crate::kept::Kept;
use crate::plan::{BadOwner, Owner};
use crate::scheduler::Scheduler;
use crate::{Aws, Failure, Settings};

/// Told of what is done, to count it.
pub trait Observer: Send + Sync {
    /// One look at all hostnames has ended.
    fn looked(&self, took: Duration, failed: bool);
    /// So many hosts were written.
    fn accepted(&self, hosts: usize);
    /// A batch was in sync after so many seconds.
    fn synced(&self, seconds: f64);
    /// How many hosts are how far, by the reason of their condition.
    fn hosts(&self, counts: &BTreeMap<&'static str, usize>);
    /// Until when the certificate of each host holds that visitors are shown.
    fn certificates(&self, expiries: &BTreeMap<String, Timestamp>);
    /// How often Route 53 was asked since the process began, by kind of request.
    fn asked(&self, request: &'static str, times: u64);
}

/// What stops a look; the next one goes on.
#[derive(Debug, Error)]
pub enum Stop {
    #[error(transparent)]
    Kube(#[from] kube::Error),
    #[error(transparent)]
    Apply(#[from] apply::Error),
    #[error("a bug in outboard: {0}")]
    Bug(String),
}

pub struct Context {
    pub client: Client,
    pub settings: Settings,
    pub owner: Owner,
    pub scheduler: Scheduler,
    pub kept: Kept,
    pub observer: Arc<dyn Observer>,
    access: Access,
    route53: OnceCell<Aws>,
}

impl Context {
    pub fn new(client: Client, settings: Settings, observer: Arc<dyn Observer>) -> Result<Self, BadOwner> {
        let owner = Owner::new(&settings.install, &settings.cluster)?;
        let kept = Kept::new(&client, &settings.home, &settings.install);
        Ok(Self {
            client,
            settings,
            owner,
            scheduler: Scheduler::default(),
            kept,
            observer,
            access: Access::default(),
            route53: OnceCell::new(),
        })
    }

    pub async fn route53(&self) -> Result<&Aws, Failure> {
        self.route53.get_or_try_init(|| Aws::reach(&self.access)).await
    }

    /// One look, observed. A panic in it ends nothing else.
    pub async fn look<T>(&self, look: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
        let begun = Instant::now();
        let outcome = AssertUnwindSafe(look).catch_unwind().await.unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(Stop::Bug(said.unwrap_or_else(|| "a panic without words".to_owned())))
        });
        self.observer.looked(begun.elapsed(), outcome.is_err());
        outcome
    }
}
