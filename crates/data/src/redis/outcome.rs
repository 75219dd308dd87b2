//! What an attempt came to, and how it is told.

use std::sync::Mutex;
use std::sync::atomic::Ordering;

use super::batch::Shared;
use super::job::Existing;
use super::report::Counts;

#[derive(Debug, Default)]
pub struct Done {
    pub passes: u32,
    /// The last pass found nothing to do.
    pub settled: bool,
    /// When the snapshot was made that all keys come from, in seconds since 1970.
    pub made: Option<i64>,
    pub notes: Vec<String>,
    pub keys: u64,
    pub equal: u64,
    pub skipped: u64,
    pub large: u64,
    pub masked: u64,
    pub removed: u64,
    pub functions: u64,
}

impl Done {
    pub fn moment(&self) -> Option<String> {
        self.made.and_then(|made| jiff::Timestamp::from_second(made).ok()).map(|moment| moment.to_string())
    }

    /// What the first look at everything came to.
    pub fn count(&mut self, shared: &Shared) {
        self.keys = shared.tally.keys.load(Ordering::Relaxed);
        let Counts { equal, skipped, large, masked, .. } = shared.tally.counts();
        (self.equal, self.skipped, self.large, self.masked) = (equal, skipped, large, masked);
    }
}

/// Names of keys, the first few.
pub fn listed(mut lines: Vec<String>) -> Vec<String> {
    const SHOWN: usize = 10;
    lines.sort();
    lines.dedup();
    if lines.len() > SHOWN {
        let more = lines.len() - SHOWN;
        lines.truncate(SHOWN);
        lines.push(format!("and {more} more"));
    }
    lines
}

pub fn p99(felt: &Mutex<Vec<f64>>) -> f64 {
    let mut felt = felt.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    felt.sort_by(f64::total_cmp);
    felt.get((felt.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0.0)
}

pub fn guarantee(done: &Done, existing: Option<Existing>) -> String {
    let gone = match existing {
        None | Some(Existing::Wipe) => "what the source no longer had at the end was removed",
        Some(_) => "a key that the source lost after it was copied may still be there",
    };
    if let Some(moment) = done.moment() {
        let gone = match existing {
            None | Some(Existing::Wipe) => "what it did not have then was removed",
            Some(_) => "a key that it did not have then may still be there",
        };
        return format!(
            "all keys are as they were on the source at one moment, that of its snapshot of {moment} by its clock, and each that \
             was written was read back from the target; {gone}"
        );
    }
    if done.settled {
        return format!(
            "in pass {} every key of the source was found on the target as it was on the source at that moment; {gone}",
            done.passes
        );
    }
    format!(
        "each key is as it was on the source at one moment of pass {}, and was read back from the target; keys have no \
         moment in common, and what changed after their turn is not there; {gone}",
        done.passes
    )
}
