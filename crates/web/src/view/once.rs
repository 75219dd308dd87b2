//! What a line begins with and says a second time: when it was written and how grave it is, which stand beside it already. Pure.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use verbs::logs::Level;

/// A program and its container's runtime look at the clock one after the other.
const APART: SignedDuration = SignedDuration::from_secs(2);
/// Before these loggers write a time or a level.
const TIMES: [&str; 5] = ["time", "ts", "t", "timestamp", "@timestamp"];
const LEVELS: [&str; 5] = ["level", "lvl", "severity", "levelname", "loglevel"];

/// The rest of it; all of it where nothing else is left.
pub fn once(text: &str, time: Timestamp, level: Option<Level>) -> &str {
    let (mut rest, mut timed, mut level) = (text, false, level);
    loop {
        if !timed && let Some(after) = after_time(rest, time) {
            (rest, timed) = (after, true);
        } else if let Some(after) = level.and_then(|level| after_level(rest, level)) {
            (rest, level) = (after, None);
        } else {
            break;
        }
    }
    // A line that says neither may begin so by itself.
    if rest.len() == text.len() {
        return text;
    }
    let rest = rest.trim_start();
    let rest = rest.strip_prefix("- ").or_else(|| rest.strip_prefix("| ")).unwrap_or(rest);
    if rest.is_empty() { text } else { rest }
}

/// The first so many words, and what comes after them.
fn split(text: &str, words: usize) -> Option<(&str, &str)> {
    let mut end = 0;
    for _ in 0..words {
        let rest = text.get(end..)?;
        let begin = end + rest.find(|c: char| !c.is_whitespace())?;
        let word = text.get(begin..)?;
        end = begin + word.find(char::is_whitespace).unwrap_or(word.len());
    }
    text.split_at_checked(end)
}

/// Without a name before it, and without brackets and quotes around it.
fn bare<'a>(word: &'a str, names: &[&str]) -> &'a str {
    let word = word.trim();
    let value = word.split_once('=').filter(|(name, _)| names.contains(name));
    value.map_or(word, |(_, value)| value).trim_matches(['[', ']', '(', ')', '"', '\'', ',', '|'])
}

fn after_time(text: &str, time: Timestamp) -> Option<&str> {
    // A date and a time may be two words.
    let mut heads = [2, 1].into_iter().filter_map(|words| split(text, words));
    let same = |head: &str| {
        let said = read(bare(head, &TIMES), time);
        said.is_some_and(|said| said.duration_since(time).abs() <= APART)
    };
    heads.find(|(head, _)| same(head)).map(|(_, after)| after)
}

/// With a zone, or in UTC; of a time alone the day is the line's.
fn read(text: &str, near: Timestamp) -> Option<Timestamp> {
    // Only what has hours and minutes says when.
    if !text.contains(':') || !text.is_ascii() {
        return None;
    }
    let text = text.replace(',', ".").replace('/', "-");
    let utc = |time: DateTime| time.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp());
    let day = || near.to_zoned(TimeZone::UTC).date();
    let alone = || utc(DateTime::from_parts(day(), text.parse::<Time>().ok()?));
    text.parse().ok().or_else(|| utc(text.parse().ok()?)).or_else(alone)
}

fn after_level(text: &str, level: Level) -> Option<&str> {
    let (word, after) = split(text, 1)?;
    let word = word.trim();
    let named = word.split_once('=').is_some_and(|(name, _)| LEVELS.contains(&name));
    let bracketed = word.starts_with(['[', '(', '<']);
    let said = bare(word, &LEVELS).trim_matches(|c: char| !c.is_alphanumeric());
    // In a sentence it is a word of it: `error reading the file`.
    let shouted = said.chars().all(|c| c.is_ascii_uppercase());
    ((named || bracketed || shouted) && Level::parse(said) == Some(level)).then_some(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(text: &str) -> &str {
        let time = "2026-11-25T10:00:00.120000001Z".parse().unwrap();
        once(text, time, Level::of(text, None))
    }

    #[test]
    fn time_and_level_are_told_once() {
        for (text, wanted) in [
            ("2026-11-25T10:00:00.119Z INFO listening", "listening"),
            ("2026-11-25 10:00:00,119 WARN slow", "slow"),
            ("2026/11/25 10:00:00 [error] boom", "boom"),
            ("[2026-11-25T11:00:00+01:00] [ERROR] boom", "boom"),
            ("10:00:00.119 ERROR - boom", "boom"),
            ("time=\"2026-11-25T10:00:00Z\" level=warning msg=\"slow\"", "msg=\"slow\""),
            ("level=error msg=boom", "msg=boom"),
            ("INFO: ready", "ready"),
        ] {
            assert_eq!(rest(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_says_something_else_stays() {
        for text in [
            "error reading the file",
            "2026-11-25T08:00:00Z is when it began",
            "2026-11-25 is the day",
            "10 things",
            "ERROR",
            "2026-11-25T10:00:00Z",
            "level=unknown msg=x",
            "GET /?level=error",
            "",
            "  indented",
            "- name: x",
            "| a | b |",
        ] {
            assert_eq!(rest(text), text);
        }
    }
}
