//! Copies of data, as a job's file describes them.

use std::path::Path;

use ::data::job::{Store, store};
use ::data::{Result, redis};

pub use ::data::{Error, Event, Report, Say};

/// What would be copied, and whether it can be; changes nothing.
pub async fn plan(job: &Path, say: &Say) -> Result<()> {
    match store(job) {
        Store::MariaDb => Box::pin(::data::copy::plan(job, say)).await.map(drop),
        Store::Redis => Box::pin(redis::dry_run(job, say)).await.map(drop),
    }
}

pub async fn copy(job: &Path, say: &Say) -> Result<()> {
    match store(job) {
        Store::MariaDb => Box::pin(::data::copy::copy(job, say)).await.map(drop),
        Store::Redis => Box::pin(redis::copy(job, say)).await.map(drop),
    }
}

/// Proposes masks, and changes nothing.
pub async fn scan(job: &Path, say: &Say) -> Result<()> {
    match store(job) {
        Store::MariaDb => Box::pin(::data::scan::scan(job, say)).await.map(drop),
        Store::Redis => Err(Error::Refused {
            message: "masks are proposed for columns of databases, not for keys of Redis".to_owned(),
            fix: "write rules below masks.values: keys, field and mask".to_owned(),
        }),
    }
}
