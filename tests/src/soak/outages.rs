//! When the API server was away: what excuses a command that failed.

use std::time::Instant;

use tokio::sync::watch;

#[derive(Clone, Copy)]
enum Server {
    /// Answers, and has done so since then.
    There(Option<Instant>),
    Away,
}

pub struct Outages(watch::Sender<Server>);

impl Default for Outages {
    fn default() -> Self {
        Self(watch::Sender::new(Server::There(None)))
    }
}

impl Outages {
    pub fn begin(&self) {
        self.0.send_replace(Server::Away);
    }

    pub fn end(&self) {
        self.0.send_replace(Server::There(Some(Instant::now())));
    }

    /// Whether it was away at any time since then.
    pub fn since(&self, moment: Instant) -> bool {
        match *self.0.borrow() {
            Server::Away => true,
            Server::There(back) => back.is_some_and(|back| back >= moment),
        }
    }

    /// Waits until it answers.
    pub async fn over(&self) {
        // The sender lives as long as we do.
        let _ = self.0.subscribe().wait_for(|server| matches!(server, Server::There(_))).await;
    }
}
