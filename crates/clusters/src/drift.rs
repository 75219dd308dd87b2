//! Compares what is there with what was applied; changes nothing, and remembers on this machine what it has found.

use serde::{Deserialize, Serialize};

use crate::folder::{LOOK, home};
use crate::plan::drift::{DriftReport, report};
use crate::planning::{self, Purpose};
use crate::work::Work;
use crate::{Error, Event, Result, Sink};

/// What the last look on this machine has found.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LastLook {
    /// RFC 3339 in UTC.
    pub at: String,
    /// Addresses of what was changed or deleted.
    pub drifted: Vec<String>,
    /// How much the file asks for that nobody has applied.
    pub pending: usize,
}

/// None: nobody has looked here, or what is kept of it cannot be read.
pub fn last_look(id: &str) -> Option<LastLook> {
    let bytes = std::fs::read(home().join(id).join(LOOK)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn remembered(report: &DriftReport, at: jiff::Timestamp) -> LastLook {
    LastLook {
        at: at.to_string(),
        drifted: report.drifted.iter().map(|drifted| drifted.address.clone()).collect(),
        pending: report.pending.len(),
    }
}

pub async fn drift(
    work: &Work,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<DriftReport> {
    let none = || Error::NoCluster { name: work.identity.name.clone(), bucket: work.identity.bucket.clone() };
    if work.backend.is_none() || crate::stored::stored(work).await?.is_none() {
        return Err(none());
    }
    let planned = planning::plan(work, Purpose::Look, interrupted, sink).await?;
    let rules = work.file.spec.drift.as_ref().map(|drift| drift.ignore.as_slice()).unwrap_or_default();
    let report = report(&planned.summary, planned.unchanged, rules);
    let look = serde_json::to_vec(&remembered(&report, jiff::Timestamp::now())).unwrap_or_default();
    // An aside: what was found is told all the same.
    if let Err(error) = work.folder.put(LOOK, &look) {
        sink(Event::Note { text: format!("this look is not remembered: {error}") });
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::drift::{Difference, Drifted};

    #[test]
    fn what_is_remembered_of_a_look_can_be_read_again() {
        let drifted = Drifted {
            address: "module.cluster.aws_vpc.this".into(),
            difference: Difference::Changed,
            attributes: vec![],
        };
        let report =
            DriftReport { drifted: vec![drifted], ignored: vec![], pending: vec!["a".into(), "b".into()] };
        let look = remembered(&report, "2026-11-26T12:00:00Z".parse().unwrap());
        let read: LastLook = serde_json::from_slice(&serde_json::to_vec(&look).unwrap()).unwrap();
        assert_eq!((read.drifted.len(), read.pending, read.at.as_str()), (1, 2, "2026-11-26T12:00:00Z"));
    }
}
