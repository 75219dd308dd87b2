//! Proposes masks: looks at names of columns and at some of their values. Shows no value.

use std::path::Path;

use crate::Say;
use crate::error::Result;
use crate::job;
use crate::mysql::connect::{self, End};
use crate::mysql::schema;
use crate::plan::personal::{Proposal, propose};
use crate::progress::Event;

/// Values of a column that are looked at.
const SAMPLES: usize = 200;

pub async fn scan(file: &Path, say: &Say) -> Result<Vec<Proposal>> {
    let ready = job::read_source(file)?;
    let end = End::source(&ready);
    let mut source = end.text().await?;
    connect::accept(&connect::server(&mut source, end.side).await?, end.side)?;
    let known = ready.job.masks.columns();
    let mut proposals = vec![];
    for database in schema::databases(&mut source, &ready.job.databases).await? {
        for table in &database.tables {
            for column in table.stored() {
                if known.contains_key(&format!("{}.{}", table.place, column.name)) {
                    continue;
                }
                let samples = if column.is_text() {
                    schema::samples(&mut source, table, column, SAMPLES).await?
                } else {
                    vec![]
                };
                if let Some(proposal) = propose(table, column, &samples) {
                    say(Event::Proposal(proposal.clone()));
                    proposals.push(proposal);
                }
            }
        }
    }
    Ok(proposals)
}
