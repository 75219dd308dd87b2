//! One attempt: both servers are asked whether it can go well, then everything is looked at, as often as the job says or
//! until nothing changes, and at the end all is told.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::batch::{Age, Hands, Shared};
use super::choice::against_snapshot;
use super::feed::Feed;
use super::functions;
use super::job::{Existing, Limits, Ready};
use super::ledger;
use super::link::{End, Link};
use super::looked_for;
use super::outcome::{Done, guarantee, listed, p99};
use super::plan::names::Scope;
use super::plan::rules::Rules;
use super::report::{self, Event, PlanSummary, Report, Tally};
use super::server::{self, Server};
use super::slices;
use super::snapshot::{self, Seen, Taken};
use super::surplus::{self, What};
use super::walk::{self, Walked};
use super::watch::Watch;
use crate::error::{Error, Result};
use crate::masks::Keyed;
use crate::progress::peak_memory;
use crate::throttle::Throttle;
use crate::{Say, Steer, progress};

/// So many snapshots may break off.
const SNAPSHOTS: u32 = 3;

/// Both ends, and what was found out about them.
pub struct Ends {
    from: End,
    to: End,
    target: Link,
    there: Server,
    here: Server,
    from_replica: bool,
    databases: Vec<u32>,
    path: report::Path,
    /// Why no snapshot is asked for; none: one is.
    no_snapshot: Option<String>,
}

pub async fn open(ready: &Ready) -> Result<Ends> {
    let job = &ready.job;
    let wanted = End::source(ready);
    let (from, mut source, there) = Box::pin(server::choose(&wanted, job.from_replica)).await?;
    let to = End::target(ready);
    let mut target = to.connect().await?;
    let here = Server::ask(&mut target).await?;
    here.accept(to.side)?;
    server::may_read(&mut source, job.functions).await?;
    server::may_write(&mut target, job.functions).await?;
    let databases = job.databases.clone().unwrap_or_else(|| {
        let mut all = there.databases();
        // What only the target has goes too.
        all.extend((job.existing == Some(Existing::Wipe)).then(|| here.databases()).into_iter().flatten());
        all.into_keys().collect()
    });
    for database in &databases {
        source.select(*database).await?;
        target.select(*database).await?;
    }
    let path = Box::pin(server::path(&mut source, &databases, &mut target)).await?;
    let from_replica = from.address() != wanted.address();
    let no_snapshot = Box::pin(against_snapshot(job, &there, &mut source, path)).await?;
    Ok(Ends { from, to, target, there, here, from_replica, databases, path, no_snapshot })
}

impl Ends {
    pub fn plan(&self, ready: &Ready) -> PlanSummary {
        let keys = self.there.databases();
        PlanSummary {
            source: format!("{} at {}", self.there.name(), self.from.address()),
            target: format!("{} at {}", self.here.name(), self.to.address()),
            keys: self.databases.iter().filter_map(|database| keys.get(database)).sum(),
            databases: self.databases.clone(),
            path: if self.no_snapshot.is_none() { report::Path::Snapshot } else { self.path },
            notes: self.notes(ready),
        }
    }

    fn notes(&self, ready: &Ready) -> Vec<String> {
        let mut notes = self.here.warnings(&self.there);
        if ready.job.from_replica && !self.from_replica && !self.there.is_replica() {
            notes.push("the source has no replica that answers: it is read itself".to_owned());
        }
        if let Some(why) = self.no_snapshot.as_ref().filter(|_| ready.job.snapshot.is_none()) {
            notes.push(format!("keys are read one by one: {why}"));
        }
        if self.path == report::Path::Commands {
            notes.push(format!(
                "{} does not read what {} writes: values are copied by what they mean, which takes longer; those of modules cannot be",
                self.here.name(),
                self.there.name()
            ));
        }
        notes
    }

    fn age(&self) -> Age {
        match (self.here.eviction(), self.there.eviction()) {
            (Some(here), Some(there)) if here.contains("lfu") && there.contains("lfu") => Age::Frequency,
            (Some(here), there)
                if here.contains("lru") && there.is_none_or(|there| !there.contains("lfu")) =>
            {
                Age::Idle
            }
            _ => Age::Unasked,
        }
    }
}

pub async fn attempt(ready: &Ready, steer: &Steer<Limits>, tally: &Arc<Tally>, say: &Say) -> Result<Report> {
    let mut ends = Box::pin(open(ready)).await?;
    let token = token();
    ledger::alone(&mut ends.target, &token).await?;
    let outcome = Box::pin(alone(ready, &mut ends, &token, steer, tally, say)).await;
    // A target that is away forgets by itself.
    if let Ok(mut target) = ends.to.connect().await {
        let _ = ledger::release(&mut target, &token).await;
    }
    outcome
}

/// No two processes have the same.
fn token() -> String {
    let now = jiff::Timestamp::now().as_nanosecond();
    format!("{}-{now}", std::process::id())
}

async fn alone(
    ready: &Ready,
    ends: &mut Ends,
    token: &str,
    steer: &Steer<Limits>,
    tally: &Arc<Tally>,
    say: &Say,
) -> Result<Report> {
    let job = &ready.job;
    let plan = ends.plan(ready);
    say(progress::Event::Redis(Event::Plan(plan.clone())));
    let scope = Scope::new(&job.keys.include, &job.keys.exclude, &job.keys.rename);
    let rules = Rules::new(&job.masks.values, job.masks.deny, ready.keyed.as_ref());
    let wanted = same_copy(ready)?;
    let look = Box::pin(begin(&wanted, ready, ends, &scope, say)).await?;

    let (source, target) = (ends.from.connect().await?, ends.to.connect().await?);
    let mut hands = Hands { source, target, part: slices::part(0) };
    let leaks =
        Box::pin(looked_for::values(&mut hands, &scope, &rules, &ends.databases)).await?.map(Arc::new);
    // What was said since counts from the first key on.
    let limits = steer().unwrap_or(job.limits);
    let shared = Arc::new(Shared {
        scope,
        rules,
        path: ends.path,
        existing: job.existing,
        source: ends.from.clone(),
        target: ends.to.clone(),
        field_lives: ends.there.field_lives && ends.here.field_lives,
        age: ends.age(),
        bytes: Arc::new(Throttle::new(limits.bytes_per_second)),
        pace: Arc::new(Throttle::new(limits.keys_per_second)),
        tally: tally.clone(),
        leaks: leaks.clone(),
        say: say.clone(),
    });
    let felt = Arc::<Mutex<Vec<f64>>>::default();
    let watch = Watch {
        source: ends.from.clone(),
        target: ends.to.clone(),
        token: token.to_owned(),
        job: wanted,
        steer: steer.clone(),
        limits,
        bytes: shared.bytes.clone(),
        pace: shared.pace.clone(),
        tally: tally.clone(),
        of_keys: plan.keys,
        say: say.clone(),
        felt: felt.clone(),
    };
    let done = tokio::select! {
        ended = Box::pin(watch.run()) => ended.and_then(|()| Err(Error::Internal("nobody watches".into())))?,
        done = Box::pin(everything(ready, ends, &shared, &mut hands, look)) => done?,
    };
    if let Some(Err(error)) = leaks.as_ref().map(|leaks| leaks.verdict()) {
        // What leaked did not get there. The rest stays where others have keys too, and goes where all of it is ours.
        if matches!(job.existing, None | Some(Existing::Wipe)) {
            clear(What::Everything, &shared, &mut hands, &ends.databases).await?;
        }
        ledger::end(&mut hands.target).await?;
        return Err(error);
    }
    let counts = tally.counts();
    let here = Server::ask(&mut hands.target).await?;
    let forgot = here.forgot(&ends.here);
    if forgot > 0 {
        return Err(Error::Refused {
            message: format!(
                "the target is full and has forgotten {forgot} keys meanwhile ({})",
                here.eviction().unwrap_or("it does not say why")
            ),
            fix: "give it more memory (maxmemory) or copy fewer keys, then start the copy again: it goes on"
                .to_owned(),
        });
    }
    if !counts.differing.is_empty() {
        return Err(Error::KeysDiffer(counts.differing));
    }
    ledger::end(&mut hands.target).await?;
    let cpu = |server: &Server| {
        server.number("used_cpu_sys_main_thread") + server.number("used_cpu_user_main_thread")
    };
    let after = Server::ask(&mut hands.source).await?;
    Ok(Report {
        seconds: 0.0,
        source: ends.from.address(),
        from_replica: ends.from_replica,
        path: if done.made.is_some() { report::Path::Snapshot } else { ends.path },
        moment: done.moment(),
        databases: ends.databases.clone(),
        passes: done.passes,
        keys: done.keys,
        copied: counts.copied,
        equal: done.equal,
        skipped: done.skipped,
        expired: counts.expired,
        changed: counts.changed,
        repaired: counts.repaired,
        removed: done.removed,
        large: done.large,
        masked: done.masked,
        left_out: tally.left_out.load(Ordering::Relaxed),
        opaque: counts.opaque,
        functions: done.functions,
        bytes: tally.bytes.load(Ordering::Relaxed),
        not_copied: listed(counts.not_copied),
        mask_key: ready.keyed.as_ref().filter(|_| shared.rules.masks_any()).map(Keyed::id),
        values_looked_for: leaks.map_or(0, |leaks| leaks.values()),
        source_asked: ends.from.counter.asked(),
        target_asked: ends.to.counter.asked(),
        throttled_seconds: (shared.bytes.waited() + shared.pace.waited()).as_secs_f64(),
        source_ping_p99_millis: p99(&felt),
        source_cpu_seconds: (cpu(&after) - cpu(&ends.there)).max(0.0),
        peak_memory_bytes: peak_memory(),
        guarantee: guarantee(&done, job.existing),
        notes: plan.notes.into_iter().chain(done.notes).collect(),
    })
}

/// Whether the target may have some of it; an error: it must not, and does.
async fn begin(wanted: &str, ready: &Ready, ends: &mut Ends, scope: &Scope, say: &Say) -> Result<bool> {
    let found = ledger::job(&mut ends.target).await?;
    ledger::tidy(&mut ends.target, &ends.databases).await?;
    let resumed = found.as_deref() == Some(wanted);
    let occupied = surplus::any(&mut ends.target, scope, &ends.databases).await?;
    if resumed {
        say(progress::Event::Redis(Event::Resumed { job: wanted.to_owned() }));
    } else if ready.job.existing.is_none() && (found.is_some() || occupied.is_some()) {
        let what = match occupied {
            Some(database) => format!("keys of the copy in database {database}"),
            None => "another copy that was not finished".to_owned(),
        };
        return Err(Error::Refused {
            message: format!("the target is not empty: it has {what}"),
            fix: "empty it, or say `existing: replace`, `skip` or `wipe`".to_owned(),
        });
    }
    ledger::begin(&mut ends.target, wanted).await?;
    Ok(occupied.is_some())
}

/// Everything that, changed, makes another copy of it. Not how fast it goes.
fn same_copy(ready: &Ready) -> Result<String> {
    let job = &ready.job;
    let masks = serde_json::to_string(&(job.masks.deny, &job.masks.values))
        .map_err(|error| Error::Internal(error.to_string()))?;
    let words = [
        job.source.address(),
        format!("{:?}", job.databases),
        format!("{:?}", job.keys),
        format!("{:?}", job.existing),
        masks,
        ready.keyed.as_ref().map(Keyed::id).unwrap_or_default(),
    ];
    Ok(crate::plan::digest(words.join("\n").as_bytes()))
}

async fn everything(
    ready: &Ready,
    ends: &Ends,
    shared: &Arc<Shared>,
    hands: &mut Hands,
    look: bool,
) -> Result<Done> {
    let job = &ready.job;
    // Without a word about what is there, all of it is ours.
    let clears = matches!(job.existing, None | Some(Existing::Wipe));
    let mut done = Done::default();
    if clears && look {
        done.removed += clear(What::Surplus, shared, hands, &ends.databases).await?;
    }
    let (seen, look) = match ends.no_snapshot {
        Some(_) => (None, look),
        None => Box::pin(at_once(ready, ends, shared, look, &mut done)).await?,
    };
    let passes = if seen.is_some() { 0 } else { job.passes };
    for pass in 1..=passes {
        (shared.say)(progress::Event::Redis(Event::Pass { pass, of_at_most: job.passes }));
        let databases: Vec<Walked> =
            ends.databases.iter().map(|database| (*database, look || pass > 1)).collect();
        let before = shared.tally.counts();
        Box::pin(walk::pass(shared, &databases, pass, job.limits.connections)).await?;
        let now = shared.tally.counts();
        done.passes = pass;
        done.settled = now.copied == before.copied;
        if pass == 1 {
            done.count(shared);
        }
        if shared.leaks.as_ref().is_some_and(|leaks| leaks.verdict().is_err()) {
            return Ok(done);
        }
        if done.settled {
            break;
        }
    }
    if shared.leaks.as_ref().is_some_and(|leaks| leaks.verdict().is_err()) {
        return Ok(done);
    }
    // Either server may have gone and come back since.
    Box::pin(hands.again(shared)).await?;
    if job.functions {
        let wanted = match &seen {
            Some(seen) => functions::named(&seen.libraries)?,
            None => functions::libraries(&mut hands.source).await?,
        };
        done.functions = functions::copy(&wanted, &mut hands.target, job.existing).await?;
    }
    if let Some(seen) = seen.as_ref().filter(|_| clears) {
        done.removed += clear(What::Others(seen), shared, hands, &ends.databases).await?;
        return Ok(done);
    }
    let everything = shared.scope.is_everything() && !shared.rules.denies();
    if clears && !(everything && done.settled && same(hands, &ends.databases).await?) {
        done.removed += clear(What::Surplus, shared, hands, &ends.databases).await?;
    }
    Ok(done)
}

/// Everything out of a snapshot; none: there is none that can be used. And whether the target may have some of it.
async fn at_once(
    ready: &Ready,
    ends: &Ends,
    shared: &Arc<Shared>,
    mut look: bool,
    done: &mut Done,
) -> Result<(Option<Seen>, bool)> {
    let why = 'snapshots: {
        let mut last = String::new();
        for round in 1..=SNAPSHOTS {
            (shared.say)(progress::Event::Redis(Event::Pass { pass: 1, of_at_most: 1 }));
            let taken = match Feed::open(&ends.from).await {
                Ok(feed) => {
                    Box::pin(snapshot::pass(shared, feed, look, ready.job.limits.connections)).await?
                }
                Err(denied) => denied.into(),
            };
            match taken {
                Taken::Whole(seen) => {
                    (done.passes, done.made) = (1, Some(seen.made));
                    done.count(shared);
                    return Ok((Some(seen), look));
                }
                Taken::Refused(why) => break 'snapshots why,
                Taken::Broken(error) => {
                    last = error.to_string();
                    if round < SNAPSHOTS {
                        (shared.say)(progress::Event::Note { message: format!("{last}: asked for another") });
                    }
                    // What it brought is there.
                    look = true;
                    Box::pin(ends.from.patiently()).await?;
                }
            }
        }
        last
    };
    if ready.job.snapshot == Some(true) {
        return Err(Error::Refused {
            message: format!("the source gives no snapshot: {why}"),
            fix: "leave `snapshot` out: keys are read one by one then".to_owned(),
        });
    }
    let note = format!("keys were read one by one: the source gives no snapshot: {why}");
    (shared.say)(progress::Event::Note { message: note.clone() });
    done.notes.push(note);
    shared.tally.left_out.store(0, Ordering::Relaxed);
    // Some of it may have come before it was refused.
    Ok((None, true))
}

async fn clear(what: What<'_>, shared: &Shared, hands: &mut Hands, databases: &[u32]) -> Result<u64> {
    let about = (&shared.scope, &shared.rules);
    Box::pin(surplus::remove(what, about, &mut hands.source, &mut hands.target, databases)).await
}

async fn same(hands: &mut Hands, databases: &[u32]) -> Result<bool> {
    surplus::same_number(&mut hands.source, &mut hands.target, databases).await
}
