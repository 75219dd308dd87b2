//! The old fals' `config.json`, read as Go read it: keys in any case, unknown ones left alone, the last of two wins.

mod places;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value};

use self::places::Places;

/// Keys that the old fals knew of and made nothing of.
const IDLE: &[&str] = &["api_endpoint", "api_key", "firehose_record_size"];
const KEYS: &[&str] = &[
    "aws_region",
    "aws_access_key",
    "aws_secret_key",
    "firehose_stream_name",
    "project",
    "env",
    "shipping_interval",
    "components",
];

#[derive(Clone, Debug)]
pub struct Config {
    pub region: Option<String>,
    pub key: Option<StaticKey>,
    pub stream: String,
    pub project: String,
    pub env: String,
    pub interval: Duration,
    pub components: Vec<Component>,
    /// What is not wrong, and better otherwise.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct StaticKey {
    pub id: String,
    pub secret: SecretString,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    pub name: String,
    /// A file, or a pattern of several.
    pub file: PathBuf,
}

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub path: PathBuf,
    pub problems: Vec<Problem>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        write!(f, "{} has {count} error{}", self.path.display(), if count == 1 { "" } else { "s" })
    }
}

impl std::error::Error for Broken {}

impl Broken {
    /// Each with its place.
    pub fn lines(&self) -> Vec<String> {
        let path = self.path.display();
        self.problems
            .iter()
            .map(|problem| format!("{path}:{}:{}: {}", problem.line, problem.column, problem.message))
            .collect()
    }
}

/// Reads the text of `path`.
pub fn parse(path: &std::path::Path, text: &str) -> Result<Config, Broken> {
    let broken = |problems| Broken { path: path.to_owned(), problems };
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        let message = format!("this is not valid JSON: {message}");
        broken(vec![Problem { line: error.line().max(1), column: error.column().max(1), message }])
    })?;
    let mut reader = Reader { places: Places::of(text), problems: vec![], notes: vec![] };
    let config = reader.config(&value);
    match config {
        Some(mut config) if reader.problems.is_empty() => {
            config.notes = reader.notes;
            Ok(config)
        }
        _ => {
            reader.problems.sort_by_key(|problem| (problem.line, problem.column));
            Err(broken(reader.problems))
        }
    }
}

struct Reader {
    places: Places,
    problems: Vec<Problem>,
    notes: Vec<String>,
}

impl Reader {
    fn wrong(&mut self, at: &str, message: impl Into<String>) {
        let (line, column) = self.places.of_pointer(at);
        self.problems.push(Problem { line, column, message: message.into() });
    }

    fn config(&mut self, value: &Value) -> Option<Config> {
        let Some(map) = value.as_object() else {
            self.wrong("", "expected an object with the keys of fals");
            return None;
        };
        self.unknown(map, "", KEYS);
        let region = self.text(map, "", "aws_region");
        let key = self.key(map);
        let stream = self.text(map, "", "firehose_stream_name");
        if stream.is_none() {
            self.missing(map, "firehose_stream_name", "name the delivery stream");
        }
        let project = self.label(map, "project");
        let env = self.label(map, "env");
        let interval = self.interval(map);
        let components = self.components(map);
        Some(Config { region, key, stream: stream?, project, env, interval, components, notes: vec![] })
    }

    fn key(&mut self, map: &Map<String, Value>) -> Option<StaticKey> {
        let id = self.text(map, "", "aws_access_key");
        let secret = self.text(map, "", "aws_secret_key");
        match (id, secret) {
            (Some(id), Some(secret)) => {
                self.notes.push(
                    "the configuration holds a static key: leave aws_access_key and aws_secret_key out and give the \
                     machine a role instead"
                        .to_owned(),
                );
                Some(StaticKey { id, secret: secret.into() })
            }
            (None, None) => None,
            (Some(_), None) => {
                self.missing(map, "aws_secret_key", "aws_access_key has to have one, or leave both out");
                None
            }
            (None, Some(_)) => {
                self.missing(map, "aws_access_key", "aws_secret_key has to have one, or leave both out");
                None
            }
        }
    }

    fn label(&mut self, map: &Map<String, Value>, key: &str) -> String {
        let found = self.text(map, "", key);
        if found.is_none() {
            self.notes.push(format!("`{key}` is empty, and so it is in every record"));
        }
        found.unwrap_or_default()
    }

    fn interval(&mut self, map: &Map<String, Value>) -> Duration {
        let Some((key, value)) = last(map, "shipping_interval").filter(|(_, value)| !value.is_null()) else {
            return Duration::ZERO;
        };
        match value.as_u64() {
            Some(seconds) if seconds <= 3600 => Duration::from_secs(seconds),
            Some(_) => {
                self.wrong(&format!("/{key}"), "shipping_interval is at most 3600 seconds");
                Duration::ZERO
            }
            None => {
                let message =
                    format!("shipping_interval has to be a whole number of seconds, not {}", found(value));
                self.wrong(&format!("/{key}"), message);
                Duration::ZERO
            }
        }
    }

    fn components(&mut self, map: &Map<String, Value>) -> Vec<Component> {
        let Some((key, value)) = last(map, "components").filter(|(_, value)| !value.is_null()) else {
            self.missing(map, "components", "list files as {\"name\": …, \"file\": …}");
            return Vec::new();
        };
        let Some(list) = value.as_array() else {
            self.wrong(&format!("/{key}"), format!("components has to be a list, not {}", found(value)));
            return Vec::new();
        };
        if list.is_empty() {
            self.wrong(&format!("/{key}"), "components is empty: there is nothing to ship");
        }
        let mut components = Vec::new();
        for (index, value) in list.iter().enumerate() {
            let at = format!("/{key}/{index}");
            let Some(map) = value.as_object() else {
                self.wrong(&at, format!("a component has to be an object, not {}", found(value)));
                continue;
            };
            self.unknown(map, &at, &["name", "file"]);
            let name = self.text(map, &at, "name");
            if name.is_none() {
                self.notes.push(format!("component {} has no name", index + 1));
            }
            let Some(file) = self.text(map, &at, "file") else {
                if last(map, "file").is_none_or(|(_, value)| value.is_null() || value == "") {
                    self.wrong(&at, "the component has no file");
                }
                continue;
            };
            let component = Component { name: name.unwrap_or_default(), file: absolute(&file) };
            if components.contains(&component) {
                self.notes.push(format!("`{file}` is there twice for one component, and is shipped once"));
            } else {
                components.push(component);
            }
        }
        components
    }

    /// Empty is as good as absent, as it is in Go.
    fn text(&mut self, map: &Map<String, Value>, at: &str, key: &str) -> Option<String> {
        let (key, value) = last(map, key)?;
        match value {
            Value::String(text) => (!text.is_empty()).then(|| text.clone()),
            Value::Null => None,
            other => {
                self.wrong(&format!("{at}/{key}"), format!("{key} has to be text, not {}", found(other)));
                None
            }
        }
    }

    fn missing(&mut self, map: &Map<String, Value>, key: &str, hint: &str) {
        match last(map, key) {
            // What stands there is told to be wrong already.
            Some((_, value)) if !value.is_null() && value != "" => {}
            Some((found, _)) => self.wrong(&format!("/{found}"), format!("{key} is empty: {hint}")),
            None => self.wrong("", format!("{key} is missing: {hint}")),
        }
    }

    fn unknown(&mut self, map: &Map<String, Value>, at: &str, known: &[&str]) {
        for key in map.keys() {
            let lower = key.to_lowercase();
            if !known.contains(&lower.as_str()) && !IDLE.contains(&lower.as_str()) {
                let (line, _) = self.places.of_pointer(&format!("{at}/{key}"));
                self.notes.push(format!("line {line}: `{key}` is not known, and left alone as ever"));
            }
        }
    }
}

/// Of several keys that differ in their case the last one holds.
fn last<'a>(map: &'a Map<String, Value>, key: &str) -> Option<(&'a str, &'a Value)> {
    map.iter().rfind(|(found, _)| found.to_lowercase() == key).map(|(found, value)| (found.as_str(), value))
}

/// The same file whatever folder it is started in next time.
fn absolute(file: &str) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| PathBuf::from(file))
}

fn found(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => format!("the number {value}"),
        Value::String(value) => format!("the text \"{value}\""),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests;
