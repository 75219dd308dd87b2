//! How often somebody may come to a server, and how much of theirs may be under way.

use jiff::Timestamp;

use crate::door::limit::{Limit, Room, Rooms};
use crate::failure::Failure;

/// Of one person: pages that are live in a few windows, and a terminal.
const AT_ONCE: usize = 64;

/// How often somebody may come, and with how much at once.
pub struct Limits {
    address: Limit,
    /// Signing in asks the provider.
    sign_in: Limit,
    /// Tokens that are no good. Whoever sends them keeps nobody at their address from signing in.
    guesses: Limit,
    person: Limit,
    at_once: Rooms,
    /// Bodies that are large.
    large: Rooms,
}

impl Default for Limits {
    fn default() -> Self {
        // An office may have one address; a page is a dozen requests.
        Self {
            address: Limit::new(50.0, 500.0),
            sign_in: Limit::new(1.0, 60.0),
            guesses: Limit::new(1.0, 60.0),
            person: Limit::new(20.0, 300.0),
            at_once: Rooms::new(AT_ONCE),
            large: Rooms::new(1),
        }
    }
}

impl Limits {
    /// One request of an address.
    pub fn address(&self, from: &str, now: Timestamp) -> Result<(), Failure> {
        self.address.take(from, now).map_err(Failure::often)
    }

    /// Somebody at that address signs in.
    pub fn sign_in(&self, from: &str, now: Timestamp) -> Result<(), Failure> {
        self.sign_in.take(from, now).map_err(Failure::often)
    }

    /// Somebody at that address guesses.
    pub fn guess(&self, from: &str, now: Timestamp) -> Result<(), Failure> {
        self.guesses.take(from, now).map_err(Failure::often)
    }

    /// One request of somebody.
    pub fn often(&self, who: &str, now: Timestamp) -> Result<(), Failure> {
        self.person.take(who, now).map_err(Failure::often)
    }

    /// Room for one thing of somebody, for as long as it goes on. None: they have as much under way as one may.
    pub fn room(&self, who: &str) -> Option<Room> {
        self.at_once.take(who)
    }

    /// Once they send no other large body.
    pub async fn large(&self, who: &str) -> Option<Room> {
        self.large.wait(who).await
    }
}

#[cfg(test)]
impl Limits {
    pub fn of(address: f64, sign_in: f64, person: f64) -> Self {
        let limit = |at_once| Limit::new(0.1, at_once);
        Self {
            address: limit(address),
            sign_in: limit(sign_in),
            guesses: limit(sign_in),
            person: limit(person),
            at_once: Rooms::new(AT_ONCE),
            large: Rooms::new(1),
        }
    }
}
