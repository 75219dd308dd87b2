//! How often somebody may come to a server, and how much of theirs may be under way.

use jiff::Timestamp;

use crate::actor::Actor;
use crate::door::limit::{Limit, Room, Rooms};
use crate::failure::Failure;

/// Of one person: pages that are live in a few windows, and a terminal.
const AT_ONCE: usize = 64;
/// A program has as much as so many people: each of its runs as much as one.
const RUNS: usize = 8;
/// Large bodies of all runs of a program together: a share of what there is room for among all, so that the rest is others'.
const LARGE_OF_RUNS: usize = 4;

/// How often somebody may come, and with how much at once.
pub struct Limits {
    address: Limit,
    /// Signing in asks the provider.
    sign_in: Limit,
    /// Tokens that are no good. Whoever sends them keeps nobody at their address from signing in.
    guesses: Limit,
    person: Limit,
    at_once: Rooms,
    /// All runs of a program together.
    program: Limit,
    program_at_once: Rooms,
    /// Bodies that are large.
    large: Rooms,
    program_large: Rooms,
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
            program: Limit::new(20.0 * RUNS as f64, 300.0 * RUNS as f64),
            program_at_once: Rooms::new(AT_ONCE * RUNS),
            large: Rooms::new(1),
            program_large: Rooms::new(LARGE_OF_RUNS),
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
    pub fn often(&self, who: &Actor, now: Timestamp) -> Result<(), Failure> {
        if let Some(run) = &who.run {
            // First its own, so that what one asks too often is not taken from all others.
            self.person.take(run, now).map_err(Failure::often)?;
            return self.program.take(&who.key, now).map_err(Failure::often);
        }
        self.person.take(&who.key, now).map_err(Failure::often)
    }

    /// Room for one thing of somebody, for as long as it goes on. None: they have as much under way as one may.
    pub fn room(&self, who: &Actor) -> Option<Room> {
        match &who.run {
            Some(run) => Some(self.at_once.take(run)?.with(self.program_at_once.take(&who.key)?)),
            None => self.at_once.take(&who.key),
        }
    }

    /// Once they send no other large body, and of a program, few of its runs do.
    pub async fn large(&self, who: &Actor) -> Option<Room> {
        match &who.run {
            Some(run) => Some(self.large.wait(run).await?.with(self.program_large.wait(&who.key).await?)),
            None => self.large.wait(&who.key).await,
        }
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
            program: limit(person * RUNS as f64),
            program_at_once: Rooms::new(AT_ONCE * RUNS),
            large: Rooms::new(1),
            program_large: Rooms::new(LARGE_OF_RUNS),
        }
    }
}

#[cfg(test)]
mod tests {
    use identity::Person;

    use super::*;

    fn run(name: &str, run: u32) -> Actor {
        Actor::new(Person::new(name, []).unwrap(), None).running(Some(run.to_string()))
    }

    #[tokio::test]
    async fn no_program_has_all_the_room_for_large_bodies() {
        let limits = Limits::default();
        let mut held = vec![];
        for number in 0..LARGE_OF_RUNS as u32 {
            held.push(limits.large(&run("ci:shop", number)).await.unwrap());
        }
        let more = run("ci:shop", 100);
        assert!(futures::poll!(Box::pin(limits.large(&more))).is_pending());
        let other = run("ci:other", 1);
        assert!(futures::poll!(Box::pin(limits.large(&other))).is_ready());
        held.pop();
        assert!(limits.large(&more).await.is_some());
    }

    #[test]
    fn each_run_of_a_program_has_limits_like_a_person_and_all_together_have_an_end() {
        let (limits, now) = (Limits::default(), Timestamp::UNIX_EPOCH);
        let rooms: Vec<Room> = (0..AT_ONCE).filter_map(|_| limits.room(&run("ci:shop", 1))).collect();
        assert_eq!((rooms.len(), limits.room(&run("ci:shop", 1)).is_none()), (AT_ONCE, true));
        // Other runs and other programs do not feel it.
        assert!(limits.room(&run("ci:shop", 2)).is_some() && limits.room(&run("ci:other", 1)).is_some());
        let all: Vec<Room> = (2..100).flat_map(|number| limits.room(&run("ci:shop", number))).collect();
        let more: Vec<Room> = (100..1_000).flat_map(|number| limits.room(&run("ci:shop", number))).collect();
        assert_eq!(rooms.len() + all.len() + more.len(), AT_ONCE * RUNS);
        assert!(limits.room(&run("ci:other", 1)).is_some());
        drop((rooms, all, more));
        assert!(limits.room(&run("ci:shop", 1)).is_some(), "both rooms are given back");
        let often = (0..10_000).filter(|number| limits.often(&run("ci:shop", *number), now).is_ok()).count();
        assert_eq!(often, 300 * RUNS);
        let one = (0..10_000).filter(|_| limits.often(&run("ci:loud", 10_001), now).is_ok()).count();
        assert_eq!((one, limits.often(&run("ci:loud", 10_002), now).is_ok()), (300, true));
    }
}
