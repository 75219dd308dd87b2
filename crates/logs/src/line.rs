//! One line of a log, wherever it was kept. What it says about itself is read from its text when asked for.

use jiff::Timestamp;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::Level;

/// One line of one container.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    pub time: Timestamp,
    pub project: String,
    pub environment: String,
    pub component: String,
    pub pod: String,
    pub container: String,
    /// The file of the component's `logs` that it was written to; `None`: its output.
    pub file: Option<String>,
    pub text: String,
    pub origin: Origin,
}

/// Where a line was read.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// In the log that the node keeps of a container.
    Live,
    /// In what was shipped.
    Archive,
}

impl Line {
    /// In memory, about.
    pub fn weight(&self) -> usize {
        let texts =
            [&self.project, &self.environment, &self.component, &self.pod, &self.container, &self.text];
        let file = self.file.as_ref().map_or(0, String::len);
        size_of::<Self>() + file + texts.into_iter().map(String::len).sum::<usize>()
    }

    /// The text's own object, if it is JSON.
    pub fn fields(&self) -> Option<Map<String, Value>> {
        fields(&self.text)
    }

    /// How grave it is, by its own words.
    pub fn level(&self) -> Option<Level> {
        Level::of(&self.text, self.fields().as_ref())
    }
}

/// The object that `text` is.
pub fn fields(text: &str) -> Option<Map<String, Value>> {
    let text = text.trim();
    if !text.starts_with('{') || !text.ends_with('}') {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// What a script gets: the line and what its text says.
impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.fields();
        let mut line = serializer.serialize_struct("Line", 11)?;
        line.serialize_field("time", &self.time)?;
        line.serialize_field("project", &self.project)?;
        line.serialize_field("environment", &self.environment)?;
        line.serialize_field("component", &self.component)?;
        line.serialize_field("pod", &self.pod)?;
        line.serialize_field("container", &self.container)?;
        match &self.file {
            Some(file) => line.serialize_field("file", file)?,
            None => line.skip_field("file")?,
        }
        line.serialize_field("origin", &self.origin)?;
        line.serialize_field("level", &Level::of(&self.text, fields.as_ref()))?;
        line.serialize_field("text", &self.text)?;
        match &fields {
            Some(fields) => line.serialize_field("fields", fields)?,
            None => line.skip_field("fields")?,
        }
        line.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(text: &str) -> Line {
        Line {
            time: "2026-11-25T10:00:00.000000001Z".parse().unwrap(),
            project: "shop".into(),
            environment: "qa-42".into(),
            component: "web".into(),
            pod: "web-1".into(),
            container: "web".into(),
            file: None,
            text: text.into(),
            origin: Origin::Live,
        }
    }

    #[test]
    fn a_script_gets_the_line_its_level_and_the_fields_of_its_text() {
        let told = serde_json::to_value(line(r#" {"level":"warn","user":{"id":42}} "#)).unwrap();
        assert_eq!(
            told,
            json!({
                "time": "2026-11-25T10:00:00.000000001Z", "project": "shop", "environment": "qa-42",
                "component": "web", "pod": "web-1", "container": "web", "origin": "live", "level": "warn",
                "text": r#" {"level":"warn","user":{"id":42}} "#, "fields": {"level": "warn", "user": {"id": 42}},
            })
        );
    }

    #[test]
    fn a_text_that_is_no_object_has_no_fields() {
        for text in ["", "{", "plain", "[1]", r#"{"a":1} and more"#, r#"{"a":1}{"b":2}"#] {
            let told = serde_json::to_value(line(text)).unwrap();
            assert_eq!((told.get("fields"), &told["level"]), (None, &Value::Null), "{text}");
        }
    }
}
