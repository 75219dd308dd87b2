//! The controller of the slice: gather → plan → batches → status, for all hostnames at once: a zone is read and written
//! as a whole. Level-triggered: a turn never learns why it is taken, and finishes whatever an earlier one began.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::{Environment, HostClaim, marks};
use futures::FutureExt;
use jiff::Timestamp;
use kube::{Client, ResourceExt};
use serde_json::Value;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::cases::{Case, claimed, is_held};
use crate::certificates::Certificates;
use crate::certificates::Sight;
use crate::context::{Context, Observer, Stop};
use crate::gateway;
use crate::plan::{self, Claimed, Ground, Name, Stands, Told, zone_of};
use crate::scheduler::Request;
use crate::served::is_told;
use crate::site::{Look, Site};
use crate::watch::Watches;
use crate::{Failure, Settings, prepared};

/// What is on its way to name servers is asked for this soon.
const PROGRESS: Duration = Duration::from_secs(3);
/// Nothing is missed for longer, should an event have been.
const RESYNC: Duration = Duration::from_secs(60);
const FAILED: Duration = Duration::from_secs(10);
/// Many events come at once.
const SETTLE: Duration = Duration::from_millis(300);
/// A zone that can't be had is asked for again after this long.
const NO_ZONE: Duration = Duration::from_secs(30);

/// Keeps the records of every hostname until `shutdown` resolves; what is in flight is finished.
pub async fn run(
    client: Client,
    settings: Settings,
    observer: Arc<dyn Observer>,
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let shutdown = shutdown.shared();
    let context = match Context::new(client.clone(), settings, observer) {
        Ok(context) => context,
        Err(error) => {
            // The command line refuses such names already.
            warn!("hostnames are not kept: {error}");
            return shutdown.await;
        }
    };
    let mut tasks = JoinSet::new();
    let watches = Watches::start(&client, &mut tasks);
    tokio::select! {
        () = watches.ready() => {}
        () = shutdown.clone() => return,
    }
    let mut keeper = Keeper {
        context: &context,
        watches: &watches,
        sites: BTreeMap::new(),
        certificates: Certificates::default(),
        prepared: prepared::Memory::default(),
        swept: None,
    };
    loop {
        let again = match context.look(Box::pin(keeper.turn())).await {
            Ok(again) => again,
            Err(stop) => {
                warn!("cannot look after hostnames, trying again: {stop}");
                FAILED
            }
        };
        tokio::select! {
            () = shutdown.clone() => break,
            () = tokio::time::sleep(again) => {}
            () = async {
                watches.woken.notified().await;
                tokio::time::sleep(SETTLE).await;
            } => {}
        }
    }
    tasks.shutdown().await;
}

/// A zone, or why it can't be had and since when.
pub(crate) enum Opened {
    Site(Box<Site>),
    Failed(Failure, Timestamp),
}

pub(crate) struct Keeper<'a> {
    pub(crate) context: &'a Context,
    pub(crate) watches: &'a Watches,
    pub(crate) sites: BTreeMap<String, Opened>,
    pub(crate) certificates: Certificates,
    pub(crate) prepared: prepared::Memory,
    swept: Option<Timestamp>,
}

impl Keeper<'_> {
    /// One look at everything; when to take the next.
    async fn turn(&mut self) -> Result<Duration, Stop> {
        if self.has_nothing() {
            return Ok(RESYNC);
        }
        // gather
        let now = Timestamp::now();
        let settings = &self.context.settings;
        let gateway = gateway::get(&self.context.client, settings).await?;
        let target = gateway::reached(gateway.as_ref(), settings);
        self.open(now).await?;
        let cases = self.cases(target.as_ref().err()).await;
        let served = self.served();

        // plan, write, follow
        let mut troubles: BTreeMap<String, Failure> = BTreeMap::new();
        let domain = self.domain();
        for (id, opened) in &mut self.sites {
            let site = match opened {
                Opened::Site(site) => site,
                Opened::Failed(failure, _) => {
                    troubles.insert(id.clone(), failure.clone());
                    continue;
                }
            };
            let here = claimed(&cases, id);
            let domain = domain.as_ref().filter(|(zones, _)| zones.contains(id)).map(|(_, domain)| domain);
            let target = target.as_ref().ok();
            let ground = Ground { cluster: &settings.cluster, domain, target, served: &served };
            if let Err(failure) = look(self.context, site, &here, &ground, now).await {
                troubles.insert(id.clone(), failure);
            }
        }

        let mut failed = false;
        self.certify(gateway.as_ref(), &cases, now).await;

        // status
        let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
        let mut said: Vec<(Arc<Environment>, Told, Sight)> = vec![];
        for case in &cases {
            let told = match self.finish(case, &troubles, now).await {
                Ok(told) => told,
                Err(stop) => {
                    // One that can't be told or ended keeps no other from it.
                    warn!(host = %case.name(), "cannot finish host {}, trying again: {stop}", case.name());
                    failed = true;
                    continue;
                }
            };
            *counts.entry(told.reason).or_default() += 1;
            let certificate = case.host.as_ref().map_or(Sight::None, |host| self.certificates.of(host));
            said.extend(case.environment.clone().map(|environment| (environment, told, certificate)));
        }
        failed |= !self.tell_environments(&said, &troubles, target.as_ref().err(), now).await;
        self.let_go(&cases).await?;
        self.count(&counts);
        self.sweep(now).await;
        let busy = cases.iter().any(|case| case.stands == Stands::Going)
            || self.sites.values().any(|opened| matches!(opened, Opened::Site(site) if site.is_busy()));
        let due = self.open_sites().filter_map(Site::due).chain(self.certificates.due()).min();
        let due = due.map_or(RESYNC, |due| due.duration_since(now).try_into().unwrap_or_default());
        Ok(match (busy, troubles.is_empty() && !failed) {
            (_, false) => FAILED,
            (true, true) => PROGRESS,
            (false, true) => due.clamp(PROGRESS, RESYNC),
        })
    }

    /// No zone to keep, and nothing that an installation with zones has left.
    fn has_nothing(&self) -> bool {
        self.context.settings.zones.is_empty()
            && self.watches.hostnames.is_empty()
            && !self
                .watches
                .environments
                .state()
                .iter()
                .any(|environment| is_held(environment.as_ref()) || is_told(environment))
    }

    /// Every zone that is not open yet.
    async fn open(&mut self, now: Timestamp) -> Result<(), Stop> {
        for id in &self.context.settings.zones {
            match self.sites.get(id) {
                Some(Opened::Site(_)) => continue,
                Some(Opened::Failed(_, at)) if now.duration_since(*at).unsigned_abs() < NO_ZONE => continue,
                _ => {}
            }
            let opened = match self.context.route53().await {
                Ok(route53) => Site::open(id, route53, &self.context.scheduler, &self.context.kept).await?,
                Err(failure) => Err(failure),
            };
            let opened = match opened {
                Ok(site) => {
                    info!(zone = %id, "keeping records in zone {} ({id})", site.zone.name);
                    Opened::Site(Box::new(site))
                }
                Err(failure) => {
                    warn!(zone = %id, "cannot open zone {id}: {failure}");
                    Opened::Failed(failure, now)
                }
            };
            self.sites.insert(id.clone(), opened);
        }
        Ok(())
    }

    pub(crate) fn open_sites(&self) -> impl Iterator<Item = &Site> {
        self.sites.values().filter_map(|opened| match opened {
            Opened::Site(site) => Some(site.as_ref()),
            Opened::Failed(..) => None,
        })
    }

    /// The zones that a name lies in: a private and a public one of the same name both hold it. While one of all zones is
    /// not known, it may be that one.
    pub(crate) fn holding(&self, name: &Name) -> Vec<&Site> {
        if self.sites.values().any(|opened| matches!(opened, Opened::Failed(..))) {
            return vec![];
        }
        let zone = zone_of(name, self.open_sites().map(|site| &site.zone.name));
        self.open_sites().filter(|site| Some(&site.zone.name) == zone).collect()
    }

    /// The cluster's own domain and the ids of the zones that it lies in; none: it lies in none.
    fn domain(&self) -> Option<(Vec<String>, Name)> {
        let domain = Name::host(&self.context.settings.domain).ok()?;
        let zones: Vec<String> = self.holding(&domain).iter().map(|site| site.zone.id.clone()).collect();
        (!zones.is_empty()).then_some((zones, domain))
    }

    /// Looks after the certificates of every host that is kept here.
    async fn certify(&mut self, gateway: Option<&Value>, cases: &[Case], now: Timestamp) {
        if self.sites.values().any(|opened| matches!(opened, Opened::Failed(..))) {
            // Which hosts are ours is not known; what they have is not taken away.
            self.certificates.blind(self.context.settings.https);
            return;
        }
        let wildcard = self.domain().map(|(_, domain)| domain.below("*"));
        let of = |wanted: bool| {
            let those = cases.iter().filter(move |case| (case.stands == Stands::Wanted) == wanted);
            those.filter_map(|case| case.host.clone()).collect::<Vec<Name>>()
        };
        let wanted: Vec<Name> = wildcard.into_iter().chain(of(true)).collect();
        let stay = of(false);
        self.certificates.turn(self.context, gateway, &wanted, &stay, now).await;
        self.context.observer.certificates(&self.certificates.expiries());
    }

    pub(crate) fn site(&self, id: &str) -> Option<&Site> {
        match self.sites.get(id)? {
            Opened::Site(site) => Some(site),
            Opened::Failed(..) => None,
        }
    }

    /// Hosts that environments have by their names.
    pub(crate) fn served(&self) -> Vec<Name> {
        let of_slice = |claim: &HostClaim| {
            claim.labels().get(marks::SLICE).is_none_or(|slice| slice == marks::SLICE_ENVIRONMENTS)
        };
        let claims = self.watches.claims.state_filter(|claim| of_slice(claim));
        let mut hosts: Vec<Name> =
            claims.iter().filter_map(|claim| Name::host(&claim.name_any()).ok()).collect();
        hosts.sort();
        hosts
    }

    fn count(&self, counts: &BTreeMap<&'static str, usize>) {
        self.context.observer.hosts(counts);
        for (name, request) in [
            ("GetHostedZone", Request::GetZone),
            ("ListResourceRecordSets", Request::List),
            ("ChangeResourceRecordSets", Request::Change),
            ("GetChange", Request::GetChange),
        ] {
            self.context.observer.asked(name, self.context.scheduler.asked(request));
        }
    }

    /// Now and then: what the journal need not hold any more.
    async fn sweep(&mut self, now: Timestamp) {
        if self.swept.is_some_and(|at| now.duration_since(at).as_hours() < 1) {
            return;
        }
        self.swept = Some(now);
        if let Err(error) = self.context.kept.sweep(now).await {
            warn!("cannot tidy the journal of DNS: {error}");
        }
    }
}

/// One look at one zone.
async fn look(
    context: &Context,
    site: &mut Site,
    claimed: &[Claimed],
    ground: &Ground<'_>,
    now: Timestamp,
) -> Result<(), Failure> {
    let settings = &context.settings;
    let (wanted, going) = plan::wanted(ground, claimed);
    let happened = site
        .look(&Look {
            route53: context.route53().await?,
            scheduler: &context.scheduler,
            kept: &context.kept,
            owner: &context.owner,
            policy: settings.policy,
            limits: settings.limits(),
            wanted,
            going,
            now,
        })
        .await?;
    if happened.accepted > 0 {
        context.observer.accepted(happened.accepted);
    }
    happened.synced.iter().for_each(|seconds| context.observer.synced(*seconds));
    Ok(())
}
