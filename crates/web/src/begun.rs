//! What programs began under names of theirs: said again, the answer is the same, and nothing is begun twice. Kept in memory, for a
//! while; knows nothing of what it is.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::app::Result;
use crate::failure::Failure;
use crate::token;

/// So long a name is known, as long as a plan.
const KEPT: Duration = Duration::from_secs(30 * 60);
/// Of more names than this the oldest is forgotten, …
const MOST: usize = 1024;
/// … and of more than this those of the same person.
const EACH: usize = 128;
/// The same of the answers' bytes.
const MOST_BYTES: usize = 16 << 20;
const EACH_BYTES: usize = 2 << 20;

/// An answer that can be given again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told {
    pub status: StatusCode,
    /// Where what was begun is found.
    pub place: Option<String>,
    pub body: Bytes,
}

impl Told {
    pub fn new(status: StatusCode, place: Option<String>, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::ours(&error))?;
        Ok(Self { status, place, body: body.into() })
    }
}

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        let kind = [(header::CONTENT_TYPE, "application/json")];
        let place = self.place.map(|place| [(header::LOCATION, place)]);
        (self.status, kind, place, self.body).into_response()
    }
}

/// What was asked for, by its digest, and the answer.
type Answered = Option<(String, Told)>;

#[derive(Debug)]
struct Named {
    since: Instant,
    /// Of the answer.
    bytes: usize,
    /// Locked while it is begun, so that a second request waits for the first.
    answered: Arc<Mutex<Answered>>,
}

/// Whose it is, and what they call it.
type Key = (String, String);

#[derive(Debug, Default)]
pub struct Begun {
    named: std::sync::Mutex<HashMap<Key, Named>>,
}

impl Begun {
    /// Begins it, or answers as it did before. Only what was begun is remembered: a refusal may be none the next time.
    pub async fn once(
        &self,
        (by, name): (&str, &str),
        asked: String,
        begin: impl Future<Output = Result<Told>>,
    ) -> Result<Told> {
        let (key, asked) = ((by.to_owned(), name.to_owned()), token::name(asked.as_bytes()));
        let held = self.named(&key);
        let mut answered = held.lock().await;
        match &*answered {
            Some((before, told)) if *before == asked => Ok(told.clone()),
            Some(_) => Err(reused()),
            None => match begin.await {
                Ok(told) => {
                    self.weigh(&key, told.body.len());
                    *answered = Some((asked, told.clone()));
                    Ok(told)
                }
                Err(failure) => {
                    drop(answered);
                    self.refused(&key, &held);
                    Err(failure)
                }
            },
        }
    }

    /// Nothing is remembered of it, unless somebody waits to try the same.
    fn refused(&self, key: &Key, held: &Arc<Mutex<Answered>>) {
        let mut named = self.lock();
        if named.get(key).is_some_and(|own| Arc::ptr_eq(&own.answered, held) && Arc::strong_count(held) == 2)
        {
            named.remove(key);
        }
    }

    /// There is an answer of so many bytes: for it, others may have to be forgotten.
    fn weigh(&self, key: &Key, bytes: usize) {
        let mut named = self.lock();
        if let Some(own) = named.get_mut(key) {
            own.bytes = bytes;
        }
        let by = key.0.as_str();
        loop {
            let theirs = named.iter().filter(|((whose, _), _)| whose == by);
            let theirs: usize = theirs.map(|(_, named)| named.bytes).sum();
            let all: usize = named.values().map(|named| named.bytes).sum();
            let whose = (!by.is_empty() && theirs > EACH_BYTES).then_some(by);
            if (whose.is_none() && all <= MOST_BYTES) || !forget(&mut named, whose) {
                return;
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Named>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn named(&self, key: &Key) -> Arc<Mutex<Answered>> {
        let mut named = self.lock();
        named.retain(|_, named| named.since.elapsed() < KEPT || !named.is_idle());
        let by = key.0.as_str();
        if !named.contains_key(key) {
            let theirs = named.keys().filter(|(whose, _)| whose == by).count();
            let whose = (!by.is_empty() && theirs >= EACH).then_some(by);
            if whose.is_some() || named.len() >= MOST {
                forget(&mut named, whose);
            }
        }
        let fresh = || Named { since: Instant::now(), bytes: 0, answered: Arc::default() };
        named.entry(key.clone()).or_insert_with(fresh).answered.clone()
    }
}

impl Named {
    /// Nobody begins it, or waits for it.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.answered) == 1
    }
}

/// The oldest, of all or of one person. False: there is none.
fn forget(named: &mut HashMap<Key, Named>, whose: Option<&str>) -> bool {
    let oldest = named
        .iter()
        .filter(|((of, _), named)| named.is_idle() && whose.is_none_or(|whose| whose == of))
        .min_by_key(|(_, named)| named.since)
        .map(|(key, _)| key.clone());
    oldest.and_then(|oldest| named.remove(&oldest)).is_some()
}

/// A name is of one request.
pub fn reused() -> Failure {
    Failure::said(
        "this Idempotency-Key was said with another request",
        "draw another key for another request",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn told(count: usize) -> Result<Told> {
        Told::new(StatusCode::CREATED, Some("/x".to_owned()), &count)
    }

    #[tokio::test]
    async fn what_is_said_again_is_begun_once_and_another_request_by_its_name_is_refused() {
        let (begun, count) = (Begun::default(), AtomicUsize::new(0));
        let ask = |by: &'static str, asked: &'static str| {
            let begin = async {
                tokio::task::yield_now().await;
                told(count.fetch_add(1, Ordering::SeqCst))
            };
            begun.once((by, "build 1001"), asked.to_owned(), begin)
        };
        let (one, two) = tokio::join!(ask("ann", "a"), ask("ann", "a"));
        assert_eq!(one.unwrap(), two.unwrap());
        let other = ask("ann", "b").await.unwrap_err();
        assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
        // What somebody else calls theirs has nothing to do with it.
        assert_eq!(ask("bob", "b").await.unwrap(), told(1).unwrap());
    }

    #[tokio::test]
    async fn what_was_refused_is_tried_again() {
        let begun = Begun::default();
        let refused = async { Err(Failure::nowhere()) };
        assert!(begun.once(("ann", "1"), "a".to_owned(), refused).await.is_err());
        assert!(begun.named.lock().unwrap().is_empty(), "what was refused takes nobody's place");
        assert!(begun.once(("ann", "1"), "a".to_owned(), async { told(1) }).await.is_ok());
    }

    #[tokio::test]
    async fn whoever_says_many_names_makes_nobody_elses_forgotten() {
        let begun = Begun::default();
        begun.once(("bob", "1"), "a".to_owned(), async { told(1) }).await.unwrap();
        for number in 0..2 * EACH {
            let name = number.to_string();
            begun.once(("ann", name.as_str()), "a".to_owned(), async { told(2) }).await.unwrap();
        }
        let again = begun.once(("bob", "1"), "a".to_owned(), async { told(3) }).await.unwrap();
        assert_eq!(again, told(1).unwrap());
        assert_eq!(begun.named.lock().unwrap().len(), EACH + 1);
    }

    #[tokio::test]
    async fn long_requests_and_answers_are_kept_only_as_far_as_there_is_room() {
        let begun = Begun::default();
        begun.once(("bob", "1"), "a".to_owned(), async { told(1) }).await.unwrap();
        let long = "x".repeat(256 << 10);
        for number in 0..32 {
            let (name, body) = (number.to_string(), long.clone());
            let begin = async move { Told::new(StatusCode::CREATED, None, &body) };
            begun.once(("ann", name.as_str()), long.clone(), begin).await.unwrap();
        }
        let held: usize = begun.lock().values().map(|named| named.bytes).sum();
        assert!(held <= EACH_BYTES + 1, "{held}");
        let named = begun.named(&("ann".to_owned(), "31".to_owned()));
        assert!(named.lock().await.as_ref().is_some_and(|(asked, _)| asked.len() == 64));
        let again = begun.once(("bob", "1"), "a".to_owned(), async { told(3) }).await.unwrap();
        assert_eq!(again, told(1).unwrap());
    }
}
