//! What somebody may see of what is watched for all: by Kubernetes' own word, asked as they, and believed for a short while.
//! Without an answer nothing is shown.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use verbs::{Cluster, News, Watchable, Watched};

use crate::app::Result;

/// So long an answer is believed: a right that is taken away is gone after that.
const BELIEVED: Duration = Duration::from_secs(30);
/// More answers than this are not kept.
const MOST: usize = 20_000;

/// Where somebody may look.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scope {
    Everything,
    Namespaces(BTreeSet<String>),
}

impl Scope {
    pub fn has(&self, namespace: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Namespaces(some) => some.contains(namespace),
        }
    }

    /// They may look nowhere.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Namespaces(some) if some.is_empty())
    }
}

/// What is watched for all, as far as somebody may see it.
pub struct Looking<'a, K: Watchable> {
    pub watched: &'a Watched<K>,
    pub scope: Scope,
}

impl<K: Watchable> Looking<'_, K> {
    pub fn all(&self) -> Vec<Arc<K>> {
        let seen = |object: &Arc<K>| self.scope.has(object.meta().namespace.as_deref().unwrap_or_default());
        self.watched.all().into_iter().filter(seen).collect()
    }

    pub fn find(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        self.scope.has(namespace).then(|| self.watched.find(namespace, name)).flatten()
    }

    pub fn news(&self) -> watch::Receiver<News> {
        self.watched.news()
    }
}

type Question = (String, &'static str, &'static str, Option<String>);

#[derive(Default)]
pub struct Reviews(Mutex<HashMap<Question, (bool, Instant)>>);

impl Reviews {
    /// Whether whoever that cluster is seen by may; `who` tells them from others.
    pub async fn may(
        &self,
        cluster: &Cluster,
        who: &str,
        verb: &'static str,
        resource: &'static str,
        namespace: Option<&str>,
    ) -> Result<bool> {
        let question = (who.to_owned(), verb, resource, namespace.map(str::to_owned));
        let fresh = |(_, at): &&(bool, Instant)| at.elapsed() < BELIEVED;
        if let Some((known, _)) = self.kept().get(&question).filter(fresh) {
            return Ok(*known);
        }
        let may = cluster.may(verb, "outboard.dev", resource, namespace).await?;
        let mut kept = self.kept();
        if kept.len() >= MOST {
            kept.retain(|_, (_, at)| at.elapsed() < BELIEVED);
        }
        if kept.len() < MOST {
            kept.insert(question, (may, Instant::now()));
        }
        Ok(may)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<Question, (bool, Instant)>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
