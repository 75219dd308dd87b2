//! A line of JSON as people read it: how grave, what happened, then the rest.

use serde_json::{Map, Value};
use verbs::logs::{Level, fields};

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

/// A line taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Readable {
    pub level: Option<Level>,
    pub message: Option<String>,
    /// Names and values, in the order in which they were written.
    pub rest: Vec<(String, String)>,
}

/// `None`: it is no JSON, or says nothing that could stand first.
pub fn readable(text: &str) -> Option<Readable> {
    if !text.starts_with('{') {
        return None;
    }
    let fields = fields(text)?;
    let level = Level::of(text, Some(&fields));
    let named = MESSAGES.iter().find(|name| matches!(fields.get(**name), Some(Value::String(_))));
    if level.is_none() && named.is_none() {
        return None;
    }
    let message = named.and_then(|name| fields.get(*name)).and_then(Value::as_str).map(str::to_owned);
    Some(Readable { level, message, rest: rest(&fields, named.copied()) })
}

fn rest(fields: &Map<String, Value>, message: Option<&'static str>) -> Vec<(String, String)> {
    let told = |name: &str| Some(name) == message || TOLD.contains(&name);
    fields.iter().filter(|(name, _)| !told(name)).map(|(name, value)| (name.clone(), short(value))).collect()
}

/// Quotes only where they are needed to see where it ends.
fn short(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '=', '\n']) => text.clone(),
        other => other.to_string(),
    }
}
