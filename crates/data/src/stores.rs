//! What a job's file says is done by the engine of the store that it names. Knows of each no more than how it is called.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::backup::{self, Gently};
use crate::error::{Error, Result};
use crate::job::{self, Store, store};
use crate::plan::between::word::{Task, Word};
use crate::share::Share;
use crate::{Halt, Say, copy, redis, s3, scan};

/// What would be copied, and whether it can be; changes nothing.
pub async fn plan(file: &Path, say: &Say) -> Result<()> {
    match store(file) {
        Store::MariaDb => Box::pin(copy::plan(file, say)).await.map(drop),
        Store::Redis => Box::pin(redis::dry_run(file, say)).await.map(drop),
        Store::S3 => Box::pin(s3::dry_run(file, say)).await.map(drop),
    }
}

/// Follows the limits in its file.
pub async fn copy(file: &Path, share: Option<&Share>, halt: &Halt, say: &Say) -> Result<()> {
    let store = store(file);
    alone(store, share)?;
    match store {
        Store::MariaDb => Box::pin(halt.unless(copy::copy(file, say))).await.map(drop),
        Store::Redis => Box::pin(halt.unless(redis::copy(file, say))).await.map(drop),
        // It has its turn on the target, and gives it back.
        Store::S3 => Box::pin(s3::copy(file, share, halt, say)).await.map(drop),
    }
}

/// Stores what a backup has of a service, as the errand beside the job says; follows the limits in the job's file.
pub async fn back_up(file: &Path, halt: &Halt, say: &Say) -> Result<()> {
    let (rates, limits) = (file.to_owned(), file.to_owned());
    let gently = Gently {
        bytes: Arc::new(move || job::rate(&rates)),
        objects: Arc::new(move || s3::job::limits(&limits)),
    };
    Box::pin(backup::make(file, &gently, halt, say)).await
}

/// Copies what a backup has of a service, once it is fetched and proved.
pub async fn restore(file: &Path, halt: &Halt, say: &Say) -> Result<()> {
    let piece = Box::pin(backup::bring(file, halt, say)).await?;
    let word = Arc::new(Mutex::new(Word::begin(&piece.service, 1)));
    let hear: Say = {
        let (word, say) = (word.clone(), say.clone());
        Arc::new(move |event| {
            word.lock().unwrap_or_else(PoisonError::into_inner).hear(&event, Task::Copy);
            say(event);
        })
    };
    Box::pin(copy(file, None, halt, &hear)).await?;
    let rows = word.lock().unwrap_or_else(PoisonError::into_inner).service.rows;
    backup::verify(&piece, rows)
}

/// Who copies rows or keys has all of them.
pub fn alone(store: Store, share: Option<&Share>) -> Result<()> {
    match (store, share) {
        (Store::MariaDb | Store::Redis, Some(_)) => Err(Error::Refused {
            message: "only objects of S3 are copied by several together".to_owned(),
            fix: "leave --share out".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Proposes masks, and changes nothing.
pub async fn scan(file: &Path, say: &Say) -> Result<()> {
    match store(file) {
        Store::MariaDb => Box::pin(scan::scan(file, say)).await.map(drop),
        Store::Redis => Err(Error::Refused {
            message: "masks are proposed for columns of databases, not for keys of Redis".to_owned(),
            fix: "write rules below masks.values: keys, field and mask".to_owned(),
        }),
        Store::S3 => Err(Error::Refused {
            message: "masks are proposed for columns of databases, not for objects".to_owned(),
            fix: "say below masks.prefixes what is dropped, and for what a placeholder stands in".to_owned(),
        }),
    }
}
