//! Plans that were shown and wait to be carried out. Each is carried out once, exactly as it was shown; asked for again, the
//! answer is the same. Kept in memory, for a while: whoever comes later plans anew.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use tokio::sync::{Mutex, OnceCell, OwnedRwLockWriteGuard, RwLock};
use verbs::environment::{self, Planned};
use verbs::{Change, Cluster, Error, Event, data};

use crate::app::Result;
use crate::ask::Ask;
use crate::begun::{Begun, reused};
use crate::command;
use crate::failure::Failure;
use crate::pages::Place;
use crate::token;
use crate::view::table::PAGE;

/// So long somebody may think about a plan.
const KEPT: Duration = Duration::from_secs(30 * 60);
/// More plans than this wait for nobody: the oldest goes. As many outcomes are kept besides.
const MOST: usize = 1024;
/// So many of them may be one person's, where there are several people: a page of environments planned at once, twice, and what
/// was planned between.
const EACH: usize = 2 * PAGE + 56;

/// A plan with what was asked for.
pub struct Sheet {
    pub id: String,
    /// For whom it was drawn; nobody else is shown it, or carries it out.
    by: String,
    pub namespace: String,
    pub ask: Ask,
    pub planned: Planned,
    /// The data that a new environment starts with.
    copy: Option<data::Wanted>,
    made: Instant,
    /// What became of it, once it was done. Locked while it is being done, so that a second click waits for the first.
    done: Mutex<Option<Change>>,
}

#[derive(Default)]
pub struct Desk {
    sheets: std::sync::Mutex<Sheets>,
    /// What was begun without a plan.
    pub begun: Begun,
    /// Read by every change that is under way.
    under_way: Arc<RwLock<()>>,
}

#[derive(Default)]
struct Sheets {
    by_id: HashMap<String, Arc<Sheet>>,
    /// By what the asker calls the request, so that the same one asked again is the same plan, also while it is drawn.
    by_key: HashMap<String, Arc<Keyed>>,
}

type Keyed = OnceCell<Arc<Sheet>>;

impl Desk {
    /// Works out what a change would do. With a key that was said before: the plan that was made then.
    pub async fn plan(
        &self,
        cluster: &Cluster,
        by: &str,
        namespace: &str,
        ask: Ask,
        key: Option<&str>,
    ) -> Result<Arc<Sheet>> {
        let Some(key) = key else { return self.draw(cluster, by, namespace, ask).await };
        // What two people call their requests has nothing to do with each other.
        let keyed = self.keyed(&format!("{by} {key}"));
        let known = keyed.get_or_try_init(|| self.draw(cluster, by, namespace, ask.clone())).await?;
        if (known.namespace.as_str(), &known.ask) != (namespace, &ask) {
            return Err(reused());
        }
        Ok(known.clone())
    }

    async fn draw(&self, cluster: &Cluster, by: &str, namespace: &str, ask: Ask) -> Result<Arc<Sheet>> {
        let copy = ask.copy(cluster, namespace).await?;
        let wish = ask.wish(cluster, namespace).await?;
        let wish = match &copy {
            Some(copy) => data::fill(cluster, namespace, wish, copy).await?,
            None => wish,
        };
        let planned = Box::pin(environment::plan(cluster, namespace, wish, &mut |_: Event| {})).await?;
        let sheet = Arc::new(Sheet {
            id: token::draw()[..32].to_owned(),
            by: by.to_owned(),
            namespace: namespace.to_owned(),
            ask,
            planned,
            copy,
            made: Instant::now(),
            done: Mutex::default(),
        });
        self.sheets().put(sheet.clone());
        Ok(sheet)
    }

    pub fn find(&self, id: &str, by: &str) -> Result<Arc<Sheet>> {
        let mut sheets = self.sheets();
        sheets.sweep();
        sheets.by_id.get(id).filter(|sheet| sheet.by == by).cloned().ok_or_else(Failure::forgotten)
    }

    /// The plan that somebody carried out and that has this hash, the newest of several.
    pub fn carried(&self, by: &str, place: &Place, hash: Option<&str>) -> Option<Arc<Sheet>> {
        // A revision without one is that of no plan.
        let hash = hash?;
        let mut sheets = self.sheets();
        sheets.sweep();
        let of_place = |sheet: &&Arc<Sheet>| {
            (&sheet.namespace, &sheet.planned.environment) == (&place.namespace, &place.name)
                && sheet.planned.status.hash.as_deref() == Some(hash)
        };
        let theirs = sheets.by_id.values().filter(|sheet| sheet.by == by && sheet.is_done());
        theirs.filter(of_place).max_by_key(|sheet| sheet.made).cloned()
    }

    fn keyed(&self, key: &str) -> Arc<Keyed> {
        let mut sheets = self.sheets();
        sheets.sweep();
        sheets.by_key.entry(key.to_owned()).or_default().clone()
    }

    /// Does what a plan says, once; asked for again, the answer is the same.
    pub async fn carry_out(&self, cluster: &Cluster, sheet: &Arc<Sheet>) -> Result<Change> {
        let (cluster, sheet) = (cluster.clone(), sheet.clone());
        self.finish(Box::pin(async move { sheet.carry_out(&cluster).await })).await
    }

    /// Goes on though whoever asked has left: what is begun is finished.
    pub async fn finish<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let under_way = self.under_way.clone().read_owned().await;
        let doing = tokio::spawn(async move {
            let outcome = change.await;
            drop(under_way);
            outcome
        });
        doing.await.unwrap_or_else(|error| Err(Failure::ours(&error)))
    }

    /// Once no change is under way. None begins any more while somebody holds what this answers.
    pub async fn quiet(&self) -> OwnedRwLockWriteGuard<()> {
        self.under_way.clone().write_owned().await
    }

    fn sheets(&self) -> std::sync::MutexGuard<'_, Sheets> {
        self.sheets.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Sheets {
    fn put(&mut self, sheet: Arc<Sheet>) {
        self.sweep();
        let theirs = || self.by_id.values().filter(|kept| kept.by == sheet.by && !kept.is_done());
        if !sheet.by.is_empty() && theirs().count() >= EACH {
            let oldest = theirs().min_by_key(|kept| kept.made).map(|kept| kept.id.clone());
            oldest.and_then(|id| self.by_id.remove(&id));
        }
        // What came of plans is kept apart: whoever did not hear it must not be pushed out by those who only look.
        for done in [false, true] {
            let alike = || self.by_id.values().filter(move |sheet| sheet.is_done() == done);
            if alike().count() >= MOST {
                let oldest = alike().min_by_key(|sheet| sheet.made).map(|sheet| sheet.id.clone());
                oldest.and_then(|id| self.by_id.remove(&id));
            }
        }
        self.by_id.insert(sheet.id.clone(), sheet);
    }

    fn sweep(&mut self) {
        self.by_id.retain(|_, sheet| sheet.made.elapsed() < KEPT);
        let Self { by_id, by_key } = self;
        by_key.retain(|_, keyed| match keyed.get() {
            Some(sheet) => by_id.contains_key(&sheet.id),
            // Somebody draws it just now.
            None => Arc::strong_count(keyed) > 1,
        });
    }
}

impl Sheet {
    /// What it does, for whoever keeps record of it: as a command, and with the name that a copy of data has.
    pub fn what(&self) -> String {
        let command = command::of(&self.namespace, &self.ask);
        match &self.copy {
            Some(copy) => format!("{command}; copy {}", copy.name),
            None => command,
        }
    }

    /// What differs afterwards, for the same.
    pub fn differs(&self) -> Option<String> {
        words::plan::differs(&self.planned.status.changes)
    }

    /// Also while it is being done.
    pub fn is_done(&self) -> bool {
        self.done.try_lock().map_or(true, |done| done.is_some())
    }

    /// To be finished by the desk. Only what was done is remembered: a refusal may be none the next time, and what stands meanwhile is not written twice.
    pub async fn carry_out(&self, cluster: &Cluster) -> Result<Change> {
        let mut done = self.done.lock().await;
        if let Some(done) = *done {
            return Ok(done);
        }
        let change = self.write(cluster, self.planned.clone()).await?;
        *done = Some(change);
        Ok(change)
    }

    async fn write(&self, cluster: &Cluster, planned: Planned) -> Result<Change> {
        let mut deaf = |_: Event| {};
        let (_, change) = environment::carry_out(cluster, &self.namespace, planned, &mut deaf).await?;
        if let Some(copy) = &self.copy {
            match data::take_over(cluster, &self.namespace, copy, &mut deaf).await {
                // Written down by a try whose answer was lost.
                Ok(_) | Err(Error::CopyExists { .. }) => {}
                Err(error) => {
                    let stands = format!(
                        "{} was made, but its data is not on its way: carry the plan out again",
                        copy.to
                    );
                    // What was planned is there, so this is no plan that came too late: it can go on.
                    let raced = matches!(error, Error::Changed { .. });
                    let failure = Failure::from(error).detail(stands);
                    return Err(if raced { failure.with(StatusCode::SERVICE_UNAVAILABLE) } else { failure });
                }
            }
        }
        Ok(change)
    }
}

#[cfg(test)]
mod tests;
