//! What people were about to do when their session ended: kept for them for a while, and for nobody else. Holds nothing for ever.

use std::collections::HashMap;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};

use crate::token;

const KEPT: SignedDuration = SignedDuration::from_mins(30);
const MOST: usize = 200;
/// Of one person.
const EACH: usize = 5;
/// A form that a person filled in is shorter.
const LONGEST: usize = 32 << 10;

/// A form that was sent too late.
#[derive(Clone, Debug, PartialEq)]
pub struct Parked {
    pub by: String,
    pub path: String,
    /// As they were filled in, without the token of a session that has ended.
    pub fields: Vec<(String, String)>,
    until: Timestamp,
}

#[derive(Default)]
pub struct Park(Mutex<HashMap<String, Parked>>);

impl Park {
    /// By what it is found again; none: it cannot be kept.
    pub fn put(&self, by: &str, path: String, body: &[u8], now: Timestamp) -> Option<String> {
        if body.len() > LONGEST {
            return None;
        }
        let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(body).ok()?;
        let fields = fields.into_iter().filter(|(name, _)| name != "token").collect();
        let mut all = self.all();
        all.retain(|_, parked| now < parked.until);
        let theirs = all.values().filter(|parked| parked.by == by).count();
        if all.len() >= MOST || theirs >= EACH {
            return None;
        }
        let id = token::draw()[..32].to_owned();
        all.insert(id.clone(), Parked { by: by.to_owned(), path, fields, until: now + KEPT });
        Some(id)
    }

    /// It stays, until it is too old: whoever sees it may go back and forth.
    pub fn find(&self, id: &str, by: &str, now: Timestamp) -> Option<Parked> {
        self.all().get(id).filter(|parked| parked.by == by && now < parked.until).cloned()
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<String, Parked>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_form_is_kept_for_whoever_filled_it_in_and_not_for_ever() {
        let park = Park::default();
        let id = park
            .put("ann", "/plans/1/carry-out".into(), b"token=old&name=qa+1&pick=a&pick=b", at(0))
            .unwrap();
        let parked = park.find(&id, "ann", at(1_799)).unwrap();
        let fields: Vec<_> =
            parked.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(fields, [("name", "qa 1"), ("pick", "a"), ("pick", "b")]);
        assert_eq!(park.find(&id, "bob", at(1)), None);
        assert_eq!(park.find(&id, "ann", at(1_800)), None);
        assert_eq!(park.find("other", "ann", at(1)), None);
    }

    #[test]
    fn very_long_forms_and_very_many_are_not_kept() {
        let park = Park::default();
        assert_eq!(park.put("ann", "/x".into(), &vec![b'a'; LONGEST + 1], at(0)), None);
        for number in 0..MOST {
            let who = format!("somebody {}", number / EACH);
            assert!(park.put(&who, "/x".into(), b"a=b", at(0)).is_some());
        }
        assert_eq!(park.put("somebody 0", "/x".into(), b"a=b", at(1)), None);
        assert_eq!(park.put("ann", "/x".into(), b"a=b", at(1)), None);
        assert!(park.put("ann", "/x".into(), b"a=b", at(1_800)).is_some());
    }
}
