//! A line of JSON as people read it: how grave, what happened, then the rest.

use serde_json::{Map, Value};
use verbs::logs::{Level, fields};

use crate::output::colour::Paint;

/// What loggers call what happened, the likeliest first.
const MESSAGES: [&str; 4] = ["message", "msg", "@message", "event"];
/// Told by the level, or by the log's own time.
const TOLD: [&str; 11] = [
    "level",
    "severity",
    "lvl",
    "levelname",
    "loglevel",
    "@level",
    "time",
    "ts",
    "timestamp",
    "@timestamp",
    "@version",
];

/// `None`: it is no JSON, or says nothing that could stand first.
pub fn line(text: &[u8], paint: Paint) -> Option<Vec<u8>> {
    if text.first() != Some(&b'{') {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let fields = fields(text)?;
    let level = Level::of(text, Some(&fields));
    let named = MESSAGES.iter().find(|name| matches!(fields.get(**name), Some(Value::String(_))));
    if level.is_none() && named.is_none() {
        return None;
    }
    let mut words: Vec<String> = level.map(|level| graded(level, paint)).into_iter().collect();
    if let Some(Value::String(message)) = named.and_then(|name| fields.get(*name)) {
        words.push(message.clone());
    }
    words.extend(
        rest(&fields, named.copied()).map(|(name, value)| paint.aside(format!("{name}={}", short(value)))),
    );
    Some(words.join(" ").into_bytes())
}

fn graded(level: Level, paint: Paint) -> String {
    let word = format!("{:<5}", level.name().to_uppercase());
    match level {
        Level::Fatal | Level::Error => paint.bad(word),
        Level::Warn => paint.wait(word),
        Level::Info => paint.good(word),
        Level::Debug | Level::Trace => paint.aside(word),
    }
}

fn rest<'a>(
    fields: &'a Map<String, Value>,
    message: Option<&'static str>,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    fields.iter().filter(move |(name, _)| Some(name.as_str()) != message && !TOLD.contains(&name.as_str()))
}

/// Quotes only where they are needed to see where it ends.
fn short(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '=', '\n']) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Option<String> {
        line(text.as_bytes(), Paint::new(false)).map(|line| String::from_utf8(line).unwrap())
    }

    #[test]
    fn it_begins_with_how_grave_and_what_and_ends_with_the_rest() {
        let text =
            r#"{"ts":1,"level":"warn","msg":"slow answer","path":"/a b","status":200,"user":{"id":7}}"#;
        assert_eq!(plain(text).as_deref(), Some(r#"WARN  slow answer path="/a b" status=200 user={"id":7}"#));
    }

    #[test]
    fn what_says_neither_stays_as_it_was_written() {
        assert_eq!(plain(r#"{"a":1}"#), None);
        assert_eq!(plain("{ not json"), None);
        assert_eq!(plain("plain"), None);
    }
}
