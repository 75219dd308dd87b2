//! Somebody for whom a request is done: who, until when, and what is on record of it.

use std::sync::Mutex;

use identity::Person;
use jiff::Timestamp;

use crate::token;

#[derive(Debug)]
pub struct Actor {
    pub person: Person,
    /// Which of all people it is: name and groups, as one word.
    pub key: String,
    /// When their session or token ends.
    pub until: Option<Timestamp>,
    /// The session, which may be ended before its time.
    pub session: Option<String>,
    what: Mutex<Option<String>>,
}

impl Actor {
    pub fn new(person: Person, until: Option<Timestamp>) -> Self {
        let all = serde_json::to_vec(&person).unwrap_or_default();
        Self { key: token::name(&all), person, until, session: None, what: Mutex::default() }
    }

    pub fn of(self, session: String) -> Self {
        Self { session: Some(session), ..self }
    }

    pub fn note(&self, what: String) {
        *self.what.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(what);
    }

    pub fn noted(&self) -> Option<String> {
        self.what.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}
