//! Takes up what an earlier run, or an earlier attempt, has done. Its snapshot is gone, so what it loaded is compared
//! with the new one first: what is still the same is kept, what is not is loaded again.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures::future::try_join_all;
use mysql_async::Conn;

use crate::Say;
use crate::board::Start;
use crate::error::{Result, Side};
use crate::mysql::ledger::{Entry, Ledger, Line};
use crate::mysql::{finish, sums};
use crate::plan::ddl::fingerprint;
use crate::plan::key::Range;
use crate::plan::lanes::Lanes;
use crate::progress::{Event, Tally};
use crate::worker::Task;

/// A loaded chunk of which the source has to say whether it still is so.
struct Question {
    task: usize,
    chunk: usize,
    range: Range,
    was: Lanes,
}

pub async fn resume(
    target: &mut Conn,
    ledger: &Ledger,
    tasks: &[Task],
    readers: &mut [Conn],
    starts: &mut [Option<Start>],
    tally: &Tally,
    say: &Say,
) -> Result<()> {
    let mut entries: BTreeMap<String, Entry> =
        ledger.entries(target).await?.into_iter().map(|entry| (entry.place.clone(), entry)).collect();
    let mut known: Vec<Option<Entry>> = vec![];
    for task in tasks {
        let table = &task.route.table;
        let entry = entries.remove(&table.place.to_string());
        known.push(entry.filter(|entry| entry.fingerprint == fingerprint(&table.create)));
    }
    // What the source no longer has. Of a table that changed, its new definition takes the place.
    for place in entries.keys() {
        finish::gone(target, place).await?;
        ledger.forget(target, place).await?;
    }
    let changed = ask(tasks, readers, &known).await?;
    let (mut kept, mut again) = (0, 0);
    for (at, (task, entry)) in tasks.iter().zip(known).enumerate() {
        let Some(mut entry) = entry else { continue };
        let differing = changed.get(&at).map(Vec::as_slice).unwrap_or_default();
        again += differing.len() as u64;
        // Unique indexes are there already: rows that moved from chunk to chunk would meet.
        if entry.indexed && !differing.is_empty() && !task.split.indexes.is_empty() {
            ledger.forget(target, &entry.place).await?;
            continue;
        }
        for chunk in differing {
            ledger.unloaded(target, &entry.place, *chunk).await?;
            if let Some(line) = entry.chunks.get_mut(*chunk) {
                line.loaded = None;
            }
        }
        kept += entry.chunks.iter().filter(|line| line.loaded.is_some()).count() as u64;
        if let Some(start) = starts.get_mut(at) {
            let chunks = entry.planned.then_some(entry.chunks);
            *start = Some(Start { chunks, indexed: entry.indexed, again: true });
        }
    }
    Tally::add(&tally.resumed, kept);
    say(Event::Resumed { kept, again });
    Ok(())
}

/// Chunks that are no longer what they were, by table.
async fn ask(
    tasks: &[Task],
    readers: &mut [Conn],
    known: &[Option<Entry>],
) -> Result<BTreeMap<usize, Vec<usize>>> {
    let question = |(task, entry): (usize, &Option<Entry>)| -> Vec<Question> {
        let lines: &[Line] = entry.as_ref().map(|entry| entry.chunks.as_slice()).unwrap_or_default();
        let loaded = lines.iter().enumerate().filter_map(|(chunk, line)| {
            let was = line.loaded?.source;
            Some(Question { task, chunk, range: line.range.clone(), was })
        });
        loaded.collect()
    };
    let questions = Mutex::new(known.iter().enumerate().flat_map(question).collect::<Vec<_>>());
    let changed = Mutex::new(BTreeMap::<usize, Vec<usize>>::new());
    let next = || questions.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
    let lanes = readers.iter_mut().map(|reader| async {
        while let Some(question) = next() {
            let Some(task) = tasks.get(question.task) else { continue };
            let sql = task.route.source_sums(&question.range);
            let is = sums::ask(reader, Side::Source, &task.route.table, &sql).await?;
            if is != question.was {
                let mut changed = changed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                changed.entry(question.task).or_default().push(question.chunk);
            }
        }
        Ok::<_, crate::Error>(())
    });
    try_join_all(lanes).await?;
    Ok(changed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}
