//! How many objects there are, counted while they are copied: listing is quicker than copying, and without that nobody
//! knows how long the rest takes. Never begins before there is something to copy, and holds nothing up.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::answer::Answer;
use super::cursor::Cursor;
use super::end::End;
use super::plan::scope::Scope;
use super::shared::Shared;

const LOOK: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub struct Census {
    pub objects: AtomicU64,
    pub bytes: AtomicU64,
    /// There are no more than these.
    pub ended: AtomicBool,
}

impl Census {
    pub async fn take(&self, source: &End, scopes: &[Scope]) -> Result<(), Answer> {
        for scope in scopes {
            let mut cursor = Cursor::new(source, scope, "");
            loop {
                let page = cursor.page().await?;
                self.objects.fetch_add(page.rows.len() as u64, Ordering::Relaxed);
                self.bytes.fetch_add(page.rows.iter().map(|row| row.size).sum(), Ordering::Relaxed);
                if page.ended {
                    break;
                }
            }
        }
        self.ended.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// Beside a copy; never ends. One that fails is left as it is: the copy asks the same store, and tells.
pub async fn beside(shared: &Shared) -> Infallible {
    while shared.course.first.get().is_none() {
        tokio::time::sleep(LOOK).await;
    }
    if shared.job.count
        && let Err(answer) = shared.tally.census.take(&shared.source, &shared.scopes).await
    {
        tracing::debug!("objects are not counted: {answer:?}");
    }
    std::future::pending().await
}
