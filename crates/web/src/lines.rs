//! Lines of logs as they are written, for whoever listens, and taken up where they left off.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::response::sse::{Event, Sse};
use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use verbs::logs::{self, Ended, Entry, Item, Query};

use crate::app::App;
use crate::failure::Failure;
use crate::known::{Known, source_of};
use crate::live::alive;

/// How entries are drawn, and sent.
#[derive(Clone, Copy)]
pub enum Draw {
    /// Each in an event of its own.
    Each(fn(&Entry<'_>) -> String),
    /// All that come at once in one.
    Together(fn(&Entry<'_>) -> String),
}

struct Following {
    items: mpsc::Receiver<Item>,
    known: Known,
    draw: Draw,
    drawn: VecDeque<Event>,
    reading: Option<JoinHandle<verbs::Result<Ended>>>,
}

/// What is told first to whoever had an id that is none of ours: nothing says what they have.
pub fn anew() -> Event {
    Event::default()
        .event("anew")
        .data("the last event's id is not known here: lines are told from the beginning")
}

/// Follows until whoever listens goes away. Why it ends by itself is told in an event `ended`.
pub fn follow(
    app: App,
    namespace: String,
    query: Query,
    known: Known,
    draw: Draw,
    first: Option<Event>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (out, items) = mpsc::channel(4);
    let over = app.over();
    let query = Query { follow: true, since: known.since().or(query.since), ..query };
    // It ends when nobody receives any more.
    let reading = tokio::spawn(async move { logs::logs(&app.cluster, &namespace, &query, out).await });
    let drawn = first.into_iter().collect();
    let following = Following { items, known, draw, drawn, reading: Some(reading) };
    let events = stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
        Some((Ok(event), following))
    });
    // Whoever listens asks again then, and is told to sign in.
    Sse::new(events.take_until(Box::pin(over))).keep_alive(alive())
}

impl Following {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.drawn.pop_front() {
                return Some(event);
            }
            match self.items.recv().await {
                Some(Item::Page(page)) => self.take(page.entries()),
                Some(_) => {}
                None => return self.end().await,
            }
        }
    }

    fn take<'a>(&mut self, entries: impl Iterator<Item = Entry<'a>>) {
        let mut all = String::new();
        for entry in entries {
            let time = match &entry {
                Entry::Line(line) => line.time,
                Entry::Mark(mark) => mark.time,
            };
            if !self.known.is_new(source_of(&entry), time) {
                continue;
            }
            match self.draw {
                Draw::Together(draw) => all.push_str(&draw(&entry)),
                Draw::Each(draw) => {
                    let event = Event::default().id(self.known.id()).data(draw(&entry));
                    self.drawn.push_back(event);
                }
            }
        }
        if !all.is_empty() {
            self.drawn.push_back(Event::default().id(self.known.id()).data(all));
        }
    }

    /// Once.
    async fn end(&mut self) -> Option<Event> {
        let outcome = self.reading.take()?.await.ok()?;
        ended(outcome).map(|sentence| Event::default().event("ended").data(sentence))
    }
}

/// Why nothing will come any more. None: whoever listens may ask again, since the cluster may answer again.
fn ended(outcome: verbs::Result<Ended>) -> Option<String> {
    match outcome {
        Ok(Ended::Destroyed) => Some("the environment was destroyed".to_owned()),
        Ok(Ended::Complete | Ended::Unheard) => None,
        Err(error) => {
            let failure = Failure::from(error);
            (!failure.status.is_server_error()).then(|| failure.words.sentence.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_no_end_and_what_lasts_is_one() {
        let server = "https://here:6443".to_owned();
        let away = verbs::Error::WentAway { server, seconds: 30, reason: "connection refused".into() };
        assert_eq!(ended(Err(away)), None);
        let destroyed = verbs::Error::Destroyed { environment: "qa".into() };
        assert!(ended(Err(destroyed)).is_some_and(|told| told.contains("qa")));
        assert!(ended(Ok(Ended::Destroyed)).is_some());
    }
}
