//! One attempt: a snapshot, and everything that is not on the target yet as of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::try_join_all;
use mysql_async::Conn;

use crate::board::{Board, Start};
use crate::copy::{LOCK_PATIENCE, check, notes, summary, whole};
use crate::error::{Error, Result};
use crate::job::Ready;
use crate::leaks::Leaks;
use crate::mysql::connect::{self, End};
use crate::mysql::ledger::{self, Ledger};
use crate::mysql::pump::{Passage, Route};
use crate::mysql::{finish, schema, snapshot};
use crate::plan::chunks::pieces;
use crate::plan::ddl::{fingerprint, split};
use crate::plan::policy::Policy;
use crate::plan::schema::{Database, MadeKind};
use crate::pressure::Watch;
use crate::progress::{Event, Report, Tally, peak_memory};
use crate::resume;
use crate::throttle::Throttle;
use crate::worker::{self, Shared, Task};
use crate::{Say, Steer};

/// Of each masked column so many values are looked for in everything else.
const LOOKED_FOR: usize = 5_000;

/// Before rows: a table's default may be the next of a sequence.
const BEFORE: &[MadeKind] = &[MadeKind::Sequence];
const AFTER: &[MadeKind] =
    &[MadeKind::Function, MadeKind::Procedure, MadeKind::View, MadeKind::Trigger, MadeKind::Event];

pub async fn attempt(ready: &Ready, steer: &Steer, tally: &Arc<Tally>, say: &Say) -> Result<Report> {
    let (from, to) = (End::source(ready), End::target(ready));
    let mut source = from.text().await?;
    let mut target = to.text().await?;
    let facts = connect::server(&mut source, from.side).await?;
    connect::accept(&facts, from.side)?;
    connect::accept(&connect::server(&mut target, to.side).await?, to.side)?;
    let mut lock = to.text().await?;
    ledger::alone(&mut lock, LOCK_PATIENCE).await?;

    // First the moment, then what is there: a definition that changes later is noticed when it is read.
    let mut snapshot = snapshot::open(&from, ready.job.limits.connections, facts.binlog).await?;
    say(Event::Snapshot(snapshot.held.clone()));
    let databases = schema::databases(&mut source, &ready.job.databases).await?;
    whole(&databases)?;
    let policy = check(ready, &databases)?;
    let plan = summary(&databases, &policy);
    say(Event::Plan(plan.clone()));

    let tasks = tasks(ready, &databases, &policy)?;
    let (starts, ledger) =
        prepare(ready, &databases, &tasks, &mut target, &to, &mut snapshot.readers, tally, say).await?;
    let leaks = look_for(&mut source, &databases, &policy).await?.map(Arc::new);
    let throttle = Arc::new(Throttle::new(ready.job.limits.bytes_per_second));
    let shared = Arc::new(Shared {
        tasks,
        board: Board::new(starts),
        target: to.clone(),
        passage: Passage {
            throttle: throttle.clone(),
            tally: tally.clone(),
            leaks: leaks.clone(),
            ledger: ledger.clone(),
        },
        say: say.clone(),
    });
    let watch = Watch {
        source: from,
        target: to.clone(),
        steer: steer.clone(),
        shared: shared.clone(),
        limits: ready.job.limits,
        throttle: throttle.clone(),
        tally: tally.clone(),
        of_rows: plan.rows,
        say: say.clone(),
    };
    load(&shared, watch, lock, std::mem::take(&mut snapshot.readers)).await?;
    if let Some(leaks) = &leaks
        && let Err(error) = leaks.verdict()
    {
        // What must not be there does not stay.
        let mut target = to.text().await?;
        finish::empty(&mut target, &databases).await?;
        ledger.end(&mut target).await?;
        for database in &databases {
            finish::database(&mut target, database).await?;
        }
        return Err(error);
    }
    // The lock went with those who loaded, and the target may have been away since.
    let mut target = to.text().await?;
    ledger::alone(&mut target, LOCK_PATIENCE).await?;
    say(Event::Finishing);
    let orphans = complete(ready, &databases, &shared, &mut source, &to).await?;
    ledger.end(&mut target).await?;
    let (standing_rows, _) = shared.board.standing();
    Ok(Report {
        seconds: 0.0,
        snapshots: 0,
        tables: shared.tasks.len(),
        snapshot: snapshot.held,
        rows: Tally::read(&tally.rows),
        standing_rows,
        bytes: Tally::read(&tally.bytes),
        chunks: Tally::read(&tally.chunks),
        verified_chunks: Tally::read(&tally.verified),
        repaired_chunks: Tally::read(&tally.repaired),
        resumed_chunks: Tally::read(&tally.resumed),
        masked_columns: plan.masked_columns,
        mask_key: ready.keyed.as_ref().filter(|_| plan.masked_columns > 0).map(crate::masks::Keyed::id),
        values_looked_for: leaks.map_or(0, |leaks| leaks.values()),
        throttled_seconds: throttle.waited().as_secs_f64(),
        peak_memory_bytes: peak_memory(),
        orphans,
        notes: notes(&databases),
    })
}

/// Large tables first: the last of them decides how long it takes.
fn tasks(ready: &Ready, databases: &[Database], policy: &Policy) -> Result<Vec<Task>> {
    let mut tables: Vec<_> = databases.iter().flat_map(|database| database.tables.clone()).collect();
    tables.sort_by_key(|table| std::cmp::Reverse(table.bytes));
    let task = |table: crate::plan::schema::Table| {
        let pieces = pieces(&table, |column| policy.mask(&table, column).is_some());
        let split = split(&table, pieces.defer_indexes).map_err(|message| Error::Refused {
            message,
            fix: "tell us of it, with what SHOW CREATE TABLE says".to_owned(),
        })?;
        Ok(Task { pieces, split, route: Route::new(table, policy, ready.keyed.as_ref()) })
    };
    tables.into_iter().map(task).collect()
}

/// Everything that, changed, makes another copy of it. Not how fast it goes.
fn same_copy(ready: &Ready) -> Result<String> {
    let job = &ready.job;
    let masks =
        serde_json::to_string(&job.masks.columns()).map_err(|error| Error::Internal(error.to_string()))?;
    let words = [
        job.source.address(),
        job.databases.join(","),
        masks,
        job.masks.deny.to_string(),
        ready.keyed.as_ref().map(crate::masks::Keyed::id).unwrap_or_default(),
    ];
    Ok(crate::plan::digest(words.join("\n").as_bytes()))
}

/// Makes the target ready for rows; says where each table stands, and where that is written down.
#[expect(clippy::too_many_arguments, reason = "everything that an attempt has at hand, and a step of it")]
async fn prepare(
    ready: &Ready,
    databases: &[Database],
    tasks: &[Task],
    target: &mut Conn,
    to: &End,
    readers: &mut [Conn],
    tally: &Tally,
    say: &Say,
) -> Result<(Vec<Start>, Ledger)> {
    let wanted = same_copy(ready)?;
    let first = databases.first().map(|database| database.name.as_str()).unwrap_or_default();
    let found = Ledger::find(target, first).await?;
    let job = match &found {
        Some(found) => Some(found.job(target).await?),
        None => None,
    };
    let mut starts: Vec<Option<Start>> = tasks.iter().map(|_| None).collect();
    let ledger = match found {
        Some(ledger) if job.as_ref() == Some(&wanted) => {
            resume::resume(target, &ledger, tasks, readers, &mut starts, tally, say).await?;
            ledger
        }
        found => {
            let mut existing = finish::existing(target, databases).await?;
            existing.retain(|place| !place.split_once('.').is_some_and(|(_, table)| ledger::is_part(table)));
            if !ready.job.replace && (found.is_some() || !existing.is_empty()) {
                return Err(occupied(&existing));
            }
            finish::empty(target, databases).await?;
            if let Some(found) = found {
                found.end(target).await?;
            }
            for database in databases {
                finish::database(target, database).await?;
            }
            Ledger::begin(target, first, &wanted).await?
        }
    };
    for database in databases {
        finish::database(target, database).await?;
        finish::made(target, database, None, false, BEFORE).await?;
    }
    let new: Vec<usize> =
        (0..tasks.len()).filter(|at| starts.get(*at).is_some_and(Option::is_none)).collect();
    let create = |at: &usize| tasks.get(*at);
    each(to, ready.job.limits.connections, &new, async |conn, at| match create(at) {
        Some(task) => finish::table(conn, &task.route.table, &task.split).await,
        None => Ok(()),
    })
    .await?;
    let entries: Vec<(String, String)> = new
        .iter()
        .filter_map(create)
        .map(|task| (task.route.table.place.to_string(), fingerprint(&task.route.table.create)))
        .collect();
    ledger.created(target, &entries).await?;
    Ok((starts.into_iter().map(Option::unwrap_or_default).collect(), ledger))
}

fn occupied(existing: &[String]) -> Error {
    let what = match existing {
        [] => "another copy that was not finished".to_owned(),
        [one] => one.clone(),
        [one, others @ ..] => format!("{one} and {} more", others.len()),
    };
    Error::Refused {
        message: format!("the target is not empty: it has {what}"),
        fix: "empty it, or say `replace: true` to have its databases dropped".to_owned(),
    }
}

async fn look_for(source: &mut Conn, databases: &[Database], policy: &Policy) -> Result<Option<Leaks>> {
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for table in databases.iter().flat_map(|database| &database.tables) {
        for column in table.stored().filter(|column| policy.mask(table, &column.name).is_some()) {
            // Dates and numbers stand anywhere, and a document is not found within another.
            let tells = (column.is_text() || column.is_bytes())
                && !matches!(policy.mask(table, &column.name), Some(api::MaskSpec::Json(_)));
            if tells {
                let found = schema::samples(source, table, column, LOOKED_FOR).await?;
                values.entry(format!("{}.{}", table.place, column.name)).or_default().extend(found);
            }
        }
    }
    if values.is_empty() { Ok(None) } else { Leaks::new(values).map(Some) }
}

/// Runs a worker for each reader until all is done or one fails.
async fn load(shared: &Arc<Shared>, watch: Watch, lock: Conn, readers: Vec<Conn>) -> Result<()> {
    let mut workers = tokio::task::JoinSet::new();
    for reader in readers {
        workers.spawn(worker::run(shared.clone(), reader));
    }
    let watching = watch.run(lock);
    tokio::pin!(watching);
    let mut failed: Option<Error> = None;
    loop {
        tokio::select! {
            outcome = &mut watching, if failed.is_none() => {
                shared.board.stop();
                workers.abort_all();
                return outcome;
            }
            joined = workers.join_next() => match joined {
                None => break,
                Some(Ok(Ok(()))) => {}
                // The first says why; the others only that it ended.
                Some(Ok(Err(error))) => {
                    failed.get_or_insert(error);
                    workers.abort_all();
                }
                Some(Err(error)) if error.is_cancelled() => {}
                Some(Err(error)) => {
                    failed.get_or_insert(Error::Internal(error.to_string()));
                    workers.abort_all();
                }
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Everything that needs all rows: foreign keys, orphans, routines, statistics.
async fn complete(
    ready: &Ready,
    databases: &[Database],
    shared: &Shared,
    source: &mut Conn,
    to: &End,
) -> Result<BTreeMap<String, u64>> {
    let lanes = ready.job.limits.connections;
    let mut target = to.text().await?;
    for task in &shared.tasks {
        finish::foreign_keys(&mut target, &task.route.table, &task.split).await?;
    }
    let keys: Vec<(usize, usize)> = shared
        .tasks
        .iter()
        .enumerate()
        .flat_map(|(at, task)| (0..task.route.table.foreign_keys.len()).map(move |key| (at, key)))
        .collect();
    let orphans = tokio::sync::Mutex::new(BTreeMap::new());
    each(to, lanes, &keys, async |conn, (at, key)| {
        let Some(table) = shared.tasks.get(*at).map(|task| &task.route.table) else { return Ok(()) };
        let Some(key) = table.foreign_keys.get(*key) else { return Ok(()) };
        let count = finish::orphans(conn, table, key).await?;
        if count > 0 {
            orphans.lock().await.insert(format!("{}.{}", table.place, key.name), count);
        }
        Ok(())
    })
    .await?;
    let definer = ready.job.definer.as_ref().map(crate::job::Account::sql);
    let mut target = to.text().await?;
    for database in databases {
        finish::sequences(source, &mut target, database).await?;
        finish::made(&mut target, database, definer.as_deref(), ready.job.events, AFTER).await?;
    }
    let groups: Vec<Vec<&crate::plan::schema::Table>> =
        shared.tasks.chunks(20).map(|some| some.iter().map(|task| &task.route.table).collect()).collect();
    each(to, lanes, &groups, async |conn, tables| finish::analyze(conn, tables).await).await?;
    Ok(orphans.into_inner())
}

/// Does it for each item, several at a time, each with a connection of its own.
async fn each<T>(
    end: &End,
    lanes: usize,
    items: &[T],
    run: impl AsyncFn(&mut Conn, &T) -> Result<()>,
) -> Result<()> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let lane = || async {
        let mut conn = end.text().await?;
        while let Some(item) = items.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            run(&mut conn, item).await?;
        }
        Ok::<_, Error>(())
    };
    let lanes = (0..lanes.clamp(1, items.len().max(1))).filter(|_| !items.is_empty()).map(|_| lane());
    try_join_all(lanes).await.map(|_| ())
}
