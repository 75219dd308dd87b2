//! What is sent to whoever looks on: a fragment, or an object, whenever it differs from the one before. Every message is whole,
//! so whoever was away needs the newest only: an id says what they have, and they get nothing twice.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, stream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use verbs::News;

use crate::app::{App, Result};
use crate::drawn::Fragment;

/// Ages grow though nothing happens.
const AGES: Duration = Duration::from_secs(15);
/// Of what changes all the time nobody wants to see each step.
const CALM: Duration = Duration::from_millis(300);
/// So that whoever stands between keeps the line open, and we learn who has left.
const ALIVE: Duration = Duration::from_secs(15);

struct Looking<F> {
    app: App,
    news: watch::Receiver<News>,
    /// What the other side has.
    seen: Option<String>,
    begun: bool,
    draw: F,
}

/// Draws again whenever there is news.
pub fn of<F, D, T>(
    app: App,
    news: watch::Receiver<News>,
    headers: &HeaderMap,
    draw: F,
) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<F, D, T>>
where
    F: Fn(App) -> D + Send + Sync + 'static,
    D: Future<Output = Result<T>> + Send + 'static,
    T: Into<Fragment> + Send + 'static,
{
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let looking = Looking { news, app, seen, begun: false, draw };
    let events = stream::unfold(looking, |mut looking| async move {
        loop {
            // Whoever looks on asks again, and is told to sign in.
            if looking.app.is_over() {
                return None;
            }
            if looking.begun {
                // Only an error if nobody tells any more: then this ends, and whoever looks on asks again.
                if let Ok(Err(_)) = timeout(AGES, looking.news.changed()).await {
                    return None;
                }
                sleep(CALM).await;
            }
            looking.begun = true;
            looking.news.mark_unchanged();
            // What cannot be drawn now is drawn when something happens next.
            let drawn: Fragment = match (looking.draw)(looking.app.clone()).await {
                Ok(drawn) => drawn.into(),
                Err(failure) => {
                    tracing::debug!("not drawn: {}", failure.words.sentence);
                    continue;
                }
            };
            if looking.seen.as_deref() != Some(&*drawn.id) {
                looking.seen = Some(drawn.id.to_string());
                return Some((Ok(Event::default().id(&drawn.id).data(&*drawn.html)), looking));
            }
        }
    });
    Sse::new(events).keep_alive(alive())
}

pub fn alive() -> KeepAlive {
    KeepAlive::new().interval(ALIVE)
}
