//! Lines of logs as they are written, for whoever listens, and taken up where they left off.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::response::sse::{Event, Sse};
use futures::{Stream, StreamExt, stream};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use verbs::logs::{self, Ended, Entry, Item, Moment, Query};

use crate::app::App;
use crate::failure::Failure;
use crate::live::alive;

/// How an entry is drawn.
pub type Draw = fn(&Entry<'_>) -> String;

/// What the other side has: everything before a moment, and so many lines of it. Its text is the id of an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    time: Option<Timestamp>,
    /// Of that moment, still to be passed over.
    skip: u32,
    newest: Option<Timestamp>,
    count: u32,
}

impl Known {
    pub fn parse(id: &str) -> Self {
        let (time, count) = id.rsplit_once('#').unwrap_or((id, "1"));
        let time: Option<Timestamp> = time.parse().ok();
        let count = count.parse().unwrap_or(1);
        Self { time, skip: count, newest: time, count }
    }

    pub fn since(&self) -> Option<Moment> {
        self.time.map(Moment::At)
    }

    fn id(&self) -> String {
        self.newest.map(|time| format!("{time}#{}", self.count)).unwrap_or_default()
    }

    fn is_new(&mut self, time: Timestamp) -> bool {
        if self.time == Some(time) && self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        match self.newest {
            Some(newest) if newest == time => self.count += 1,
            // What comes late does not lead back.
            Some(newest) if newest > time => {}
            _ => (self.newest, self.count) = (Some(time), 1),
        }
        true
    }
}

struct Following {
    items: mpsc::Receiver<Item>,
    known: Known,
    draw: Draw,
    /// All that comes at once is one event.
    together: bool,
    drawn: VecDeque<Event>,
    reading: Option<JoinHandle<verbs::Result<Ended>>>,
}

/// Follows until whoever listens goes away. Why it ends by itself is told in an event `ended`.
pub fn follow(
    app: App,
    namespace: String,
    query: Query,
    known: Known,
    draw: Draw,
    together: bool,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (out, items) = mpsc::channel(4);
    let over = app.over();
    let query = Query { follow: true, since: known.since().or(query.since), ..query };
    // It ends when nobody receives any more.
    let reading = tokio::spawn(async move { logs::logs(&app.cluster, &namespace, &query, out).await });
    let following =
        Following { items, known, draw, together, drawn: VecDeque::new(), reading: Some(reading) };
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
            if !self.known.is_new(time) {
                continue;
            }
            if self.together {
                all.push_str(&(self.draw)(&entry));
            } else {
                self.drawn.push_back(Event::default().id(self.known.id()).data((self.draw)(&entry)));
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

    #[test]
    fn whoever_comes_back_gets_no_line_twice_and_misses_none() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let mut first = Known::default();
        for time in [at(1), at(2), at(2)] {
            assert!(first.is_new(time));
        }
        let mut again = Known::parse(&first.id());
        // Asked from that moment on, the cluster tells both lines of it once more, and then a third.
        let news = [at(2), at(2), at(2), at(3)].map(|time| again.is_new(time));
        assert_eq!(news, [false, false, true, true]);
        assert_eq!(again.id(), format!("{}#1", at(3)));
    }

    #[test]
    fn an_id_without_a_number_is_one_line() {
        let mut known = Known::parse("2026-11-26T12:00:00.5Z");
        let time = "2026-11-26T12:00:00.5Z".parse().unwrap();
        assert_eq!([known.is_new(time), known.is_new(time)], [false, true]);
        assert_eq!(Known::parse("nonsense").since(), None);
    }
}
