//! Who is signed in, as it stands in their cookie. Pure: times come from whoever asks.

use identity::Person;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::seal::Keys;
use crate::token;

/// A session that has ended is still known for so long, so that whoever comes back with half a form loses nothing of it.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// Browsers keep no cookie that is longer, and say nothing when they do not.
const LONGEST: usize = 3_900;

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Session {
    /// Drawn; what forms carry is made of it, and what signing out ends.
    pub id: String,
    pub person: Person,
    pub until: Timestamp,
}

/// What a cookie says.
#[derive(Debug, PartialEq)]
pub enum Said {
    Now(Session),
    Over(Session),
    Nothing,
}

impl Session {
    pub fn begin(person: Person, now: Timestamp, lasts: SignedDuration) -> Self {
        Self { id: token::draw(), person, until: now + lasts }
    }

    /// None: too long for a browser to keep. `what`: whose session it is; it is none of another server's.
    pub fn seal(&self, keys: &Keys, what: &str) -> Option<String> {
        keys.seal(what, self).filter(|sealed| sealed.len() <= LONGEST)
    }

    pub fn read(keys: &Keys, what: &str, cookie: Option<&str>, now: Timestamp) -> Said {
        match cookie.and_then(|cookie| keys.open::<Self>(what, cookie)) {
            Some(session) if now < session.until => Said::Now(session),
            Some(session) if now < session.forgotten() => Said::Over(session),
            _ => Said::Nothing,
        }
    }

    pub fn forgotten(&self) -> Timestamp {
        self.until + REMEMBERED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHAT: &str = "session of here";

    fn keys() -> Keys {
        Keys::parse("AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=").unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_session_ends_to_the_second_and_is_known_for_a_day_more() {
        let ann = Person::new("ann", ["dev".to_owned()]).unwrap();
        let session = Session::begin(ann, at(0), SignedDuration::from_hours(8));
        let cookie = session.seal(&keys(), WHAT).unwrap();
        let read = |second| Session::read(&keys(), WHAT, Some(&cookie), at(second));
        assert_eq!(read(8 * 3600 - 1), Said::Now(session.clone()));
        assert_eq!(read(8 * 3600), Said::Over(session.clone()));
        assert_eq!(read(32 * 3600 - 1), Said::Over(session));
        assert_eq!(read(32 * 3600), Said::Nothing);
        assert_eq!(Session::read(&keys(), WHAT, None, at(0)), Said::Nothing);
        assert_eq!(Session::read(&keys(), WHAT, Some("forged"), at(0)), Said::Nothing);
        assert_eq!(Session::read(&keys(), "session of there", Some(&cookie), at(0)), Said::Nothing);
    }

    #[test]
    fn no_name_of_kubernetes_own_comes_out_of_a_cookie() {
        let forged = serde_json::json!({"id": "1", "person": {"name": "system:admin", "groups": []}, "until": at(100)});
        let cookie = keys().seal(WHAT, &forged).unwrap();
        assert_eq!(Session::read(&keys(), WHAT, Some(&cookie), at(0)), Said::Nothing);
    }

    #[test]
    fn what_no_browser_would_keep_is_not_sent() {
        let many = (0..150).map(|number| format!("a group with a long name, number {number}"));
        let ann = Person::new("ann", many).unwrap();
        assert_eq!(Session::begin(ann, at(0), SignedDuration::from_hours(8)).seal(&keys(), WHAT), None);
    }
}
