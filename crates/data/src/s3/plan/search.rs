//! Looks for a boundary that has keys on both sides, with few questions. A question is: which key comes first after this?

use super::keys::{between, past};

/// Questions for a better boundary once one is known.
const BETTER: u32 = 4;

/// In what is left of a range, whose last key that was seen is known.
#[derive(Clone, Debug)]
pub struct Search {
    seen: String,
    upto: Option<String>,
    /// Ends of `seen`'s beginnings, each a character longer.
    beginnings: Vec<usize>,
    /// Nothing lies past a beginning of this length; something may past a longer one.
    nothing: usize,
    /// Something lies past a beginning of this length.
    something: Option<usize>,
    /// A boundary that is good, and the end of what may have keys.
    found: Option<(String, Option<String>)>,
    better: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask which key comes first after this.
    Ask(String),
    /// The range may be split here.
    Split(String),
    /// It cannot be split.
    Whole,
}

impl Search {
    pub fn new(seen: &str, upto: Option<&str>) -> Self {
        let ends = seen.char_indices().map(|(at, character)| at + character.len_utf8());
        Self {
            seen: seen.to_owned(),
            upto: upto.map(str::to_owned),
            beginnings: [0].into_iter().chain(ends).collect(),
            nothing: 0,
            something: None,
            found: None,
            better: 0,
        }
    }

    pub fn step(&mut self) -> Step {
        while self.found.is_none() {
            match self.halfway() {
                Some(length) => match self.past(length).filter(|at| self.is_within(at)) {
                    Some(at) => return Step::Ask(at),
                    None => self.nothing = length,
                },
                None => match self.something.and_then(|length| self.past(length)) {
                    Some(at) => self.found = Some((at, self.end())),
                    None => return Step::Whole,
                },
            }
        }
        let Some((at, end)) = &self.found else { return Step::Whole };
        match between(at, end.as_deref()).filter(|_| self.better < BETTER) {
            Some(better) => Step::Ask(better),
            None => Step::Split(at.clone()),
        }
    }

    /// The answer to what was asked last; none: there is none. True: a boundary is as good as it gets.
    pub fn told(&mut self, asked: &str, key: Option<&[u8]>) {
        let there = key.is_some_and(|key| self.upto.as_ref().is_none_or(|upto| key <= upto.as_bytes()));
        match &mut self.found {
            None => {
                let Some(length) = self.halfway() else { return };
                if there {
                    self.something = Some(length);
                } else {
                    self.nothing = length;
                }
            }
            Some((at, _)) if there => {
                *at = asked.to_owned();
                self.better = BETTER;
            }
            Some((_, end)) => {
                *end = Some(asked.to_owned());
                self.better += 1;
            }
        }
    }

    /// Of those lengths about which nothing is known.
    fn halfway(&self) -> Option<usize> {
        let high = self.something.unwrap_or(self.beginnings.len());
        (self.nothing + 1 < high).then(|| self.nothing + (high - self.nothing) / 2)
    }

    fn past(&self, length: usize) -> Option<String> {
        past(self.seen.get(..*self.beginnings.get(length)?)?)
    }

    /// What cannot have keys any more.
    fn end(&self) -> Option<String> {
        match self.past(self.nothing) {
            Some(at) if self.is_within(&at) => Some(at),
            _ => self.upto.clone(),
        }
    }

    fn is_within(&self, at: &str) -> bool {
        at > self.seen.as_str() && self.upto.as_deref().is_none_or(|upto| at < upto)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn search(keys: &BTreeSet<String>, seen: &str, upto: Option<&str>) -> (Step, u32) {
        let mut search = Search::new(seen, upto);
        for asked in 0..200 {
            match search.step() {
                Step::Ask(at) => {
                    let key = keys.iter().find(|key| key.as_str() > at.as_str());
                    search.told(&at, key.map(String::as_bytes));
                }
                step => return (step, asked),
            }
        }
        panic!("it asks without an end");
    }

    #[test]
    fn long_beginnings_that_all_share_cost_few_questions() {
        let keys = (0..10_000).map(|number| format!("customers/uploads/2026/11/documents/{number:05}.pdf"));
        let keys: BTreeSet<String> = keys.collect();
        let (step, asked) = search(&keys, "customers/uploads/2026/11/documents/00999.pdf", None);
        let Step::Split(at) = step else { panic!("{step:?}") };
        let left = keys.range("customers/uploads/2026/11/documents/00999.pdf".to_owned()..at).count();
        assert!(
            (3_000..8_000).contains(&left) && asked <= 12,
            "{left} keys before it after {asked} questions"
        );
    }

    proptest! {
        #[test]
        fn a_boundary_leaves_something_after_it(keys in proptest::collection::btree_set("[ab/é\u{10ffff}]{1,6}", 1..60), pick: prop::sample::Index, end: prop::sample::Index, open: bool) {
            let all: Vec<&String> = keys.iter().collect();
            let seen = all[pick.index(all.len())];
            let upto = Some(all[end.index(all.len())].as_str()).filter(|upto| !open && *upto > seen.as_str());
            let within = |key: &str| upto.is_none_or(|upto| key <= upto);
            match search(&keys, seen, upto).0 {
                Step::Split(at) => {
                    prop_assert!(at.as_str() > seen.as_str() && within(&at));
                    prop_assert!(keys.iter().any(|key| key.as_str() > at.as_str() && within(key)));
                }
                // What is left begins with the key that was seen.
                Step::Whole => prop_assert!(keys.iter().filter(|key| key.as_str() > seen.as_str() && within(key)).all(|key| key.starts_with(seen.as_str()) || past(seen).is_none_or(|past| key.as_str() <= past.as_str()))),
                Step::Ask(_) => unreachable!(),
            }
        }
    }
}
