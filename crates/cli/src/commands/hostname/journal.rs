//! `outboard hostname journal`.

use clap::Args;
use verbs::hostname::{self, Entry, State};

use crate::context::Context;
use crate::error::Result;
use crate::output::table::table;

/// Show every batch of records that was sent to Route 53: when, by whom, why, and what became of it
#[derive(Args, Debug)]
pub struct JournalArgs {
    /// Only those about this host
    #[arg(value_name = "HOST")]
    pub host: Option<String>,
}

pub async fn run(context: &Context, args: JournalArgs) -> Result<()> {
    let entries = hostname::journal(&context.cluster().await?, args.host.as_deref()).await?;
    if entries.is_empty() && !context.output.is_json() {
        context.output.note("no batches were sent");
    }
    context.output.result(&entries, |_| {
        if entries.is_empty() {
            return String::new();
        }
        let row = |entry: &Entry| {
            let hosts: Vec<String> = entry.hosts.iter().map(|asked| asked.host.to_string()).collect();
            let state = match (&entry.state, entry.in_sync) {
                (State::Accepted { change }, Some(_)) => format!("{change} in sync"),
                (State::Accepted { change }, None) => format!("{change} pending"),
                (State::Refused { words }, _) => format!("refused: {words}"),
                (State::Unknown { words }, _) => format!("not known: {words}"),
                (State::Intended, _) => "not answered yet".to_owned(),
            };
            let took = entry.in_sync.map(|at| at.duration_since(entry.intended).as_secs());
            let took = took.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds}s"));
            let shown = match hosts.len() {
                0..=3 => hosts.join(", "),
                more => format!("{} and {} more", hosts[..2].join(", "), more - 2),
            };
            [entry.intended.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), entry.by.clone(), shown, took, state]
        };
        table(["TIME", "BY", "HOSTS", "TOOK", "STATE"], entries.iter().map(row))
    })
}
