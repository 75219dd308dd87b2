//! Compares what is there with what was applied; changes nothing.

use crate::plan::drift::{DriftReport, report};
use crate::planning::{self, Purpose};
use crate::work::Work;
use crate::{Error, Result, Sink};

pub async fn drift(work: &Work, sink: Sink<'_>) -> Result<DriftReport> {
    let none = || Error::NoCluster { name: work.identity.name.clone(), bucket: work.identity.bucket.clone() };
    if work.backend.is_none() || crate::create::stored(work).await?.is_none() {
        return Err(none());
    }
    let planned = planning::plan(work, Purpose::Look, sink).await?;
    let rules = work.file.spec.drift.as_ref().map(|drift| drift.ignore.as_slice()).unwrap_or_default();
    Ok(report(&planned.summary, planned.unchanged, rules))
}
