//! Finds in raw bytes what may be a wanted record, so that all others are never taken apart.

use regex::bytes::{Regex, RegexBuilder};

use crate::query::Literals;

/// Letters, digits and common signs written by their number, as no encoder is known to do: to be looked at in any case.
/// What encoders often write so is part of no literal.
const ESCAPED: &str = r"(?-u:\\u00(?:2[0134589aA]|2[c-eC-E]|3[0-9abdfABDF]|[4-7][0-9a-fA-F]))";
/// Less is found nearly everywhere.
const TELLING: usize = 3;
const LARGEST: usize = 16 << 20;

#[derive(Clone, Debug)]
pub struct Sieve {
    /// What is searched for in everything.
    first: Option<Regex>,
    /// What a line with it must have, too.
    rest: Needed,
}

#[derive(Clone, Debug)]
enum Needed {
    Nothing,
    One(Regex),
    All(Vec<Needed>),
    Any(Vec<Needed>),
}

impl Sieve {
    /// `scope` is what every record of an environment has: a query's own words are rarer.
    pub fn new(query: &Literals, scope: &Literals) -> Self {
        let own = heaviest(query).filter(|(_, weight)| *weight >= TELLING);
        let first = own.or_else(|| heaviest(scope)).and_then(|(pattern, _)| compile(&pattern));
        let rest = needed(&Literals::all([query.clone(), scope.clone()]));
        Self { first, rest }
    }

    /// Where the next candidate is.
    pub fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        match &self.first {
            Some(first) => first.find_at(bytes, from).map(|found| found.start()),
            None => (from < bytes.len()).then_some(from),
        }
    }

    /// Whether a record can be a wanted one.
    pub fn lets_through(&self, record: &[u8]) -> bool {
        self.rest.is_in(record)
    }
}

impl Needed {
    fn is_in(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Nothing => true,
            Self::One(regex) => regex.is_match(bytes),
            Self::All(all) => all.iter().all(|part| part.is_in(bytes)),
            Self::Any(any) => any.iter().any(|part| part.is_in(bytes)),
        }
    }
}

/// A pattern that every match has, and how telling it is.
fn heaviest(literals: &Literals) -> Option<(String, usize)> {
    match literals {
        Literals::Unknown => None,
        Literals::One(literal) => Some((literal.pattern.clone(), literal.weight)),
        Literals::All(all) => all.iter().filter_map(heaviest).max_by_key(|(_, weight)| *weight),
        Literals::Any(any) => {
            let each: Vec<(String, usize)> = any.iter().map(heaviest).collect::<Option<_>>()?;
            let weight = each.iter().map(|(_, weight)| *weight).min()?;
            let patterns: Vec<String> = each.into_iter().map(|(pattern, _)| pattern).collect();
            Some((patterns.join("|"), weight))
        }
    }
}

/// None, that is nothing to look for, if it cannot be compiled: slower, and never wrong.
fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(&format!("{pattern}|{ESCAPED}")).size_limit(LARGEST).build().ok()
}

fn needed(literals: &Literals) -> Needed {
    match literals {
        Literals::Unknown => Needed::Nothing,
        Literals::One(literal) => compile(&literal.pattern).map_or(Needed::Nothing, Needed::One),
        Literals::All(all) => Needed::All(all.iter().map(needed).collect()),
        // One automaton for all, as long as none of them needs several.
        Literals::Any(any) if any.iter().all(|part| matches!(part, Literals::One(_))) => {
            let pattern = heaviest(literals).map(|(pattern, _)| pattern);
            pattern.and_then(|pattern| compile(&pattern)).map_or(Needed::Nothing, Needed::One)
        }
        Literals::Any(any) => Needed::Any(any.iter().map(needed).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Query;

    fn sieve(query: &str) -> Sieve {
        let scope = Literals::all([Literals::text("shop", false), Literals::text("qa-42", false)]);
        Sieve::new(&Query::parse(query).unwrap().literals(), &scope)
    }

    #[test]
    fn a_querys_own_words_are_looked_for_first() {
        let record = br#"{"Project":"shop","Env":"qa-42","Text":"POST /Checkout"}"#;
        let sieve = sieve("post checkout");
        assert_eq!(sieve.find(record, 0), Some(46));
        assert!(sieve.lets_through(record));
        assert!(!sieve.lets_through(br#"{"Project":"shop","Env":"qa-7","Text":"POST /Checkout"}"#));
        assert!(!sieve.lets_through(br#"{"Project":"shop","Env":"qa-42","Text":"/Checkout"}"#));
    }

    #[test]
    fn without_words_the_environment_is_looked_for() {
        let record = br#"{"Project":"shop","Env":"qa-42","Text":"x"}"#;
        assert_eq!(sieve("").find(record, 0), Some(25));
        assert_eq!(sieve("/./").find(record, 27), None);
    }

    #[test]
    fn letters_written_by_their_number_are_looked_at_too() {
        let record = br#"{"Project":"shop","Env":"qa-42","Text":"\u0063heckout"}"#;
        let sieve = sieve("checkout");
        assert!(sieve.find(record, 0).is_some() && sieve.lets_through(record));
        assert!(!sieve.lets_through(br#"{"Project":"shop","Env":"qa-42","Text":"\u003cb\u003e"}"#));
    }
}
