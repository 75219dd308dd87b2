//! What was drawn last, for all who look at the same: hundreds of people learn of a change at the same time, and it is drawn once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use verbs::News;

use crate::app::Result;
use crate::token::digest;

/// More views than this are drawn for each who looks at them.
const MOST: usize = 64;
/// Ages that stand in it are as old as that at most, in seconds.
const AGES: i64 = 15;

/// A fragment, and a name of what is in it.
#[derive(Clone, Debug)]
pub struct Fragment {
    pub html: Arc<str>,
    pub id: Arc<str>,
}

impl From<String> for Fragment {
    fn from(html: String) -> Self {
        Self { id: digest(html.as_bytes()).into(), html: html.into() }
    }
}

/// As of when something was drawn: with any other of these it is drawn anew.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Moment {
    version: u64,
    silence: bool,
    time: i64,
}

impl Moment {
    pub fn of(news: &News, now: Timestamp) -> Self {
        let time = now.as_second().div_euclid(AGES);
        Self { version: news.version, silence: news.silence.is_some(), time }
    }
}

#[derive(Default)]
pub struct Drawn(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    at: Moment,
    views: HashMap<String, Fragment>,
}

impl Drawn {
    /// The view of that name: it has to say all that the drawing depends on, but for the moment.
    pub fn or(&self, at: &Moment, view: String, draw: impl FnOnce() -> Result<String>) -> Result<Fragment> {
        {
            let mut kept = self.kept();
            if kept.at != *at {
                *kept = Kept { at: at.clone(), views: HashMap::new() };
            }
            if let Some(known) = kept.views.get(&view) {
                return Ok(known.clone());
            }
        }
        // Nobody else waits meanwhile; at worst it is drawn once by each thread.
        let fragment = Fragment::from(draw()?);
        let mut kept = self.kept();
        if kept.at == *at && kept.views.len() < MOST {
            kept.views.insert(view, fragment.clone());
        }
        Ok(fragment)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(version: u64, second: i64) -> Moment {
        Moment::of(&News { version, silence: None }, Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn one_view_is_drawn_once_for_all_until_something_changes_or_time_passes() {
        let drawn = Drawn::default();
        let mut count = 0;
        let mut see = |moment: &Moment, view: &str| {
            let draw = || {
                count += 1;
                Ok(format!("{view} {count}"))
            };
            drawn.or(moment, view.to_owned(), draw).unwrap().html.to_string()
        };
        assert_eq!(see(&at(1, 0), "all"), "all 1");
        assert_eq!(see(&at(1, 14), "all"), "all 1");
        assert_eq!(see(&at(1, 14), "mine"), "mine 2");
        assert_eq!(see(&at(2, 14), "all"), "all 3");
        assert_eq!(see(&at(2, 15), "all"), "all 4");
    }

    #[test]
    fn what_fails_is_drawn_again_and_what_is_too_much_is_not_kept() {
        let drawn = Drawn::default();
        let fails = || Err(crate::failure::Failure::nowhere());
        assert!(drawn.or(&at(1, 0), "x".into(), fails).is_err());
        for number in 0..2 * MOST {
            drawn.or(&at(1, 0), number.to_string(), || Ok(String::new())).unwrap();
        }
        assert_eq!(drawn.kept().views.len(), MOST);
    }

    #[test]
    fn the_same_has_the_same_name() {
        let of = |text: &str| Fragment::from(text.to_owned()).id;
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
    }
}
