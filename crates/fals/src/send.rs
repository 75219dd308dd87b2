//! Sends the records of a parcel until every one is accepted: only those that are not are sent again, marked if they may
//! have arrived, and the longer it fails the rarer.

use std::sync::Arc;

use aws::{Failure, Firehose};
use tokio::time::sleep;

use crate::error::AwsTrouble;
use crate::metrics::Metrics;
use crate::plan::backoff;
use crate::record::mark_resent;

/// Returns once Firehose has accepted all of them.
pub async fn deliver(firehose: Arc<Firehose>, mut records: Vec<Vec<u8>>, metrics: Metrics) {
    let mut attempt = 0;
    let mut told = None;
    loop {
        let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        metrics.calls.inc();
        let trouble = match firehose.put(&slices).await {
            Ok(answers) => {
                let refusal = answers.iter().flatten().next().cloned();
                let before = records.len();
                let mut answers = answers.iter();
                records.retain(|record| {
                    let refused = answers.next().is_some_and(Option::is_some);
                    if !refused {
                        metrics.records.inc();
                        metrics.bytes.inc_by(record.len() as u64);
                    }
                    refused
                });
                metrics.refused_records.inc_by(records.len() as u64);
                if records.len() < before {
                    attempt = 0;
                }
                refusal.map(Failure::Throttled)
            }
            Err(undelivered) => {
                metrics.failed_calls.inc();
                if undelivered.perhaps {
                    records = records.iter().map(|record| mark_resent(record)).collect();
                }
                Some(undelivered.failure)
            }
        };
        match trouble {
            None => {
                metrics.accepted();
                if told.is_some() {
                    tracing::info!("Firehose takes records again");
                }
                return;
            }
            Some(failure) => {
                let trouble = AwsTrouble(failure);
                metrics.failed(&trouble);
                // Told when it is another one, not each time.
                if told.as_ref() != Some(&trouble) {
                    tracing::warn!("Firehose does not take records: {trouble}; {}", trouble.hint());
                    told = Some(trouble);
                }
            }
        }
        attempt += 1;
        sleep(backoff::pause(attempt, rand::random())).await;
    }
}
