//! What is on record of each change that somebody asked for over the server: a line in its log, and one that is kept. Says who,
//! from where, what and what came of it; no value, since a value may be a secret.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use tokio::sync::mpsc;
use verbs::audit::Record;

use crate::actor::Actor;
use crate::app::App;
use crate::proxy;

/// Lines that wait to be taken; they are in the log by then.
const WAITING: usize = 4_096;
/// More characters of one thing stand in no line, whatever somebody asks for.
const METHOD: usize = 20;
const PATH: usize = 500;
const WHAT: usize = 1_000;
const GROUPS: usize = 4_000;

/// Where lines go to.
pub struct Audit {
    lines: mpsc::Sender<Record>,
    /// Requests that nobody who is known sent: counted, so that strangers fill nothing.
    strangers: AtomicU64,
}

impl Audit {
    pub fn new() -> (Self, mpsc::Receiver<Record>) {
        let (kept, lines) = mpsc::channel(WAITING);
        (Self { lines: kept, strangers: AtomicU64::new(0) }, lines)
    }

    /// How many strangers have been refused since this was asked last.
    pub fn strangers(&self) -> u64 {
        self.strangers.swap(0, Ordering::Relaxed)
    }

    pub fn stranger(&self) {
        self.strangers.fetch_add(1, Ordering::Relaxed);
    }

    pub fn keep(&self, record: Option<Record>) {
        let Some(record) = record else {
            return;
        };
        tracing::info!(
            target: "audit",
            who = record.who,
            from = record.from,
            by = record.by,
            method = record.method,
            path = record.path,
            what = record.what,
            diff = record.diff,
            status = record.status,
            "{} {} by {}",
            record.method,
            record.path,
            record.who
        );
        if self.lines.try_send(record).is_err() {
            tracing::warn!(target: "audit", "a line of the audit is in this log only: too many wait to be written");
        }
    }
}

/// A request, before it is known who sent it and what comes of it.
#[derive(Debug)]
pub struct Asked {
    time: Timestamp,
    from: String,
    by: &'static str,
    method: String,
    path: String,
    /// Also if it is not said what it does. Of what only reads, nothing is kept.
    always: bool,
}

impl Asked {
    /// None: there is nothing to keep of it.
    pub fn of(app: &App, request: &Request) -> Option<Self> {
        let site = app.door.site()?;
        let path = request.uri().path();
        let by = match path {
            path if proxy::is_of(path) => "kube",
            path if path.starts_with("/api/") => "api",
            _ => "page",
        };
        let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
        // Of Kubernetes' API it is known of each request whether it changes anything: who enters a container does so by GET, and
        // who asks what they may by POST.
        let always = (changes && by != "kube") || path == "/sign-in/back";
        (always || by == "kube").then(|| Self {
            time: site.now(),
            from: site.from(request).map(|address| address.to_string()).unwrap_or_default(),
            by,
            method: cut(request.method().as_str(), METHOD),
            path: cut(path, PATH),
            always,
        })
    }

    /// None: only reads, comes too often, was sent by nobody who is known, or is on record already, thing by thing.
    pub fn answered(&self, actor: Option<&Actor>, response: &Response) -> Option<Record> {
        // Whoever has just signed in is known by the answer only.
        let signed = response.extensions().get::<Arc<Actor>>();
        let actor = actor.or(signed.map(Arc::as_ref))?;
        let noted = actor.noted();
        let often = response.status() == StatusCode::TOO_MANY_REQUESTS;
        let kept = (self.always || noted.what.is_some()) && !often && !noted.told;
        kept.then(|| self.record(actor, noted.what, noted.diff, response.status()))
    }

    pub fn is_kept_always(&self) -> bool {
        self.always
    }

    /// A line of the log before anything is done.
    pub fn begun(&self, actor: &Actor, what: Option<&str>) {
        let (who, what) = (actor.person.name(), what.map(|what| cut(what, WHAT)));
        tracing::info!(target: "audit", who, from = self.from, by = self.by, method = self.method, path = self.path, what,
            "begun: {} {} by {who}", self.method, self.path);
    }

    /// A line of it.
    pub fn record(
        &self,
        actor: &Actor,
        what: Option<String>,
        diff: Option<String>,
        status: StatusCode,
    ) -> Record {
        Record {
            time: self.time,
            who: actor.person.name().to_owned(),
            groups: some(actor.person.groups()),
            from: self.from.clone(),
            by: self.by,
            method: self.method.clone(),
            path: self.path.clone(),
            what: what.map(|what| cut(&what, WHAT)),
            diff: diff.map(|diff| cut(&diff, WHAT)),
            status: status.as_u16(),
        }
    }
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// As many groups as a line has room for.
fn some(groups: &[String]) -> Vec<String> {
    let mut room = GROUPS;
    let fit = groups.iter().take_while(|group| {
        let fits = group.len() <= room;
        room = room.saturating_sub(group.len());
        fits
    });
    let mut kept: Vec<String> = fit.cloned().collect();
    kept.extend((kept.len() < groups.len()).then(|| "…".to_owned()));
    kept
}

#[cfg(test)]
mod tests {
    use identity::Person;

    use super::*;

    #[test]
    fn no_line_is_long_whatever_is_asked_for() {
        let groups = (0..200).map(|number| format!("{number:03}{}", "g".repeat(200)));
        let actor = Actor::new(Person::new("ann", groups).unwrap(), None);
        let asked = Asked {
            time: Timestamp::UNIX_EPOCH,
            from: String::new(),
            by: "api",
            method: "POST".into(),
            path: "/api/v1/plans".into(),
            always: true,
        };
        let what = format!("outboard env restart qa {}", "wéb ".repeat(40_000));
        let record = asked.record(&actor, Some(what.clone()), Some(what.clone()), StatusCode::OK);
        let kept = record.what.as_deref().unwrap();
        assert!(kept.ends_with('…') && what.starts_with(kept.trim_end_matches('…')), "{kept}");
        assert_eq!(kept.chars().count(), WHAT + 1);
        assert_eq!(record.groups.last().map(String::as_str), Some("…"));
        assert_eq!(record.diff.as_ref().map(|diff| diff.chars().count()), Some(WHAT + 1));
        assert!(serde_json::to_string(&record).unwrap().len() < 9_000);
        // What fits stands there as it is.
        let actor = Actor::new(Person::new("ann", ["dev".to_owned()]).unwrap(), None);
        let record = asked.record(&actor, Some("outboard env list".to_owned()), None, StatusCode::OK);
        assert_eq!(
            (record.what.as_deref(), record.groups),
            (Some("outboard env list"), vec!["dev".to_owned()])
        );
    }
}
