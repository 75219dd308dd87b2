//! A worker: one reader of the snapshot and one connection to the target, and pieces of work until none is left. When
//! the target goes away, it waits for it with its snapshot in hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mysql_async::Conn;

use crate::Say;
use crate::board::{Board, Work};
use crate::error::{Error, Result, Side};
use crate::mysql::connect::End;
use crate::mysql::pump::{self, Passage, Route};
use crate::mysql::{finish, schema, sums};
use crate::plan::chunks::{Cut, Halving, Pieces};
use crate::plan::ddl::Split;
use crate::plan::key::{Range, ranges};
use crate::plan::schema::Column;
use crate::progress::{Event, Tally};

/// A table with all that was decided about it.
pub struct Task {
    pub route: Route,
    pub pieces: Pieces,
    pub split: Split,
}

pub struct Shared {
    pub tasks: Vec<Task>,
    pub board: Board,
    pub target: End,
    pub passage: Passage,
    pub say: Say,
}

/// How long a target may be away.
const PATIENCE: Duration = Duration::from_secs(300);

/// How often a chunk may turn out to be another than was sent.
const TRIES: u32 = 3;

pub async fn run(shared: Arc<Shared>, mut source: Conn) -> Result<()> {
    let outcome = Box::pin(pieces(&shared, &mut source)).await;
    if outcome.is_err() {
        shared.board.stop();
    }
    outcome
}

async fn pieces(shared: &Shared, source: &mut Conn) -> Result<()> {
    let mut target = patiently(shared).await?;
    while let Some(mut work) = shared.board.take().await {
        while let Err(error) = Box::pin(carry_out(shared, &work, source, &mut target)).await {
            if !error.passes() || error.side() != Some(Side::Target) {
                return Err(error);
            }
            let message = format!("{error}: tried again");
            (shared.say)(Event::Note { message });
            target = patiently(shared).await?;
            if let Work::Load { again, .. } = &mut work {
                *again = true;
            }
        }
    }
    Ok(())
}

async fn patiently(shared: &Shared) -> Result<Conn> {
    let begun = Instant::now();
    loop {
        match shared.target.data().await {
            Err(error) if error.passes() && begun.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            outcome => return outcome,
        }
    }
}

async fn carry_out(shared: &Shared, work: &Work, source: &mut Conn, target: &mut Conn) -> Result<()> {
    let task = |table: &usize| {
        shared.tasks.get(*table).ok_or_else(|| Error::Internal("work for a table that is not there".into()))
    };
    match work {
        Work::Cut { table } => {
            let task = task(table)?;
            let ranges = cut(source, task).await?;
            shared.passage.ledger.planned(target, &task.route.table.place.to_string(), &ranges).await?;
            shared.board.cut(*table, ranges);
        }
        Work::Load { table, chunk, range, again } => {
            let task = task(table)?;
            let loaded = match task.pieces.cut {
                Cut::Streamed => pump::whole(source, target, &task.route, &shared.passage).await?,
                _ => {
                    pump::range(source, target, &task.route, (*chunk, range), *again, &shared.passage).await?
                }
            };
            Tally::add(&shared.passage.tally.chunks, 1);
            shared.board.loaded(*table, *chunk, loaded);
        }
        Work::Verify { table, chunk, range, loaded } => {
            let task = task(table)?;
            let sql = task.route.target_sums(range);
            let found = sums::ask(target, Side::Target, &task.route.table, &sql).await?;
            if found == loaded.sent {
                Tally::add(&shared.passage.tally.verified, 1);
                if shared.board.verified(*table, *chunk) {
                    Tally::add(&shared.passage.tally.tables, 1);
                }
                return Ok(());
            }
            Tally::add(&shared.passage.tally.repaired, 1);
            let place = task.route.table.place.clone();
            let tries = shared.board.differs(*table, *chunk);
            if tries > TRIES {
                return Err(Error::Differs { place, tries });
            }
            let message = format!("chunk {chunk} of {place} is not what was sent: loaded again");
            (shared.say)(Event::Note { message });
        }
        Work::Index { table } => {
            let task = task(table)?;
            if !task.split.indexes.is_empty() || !task.split.alone.is_empty() {
                let mut text = shared.target.text().await?;
                finish::indexes(&mut text, &task.route.table, &task.split).await?;
            }
            shared.passage.ledger.indexed(target, &task.route.table.place.to_string()).await?;
            shared.board.indexed(*table);
        }
    }
    Ok(())
}

async fn cut(source: &mut Conn, task: &Task) -> Result<Vec<Range>> {
    let table = &task.route.table;
    let named = |names: &[String]| -> Vec<Column> {
        names.iter().filter_map(|name| table.column(name).cloned()).collect()
    };
    match &task.pieces.cut {
        Cut::Streamed => Ok(vec![Range::whole()]),
        Cut::Once => {
            // By its first column, so that it is read in the order of the key.
            let first = table.key().and_then(|key| key.parts.first()).map(|part| part.column.clone());
            Ok(vec![Range { columns: first.into_iter().collect(), ..Range::whole() }])
        }
        Cut::Halving { column } => {
            let columns = vec![column.clone()];
            let Some((least, most)) = schema::ends(source, table, column).await? else {
                return Ok(ranges(&columns, vec![]));
            };
            let mut halving = Halving::new(least, most, task.pieces.rows);
            while let Some((after, to)) = halving.question() {
                let bound = |number: i128| vec![number.to_string()];
                let range = Range { columns: columns.clone(), after: bound(after), to: bound(to) };
                halving.answer(schema::guess(source, table, &range).await?);
            }
            let bounds = halving.bounds().into_iter().map(|bound| vec![bound.to_string()]).collect();
            Ok(ranges(&columns, bounds))
        }
        Cut::Walking { columns } => {
            let of = named(columns);
            let bounds = sums::walk(source, table, &of.iter().collect::<Vec<_>>(), task.pieces.rows).await?;
            Ok(ranges(columns, bounds))
        }
    }
}
