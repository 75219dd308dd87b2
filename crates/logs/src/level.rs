//! How grave a line is, as it says itself: in JSON, in `level=…`, or in a leading or bracketed word.
//!
//! A line that says nothing has no level; none is guessed from what it is about.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// From the least to the most grave.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

/// The keys under which loggers write it.
pub const KEYS: &[&str] = &["level", "severity", "lvl", "levelname", "loglevel", "log.level", "@level"];

/// A word further back than this is no level.
const WITHIN: usize = 160;
/// As many words may stand before it: a date, a time, a zone, a process, a thread.
const WORDS: usize = 6;

impl Level {
    pub const ALL: [Self; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    pub fn name(self) -> &'static str {
        self.spellings()[0]
    }

    /// Every word that stands for it, its name first.
    pub fn spellings(self) -> &'static [&'static str] {
        match self {
            Self::Trace => &["trace", "trc", "verbose"],
            Self::Debug => &["debug", "dbg", "dbug"],
            Self::Info => &["info", "inf", "information", "informational", "notice", "note"],
            Self::Warn => &["warn", "warning", "wrn"],
            Self::Error => &["error", "err", "eror", "severe"],
            Self::Fatal => &["fatal", "ftl", "crit", "critical", "panic", "alert", "emerg", "emergency"],
        }
    }

    /// By any of its words, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        let stands = |level: &Self| level.spellings().iter().any(|known| word.eq_ignore_ascii_case(known));
        Self::ALL.into_iter().find(stands)
    }

    /// The numbers of bunyan and pino.
    pub fn of_number(number: i64) -> Option<Self> {
        match number {
            10 => Some(Self::Trace),
            20 => Some(Self::Debug),
            30 => Some(Self::Info),
            40 => Some(Self::Warn),
            50 => Some(Self::Error),
            60 => Some(Self::Fatal),
            _ => None,
        }
    }

    /// What a text says, given its own fields, if it is JSON.
    pub fn of(text: &str, fields: Option<&Map<String, Value>>) -> Option<Self> {
        match fields {
            Some(fields) => of_fields(fields),
            None => of_logfmt(text).or_else(|| of_words(text)),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn of_fields(fields: &Map<String, Value>) -> Option<Level> {
    let nested = fields.get("log").and_then(|log| log.get("level"));
    KEYS.iter().filter_map(|key| fields.get(*key)).chain(nested).find_map(|value| match value {
        Value::String(word) => Level::parse(word),
        Value::Number(number) => Level::of_number(number.as_i64()?),
        _ => None,
    })
}

fn of_logfmt(text: &str) -> Option<Level> {
    KEYS.iter().find_map(|key| {
        let mut rest = text;
        let mut begins = true;
        // The key stands alone: `level=`, not `sealevel=`.
        while let Some(at) = rest.find(key) {
            let alone = (begins && at == 0) || rest[..at].ends_with(char::is_whitespace);
            begins = false;
            rest = &rest[at + key.len()..];
            if let Some(value) = rest.strip_prefix('=').filter(|_| alone) {
                let value = value.trim_start_matches('"');
                let end = value.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(value.len());
                return Level::parse(&value[..end]);
            }
        }
        None
    })
}

fn of_words(text: &str) -> Option<Level> {
    let text = uncoloured(text);
    text.split_whitespace().take(WORDS).enumerate().find_map(|(index, word)| {
        if index == 0
            && let Some(level) = of_klog(word)
        {
            return Some(level);
        }
        let bracketed = word.starts_with(['[', '(', '<']);
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != ':');
        // `error:`, `WARNING:root:…`, `[core:error]`.
        let mut parts = bare.split(':').filter(|part| !part.is_empty());
        let part = parts.clone().find_map(|part| Level::parse(part).map(|level| (part, level)));
        let (part, level) = part?;
        let first = parts.next() == Some(part);
        let shouted = part.chars().all(|c| c.is_ascii_uppercase());
        let told = bare.contains(':');
        (bracketed || (first && (shouted || told || index == 0))).then_some(level)
    })
}

/// `E1125 10:00:00.000000`: what Kubernetes' own programs write.
fn of_klog(word: &str) -> Option<Level> {
    let (letter, day) = (word.chars().next()?, word.get(1..)?);
    if day.len() != 4 || !day.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match letter {
        'I' => Some(Level::Info),
        'W' => Some(Level::Warn),
        'E' => Some(Level::Error),
        'F' => Some(Level::Fatal),
        _ => None,
    }
}

/// The beginning of a text, without a terminal's colours.
fn uncoloured(text: &str) -> String {
    let mut end = text.len().min(WITHIN);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut clean = String::with_capacity(end);
    let mut rest = text[..end].chars();
    while let Some(c) = rest.next() {
        if c != '\u{1b}' {
            clean.push(c);
        } else if rest.next() == Some('[') {
            rest.by_ref().find(char::is_ascii_alphabetic);
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::fields;

    fn of(text: &str) -> Option<Level> {
        Level::of(text, fields(text).as_ref())
    }

    #[test]
    fn json_says_it_by_word_or_by_number() {
        assert_eq!(of(r#"{"level":"WARN","msg":"x"}"#), Some(Level::Warn));
        assert_eq!(of(r#"{"severity":"Critical"}"#), Some(Level::Fatal));
        assert_eq!(of(r#"{"level":50}"#), Some(Level::Error));
        assert_eq!(of(r#"{"log":{"level":"debug"}}"#), Some(Level::Debug));
        assert_eq!(of(r#"{"log.level":"notice"}"#), Some(Level::Info));
        assert_eq!(of(r#"{"level":"high","lvl":"trace"}"#), Some(Level::Trace));
        assert_eq!(of(r#"{"msg":"ERROR: not a level of its own"}"#), None);
        assert_eq!(of(r#"{"level":35}"#), None);
    }

    #[test]
    fn logfmt_says_it_under_a_key_that_stands_alone() {
        assert_eq!(of("time=10:00 level=warn msg=slow"), Some(Level::Warn));
        assert_eq!(of(r#"level="error" msg="x""#), Some(Level::Error));
        assert_eq!(of("sealevel=error rising"), None);
    }

    #[test]
    fn plain_text_says_it_first_in_brackets_or_shouting() {
        for (text, level) in [
            ("ERROR cannot connect", Level::Error),
            ("error: cannot connect", Level::Error),
            ("WARNING:root:slow", Level::Warn),
            ("2026/11/25 10:00:00 [error] 12#12: open() failed", Level::Error),
            ("[Wed Nov 25 10:00:00 2026] [core:error] [pid 1] x", Level::Error),
            ("2026-11-25 10:00:00,123 INFO  [main] c.e.App - up", Level::Info),
            ("2026-11-25 10:00:00 UTC [12] ERROR:  duplicate key", Level::Error),
            ("2026-11-25 10:00:00 0 [Note] mariadbd: ready", Level::Info),
            ("\u{1b}[2m10:00\u{1b}[0m \u{1b}[33m WARN\u{1b}[0m slow", Level::Warn),
            ("E1125 10:00:00.000000       1 main.go:1] lost", Level::Error),
        ] {
            assert_eq!(of(text), Some(level), "{text}");
        }
    }

    #[test]
    fn what_a_line_is_about_is_no_level() {
        for text in ["", "no error was found", "GET /error 200", "the debug port is open", "Ünd"] {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(of(&format!("{} ERROR", "é".repeat(200))), None);
    }
}
