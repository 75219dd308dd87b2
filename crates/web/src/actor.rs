//! Somebody for whom a request is done: who, until when, and what is on record of it.

use std::sync::{Arc, Mutex, PoisonError};

use identity::Person;
use jiff::Timestamp;

use crate::audit::Asked;
use crate::token;

#[derive(Debug)]
pub struct Actor {
    pub person: Person,
    /// Which of all people it is: name and groups, as one word.
    pub key: String,
    /// Which of its runs, of a program: each has limits like one person.
    pub run: Option<String>,
    /// When their session or token ends.
    pub until: Option<Timestamp>,
    /// The session, which may be ended before its time.
    pub session: Option<String>,
    /// The request, if it is one that is kept record of.
    pub asked: Option<Arc<Asked>>,
    what: Mutex<Noted>,
}

/// What a request does, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct Noted {
    pub what: Option<String>,
    /// What differs afterwards.
    pub diff: Option<String>,
    /// It was several things, each with a line of its own.
    pub told: bool,
}

impl Actor {
    pub fn new(person: Person, until: Option<Timestamp>) -> Self {
        let all = serde_json::to_vec(&person).unwrap_or_default();
        Self {
            key: token::name(&all),
            run: None,
            person,
            until,
            session: None,
            asked: None,
            what: Mutex::default(),
        }
    }

    pub fn of(self, session: String) -> Self {
        Self { session: Some(session), ..self }
    }

    pub fn running(self, run: Option<String>) -> Self {
        let run = run.map(|run| token::name(format!("{} {run}", self.key).as_bytes()));
        Self { run, ..self }
    }

    pub fn asking(self, asked: Option<Arc<Asked>>) -> Self {
        Self { asked, ..self }
    }

    /// What the whole request does; said again, it is known better. It stands in the log from here on, whatever becomes of it and
    /// of this process.
    pub fn note(&self, what: String) {
        let mut noted = self.lock();
        if let Some(asked) = self.asked.as_ref().filter(|_| noted.what.as_ref() != Some(&what)) {
            asked.begun(self, Some(&what));
        }
        noted.what = Some(what);
    }

    /// What differs afterwards, if it is done.
    pub fn differs(&self, diff: Option<String>) {
        self.lock().diff = diff;
    }

    /// What changes something, whatever it is, is in the log before it is done.
    pub fn begins(&self) {
        if let Some(asked) = self.asked.as_ref().filter(|asked| asked.is_kept_always()) {
            asked.begun(self, None);
        }
    }

    /// Each thing of it has a line of its own.
    pub fn told(&self) {
        self.lock().told = true;
    }

    pub fn noted(&self) -> Noted {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.what.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
