//! One attempt: both buckets are asked whether it can go well, then everything is walked, and at the end all is told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::census::Census;
use super::cursor::Cursor;
use super::deal;
use super::end::End;
use super::gate::Gate;
use super::job::{Denied, Existing, Limits, Ready};
use super::ledger::{Indexed, Ledger};
use super::plan::board::{Board, Range};
use super::plan::deal::Deal;
use super::plan::scope::{Scope, collisions, scopes};
use super::read::From;
use super::report::{Event, Kind, PlanSummary, Report, Tally, Way};
use super::shared::{Course, Shared, lock};
use super::together::{self, Handed};
use super::turn::Turn;
use super::walk;
use super::watch::{FIRST, Watch};
use super::write::TOGETHER;
use crate::error::{Error, Result, Side};
use crate::progress::peak_memory;
use crate::share::Share;
use crate::throttle::Throttle;
use crate::{Halt, Say, Steer, progress};

/// Who list, each another range.
const WALKERS: usize = 8;

/// Both ends, and what was found out about them.
pub struct Ends {
    source: End,
    target: End,
    gate: Arc<Gate>,
    requests: Arc<Throttle>,
    scopes: Vec<Scope>,
    ledger: Ledger,
    since: Option<i64>,
    plan: PlanSummary,
}

pub async fn open(ready: &Ready) -> Result<Ends> {
    let job = &ready.job;
    let (gate, requests) =
        (Gate::new(FIRST.min(job.limits.transfers)), Arc::new(Throttle::new(job.limits.requests_per_second)));
    let source = End::reach(Side::Source, ready, &gate, &requests).await?;
    let target = End::reach(Side::Target, ready, &gate, &requests).await?;
    let scopes = scopes(&job.prefixes);
    let (mut objects, mut bytes, mut more) = (0, 0, false);
    for scope in &scopes {
        let page = Cursor::new(&source, scope, "").page().await;
        let page = page.map_err(|answer| source.error(answer, "listing"))?;
        objects += page.rows.len() as u64;
        bytes += page.rows.iter().map(|row| row.size).sum::<u64>();
        more |= !page.ended;
    }
    for prefix in collisions(&scopes) {
        let page = source.list(&prefix, From::After(""), 1).await;
        if !page.map_err(|answer| source.error(answer, "listing"))?.rows.is_empty() {
            return Err(Error::Refused {
                message: format!("the source has objects below `{prefix}`, where renamed ones would lie"),
                fix: format!("exclude `{prefix}`, or rename to another prefix"),
            });
        }
    }
    let ledger = Ledger::new(&target, &job.notes, &same_copy(ready)?);
    let since = ledger.begun().await?;
    if since.is_none() && job.existing.is_none() {
        empty(&target, &scopes).await?;
    }
    let way = if job.source.is_beside(&job.target) { Way::ByItself } else { Way::Through };
    let plan = PlanSummary {
        source: source.address.clone(),
        target: target.address.clone(),
        way,
        objects_at_least: objects,
        bytes_at_least: bytes,
        more,
        notes: vec![],
    };
    Ok(Ends { source, target, gate, requests, scopes, ledger, since, plan })
}

impl Ends {
    pub fn plan(&self) -> &PlanSummary {
        &self.plan
    }

    /// From here on its plan says how many there are.
    pub async fn count(&mut self) -> Result<()> {
        let census = Census::default();
        let counted = census.take(&self.source, &self.scopes).await;
        counted.map_err(|answer| self.source.error(answer, "listing"))?;
        self.plan.objects_at_least = census.objects.load(Ordering::Relaxed);
        self.plan.bytes_at_least = census.bytes.load(Ordering::Relaxed);
        self.plan.more = false;
        Ok(())
    }
}

/// Without a word about what is there, nothing may be.
async fn empty(target: &End, scopes: &[Scope]) -> Result<()> {
    for scope in scopes {
        let mut cursor = Cursor::new(target, scope, "");
        loop {
            let page = cursor.page().await.map_err(|answer| target.error(answer, "listing"))?;
            if let Some(row) = page.rows.first() {
                let key = [scope.to.as_bytes(), &row.key].concat();
                return Err(Error::Refused {
                    message: format!("the target is not empty: it has `{}`", String::from_utf8_lossy(&key)),
                    fix: "empty it, or say `existing: replace` or `skip`".to_owned(),
                });
            }
            if page.ended {
                break;
            }
        }
    }
    Ok(())
}

/// Everything that, changed, makes another copy of it. Not how fast it goes, nor what else may lie there.
fn same_copy(ready: &Ready) -> Result<String> {
    let job = &ready.job;
    let masks = serde_json::to_string(&job.masks).map_err(|error| Error::Internal(error.to_string()))?;
    let words = [job.source.address(), format!("{:?}", job.prefixes), masks];
    Ok(crate::plan::digest(words.join("\n").as_bytes()))
}

/// As the ledger has them; else all of each scope at once. Of several each has his own.
fn ranges(scopes: &[Scope], index: &[Indexed], share: Option<&(Share, Deal)>) -> Vec<Range> {
    let mut ranges = vec![];
    for (number, scope) in scopes.iter().enumerate() {
        let mut cuts: Vec<&str> = index
            .iter()
            .filter(|found| found.header.scope == scope.from)
            .flat_map(|found| [Some(found.header.after.as_str()), found.header.upto.as_deref()])
            .flatten()
            .chain(share.iter().flat_map(|(_, deal)| deal.cuts(&scope.from)))
            .chain([""])
            .collect();
        cuts.sort_unstable();
        cuts.dedup();
        let ends = cuts.iter().skip(1).map(|cut| Some((*cut).to_owned())).chain([None]);
        ranges.extend(cuts.iter().zip(ends).map(|(after, upto)| Range {
            scope: number,
            after: (*after).to_owned(),
            // Where nothing is known there may be anything.
            small: upto.is_some()
                && index.iter().any(|found| found.header.after == *after && found.header.upto == upto),
            upto,
        }));
    }
    ranges.retain(|range| is_mine(share, &scopes[range.scope].from, &range.after));
    ranges
}

fn is_mine(share: Option<&(Share, Deal)>, scope: &str, after: &str) -> bool {
    share.is_none_or(|(share, deal)| deal.is_of(share, scope, after))
}

pub async fn attempt(
    ready: &Ready,
    steer: &Steer<Limits>,
    halt: &Halt,
    tally: &Arc<Tally>,
    say: &Say,
) -> Result<Report> {
    let begun = Instant::now();
    let Ends { source, target, gate, requests, scopes, ledger, since, plan } =
        Box::pin(halt.unless(open(ready))).await?;
    say(progress::Event::S3(Event::Plan(plan.clone())));
    let share = match &ready.share {
        Some(share) => {
            let deal = halt.unless(Box::pin(deal::agreed(&source, &ledger, &scopes, share))).await?;
            Some((share.clone(), deal))
        }
        None => None,
    };
    let index = if since.is_some() { halt.unless(ledger.index()).await? } else { vec![] };
    if since.is_some() {
        let job = same_copy(ready)?;
        say(progress::Event::S3(Event::Resumed { job, segments: index.len() }));
    }
    let course =
        Course::new(Board::new(ranges(&scopes, &index, share.as_ref())), ready.job.limits.bytes_per_second);
    let turn = Turn::new(&target, &ledger, ready.share.as_ref());
    let mut job = ready.job.clone();
    // All of it is counted once.
    job.count &= ready.share.as_ref().is_none_or(|share| share.index == 0);
    let shared = Arc::new(Shared {
        job,
        share,
        scopes,
        source,
        target,
        ledger,
        turn,
        since,
        index,
        gate,
        tally: tally.clone(),
        begun,
        say: say.clone(),
        course,
    });
    let watch = Watch {
        steer: steer.clone(),
        limits: ready.job.limits,
        shared: shared.clone(),
        requests: requests.clone(),
    };
    let done = tokio::select! {
        ended = Box::pin(watch.run()) => ended.and_then(|()| Err(Error::Internal("nobody watches".into()))),
        error = shared.failed() => Err(error),
        () = halt.asked() => Err(Error::Stopped),
        done = Box::pin(everything(&shared)) => done,
    };
    match done {
        Ok(true) if shared.share.is_some() => shared.turn.release_all().await,
        Ok(false) => shared.turn.leave().await,
        _ => shared.turn.release().await,
    }
    done?;
    verdict(&shared)?;
    Ok(report(&shared, plan, &requests))
}

/// Whether nobody is left who has something to do.
async fn everything(shared: &Arc<Shared>) -> Result<bool> {
    walk::walk(shared, WALKERS).await?;
    let holding = lock(&shared.course.holding).clone();
    let stale = shared.index.iter().filter(|found| {
        let header = &found.header;
        !holding.contains(&found.name) && is_mine(shared.share.as_ref(), &header.scope, &header.after)
    });
    let stale: Vec<String> = stale.map(|found| found.name.clone()).collect();
    let Some((share, _)) = &shared.share else {
        remove(shared, &Handed::default()).await?;
        return shared.ledger.forget(&stale).await.map(|()| true);
    };
    shared.ledger.forget(&stale).await?;
    let Some(others) = together::hand_in(shared, share).await? else { return Ok(false) };
    remove(shared, &others).await?;
    shared.ledger.forget_together().await.map(|()| true)
}

/// What only the target has, once everything else is there, and if it is no more than was said.
async fn remove(shared: &Shared, others: &Handed) -> Result<()> {
    let mut keys = std::mem::take(&mut *lock(&shared.course.extraneous));
    keys.extend(others.alone.iter().cloned());
    let Some(most) = shared.job.delete_up_to.filter(|_| !keys.is_empty()) else { return Ok(()) };
    if keys.len() > most {
        let found = shared.tally.counts();
        return Err(Error::Refused {
            message: format!(
                "the target has {} objects that the copy would not leave there, and {most} may be removed: none was",
                found.extraneous + found.forbidden_count + others.found
            ),
            fix: "see whether it is the right target, then say a larger `deleteUpTo`".to_owned(),
        });
    }
    shared.turn.take().await?;
    for keys in keys.chunks(TOGETHER) {
        let failed = shared.target.remove_all(keys, Kind::Write).await;
        let failed = failed.map_err(|answer| shared.target.error(answer, "removing"))?;
        shared.tally.count(|counts| counts.removed += (keys.len() - failed.len()) as u64);
        for (key, why) in failed {
            shared.tally.not_copied(key.as_bytes(), &format!("the target: {why}"));
        }
    }
    shared.tally.count(|counts| counts.forbidden_count = 0);
    Ok(())
}

fn verdict(shared: &Shared) -> Result<()> {
    let counts = shared.tally.counts();
    if counts.forbidden_count > 0 {
        let named = counts.forbidden.iter().take(3).cloned().collect::<Vec<_>>().join("`, `");
        return Err(Error::Refused {
            message: format!(
                "the target has {} objects that are masked by `drop`: `{named}`",
                counts.forbidden_count
            ),
            fix: "remove them, or say `deleteUpTo` so that the copy does".to_owned(),
        });
    }
    if counts.not_copied_count > 0 && shared.job.denied == Denied::Fail {
        let named = counts.not_copied.iter().map(|(key, why)| format!("{key}: {why}")).collect();
        return Err(Error::NotCopied { count: counts.not_copied_count, named });
    }
    Ok(())
}

fn report(shared: &Shared, plan: PlanSummary, requests: &Throttle) -> Report {
    let mut counts = shared.tally.counts();
    counts.objects = shared.tally.objects.load(Ordering::Relaxed);
    let guarantee = guarantee(shared.job.existing, shared.job.delete_up_to.is_some());
    let mut notes = plan.notes;
    if counts.gone > 0 {
        notes.push(format!(
            "{} objects were listed and then not found: they were removed meanwhile, or the source lists names that it does not know",
            counts.gone
        ));
    }
    if counts.received > 0 {
        notes.push(format!(
            "of {} objects the stores tell no digest in common: each was received as it was sent",
            counts.received
        ));
    }
    // Of several the last one removes what all have found.
    if shared.share.is_none() && counts.extraneous > counts.removed {
        notes.push(format!("{} objects are on the target alone", counts.extraneous - counts.removed));
    }
    Report {
        seconds: 0.0,
        seconds_to_first: shared.course.first.get().copied(),
        source: plan.source,
        target: plan.target,
        way: plan.way,
        bytes: shared.tally.bytes.load(Ordering::Relaxed),
        ranges: lock(&shared.course.board).taken(),
        source_asked: shared.source.counter.asked(),
        target_asked: shared.target.counter.asked(),
        slow_downs: shared.gate.slow_downs(),
        throttled_seconds: (shared.course.bytes.waited() + requests.waited()).as_secs_f64(),
        most_under_way: shared.gate.most(),
        peak_memory_bytes: peak_memory(),
        guarantee,
        notes,
        counts,
    }
}

fn guarantee(existing: Option<Existing>, deletes: bool) -> String {
    let there = match existing {
        Some(Existing::Skip) => "; what the target had already was left as it was",
        _ => "",
    };
    let gone = if deletes { "" } else { "; what the source no longer has may still be there" };
    format!(
        "each object is whole and as it was on the source at one moment of this copy; objects have no moment in common, and \
         what was put behind the listing is not there{there}{gone}"
    )
}

#[cfg(test)]
mod tests {
    use super::super::plan::deal::Cut;
    use super::super::plan::scope::Prefixes;
    use super::super::plan::segment::Header;
    use super::*;

    #[test]
    fn ranges_are_those_of_the_ledger_and_what_lies_between_and_beyond() {
        let found = |after: &str, upto: Option<&str>| Indexed {
            name: String::new(),
            header: Header { scope: String::new(), after: after.into(), upto: upto.map(str::to_owned) },
        };
        let scopes = scopes(&Prefixes::default());
        let told = |index: &[Indexed], share: Option<&(Share, Deal)>| {
            let of = |range: Range| format!("{}..{}", range.after, range.upto.unwrap_or_default());
            ranges(&scopes, index, share).into_iter().map(of).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(told(&[], None), "..");
        let index = [found("", Some("b")), found("b", Some("d")), found("f", None)];
        assert_eq!(told(&index, None), "..b b..d d..f f..");
        // Of two, the second has what lies between the cuts.
        let cut = |after: &str| Cut { scope: String::new(), after: after.into() };
        let shared = |index| {
            let share = Share { index, of: 2, start: "a".into() };
            (share, Deal::new("a", vec![cut("c"), cut("e")]))
        };
        assert_eq!(told(&index, Some(&shared(0))), "..b b..c e..f f..");
        assert_eq!(told(&index, Some(&shared(1))), "c..d d..e");
    }
}
