//! Two owners of one zone, interrupted anywhere: crashes, retries, throttling, answers that get lost, and somebody who
//! deletes and writes by hand. Never is a record changed that somebody else owns, and none is lost.
//!
//! `CASES=100000` for more than the normal run, `PROPTEST_RNG_SEED` to draw the same again.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::poll;
use proptest::prelude::*;

use super::world::*;
use crate::plan::*;
use crate::{Done, Entry, Journal, Scheduler, Who, carry_out, read};
use route53_fake::{Asked, Event, Shared, Stored, Trouble};

const HOSTS: [&str; 4] = ["www.example.com", "a-www.example.com", "api.example.com", "*.apps.example.com"];

#[derive(Clone, Debug)]
enum Step {
    /// One owner goes on until it next asks or is answered.
    Poll(usize),
    Crash(usize),
    Want(usize, usize, Option<(Share, u8)>),
    Delete(prop::sample::Index),
    Alter(prop::sample::Index),
    /// Somebody makes a record.
    Make(usize, u8),
    Trouble(Asked, Trouble),
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    let share = prop_oneof![Just(Share::All), (0..3_u8).prop_map(Share::Weight)];
    let share = prop_oneof![3 => Just(Share::Weight(1)), 3 => share];
    let wish = prop::option::weighted(0.75, (share, 1..3_u8));
    let trouble = prop_oneof![
        Just((Asked::Change, Trouble::Throttling)),
        Just((Asked::Change, Trouble::PriorRequestNotComplete)),
        Just((Asked::Change, Trouble::LosesAnswer)),
        Just((Asked::List, Trouble::Throttling)),
    ];
    prop_oneof![
        60 => (0..2_usize).prop_map(Step::Poll),
        3 => (0..2_usize).prop_map(Step::Crash),
        8 => (0..2_usize, 0..HOSTS.len(), wish).prop_map(|(who, at, wish)| Step::Want(who, at, wish)),
        2 => any::<prop::sample::Index>().prop_map(Step::Delete),
        2 => any::<prop::sample::Index>().prop_map(Step::Alter),
        2 => (0..HOSTS.len(), 0..4_u8).prop_map(|(at, how)| Step::Make(at, how)),
        3 => trouble.prop_map(|(asked, trouble)| Step::Trouble(asked, trouble)),
        6 => Just(Step::Tick),
    ]
}

/// Only what is kept outlives a crash.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Memory>>);

impl Journal for Kept {
    async fn keep(&mut self, _: &Entry) -> Result<(), String> {
        Ok(())
    }
}

type Pass = Pin<Box<dyn Future<Output = (Plan, Vec<Done>)>>>;

struct Actor {
    caller: &'static str,
    owner: Owner,
    wanted: BTreeMap<&'static str, (Share, u8)>,
    kept: Kept,
    running: Option<Pass>,
}

impl Actor {
    fn new(caller: &'static str, cluster: &str) -> Self {
        let owner = Owner::new("main", cluster).unwrap();
        Self { caller, owner, wanted: BTreeMap::new(), kept: Kept::default(), running: None }
    }

    fn wanted(&self) -> Wanted {
        let hosts = self.wanted.iter().map(|(at, (share, address))| host(at, *share, *address));
        Wanted { hosts: hosts.collect(), served: vec![] }
    }

    fn begin(&self, fake: &Shared) -> Pass {
        let mut route53 = direct(fake, self.caller);
        // Several pages even here.
        route53.page = 3;
        let (owner, wanted, mut kept) = (self.owner.clone(), self.wanted(), self.kept.clone());
        Box::pin(async move {
            let scheduler = Scheduler::default();
            let memory = kept.0.lock().unwrap().clone();
            // Every host that there ever was, as a caller that remembers its claims would.
            let mut ever = wanted.clone();
            ever.hosts.extend(HOSTS.iter().map(|at| host(at, Share::All, 1)));
            let spans = spans(&ever, &memory, &[], &name("example.com"));
            let Ok(present) = read(&route53, &scheduler, ZONE, &spans).await else {
                return (Plan { hosts: vec![], served: vec![], memory }, vec![]);
            };
            let plan = plan(&Question {
                zone: &name("example.com"),
                owner: &owner,
                formats: &[],
                wanted: &wanted,
                present: &present,
                memory: &memory,
                policy: Policy::Sync,
                limits: Limits::default(),
                gone: Gone::All,
            });
            *kept.0.lock().unwrap() = plan.memory.clone();
            let who = Who { owner: owner.id(), by: "test" };
            let done = carry_out(&route53, &scheduler, &zone(), who, &plan.hosts, &mut kept).await;
            for done in &done {
                if let Done::Accepted { unit, .. } = done {
                    kept.0.lock().unwrap().accepted(unit);
                }
            }
            (plan, done)
        })
    }
}

struct World {
    fake: Shared,
    actors: [Actor; 2],
    /// Names at which somebody wrote by hand.
    touched: BTreeSet<String>,
}

fn plain(set: &Stored) -> String {
    name(&set.set.name).to_string()
}

/// Which host a name is about.
fn hosts_of(at: &str) -> impl Iterator<Item = &'static str> {
    let at = at.to_owned();
    HOSTS.into_iter().filter(move |host| {
        let first = host.replacen('*', "_wildcard", 1);
        at == **host || ["a-", "aaaa-", "cname-"].iter().any(|kind| at == format!("{kind}{first}"))
    })
}

impl World {
    fn sets(&self) -> Vec<Stored> {
        let fake = self.fake.lock().unwrap();
        let sets = fake.zones[ZONE].sets.values();
        sets.filter(|stored| !matches!(stored.set.kind.as_str(), "NS" | "SOA")).cloned().collect()
    }

    /// What the owners did since the last look, judged by what there was.
    fn judge(&self) {
        let events: Vec<Event> = std::mem::take(&mut self.fake.lock().unwrap().events);
        if events.is_empty() {
            return;
        }
        for event in events.iter().filter(|event| event.caller != "hand") {
            let actor = self.actors.iter().find(|actor| actor.caller == event.caller).unwrap();
            if let Some(was) = &event.before {
                let there = event.zone.values();
                assert!(owns(actor, was, there), "{} changed {was:#?}\nof {:#?}", event.caller, event.zone);
            }
        }
        let names: BTreeSet<String> = events
            .iter()
            .filter(|event| event.caller != "hand")
            .flat_map(|event| [&event.before, &event.after])
            .flatten()
            .filter(|stored| stored.set.kind == "A")
            .map(plain)
            .collect();
        for at in names.iter().filter(|at| !self.touched.contains(*at)) {
            let group: Vec<Stored> = self
                .sets()
                .into_iter()
                .filter(|stored| {
                    plain(stored) == *at && stored.set.kind == "A" && stored.set.weight.is_some()
                })
                .collect();
            let all_at_0 = group.len() > 1 && group.iter().all(|stored| stored.set.weight == Some(0));
            assert!(!all_at_0, "all at 0: {group:#?}");
        }
    }

    async fn poll(&mut self, who: usize) -> Option<(Plan, Vec<Done>)> {
        let actor = &mut self.actors[who];
        let mut running = match actor.running.take() {
            Some(running) => running,
            None => actor.begin(&self.fake),
        };
        let told = match poll!(running.as_mut()) {
            std::task::Poll::Ready(told) => Some(told),
            std::task::Poll::Pending => {
                actor.running = Some(running);
                None
            }
        };
        self.judge();
        told
    }

    fn write(&mut self, changes: &[(&str, route53_fake::Set)]) {
        if by_hand(&self.fake, changes) {
            for (_, set) in changes {
                self.touched.insert(name(&set.name).to_string());
                self.touched.extend(hosts_of(name(&set.name).as_str()).map(str::to_owned));
            }
        }
        self.fake.lock().unwrap().events.clear();
    }

    async fn step(&mut self, step: &Step) {
        let pick = |index: &prop::sample::Index, sets: Vec<Stored>| {
            (!sets.is_empty()).then(|| index.get(&sets).set.clone())
        };
        match step {
            Step::Poll(who) => {
                self.poll(*who).await;
            }
            Step::Crash(who) => self.actors[*who].running = None,
            Step::Want(who, at, wish) => {
                let wanted = &mut self.actors[*who].wanted;
                match wish {
                    Some(wish) => wanted.insert(HOSTS[*at], *wish),
                    None => wanted.remove(HOSTS[*at]),
                };
            }
            Step::Delete(index) => {
                if let Some(set) = pick(index, self.sets()) {
                    self.write(&[("DELETE", set)]);
                }
            }
            Step::Alter(index) => {
                if let Some(set) = pick(index, self.sets()) {
                    let mut altered = set.clone();
                    altered.values = vec![match set.kind.as_str() {
                        "A" => "10.9.9.9".to_owned(),
                        "TXT" => "\"somebody was here\"".to_owned(),
                        _ => "x.example.org.".to_owned(),
                    }];
                    self.write(&[("DELETE", set), ("CREATE", altered)]);
                }
            }
            Step::Make(at, how) => {
                let at = HOSTS[*at];
                let first = at.replacen('*', "_wildcard", 1);
                let theirs = "\"heritage=external-dns,external-dns/owner=default\"";
                let made = match how {
                    0 => set(at, "A", "10.9.9.9"),
                    1 => weighted(set(at, "A", "10.9.9.9"), "blue", 1),
                    2 => set(&format!("a-{first}"), "TXT", theirs),
                    _ => set(at, "CNAME", "x.example.org."),
                };
                self.write(&[("CREATE", made)]);
            }
            Step::Trouble(asked, trouble) => {
                self.fake.lock().unwrap().trouble.push_back((*asked, trouble.clone()));
            }
            Step::Tick => tokio::time::advance(Duration::from_secs(1)).await,
        }
    }

    /// One whole pass of an owner.
    async fn pass(&mut self, who: usize) -> (Plan, Vec<Done>) {
        loop {
            if let Some(told) = self.poll(who).await {
                return told;
            }
            tokio::time::advance(Duration::from_millis(50)).await;
        }
    }

    /// Nobody interferes any more: after a few passes there is nothing left to do, and all is as it is wanted.
    async fn settle(&mut self) {
        self.fake.lock().unwrap().trouble.clear();
        for actor in &mut self.actors {
            actor.running = None;
        }
        let mut last = None;
        for _ in 0..8 {
            let one = self.pass(0).await;
            let other = self.pass(1).await;
            let idle = one.0.is_idle() && other.0.is_idle();
            last = Some([one, other]);
            if idle {
                break;
            }
        }
        let last = last.unwrap();
        for (actor, (plan, done)) in self.actors.iter().zip(&last) {
            assert!(plan.is_idle(), "{} is not done: {plan:#?}\n{done:#?}", actor.caller);
            for host in HOSTS {
                self.check(actor, plan, host);
            }
        }
    }

    fn check(&self, actor: &Actor, plan: &Plan, host: &'static str) {
        let sets = self.sets();
        let about: Vec<&Stored> =
            sets.iter().filter(|stored| hosts_of(&plain(stored)).any(|of| of == host)).collect();
        let outcome = plan.host(&name(host)).map(|host| &host.outcome);
        let by_others = about.iter().any(|stored| stored.author != actor.caller);
        let touched = self.touched.contains(host);
        match (actor.wanted.get(host), outcome) {
            (Some((share, address)), Some(Outcome::Nothing)) => {
                let record = about.iter().find(|stored| {
                    plain(stored) == host
                        && stored.set.kind == "A"
                        && stored.set.values == [format!("10.0.0.{address}")]
                        && match share {
                            Share::All => stored.set.identifier.is_none(),
                            Share::Weight(weight) => {
                                let identifier = format!("{}/{host}", actor.owner.cluster());
                                stored.set.weight == Some(i64::from(*weight))
                                    && stored.set.identifier == Some(identifier)
                            }
                        }
                });
                let record = record.unwrap_or_else(|| panic!("{} lost {host}: {about:#?}", actor.caller));
                assert!(
                    owns(actor, record, sets.iter()),
                    "{} lost the TXT of {host}: {about:#?}",
                    actor.caller
                );
            }
            (Some(_), Some(Outcome::Conflict(conflicts))) => {
                let at_0 = |conflict: &Conflict| matches!(conflict, Conflict::AllAtZero { .. });
                let justified = by_others || touched || conflicts.iter().all(at_0);
                assert!(justified, "{}: {conflicts:?} of {about:#?}", actor.caller);
            }
            (Some(_), other) => panic!("{} did nothing about {host}: {other:?}", actor.caller),
            (None, Some(Outcome::Conflict(_))) => {}
            (None, _) => {
                let left = about.iter().find(|stored| {
                    stored.author == actor.caller
                        && (plain(stored) == host || stored.set.kind == "TXT")
                        && belongs(stored, host)
                });
                assert!(left.is_none() || touched, "{} left {left:#?}", actor.caller);
            }
        }
    }
}

/// A record at the host itself, or the TXT of its own.
fn belongs(stored: &Stored, host: &str) -> bool {
    let first = host.replacen('*', "_wildcard", 1);
    match stored.set.kind.as_str() {
        "TXT" => plain(stored) == format!("a-{first}"),
        _ => plain(stored) == host,
    }
}

/// Whether it is the owner's: made by it, or beside its TXT.
fn owns<'a>(actor: &Actor, was: &Stored, mut there: impl Iterator<Item = &'a Stored>) -> bool {
    if was.author == actor.caller {
        return true;
    }
    let text = actor.owner.text("environment/team/qa");
    let kind = was.set.kind.to_lowercase();
    let beside = format!("{kind}-{}", plain(was).replacen('*', "_wildcard", 1));
    there.any(|txt| {
        txt.set.kind == "TXT"
            && txt.set.values == [text.clone()]
            && txt.set.identifier == was.set.identifier
            && (plain(txt) == beside || plain(txt) == plain(was))
    })
}

fn cases() -> u32 {
    std::env::var("CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(2000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn two_owners_never_change_what_is_not_theirs_and_never_lose_what_is(
        steps in prop::collection::vec(step(), 20..160),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut world = World {
                fake: fake(),
                actors: [Actor::new("one", "c1"), Actor::new("other", "c2")],
                touched: BTreeSet::new(),
            };
            for step in &steps {
                world.step(step).await;
            }
            world.settle().await;
        });
    }
}
