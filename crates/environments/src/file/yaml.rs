//! YAML text to a JSON value and the place of everything in it.

use std::collections::HashMap;
use std::sync::Arc;

use api::problem::pointer;
use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Number, Value};

use super::FileProblem;

/// More nodes than any honest project has: aliases of aliases grow without bound.
const MAX_NODES: usize = 100_000;
/// More levels than any honest project has: whoever reads or lets go of one goes down all of them.
const MAX_DEPTH: usize = 200;
/// Further to the right no line begins: a level of blocks takes a column, so that this bounds them before anything is read.
const MAX_COLUMNS: usize = 250;

/// Where something stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// None: in the file that was read first.
    pub file: Option<Arc<str>>,
    pub line: usize,
    pub column: usize,
}

impl Place {
    const BEGIN: Self = Self { file: None, line: 1, column: 1 };
}

/// A parsed file, or several that were made one.
#[derive(Clone, Debug)]
pub struct Document {
    pub value: Value,
    pub(super) places: HashMap<String, Place>,
}

impl Document {
    /// Line and column of what `pointer` names, or of the nearest thing around it that exists.
    pub fn place(&self, pointer: &str) -> (usize, usize) {
        let found = self.found(pointer);
        (found.line, found.column)
    }

    /// The same with the file.
    pub fn found(&self, pointer: &str) -> &Place {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return place;
            }
            match pointer.rfind('/') {
                Some(end) => pointer = &pointer[..end],
                None => return &Place::BEGIN,
            }
        }
    }
}

/// The one document of a file.
pub fn parse(text: &str) -> Result<Document, FileProblem> {
    let at = |line, column, message: &str, hint: &str| FileProblem {
        hint: Some(hint.to_owned()),
        ..FileProblem::at(line, column, message)
    };
    let mut documents = placed(text)?.into_iter();
    let Some(only) = documents.next() else {
        let hint = "a project starts with `apiVersion: outboard.dev/v1alpha1` and `kind: Project`";
        return Err(at(1, 1, "the file is empty", hint));
    };
    if let Some(second) = documents.next() {
        let (line, column) = second.place("");
        return Err(at(
            line,
            column,
            "the file holds more than one document",
            "one file, one project: remove the `---`",
        ));
    }
    Ok(only)
}

/// Refuses what would be read level by level without end.
fn bounded(text: &str) -> Result<(), FileProblem> {
    let mut line = 1;
    for part in text.split_inclusive(['\n', '\r']) {
        if begins(part) > MAX_COLUMNS {
            return Err(too_deep(line, 1));
        }
        line += usize::from(part.ends_with('\n'));
    }
    Ok(())
}

/// Where what is neither a space nor the `-`, `?` or `:` of a block begins.
fn begins(line: &str) -> usize {
    let ends = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
    let (bytes, mut at) = (line.as_bytes(), 0);
    while let Some(byte) = bytes.get(at) {
        let block = matches!(byte, b'-' | b'?' | b':') && ends(bytes.get(at + 1));
        if !block && !matches!(byte, b' ' | b'\t') {
            break;
        }
        at += 1;
    }
    at
}

fn too_deep(line: usize, column: usize) -> FileProblem {
    FileProblem {
        hint: Some("nothing of ours has more than a few levels".to_owned()),
        ..FileProblem::at(line, column, "this is nested too deep")
    }
}

/// Every document of a file, with the place of everything in it.
pub fn placed(text: &str) -> Result<Vec<Document>, FileProblem> {
    bounded(text)?;
    let documents = MarkedYaml::load_from_str(text).map_err(|error| {
        let marker = error.marker();
        let hint = if text.contains('\t') {
            "YAML is indented with spaces, never with tabs"
        } else {
            "check the indentation and quotes just above"
        };
        let message = format!("this is not valid YAML: {}", error.info());
        FileProblem {
            hint: Some(hint.to_owned()),
            ..FileProblem::at(marker.line(), marker.col() + 1, message)
        }
    })?;
    let mut nodes = 0;
    documents
        .iter()
        .map(|root| {
            let mut reader = Reader { places: HashMap::new(), nodes };
            let value = reader.read(root, "")?;
            nodes = reader.nodes;
            Ok(Document { value, places: reader.places })
        })
        .collect()
}

/// Every document of a file whose places nobody asks for.
pub fn documents(text: &str) -> Result<Vec<Value>, FileProblem> {
    bounded(text)?;
    let documents = MarkedYaml::load_from_str(text).map_err(|error| {
        let marker = error.marker();
        let message = format!("this is not valid YAML: {}", error.info());
        FileProblem::at(marker.line(), marker.col() + 1, message)
    })?;
    let mut values = Vec::new();
    for document in documents {
        let mut reader = Reader { places: HashMap::new(), nodes: 0 };
        values.push(reader.read(&document, "")?);
    }
    // `---` at the end makes an empty one.
    values.retain(|value| !value.is_null());
    Ok(values)
}

struct Reader {
    places: HashMap<String, Place>,
    nodes: usize,
}

impl Reader {
    fn read(&mut self, node: &MarkedYaml<'_>, at: &str) -> Result<Value, FileProblem> {
        let place = Place { file: None, line: node.span.start.line(), column: node.span.start.col() + 1 };
        let (line, column) = (place.line, place.column);
        self.nodes += 1;
        let refuse =
            |message: &str| FileProblem { path: super::spoken(at), ..FileProblem::at(line, column, message) };
        if self.nodes > MAX_NODES {
            return Err(refuse("the file unfolds into too many values"));
        }
        if at.matches('/').count() > MAX_DEPTH {
            return Err(too_deep(line, column));
        }
        // A key's place stands for its value: that is where the eye goes.
        self.places.entry(at.to_owned()).or_insert(place);
        Ok(match &node.data {
            YamlData::Value(scalar) => match scalar {
                Scalar::Null => Value::Null,
                Scalar::Boolean(value) => Value::Bool(*value),
                Scalar::Integer(value) => Value::Number((*value).into()),
                Scalar::FloatingPoint(value) => {
                    Number::from_f64(value.into_inner()).map_or(Value::Null, Value::Number)
                }
                Scalar::String(value) => Value::String(value.to_string()),
            },
            YamlData::Representation(text, ..) => Value::String(text.to_string()),
            YamlData::Sequence(items) => {
                let read: Result<Vec<Value>, _> = items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| self.read(item, &format!("{at}/{index}")))
                    .collect();
                Value::Array(read?)
            }
            YamlData::Mapping(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    let YamlData::Value(Scalar::String(name)) = &key.data else {
                        let (line, column) = (key.span.start.line(), key.span.start.col() + 1);
                        return Err(FileProblem {
                            path: super::spoken(at),
                            hint: Some("put it in quotes".to_owned()),
                            ..FileProblem::at(line, column, "a key must be text")
                        });
                    };
                    let at = pointer(at, name);
                    let (line, column) = (key.span.start.line(), key.span.start.col() + 1);
                    self.places.insert(at.clone(), Place { file: None, line, column });
                    let value = self.read(value, &at)?;
                    map.insert(name.to_string(), value);
                }
                Value::Object(map)
            }
            YamlData::Tagged(..) => return Err(refuse("YAML tags have no meaning here")),
            YamlData::Alias(_) | YamlData::BadValue => return Err(refuse("this value cannot be read")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nested_without_end_is_refused_whichever_way_it_is_written() {
        let deep = |opens: &str, count: usize| opens.repeat(count);
        let stairs: String = (0..5_000).map(|level| format!("{}-\n", " ".repeat(level))).collect();
        let returns: String = (0..1_000).map(|level| format!("{}-\r", " ".repeat(level))).collect();
        // Each has what the one before has, some levels further down.
        let aliases: String = (1..40)
            .map(|number| {
                format!("a{number}: &a{number} {}*a{}{}\n", deep("[", 10), number - 1, deep("]", 10))
            })
            .collect();
        for text in [
            deep("- ", 100_000),
            deep("? ", 100_000),
            deep("- ? ", 50_000),
            stairs,
            returns,
            deep("[", 100_000),
            deep("{a: ", 100_000),
            format!("a0: &a0 1\n{aliases}"),
        ] {
            assert!(placed(&text).is_err(), "{}", &text[..20]);
            assert!(documents(&text).is_err(), "{}", &text[..20]);
        }
        let honest = format!("a:\n- b: |\n    {}\n    - - c\n", "-".repeat(500));
        assert!(placed(&honest).is_ok());
    }
}
