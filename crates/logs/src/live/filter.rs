//! Which entries are told. Patterns are tried on the bytes as they came; what an entry says about itself is only read
//! where somebody asks for it.

use std::fmt;

use regex::bytes::Regex;

use super::batch::Told;
use crate::line::fields;
use crate::{Level, Query};

/// A regular expression that somebody wrote.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// The error says what is wrong with it, in one line.
    pub fn parse(text: &str) -> Result<Self, String> {
        Regex::new(text).map(Self).map_err(|error| one_line(&error))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// The library draws a picture over several lines; its last one is the reason.
fn one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().next_back().unwrap_or_default();
    last.trim().trim_start_matches("error: ").to_owned()
}

/// All of it must hold.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Each must be found.
    pub grep: Vec<Pattern>,
    /// None may be found.
    pub exclude: Vec<Pattern>,
    /// This or graver; what says no level is none.
    pub level: Option<Level>,
    pub query: Query,
}

impl Default for Filter {
    fn default() -> Self {
        Self { grep: vec![], exclude: vec![], level: None, query: Query::all() }
    }
}

impl Filter {
    /// Nothing is left out.
    pub fn is_all(&self) -> bool {
        self.grep.is_empty() && self.exclude.is_empty() && self.level.is_none() && self.query.is_all()
    }

    pub fn keeps(&self, told: &Told<'_>) -> bool {
        self.grep.iter().all(|pattern| pattern.0.is_match(told.text))
            && !self.exclude.iter().any(|pattern| pattern.0.is_match(told.text))
            && self.level.is_none_or(|least| level(told.text).is_some_and(|level| level >= least))
            && (self.query.is_all() || self.query.matches(&told.to_line()))
    }
}

/// Of an entry, by its first line: the others explain it.
pub fn level(text: &[u8]) -> Option<Level> {
    let text = String::from_utf8_lossy(text);
    let own = fields(&text);
    Level::of(text.lines().next().unwrap_or_default(), own.as_ref())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::live::marks::Source;

    fn keeps(filter: &Filter, text: &str) -> bool {
        let source = Arc::new(Source { component: "web".into(), ..Source::default() });
        let (time, text) = (Timestamp::UNIX_EPOCH, text.as_bytes());
        filter.keeps(&Told { source: &source, time, text, goes_on: false, several: false })
    }

    fn pattern(text: &str) -> Vec<Pattern> {
        vec![Pattern::parse(text).unwrap()]
    }

    #[test]
    fn every_condition_must_hold() {
        let filter = Filter {
            grep: pattern("check(out|in)"),
            exclude: pattern("(?i)health"),
            level: Some(Level::Warn),
            query: Query::parse("component:web").unwrap(),
        };
        assert!(keeps(&filter, "ERROR checkout failed"));
        assert!(!keeps(&filter, "INFO checkout done"));
        assert!(!keeps(&filter, "checkout says no level"));
        assert!(!keeps(&filter, "ERROR Health of checkout"));
        assert!(!keeps(&filter, "ERROR payment failed"));
        assert!(Filter::default().is_all() && !filter.is_all());
    }

    #[test]
    fn a_trace_is_as_grave_as_its_first_line_and_found_by_any() {
        let filter = Filter { grep: pattern("Main.java"), level: Some(Level::Error), ..Filter::default() };
        assert!(keeps(&filter, "ERROR boom\n\tat com.example.Main.run(Main.java:12)"));
        assert!(!keeps(&filter, "INFO boom\n  ERROR Main.java"));
    }

    #[test]
    fn a_broken_pattern_says_why_in_one_line() {
        let reason = Pattern::parse("a(b").unwrap_err();
        assert_eq!(reason, "unclosed group");
    }
}
