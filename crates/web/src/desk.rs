//! Plans that were shown and wait to be carried out. Each is carried out once, exactly as it was shown; asked for again, the
//! answer is the same. Kept in memory, for a while: whoever comes later plans anew.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use verbs::environment::{self, Planned};
use verbs::{Change, Cluster, Error, Event, data};

use crate::app::Result;
use crate::ask::Ask;
use crate::failure::Failure;
use crate::token;

/// So long somebody may think about a plan.
const KEPT: Duration = Duration::from_secs(30 * 60);
/// More plans than this wait for nobody: the oldest goes.
const MOST: usize = 256;

/// A plan with what was asked for.
pub struct Sheet {
    pub id: String,
    pub namespace: String,
    pub ask: Ask,
    pub planned: Planned,
    /// The data that a new environment starts with.
    copy: Option<data::Wanted>,
    made: Instant,
    /// What carrying it out came to. Locked while it is being done, so that a second click waits for the first.
    done: Mutex<Option<Result<Change>>>,
}

#[derive(Default)]
pub struct Desk {
    sheets: std::sync::Mutex<Sheets>,
}

#[derive(Default)]
struct Sheets {
    by_id: HashMap<String, Arc<Sheet>>,
    /// By what the asker calls the request, so that the same one asked again is the same plan.
    by_key: HashMap<String, String>,
}

impl Desk {
    /// Works out what a change would do. With a key that was said before: the plan that was made then.
    pub async fn plan(
        &self,
        cluster: &Cluster,
        namespace: &str,
        ask: Ask,
        key: Option<&str>,
    ) -> Result<Arc<Sheet>> {
        if let Some(known) = key.and_then(|key| self.keyed(key)) {
            if (known.namespace.as_str(), &known.ask) != (namespace, &ask) {
                return Err(Failure::said(
                    "this Idempotency-Key was said with another request",
                    "draw another key for another request",
                ));
            }
            return Ok(known);
        }
        let copy = ask.copy(cluster.now().await)?;
        let wish = ask.wish(cluster, namespace).await?;
        let wish = match &copy {
            Some(copy) => data::fill(cluster, namespace, wish, copy).await?,
            None => wish,
        };
        let planned = Box::pin(environment::plan(cluster, namespace, wish, &mut |_: Event| {})).await?;
        let sheet = Arc::new(Sheet {
            id: token::draw()[..32].to_owned(),
            namespace: namespace.to_owned(),
            ask,
            planned,
            copy,
            made: Instant::now(),
            done: Mutex::default(),
        });
        self.sheets().put(sheet.clone(), key);
        Ok(sheet)
    }

    pub fn find(&self, id: &str) -> Result<Arc<Sheet>> {
        let mut sheets = self.sheets();
        sheets.sweep();
        sheets.by_id.get(id).cloned().ok_or_else(Failure::forgotten)
    }

    fn keyed(&self, key: &str) -> Option<Arc<Sheet>> {
        let mut sheets = self.sheets();
        sheets.sweep();
        let id = sheets.by_key.get(key)?;
        sheets.by_id.get(id).cloned()
    }

    fn sheets(&self) -> std::sync::MutexGuard<'_, Sheets> {
        self.sheets.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Sheets {
    fn put(&mut self, sheet: Arc<Sheet>, key: Option<&str>) {
        self.sweep();
        if self.by_id.len() >= MOST {
            let oldest = self.by_id.values().min_by_key(|sheet| sheet.made).map(|sheet| sheet.id.clone());
            oldest.and_then(|id| self.by_id.remove(&id));
        }
        if let Some(key) = key {
            self.by_key.insert(key.to_owned(), sheet.id.clone());
        }
        self.by_id.insert(sheet.id.clone(), sheet);
    }

    fn sweep(&mut self) {
        self.by_id.retain(|_, sheet| sheet.made.elapsed() < KEPT);
        let Self { by_id, by_key } = self;
        by_key.retain(|_, id| by_id.contains_key(id));
    }
}

impl Sheet {
    /// Does what was shown, once. An answer that may be another next time is not remembered.
    pub async fn carry_out(&self, cluster: &Cluster) -> Result<Change> {
        let mut done = self.done.lock().await;
        if let Some(done) = &*done {
            return done.clone();
        }
        let planned = self.planned.clone();
        let outcome = self.write(cluster, planned).await.map_err(Failure::from);
        let lasting = outcome.as_ref().err().is_none_or(|failure| failure.status.is_client_error());
        if lasting {
            *done = Some(outcome.clone());
        }
        outcome
    }

    async fn write(&self, cluster: &Cluster, planned: Planned) -> verbs::Result<Change> {
        let mut deaf = |_: Event| {};
        let (_, change) = environment::carry_out(cluster, &self.namespace, planned, &mut deaf).await?;
        if let Some(copy) = &self.copy {
            match data::take_over(cluster, &self.namespace, copy, &mut deaf).await {
                // Written down by a try whose answer was lost.
                Ok(_) | Err(Error::CopyExists { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(change)
    }
}
