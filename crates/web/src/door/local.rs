//! The door of `outboard ui`: an address that lets in once, for a cookie, on the machine of whoever started it.

use std::net::SocketAddr;
use std::sync::Mutex;

use axum::http::HeaderMap;
use tokio::sync::watch;

use super::{Guest, request};
use crate::token::{self, Mark};

/// People who came in and stay: the oldest has to come in again.
const SESSIONS: usize = 64;

pub struct Local {
    pub address: SocketAddr,
    /// What lets in a browser once.
    entrance: Mutex<Mark>,
    entrances: watch::Sender<String>,
    sessions: Mutex<Vec<Mark>>,
    scripts: Option<Mark>,
}

impl Local {
    pub fn new(address: SocketAddr, scripts: Option<Mark>) -> (Self, watch::Receiver<String>) {
        let (entrances, told) = watch::channel(String::new());
        let nobody = Mutex::new(token::mark(&token::draw()));
        let door = Self { address, entrance: nobody, entrances, sessions: Mutex::default(), scripts };
        door.open();
        (door, told)
    }

    /// Draws the next address that lets in.
    fn open(&self) {
        let token = token::draw();
        *lock(&self.entrance) = token::mark(&token);
        self.entrances.send_replace(format!("http://{}/enter?token={token}", self.address));
    }

    /// Cookies know no ports: another server of this address must not take ours for its own.
    fn cookie(&self) -> String {
        format!("outboard-{}", self.address.port())
    }

    /// The cookie of a new session, if the token lets in.
    pub fn enter(&self, token: &str) -> Option<String> {
        let known = {
            let mut entrance = lock(&self.entrance);
            let known = *entrance == token::mark(token);
            if known {
                // At once, so that no second request comes in with it.
                *entrance = token::mark(&token::draw());
            }
            known
        };
        if !known {
            return None;
        }
        self.open();
        let session = token::draw();
        let mut sessions = lock(&self.sessions);
        if sessions.len() >= SESSIONS {
            sessions.remove(0);
        }
        sessions.push(token::mark(&session));
        Some(format!("{}={session}; Path=/; HttpOnly; SameSite=Strict", self.cookie()))
    }

    pub fn guest(&self, headers: &HeaderMap) -> Option<Guest> {
        if let Some(token) = request::bearer(headers) {
            return self.scripts.filter(|known| *known == token::mark(token)).map(|_| Guest::Script);
        }
        let session = request::cookie(headers, &self.cookie())?;
        let known = lock(&self.sessions).contains(&token::mark(session));
        known.then(|| Guest::Browser { forms: token::of_forms(session) })
    }
}

/// A poisoned lock holds nothing half done: every change under it is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
