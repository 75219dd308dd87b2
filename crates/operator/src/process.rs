//! The life of the process: connect, stand by, lead, stop.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ::http::Request;
use futures::FutureExt;
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tower::util::MapRequestLayer;
use tracing::{info, warn};

use crate::identity::Identity;
use crate::lease::plan::Terms;
use crate::lease::{Candidate, KubernetesStore, Leadership, Lost};
use crate::metrics::{Metrics, Requests};
use crate::phase::Phase;
use crate::{Error, Options, definitions, http, signals};

/// Name of the Lease.
const LEASE: &str = "outboard-operator";
/// How long reconciles in flight may take to finish once the process is asked to stop.
const DRAIN: Duration = Duration::from_secs(8);
/// Longer than a watch is ever silent (its bookmarks come each minute), shorter than load balancers forget.
const READ_TIMEOUT: Duration = Duration::from_secs(240);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs until SIGTERM or SIGINT, or until leadership is lost.
pub async fn run(options: Options) -> Result<(), Error> {
    let shutdown = signals::shutdown()?;
    // Registries are asked through a client that takes the process's own provider; a second one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = http::bind(options.listen).await?;
    let process = Process::new(options);
    let client = connect(process.metrics.requests()).await?;
    let pages = http::Pages { metrics: process.metrics.clone(), phase: process.phase.subscribe() };
    tokio::select! {
        outcome = process.live(client, shutdown) => outcome,
        () = http::serve(listener, pages) => Err(Error::ControllersEnded),
    }
}

async fn connect(requests: Requests) -> Result<Client, Error> {
    let mut config = Config::infer().await.map_err(|error| Error::Config(Box::new(error)))?;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    // Else the time a connection lay idle before a request would count against that request.
    config.reset_reader_on_write = true;
    let counted = MapRequestLayer::new(move |request: Request<Body>| {
        requests.count(&request);
        request
    });
    let builder = ClientBuilder::try_from(config).map_err(|error| Error::Client(Box::new(error)))?;
    Ok(builder.with_layer(&counted).build())
}

struct Process {
    options: Options,
    metrics: Arc<Metrics>,
    phase: watch::Sender<Phase>,
}

impl Process {
    fn new(options: Options) -> Self {
        Self { options, metrics: Arc::default(), phase: watch::Sender::default() }
    }

    fn enter(&self, phase: Phase) {
        self.metrics.lead(phase.leads());
        info!("Now {phase}");
        self.phase.send_replace(phase);
    }

    async fn live(&self, client: Client, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let mut shutdown = pin!(shutdown);
        // Held to the end: it guards the name under which this process leads.
        let identity = Identity::of_this_process(&self.options.settings.install);
        let mut leadership = tokio::select! {
            leadership = self.lead(&client, &identity) => leadership,
            () = &mut shutdown => return Ok(()),
        };

        let (stop, mut work) = self.start(&client);
        tokio::select! {
            lost = keep(&mut leadership) => return Err(lost.into()),
            () = &mut work => return Err(Error::ControllersEnded),
            () = &mut shutdown => {}
        }
        self.enter(Phase::Stopping);
        // Nobody listens any more only if the work has just ended by itself.
        let _ = stop.send(());
        let drained = tokio::select! {
            lost = keep(&mut leadership) => return Err(lost.into()),
            drained = timeout(DRAIN, &mut work) => drained.is_ok(),
        };
        drop(work);
        match leadership {
            Some(leadership) if drained => leadership.release().await,
            // What is still in flight may write: the successor had better wait for the lease's expiry.
            _ if !drained => {
                warn!("Stopping though reconciles are still in flight; the lease is left to expire");
            }
            _ => {}
        }
        Ok(())
    }

    /// Waits until this process may act; `None` when it was told to act without asking.
    async fn lead(&self, client: &Client, identity: &Identity) -> Option<Leadership<KubernetesStore>> {
        if !self.options.leader_elect {
            return None;
        }
        let store = KubernetesStore::new(client.clone(), &self.options.lease_namespace, LEASE);
        let candidate = Candidate::new(store, identity.name.as_str(), Terms::default());
        let waiting = |leader: &str| self.enter(Phase::Standby { leader: leader.to_owned() });
        let leadership = candidate.acquire(waiting).await;
        info!(identity = %identity.name, "Acquired the lease as {}", identity.name);
        Some(leadership)
    }

    /// The controllers, and what asks them to stop.
    fn start(&self, client: &Client) -> (oneshot::Sender<()>, futures::future::LocalBoxFuture<'_, ()>) {
        let (stop, stopped) = oneshot::channel();
        let client = client.clone();
        let work = async move {
            let mut stopped = stopped;
            let missing = |missing| self.enter(Phase::MissingDefinitions { missing });
            tokio::select! {
                () = definitions::wait(&client, missing) => {}
                _ = &mut stopped => return,
            }
            self.enter(Phase::Leading);
            let settings = environments::Settings {
                home: self.options.lease_namespace.clone(),
                ..self.options.settings.clone()
            };
            let observer = Arc::new(self.metrics.environments());
            let asked = async {
                // A dropped sender is the end of the process: just as good a reason to stop.
                let _ = stopped.await;
            }
            .shared();
            let copies = self.copies(client.clone(), asked.clone());
            let hostnames = self.hostnames(client.clone(), asked.clone());
            let environments = environments::controller::run(client, settings, observer, asked);
            futures::join!(environments, copies, hostnames);
        };
        (stop, Box::pin(work))
    }

    fn hostnames(
        &self,
        client: Client,
        asked: impl Future<Output = ()> + Send + Sync + 'static,
    ) -> impl Future<Output = ()> {
        let observer = Arc::new(self.metrics.hostnames());
        hostnames::controller::run(client, self.options.hostnames.clone(), observer, asked)
    }

    fn copies(
        &self,
        client: Client,
        asked: impl Future<Output = ()> + Send + Sync + 'static,
    ) -> impl Future<Output = ()> {
        let settings = &self.options.settings;
        let settings = data::Settings {
            install: settings.install.clone(),
            image: settings.image.clone(),
            home: self.options.lease_namespace.clone(),
            retention: settings.retention,
            concurrency: settings.concurrency,
        };
        let observer = Arc::new(self.metrics.copies());
        data::controller::run(client, settings, observer, asked)
    }
}

async fn keep(leadership: &mut Option<Leadership<KubernetesStore>>) -> Lost {
    match leadership {
        Some(leadership) => leadership.keep().await,
        None => std::future::pending().await,
    }
}
