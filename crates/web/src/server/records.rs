//! Writes down what is on record while a server serves, and what is left of it at the end. Says nothing to anybody but the log.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use verbs::Cluster;
use verbs::audit::{Journal, Record, Shelf, Store};

use crate::serve::PATIENCE;
use crate::token;

/// What is on record is written down within.
const WRITTEN: Duration = Duration::from_secs(2);
/// How often is looked for records that are old enough.
const SWEPT: Duration = Duration::from_secs(60 * 60);
/// How often is looked for some that are whole, to store them.
const STORED: Duration = Duration::from_secs(5 * 60);
/// At the end little time is left: what is not stored by then, the next server stores.
const LAST: Duration = Duration::from_secs(PATIENCE.as_secs() / 2);

pub(super) struct Records {
    cluster: Cluster,
    journal: Journal,
    store: Option<Store>,
}

impl Records {
    pub fn new(cluster: Cluster, days: u16, bucket: Option<Shelf>) -> Self {
        let mark = &token::draw()[..8];
        let journal = Journal::new(mark, days).closing(Store::CLOSED);
        // Closed with or without a bucket: the next server may have one, and takes what is old for whole.
        let Some(bucket) = bucket else { return Self { cluster, journal, store: None } };
        let journal = journal.stored();
        let store = Store::new(bucket, mark, journal.open());
        Self { cluster, journal, store: Some(store) }
    }

    /// Until it is over and all of it is written.
    pub async fn keep(self, lines: mpsc::Receiver<Record>, over: watch::Receiver<bool>) {
        let Self { cluster, mut journal, store } = self;
        // A bucket that is away keeps no line from being written.
        tokio::select! {
            () = write(&cluster, &mut journal, lines, over) => {}
            () = storing(&cluster, store.as_ref()) => {}
        }
        journal.close();
        if let Some(store) = &store
            && timeout(LAST, store_once(&cluster, store)).await.is_err()
        {
            tracing::warn!(target: "audit", "the last records are not in the bucket yet: the next server stores them");
        }
    }
}

async fn write(
    cluster: &Cluster,
    journal: &mut Journal,
    mut lines: mpsc::Receiver<Record>,
    mut over: watch::Receiver<bool>,
) {
    let (mut soon, mut sweep) = (interval(WRITTEN), interval(SWEPT));
    soon.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            line = lines.recv() => {
                let Some(line) = line else { break };
                take(journal, &line);
            }
            _ = soon.tick() => {
                if let Err(error) = journal.write(cluster).await {
                    tracing::warn!(target: "audit", "the audit cannot be written, and waits: {error}");
                }
            }
            _ = sweep.tick() => match journal.sweep(cluster, Timestamp::now()).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(target: "audit", count, "{count} old objects of the audit were deleted"),
                Err(error) => tracing::warn!(target: "audit", "old records cannot be deleted: {error}"),
            },
            _ = over.changed() => break,
        }
    }
    while let Ok(line) = lines.try_recv() {
        take(journal, &line);
    }
    if let Err(error) = journal.write(cluster).await {
        tracing::warn!(target: "audit", "the last lines of the audit are in this log only: {error}");
    }
}

fn take(journal: &mut Journal, line: &Record) {
    let gone = journal.add(line);
    if gone > 0 {
        tracing::warn!(target: "audit", "{gone} lines of the audit are in this log only: too many wait");
    }
}

/// Never ends.
async fn storing(cluster: &Cluster, store: Option<&Store>) {
    let Some(store) = store else { return std::future::pending().await };
    let mut ticks = interval(STORED);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        store_once(cluster, store).await;
    }
}

async fn store_once(cluster: &Cluster, store: &Store) {
    match store.sweep(cluster, Timestamp::now()).await {
        Ok(Ok(0)) => {}
        Ok(Ok(count)) => {
            tracing::info!(target: "audit", count, "{count} objects of the audit were stored in the bucket");
        }
        Ok(Err(unstored)) => tracing::warn!(target: "audit", "{unstored}"),
        Err(error) => tracing::warn!(target: "audit", "it cannot be looked for records to store: {error}"),
    }
}
