//! Elections on paused time, against a store that conflicts, fails and hangs as Kubernetes can.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::core::Status;
use kube::{Error, ResourceExt};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep, timeout};

use super::plan::Terms;
use super::store::Store;
use super::{Candidate, Lost};

/// How requests of one process fare.
#[derive(Clone, Copy, PartialEq)]
enum Network {
    Works,
    Fails,
    Hangs,
    /// Writes arrive, answers do not.
    Deaf,
}

#[derive(Clone)]
struct Memory {
    lease: Rc<RefCell<Option<Lease>>>,
    version: Rc<Cell<u64>>,
    network: Rc<Cell<Network>>,
}

impl Memory {
    fn new() -> Self {
        let network = Rc::new(Cell::new(Network::Works));
        Self { lease: Rc::default(), version: Rc::default(), network }
    }

    /// The same lease, reached over another network.
    fn elsewhere(&self) -> Self {
        Self { network: Rc::new(Cell::new(Network::Works)), ..self.clone() }
    }

    fn holder(&self) -> Option<String> {
        self.lease.borrow().as_ref()?.spec.as_ref()?.holder_identity.clone()
    }

    async fn pass(&self) -> Result<(), Error> {
        sleep(Duration::from_millis(5)).await;
        match self.network.get() {
            Network::Works | Network::Deaf => Ok(()),
            Network::Fails => Err(status(503)),
            Network::Hangs => std::future::pending().await,
        }
    }

    async fn answer<T>(&self, value: T) -> T {
        sleep(Duration::from_millis(5)).await;
        if self.network.get() == Network::Deaf {
            std::future::pending::<()>().await;
        }
        value
    }

    fn store(&self, lease: &Lease) -> Lease {
        self.version.set(self.version.get() + 1);
        let mut stored = lease.clone();
        stored.metadata.resource_version = Some(self.version.get().to_string());
        *self.lease.borrow_mut() = Some(stored.clone());
        stored
    }
}

fn status(code: u16) -> Error {
    Error::Api(Box::new(Status { code, ..Status::default() }))
}

impl Store for Memory {
    async fn get(&self) -> Result<Option<Lease>, Error> {
        self.pass().await?;
        let lease = self.lease.borrow().clone();
        Ok(self.answer(lease).await)
    }

    async fn create(&self, lease: &Lease) -> Result<Lease, Error> {
        self.pass().await?;
        if self.lease.borrow().is_some() {
            return Err(status(409));
        }
        let stored = self.store(lease);
        Ok(self.answer(stored).await)
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, Error> {
        self.pass().await?;
        let version = self.lease.borrow().as_ref().map(ResourceExt::resource_version);
        match version {
            None => Err(status(404)),
            Some(version) if version != lease.resource_version() => Err(status(409)),
            Some(_) => {
                let stored = self.store(lease);
                Ok(self.answer(stored).await)
            }
        }
    }

    async fn changed(&self, _: &Lease, at_most: Duration) {
        sleep(at_most).await;
    }
}

fn candidate(store: &Memory, identity: &str) -> Candidate<Memory> {
    Candidate::new(store.clone(), identity, Terms::default())
}

#[tokio::test(start_paused = true)]
async fn a_graceful_stop_hands_over_at_once() {
    let store = Memory::new();
    let first = candidate(&store, "a").acquire(|_| ()).await;
    first.release().await;
    let started = Instant::now();
    candidate(&store, "b").acquire(|_| ()).await;
    assert!(started.elapsed() < Duration::from_millis(100), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stranger_waits_for_a_dead_leaders_expiry_and_says_for_whom() {
    let store = Memory::new();
    drop(candidate(&store, "a").acquire(|_| ()).await);
    let started = Instant::now();
    let mut told = vec![];
    candidate(&store, "b").acquire(|holder| told.push(holder.to_owned())).await;
    let waited = started.elapsed().as_secs_f64();
    assert!((15.0..17.5).contains(&waited), "{waited}");
    assert_eq!(told, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn the_next_life_of_a_killed_process_leads_at_once_and_a_former_one_loses() {
    let store = Memory::new();
    let mut former = candidate(&store, "a").acquire(|_| ()).await;
    let started = Instant::now();
    let mut next = candidate(&store, "a").acquire(|_| ()).await;
    assert!(started.elapsed() < Duration::from_millis(100));
    assert_eq!(former.keep().await, Lost::Taken("a".into()));
    assert!(timeout(Duration::from_secs(60), next.keep()).await.is_err(), "the next life goes on");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_gives_up_before_its_lease_expires() {
    for network in [Network::Fails, Network::Hangs, Network::Deaf] {
        let store = Memory::new();
        let mut leadership = candidate(&store, "a").acquire(|_| ()).await;
        store.network.set(network);
        let cut = Instant::now();
        assert!(matches!(leadership.keep().await, Lost::NotRenewed(_)));
        assert!(cut.elapsed() <= Duration::from_secs(10), "{:?}", cut.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_costs_nothing() {
    let store = Memory::new();
    let mut leadership = candidate(&store, "a").acquire(|_| ()).await;
    for network in [Network::Fails, Network::Hangs, Network::Deaf] {
        store.network.set(network);
        assert!(timeout(Duration::from_secs(6), leadership.keep()).await.is_err(), "still leading");
        store.network.set(Network::Works);
        assert!(timeout(Duration::from_secs(20), leadership.keep()).await.is_err(), "still leading");
    }
    leadership.release().await;
    assert_eq!(store.holder(), None);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_lease_is_made_again_by_its_holder_while_others_wait() {
    let store = Memory::new();
    let mut leadership = candidate(&store, "a").acquire(|_| ()).await;
    let other = candidate(&store, "b").acquire(|_| ());
    let delete = async {
        sleep(Duration::from_secs(5)).await;
        store.lease.borrow_mut().take();
        sleep(Duration::from_secs(30)).await;
    };
    tokio::select! {
        lost = leadership.keep() => panic!("lost: {lost}"),
        _ = other => panic!("two leaders"),
        () = delete => {}
    }
    assert_eq!(store.holder().as_deref(), Some("a"));
}

/// Processes come, get cut off, are killed, stop gracefully; at no moment do two believe that they lead.
#[test]
fn whatever_happens_two_processes_never_lead_at_once() {
    for seed in 0..40 {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let leaders = LocalSet::new().block_on(&runtime, storm(seed));
        assert!(leaders > 10, "seed {seed}: only {leaders} processes ever led");
    }
}

async fn storm(seed: u64) -> u32 {
    let world = Memory::new();
    let leading = Rc::new(Cell::new(0_u32));
    let ever = Rc::new(Cell::new(0_u32));
    let tasks: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .enumerate()
        .map(|(number, name)| {
            let (world, leading, ever) = (world.elsewhere(), leading.clone(), ever.clone());
            let mut random = StdRng::seed_from_u64(seed * 10 + number as u64);
            spawn_local(async move {
                for _ in 0..30 {
                    world.network.set(Network::Works);
                    let patience = Duration::from_millis(random.random_range(0..40_000));
                    let Ok(mut leadership) = timeout(patience, candidate(&world, name).acquire(|_| ())).await
                    else {
                        continue;
                    };
                    leading.set(leading.get() + 1);
                    ever.set(ever.get() + 1);
                    assert_eq!(leading.get(), 1, "seed {seed}: {name} leads beside another");
                    let network = match random.random_range(0..5) {
                        0 => Network::Fails,
                        1 => Network::Hangs,
                        2 => Network::Deaf,
                        _ => Network::Works,
                    };
                    let healthy = Duration::from_millis(random.random_range(0..20_000));
                    let mut lost = timeout(healthy, leadership.keep()).await.is_ok();
                    if !lost {
                        world.network.set(network);
                        let cut_off = Duration::from_millis(random.random_range(0..20_000));
                        lost = timeout(cut_off, leadership.keep()).await.is_ok();
                    }
                    leading.set(leading.get() - 1);
                    if !lost && random.random_bool(0.5) {
                        leadership.release().await;
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    ever.get()
}
