//! One hosted zone as the operator follows it: read when something is due, planned, written, and followed until its name
//! servers answer.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};

use crate::journal::{Entry, Journal, State};
use crate::kept::Kept;
use crate::name_servers::{self, Expected};
use crate::plan::{
    Answers, Followed, Gone, Host, Kind, Limits, Memory, Name, Outcome, Owner, Plan, Policy, Present,
    Question, RecordSet, Wanted, plan, spans,
};
use crate::route53::{Route53, Zone};
use crate::scheduler::{Request, Scheduler};
use crate::{Done, Failure, NotSent, Who, carry_out, read, read_all};

/// What was left as it was is looked at again after this long; what somebody may be mending, sooner.
const RESYNC: SignedDuration = SignedDuration::from_secs(300);
const STUCK: SignedDuration = SignedDuration::from_secs(30);
/// Only the whole zone shows what nobody asks for any more.
const WHOLE: SignedDuration = SignedDuration::from_hours(1);
/// Record sets of a page.
const PAGE: usize = 300;
/// Hosts that name servers are asked about at the same time.
const AT_ONCE: usize = 32;
/// What name servers answered is believed for so long, if it was right.
const ANSWERED: SignedDuration = SignedDuration::from_mins(10);

/// What a zone is looked at with.
pub struct Look<'a, R> {
    pub route53: &'a R,
    pub scheduler: &'a Scheduler,
    pub kept: &'a Kept,
    pub owner: &'a Owner,
    pub policy: Policy,
    pub limits: Limits,
    pub wanted: Wanted,
    /// Hosts that were given back.
    pub going: BTreeSet<Name>,
    pub now: Timestamp,
}

pub struct Site {
    pub zone: Zone,
    servers: Vec<String>,
    memory: Memory,
    saved: Memory,
    present: Present,
    plan: Plan,
    /// What the plan was made for.
    asked: Option<(Wanted, BTreeSet<Name>)>,
    due: Option<Timestamp>,
    whole: Option<Timestamp>,
    size: usize,
    pending: Vec<Entry>,
    failed: BTreeMap<Name, (String, bool)>,
    /// What was refused the last time, and how often with the same words.
    refused: BTreeMap<Name, (String, u32)>,
    /// How often in a row nothing could be sent.
    unsent: u32,
    answers: BTreeMap<Name, (Expected, Answers, Timestamp)>,
    batches: BTreeMap<Name, Entry>,
}

/// What happened during a look, to be counted.
#[derive(Debug, Default)]
pub struct Happened {
    pub accepted: usize,
    /// Seconds from a batch to its being in sync.
    pub synced: Vec<f64>,
}

impl Site {
    /// Takes up what an earlier process left.
    pub async fn open(
        id: &str,
        route53: &impl Route53,
        scheduler: &Scheduler,
        kept: &Kept,
    ) -> Result<Result<Self, Failure>, kube::Error> {
        let zone = match scheduler.ask(Request::GetZone, || route53.zone(id)).await {
            Ok(zone) => zone,
            Err(failure) => return Ok(Err(failure)),
        };
        let memory = kept.memory(id).await?;
        let mut pending = vec![];
        for mut entry in kept.pending(id).await? {
            if entry.state == State::Intended {
                // Nobody knows whether it was done; reading tells.
                entry.state =
                    State::Unknown { words: "the operator ended before it was answered".to_owned() };
                // That it stays marked costs one more reading of the journal.
                let _ = kept.clone().keep(&entry).await;
            } else {
                pending.push(entry);
            }
        }
        Ok(Ok(Self {
            zone,
            servers: vec![],
            saved: memory.clone(),
            memory,
            present: Present::default(),
            plan: Plan { hosts: vec![], served: vec![], memory: Memory::default() },
            asked: None,
            due: None,
            whole: None,
            size: 0,
            pending,
            failed: BTreeMap::new(),
            refused: BTreeMap::new(),
            unsent: 0,
            answers: BTreeMap::new(),
            batches: BTreeMap::new(),
        }))
    }

    /// One look. What stays undone is told by `followed`.
    pub async fn look<R: Route53>(&mut self, look: &Look<'_, R>) -> Result<Happened, Failure> {
        let mut happened = Happened::default();
        let asked = (look.wanted.clone(), look.going.clone());
        if self.asked.as_ref() != Some(&asked) || self.due.is_none_or(|due| due <= look.now) {
            self.read(look).await?;
            self.decide(look).await;
            self.asked = Some(asked);
            happened.accepted = self.write(look).await?;
        }
        happened.synced = self.follow(look).await?;
        self.check(look.now).await;
        Ok(happened)
    }

    async fn read<R: Route53>(&mut self, look: &Look<'_, R>) -> Result<(), Failure> {
        let spans = spans(&look.wanted, &self.memory, &[], &self.zone.name);
        let whole = self.whole.is_none_or(|at| look.now.duration_since(at) > WHOLE);
        self.present = if whole || spans.len() > self.size / PAGE {
            let present = read_all(look.route53, look.scheduler, &self.zone.id).await?;
            self.size = present.all().count();
            self.whole = Some(look.now);
            let ns = Kind::Other("NS".to_owned());
            let servers = present.at(&self.zone.name).filter(|set| set.kind == ns);
            self.servers = servers.flat_map(RecordSet::values).map(str::to_owned).collect();
            present
        } else {
            read(look.route53, look.scheduler, &self.zone.id, &spans).await?
        };
        Ok(())
    }

    async fn decide<R: Route53>(&mut self, look: &Look<'_, R>) {
        self.plan = plan(&Question {
            zone: &self.zone.name,
            owner: look.owner,
            formats: &[],
            wanted: &look.wanted,
            present: &self.present,
            memory: &self.memory,
            policy: look.policy,
            limits: look.limits,
            gone: Gone::Only(&look.going),
        });
        self.memory = self.plan.memory.clone();
        self.remember(look.kept).await;
        let stuck = self.plan.hosts.iter().any(|host| matches!(host.outcome, Outcome::Conflict(_)))
            || self.plan.served.iter().any(|served| !served.conflicts.is_empty());
        self.due = look.now.checked_add(if stuck { STUCK } else { RESYNC }).ok();
    }

    /// What is known again should its TXT be deleted. Without it, that host becomes a conflict for a person to solve.
    async fn remember(&mut self, kept: &Kept) {
        if self.saved == self.memory {
            return;
        }
        match kept.remember(&self.zone.id, &self.memory).await {
            Ok(()) => self.saved = self.memory.clone(),
            Err(error) => tracing::warn!("cannot write down which records are ours: {error}"),
        }
    }

    /// Carries the plan out; how many hosts Route 53 accepted.
    async fn write<R: Route53>(&mut self, look: &Look<'_, R>) -> Result<usize, Failure> {
        self.failed.clear();
        let refused_before = std::mem::take(&mut self.refused);
        if self.plan.is_idle() {
            self.unsent = 0;
            return Ok(0);
        }
        let who = Who { owner: look.owner.id(), by: "operator" };
        let mut book = Book { kept: look.kept.clone(), entries: BTreeMap::new() };
        let done =
            carry_out(look.route53, look.scheduler, &self.zone, who, &self.plan.hosts, &mut book).await;
        // What was written is read again, whatever became of it; what is refused again and again, later and later.
        let (mut soon, mut later, mut nothing_sent) = (false, RESYNC, false);
        let mut accepted = 0;
        for done in done {
            match done {
                Done::Accepted { unit, .. } => {
                    (accepted, soon) = (accepted + 1, true);
                    self.memory.accepted(&unit);
                    self.answers.remove(&unit.host);
                }
                Done::Refused { host, words } => {
                    let times = refused_before.get(&host).filter(|(before, _)| *before == words);
                    let times = times.map_or(0, |(_, times)| times + 1);
                    match times {
                        // Somebody may have written meanwhile.
                        0 => soon = true,
                        times => later = later.min(backoff(times)),
                    }
                    self.refused.insert(host.clone(), (words.clone(), times));
                    let words = format!("its changes were refused: {words}");
                    self.failed.insert(host, (words, times == 0));
                }
                Done::Unknown { host, failure } => {
                    soon = true;
                    self.failed.insert(host, (failure.to_string(), true));
                }
                Done::NotSent { host, why } => {
                    let passes = match &why {
                        NotSent::Failed(failure) => failure.is_busy() || failure.leaves_doubt(),
                        NotSent::NoJournal(_) => true,
                    };
                    // Whoever is denied asks again later, not at once.
                    later = later.min(backoff(self.unsent + 1));
                    nothing_sent = true;
                    self.failed.insert(host, (why.to_string(), passes));
                }
            }
        }
        self.unsent = if nothing_sent { self.unsent.saturating_add(1) } else { 0 };
        self.due = if soon { None } else { look.now.checked_add(later).ok() };
        for entry in book.entries.into_values() {
            let State::Accepted { .. } = entry.state else { continue };
            for asked in &entry.hosts {
                self.batches.insert(asked.host.clone(), entry.clone());
            }
            self.pending.push(entry);
        }
        self.remember(look.kept).await;
        Ok(accepted)
    }

    /// Asks how far each batch has come; the seconds that those took which are there.
    async fn follow<R: Route53>(&mut self, look: &Look<'_, R>) -> Result<Vec<f64>, Failure> {
        let (mut synced, mut refused) = (vec![], None);
        for mut entry in std::mem::take(&mut self.pending) {
            let State::Accepted { change } = entry.state.clone() else { continue };
            let told = look.scheduler.ask(Request::GetChange, || look.route53.is_in_sync(&change)).await;
            match told {
                Ok(false) => self.pending.push(entry),
                // Route 53 forgets changes after a while.
                Ok(true) | Err(Failure::NoSuchChange(_)) => {
                    let at = Timestamp::now();
                    entry.in_sync = Some(at);
                    synced.push(at.duration_since(entry.answered.unwrap_or(entry.intended)).as_secs_f64());
                    for asked in &entry.hosts {
                        self.answers.remove(&asked.host);
                        if let Some(known) =
                            self.batches.get_mut(&asked.host).filter(|known| known.id == entry.id)
                        {
                            known.in_sync = Some(at);
                        }
                    }
                    if let Err(why) = look.kept.clone().keep(&entry).await {
                        tracing::warn!("that batch {} is in sync can't be written down: {why}", entry.id);
                    }
                }
                Err(failure) => {
                    self.pending.push(entry);
                    refused = refused.or((!failure.is_busy() && !failure.leaves_doubt()).then_some(failure));
                }
            }
        }
        match refused {
            Some(failure) => Err(failure),
            None => Ok(synced),
        }
    }

    /// Asks the zone's name servers about every host that is as it should be and was not asked about.
    async fn check(&mut self, now: Timestamp) {
        if self.zone.private {
            return;
        }
        let mut due: Vec<(Name, Expected)> = vec![];
        for host in self.plan.hosts.iter().filter(|host| host.outcome == Outcome::Nothing) {
            if self.is_pending(&host.name) {
                continue;
            }
            let Some(expected) = name_servers::expected(&host.name, self.present.at(&host.name)) else {
                continue;
            };
            let known = self.answers.get(&host.name);
            let holds = known.is_some_and(|(of, answers, at)| {
                let right = matches!(answers, Answers::Right { .. } | Answers::Silent { .. });
                *of == expected && right && now.duration_since(*at) < ANSWERED
            });
            if !holds {
                due.push((host.name.clone(), expected));
            }
        }
        let Some((host, expected)) = due.pop() else { return };
        let first = name_servers::check(&self.servers, &expected).await;
        let deaf = matches!(first, Answers::Silent { .. }).then(|| first.clone());
        self.answers.insert(host, (expected, first, now));
        let servers = &self.servers;
        let answered = stream::iter(due).map(async |(host, expected)| {
            // From where no name server is heard once, none is heard a moment later.
            let answers = match &deaf {
                Some(silent) => silent.clone(),
                None => name_servers::check(servers, &expected).await,
            };
            (host, (expected, answers, now))
        });
        let answered: Vec<_> = answered.buffer_unordered(AT_ONCE).collect().await;
        self.answers.extend(answered);
    }

    fn is_pending(&self, host: &Name) -> bool {
        self.pending.iter().any(|entry| entry.hosts.iter().any(|asked| asked.host == *host))
    }

    /// Whether something is on its way that no event reports.
    pub fn is_busy(&self) -> bool {
        self.due.is_none()
            || !self.pending.is_empty()
            || self.answers.values().any(|(_, answers, _)| matches!(answers, Answers::Wrong { .. }))
    }

    /// When something is to be looked at again by itself; none: at once.
    pub fn due(&self) -> Option<Timestamp> {
        self.due
    }

    pub fn planned(&self, host: &Name) -> Option<&Host> {
        self.plan.host(host)
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn followed(&self, host: &Name) -> Followed {
        let pending = self.pending.iter().find(|entry| entry.hosts.iter().any(|asked| asked.host == *host));
        let change = pending.and_then(|entry| match &entry.state {
            State::Accepted { change } => Some(change.clone()),
            _ => None,
        });
        let answers = match self.answers.get(host) {
            Some((_, answers, _)) => answers.clone(),
            None if self.zone.private => Answers::Silent { why: "its zone is private".to_owned() },
            None => Answers::Unasked,
        };
        Followed { failed: self.failed.get(host).cloned(), pending: change, answers }
    }

    /// Our records of a host, for people.
    pub fn records(&self, host: &Name) -> Vec<String> {
        self.memory.records().filter(|set| set.name == *host).map(ToString::to_string).collect()
    }

    pub fn batch(&self, host: &Name) -> Option<&Entry> {
        self.batches.get(host)
    }

    /// Whether a host that was given back is gone, from every name server.
    pub fn is_let_go(&self, host: &Name) -> bool {
        let asked = self.asked.as_ref().is_some_and(|(_, going)| going.contains(host));
        asked && self.due.is_some() && !self.is_pending(host) && crate::plan::is_let_go(self.plan.host(host))
    }
}

/// The same question for the nth time.
fn backoff(times: u32) -> SignedDuration {
    let doubled = STUCK.checked_mul(1 << times.saturating_sub(1).min(8)).unwrap_or(RESYNC);
    doubled.min(RESYNC)
}

/// Keeps what is written, and remembers it for who follows it.
struct Book {
    kept: Kept,
    entries: BTreeMap<String, Entry>,
}

impl Journal for Book {
    async fn keep(&mut self, entry: &Entry) -> Result<(), String> {
        self.kept.keep(entry).await?;
        self.entries.insert(entry.id.clone(), entry.clone());
        Ok(())
    }
}
