//! Carrying a plan out: batch after batch, each written down before and after. A batch that Route 53 refuses is taken
//! apart until only the hosts are left out that are to blame; the others go on.
//!
//! Decides nothing: what a refused host needs, the next plan says.

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::Failure;
use crate::journal::{Entry, Journal, State};
use crate::plan::{Host, Name, Unit, batches};
use crate::route53::{Route53, Zone};
use crate::scheduler::{Request, Scheduler};

/// What became of a host's changes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Done {
    /// On its way to the name servers as this change.
    Accepted { unit: Unit, change: String },
    /// Something is not as it was read. Nothing of this host was done.
    Refused { host: Name, words: String },
    /// Nobody knows: it has to be read again.
    Unknown { host: Name, failure: Failure },
    /// Not even sent.
    NotSent { host: Name, why: NotSent },
}

#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotSent {
    #[error(transparent)]
    Failed(Failure),
    #[error("the journal can't be written: {0}")]
    NoJournal(String),
}

/// For whom it is done.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    pub owner: &'a str,
    pub by: &'a str,
}

/// Carries out what `hosts` need; one answer for each that has changes.
pub async fn carry_out(
    route53: &impl Route53,
    scheduler: &Scheduler,
    zone: &Zone,
    who: Who<'_>,
    hosts: &[Host],
    journal: &mut impl Journal,
) -> Vec<Done> {
    let mut done = vec![];
    let mut left: VecDeque<Vec<Unit>> = batches(hosts).into();
    if left.is_empty() {
        return done;
    }
    let _writer = scheduler.writer(&zone.id).await;
    while let Some(units) = left.pop_front() {
        match send(route53, scheduler, zone, who, &units, journal).await {
            Ok(change) => {
                done.extend(units.into_iter().map(|unit| Done::Accepted { unit, change: change.clone() }));
            }
            Err(NotSent::Failed(Failure::InvalidBatch { names, words })) => {
                take_apart(units, &names, &words, &mut left, &mut done);
            }
            Err(NotSent::Failed(failure)) if failure.leaves_doubt() => {
                let unknown = |unit: Unit| Done::Unknown { host: unit.host, failure: failure.clone() };
                done.extend(units.into_iter().map(unknown));
            }
            // It would be the same for the rest.
            Err(why) => {
                let rest = units.into_iter().chain(left.drain(..).flatten());
                done.extend(rest.map(|unit| Done::NotSent { host: unit.host, why: why.clone() }));
            }
        }
    }
    done
}

async fn send(
    route53: &impl Route53,
    scheduler: &Scheduler,
    zone: &Zone,
    who: Who<'_>,
    units: &[Unit],
    journal: &mut impl Journal,
) -> Result<String, NotSent> {
    let mut entry = Entry::new(zone, who.owner, who.by, units);
    journal.keep(&entry).await.map_err(NotSent::NoJournal)?;
    let changes: Vec<_> = units.iter().flat_map(|unit| unit.changes.iter().cloned()).collect();
    let comment = format!("{} {}", who.owner, entry.id);
    let told = scheduler.ask(Request::Change, || route53.change(&zone.id, &comment, &changes)).await;
    entry.answered = Some(Timestamp::now());
    entry.state = match &told {
        Ok(change) => State::Accepted { change: change.clone() },
        Err(failure) if failure.leaves_doubt() => State::Unknown { words: failure.to_string() },
        Err(failure) => State::Refused { words: failure.to_string() },
    };
    // It is done or not, whether that can be written down or not: the next reading tells.
    if let Err(why) = journal.keep(&entry).await {
        tracing::warn!("What became of batch {} can't be written down: {why}", entry.id);
    }
    told.map_err(NotSent::Failed)
}

/// Leaves out the hosts that are named, or halves what is left until one is to blame.
fn take_apart(
    mut units: Vec<Unit>,
    names: &[Name],
    words: &str,
    left: &mut VecDeque<Vec<Unit>>,
    done: &mut Vec<Done>,
) {
    let refused = |unit: Unit| Done::Refused { host: unit.host, words: words.to_owned() };
    let is_named = |unit: &Unit| unit.changes.iter().any(|change| names.contains(&change.set.name));
    if units.len() == 1 {
        done.extend(units.into_iter().map(refused));
    } else if units.iter().any(is_named) {
        let (named, others): (Vec<Unit>, Vec<Unit>) = units.into_iter().partition(is_named);
        done.extend(named.into_iter().map(refused));
        if !others.is_empty() {
            left.push_front(others);
        }
    } else {
        let second = units.split_off(units.len() / 2);
        left.push_front(second);
        left.push_front(units);
    }
}
