//! What the raw bytes of a record must hold for its line to match, so that most records are never taken apart.
//!
//! May let through what does not match; never the other way round.

use regex_syntax::hir::literal::Extractor;

use super::glob::Glob;
use super::syntax::{Comparison, Name, Node, Regex, Test};
use crate::Level;

/// Which bytes are needed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Literals {
    /// Nothing is known: every record must be looked at.
    Unknown,
    One(Literal),
    All(Vec<Literals>),
    Any(Vec<Literals>),
}

/// Bytes that no encoder of JSON writes in another way, as a regular expression for bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Literal {
    pub pattern: String,
    /// How many bytes it fixes: the more, the rarer.
    pub weight: usize,
}

/// More alternatives than this are no faster than reading everything.
const ALTERNATIVES: usize = 32;

pub fn of(node: &Node) -> Literals {
    match node {
        Node::Text(glob) => of_glob(glob),
        Node::Regex(regex) => of_regex(regex),
        Node::Level(comparison, level) => of_level(*comparison, *level),
        Node::Field(name, test) => of_field(name, test),
        Node::And(all) => Literals::all(all.iter().map(of)),
        Node::Or(any) => Literals::any(any.iter().map(of)),
        // What is not there cannot be looked for.
        Node::All | Node::Not(_) => Literals::Unknown,
    }
}

impl Literals {
    /// A text that a record holds in one of its strings, in any case or just so.
    pub fn text(text: &str, any_case: bool) -> Self {
        let runs = text.split(|c| !is_written_plainly(c));
        match runs.max_by_key(|run| run.len()).filter(|run| !run.is_empty()) {
            None => Self::Unknown,
            Some(run) => {
                let flag = if any_case && run.contains(|c: char| c.is_ascii_alphabetic()) { "i" } else { "" };
                Self::One(Literal {
                    pattern: format!("(?{flag}-u:{})", regex::escape(run)),
                    weight: run.len(),
                })
            }
        }
    }

    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut needed: Vec<Self> = parts.into_iter().filter(|part| *part != Self::Unknown).collect();
        match needed.len() {
            0 => Self::Unknown,
            1 => needed.remove(0),
            _ => Self::All(needed),
        }
    }

    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let parts: Vec<Self> = parts.into_iter().collect();
        if parts.is_empty() || parts.contains(&Self::Unknown) { Self::Unknown } else { Self::Any(parts) }
    }
}

/// Every encoder writes it as it is, or as `\u` and its number. Left out is what some escape often: quotes, `<`, `>`,
/// `&`, `+`, `/`, and all that is not ASCII.
fn is_written_plainly(c: char) -> bool {
    matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '/' | '<' | '>' | '&' | '\'' | '+' | '`')
}

fn of_glob(glob: &Glob) -> Literals {
    Literals::all(glob.pieces.iter().map(|piece| Literals::text(piece, true)))
}

/// What it begins with, if that is a handful of texts.
fn of_regex(regex: &Regex) -> Literals {
    let parsed = regex_syntax::ParserBuilder::new().case_insensitive(false).build().parse(&regex.source);
    let Ok(parsed) = parsed else { return Literals::Unknown };
    let found = Extractor::new().limit_total(ALTERNATIVES).extract(&parsed);
    let Some(found) = found.literals() else { return Literals::Unknown };
    Literals::any(found.iter().map(|literal| match std::str::from_utf8(literal.as_bytes()) {
        // `k` and `s` are also the Kelvin sign and the long s then.
        Ok(text) if regex.any_case => {
            let runs = text.split(['k', 'K', 's', 'S']).map(|run| Literals::text(run, true));
            Literals::all(runs)
        }
        Ok(text) => Literals::text(text, false),
        Err(_) => Literals::Unknown,
    }))
}

fn of_level(comparison: Comparison, level: Level) -> Literals {
    let wanted = Level::ALL.into_iter().filter(|own| comparison.holds(own.cmp(&level)));
    Literals::any(wanted.flat_map(|level| {
        let words = level.spellings().iter().map(|word| Literals::text(word, true));
        words.chain([number(level), klog(level)])
    }))
}

/// bunyan's and pino's, in a line that is JSON inside of JSON.
fn number(level: Level) -> Literals {
    let number = 10 * (level as usize + 1);
    let pattern =
        format!(r#"(?i-u:(?:level|severity|lvl|levelname)\\?"(?:\s|\\[nrt])*:(?:\s|\\[nrt])*{number})"#);
    Literals::One(Literal { pattern, weight: 5 })
}

fn klog(level: Level) -> Literals {
    let letter = match level {
        Level::Info => 'I',
        Level::Warn => 'W',
        Level::Error => 'E',
        Level::Fatal => 'F',
        Level::Trace | Level::Debug => return Literals::any([Literals::text(level.name(), true)]),
    };
    Literals::One(Literal { pattern: format!("(?-u:{letter}[0-9]{{4}})"), weight: 2 })
}

fn of_field(name: &Name, test: &Test) -> Literals {
    match (name, test) {
        (Name::Attribute(_), Test::Is(glob)) => of_glob(glob),
        (Name::Attribute(_), Test::Regex(regex)) => of_regex(regex),
        (Name::Attribute(_), _) => Literals::Unknown,
        (Name::Json { path, .. }, test) => {
            let keys = path.split('.').map(|part| Literals::text(part, false));
            let value = match test {
                Test::Is(glob) if !may_be_written_otherwise(glob) => of_glob(glob),
                _ => Literals::Unknown,
            };
            Literals::all(keys.chain([value]))
        }
    }
}

/// As a number: `1e3` is 1000.0. Digits alone are written as they are.
fn may_be_written_otherwise(glob: &Glob) -> bool {
    let digits = |piece: &String| piece.bytes().all(|byte| byte.is_ascii_digit());
    let number = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    match glob.pieces.as_slice() {
        [only] if digits(only) => false,
        pieces => pieces.iter().all(|piece| piece.chars().all(number)),
    }
}
