//! A copy from its file to its report. What passes by itself is tried again from where it was; everything else is told.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::attempt;
use crate::error::{Error, Result};
use crate::job::{self, Ready};
use crate::mysql::connect::{self, End};
use crate::mysql::{ledger, schema};
use crate::plan::estimate;
use crate::plan::policy::{Policy, policy};
use crate::plan::schema::Database;
use crate::progress::{Event, PlanSummary, Report, Tally};
use crate::{Say, Steer};

/// How long the server of a copy that was killed may take to notice.
pub(crate) const LOCK_PATIENCE: u32 = 30;

/// Tries in a row that got nowhere.
const FRUITLESS: u32 = 5;

/// What would be copied, and whether it can be; changes nothing.
pub async fn plan(file: &Path, say: &Say) -> Result<PlanSummary> {
    let ready = job::read(file)?;
    let end = End::source(&ready);
    let mut source = end.text().await?;
    connect::accept(&connect::server(&mut source, end.side).await?, end.side)?;
    let databases = schema::databases(&mut source, &ready.job.databases).await?;
    whole(&databases)?;
    let policy = check(&ready, &databases)?;
    let end = End::target(&ready);
    let mut target = end.text().await?;
    connect::accept(&connect::server(&mut target, end.side).await?, end.side)?;
    let summary = summary(&databases, &policy);
    say(Event::Plan(summary.clone()));
    Ok(summary)
}

/// Follows the limits in its file.
pub async fn copy(file: &Path, say: &Say) -> Result<Report> {
    let limits = file.to_owned();
    let steer: Steer = std::sync::Arc::new(move || job::limits(&limits));
    copy_steered(file, &steer, say).await
}

pub async fn copy_steered(file: &Path, steer: &Steer, say: &Say) -> Result<Report> {
    let ready = job::read(file)?;
    let begun = Instant::now();
    let (mut fruitless, mut snapshots) = (0, 0);
    let tally = std::sync::Arc::new(Tally::default());
    loop {
        let before = Tally::read(&tally.bytes);
        snapshots += 1;
        let error = match Box::pin(attempt::attempt(&ready, steer, &tally, say)).await {
            Ok(mut report) => {
                (report.seconds, report.snapshots) = (begun.elapsed().as_secs_f64(), snapshots);
                say(Event::Report(Box::new(report.clone())));
                return Ok(report);
            }
            Err(error) => error,
        };
        fruitless = if Tally::read(&tally.bytes) > before { 0 } else { fruitless + 1 };
        // Before anything was reached there is nothing to lose by telling at once.
        if !error.passes() || fruitless >= FRUITLESS || (before == 0 && fruitless > 0) {
            return Err(error);
        }
        say(Event::Note { message: format!("{error}: begun again with what is done") });
        tokio::time::sleep(Duration::from_secs(1 << fruitless)).await;
    }
}

/// Refuses a source that is itself only a part of something.
pub(crate) fn whole(databases: &[Database]) -> Result<()> {
    let part = |database: &&Database| database.tables.iter().any(|table| ledger::is_part(&table.place.table));
    match databases.iter().find(part) {
        Some(database) => Err(Error::Refused {
            message: format!("{} on the source is part of a copy that was not finished", database.name),
            fix: "finish that copy first: start it again".to_owned(),
        }),
        None => Ok(()),
    }
}

pub(crate) fn check(ready: &Ready, databases: &[Database]) -> Result<Policy> {
    policy(databases, &ready.job.masks.columns(), ready.job.masks.deny).map_err(Error::Masks)
}

pub(crate) fn summary(databases: &[Database], policy: &Policy) -> PlanSummary {
    let tables = || databases.iter().flat_map(|database| &database.tables);
    let masked = |table| -> usize {
        let table: &crate::plan::schema::Table = table;
        table.stored().filter(|column| policy.mask(table, &column.name).is_some()).count()
    };
    PlanSummary {
        databases: databases.len(),
        tables: tables().count(),
        rows: estimate::rows(databases),
        bytes: estimate::bytes(databases),
        masked_columns: tables().map(masked).sum(),
        emptied_columns: policy.denied.clone(),
        notes: notes(databases),
    }
}

/// What a reader of the report should know.
pub(crate) fn notes(databases: &[Database]) -> Vec<String> {
    let mut notes = vec![];
    for table in databases.iter().flat_map(|database| &database.tables) {
        if !table.transactional() {
            notes.push(format!(
                "{} is {}, which no snapshot covers: it was read as it stood when its turn came",
                table.place, table.engine
            ));
        }
        if table.versioned {
            notes.push(format!(
                "{} keeps its history: rows of now were copied, its history was not",
                table.place
            ));
        }
    }
    notes
}
