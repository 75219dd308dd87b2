//! `include`: a project that is written in several files becomes one document, in which everything knows where it stands.

use std::collections::HashMap;
use std::sync::Arc;

use api::Problem;
use api::problem::pointer;
use serde_json::{Map, Value};

use super::yaml::{self, Document, Place};
use super::{FileProblem, Load, placed, spoken};
use crate::plan::validate::{directories, suggest};

/// What a file may hold that is included: keys of `spec`.
const KEYS: [&str; 8] =
    ["components", "services", "routes", "manifests", "vary", "secrets", "masks", "classes"];

/// Puts into the document what it includes; answers with everything wrong with that.
pub fn gather(document: &mut Document, load: Load<'_>) -> Vec<FileProblem> {
    let patterns: Vec<String> = match document.value.pointer("/spec/include").and_then(Value::as_array) {
        // What is no list of texts is the schema's to tell.
        Some(all) if all.iter().all(Value::is_string) => {
            all.iter().filter_map(|pattern| pattern.as_str().map(str::to_owned)).collect()
        }
        _ => return Vec::new(),
    };
    let (mut seen, mut problems) = (Vec::new(), Vec::new());
    for (index, pattern) in patterns.iter().enumerate() {
        let at = format!("/spec/include/{index}");
        let files = match directories::outside(pattern) {
            Some(problem) => Err(Problem::new(at, problem)),
            None => {
                load(pattern).map_err(|why| Problem::new(at, format!("`{pattern}` cannot be read: {why}")))
            }
        };
        match files {
            Err(problem) => problems.extend(placed(document, vec![problem])),
            Ok(files) => {
                for (name, text) in files {
                    let name = plain(&name).to_owned();
                    // Two patterns may stand for one file.
                    if !seen.contains(&name) {
                        problems.extend(Inclusion::of(&name).read(&text, document));
                        seen.push(name);
                    }
                }
            }
        }
    }
    problems
}

/// What a document holds, as it would stand below `path` of another.
pub fn below(document: &Document, path: &[&str]) -> Document {
    let at = path.iter().fold(String::new(), |at, step| pointer(&at, step));
    let mut whole = Document { value: Value::Null, places: HashMap::new() };
    copy_places(document, "", &document.value, &at, &mut whole);
    let nest = |inner: Value, step: &&str| Value::Object(Map::from_iter([((*step).to_owned(), inner)]));
    whole.value = path.iter().rev().fold(document.value.clone(), nest);
    whole
}

/// A path without what says nothing: `./teams/a.yaml` is `teams/a.yaml`.
fn plain(path: &str) -> &str {
    path.trim_start_matches("./")
}

/// One file that is included.
struct Inclusion {
    file: Arc<str>,
    problems: Vec<FileProblem>,
}

impl Inclusion {
    fn of(name: &str) -> Self {
        Self { file: name.into(), problems: Vec::new() }
    }

    fn read(mut self, text: &str, into: &mut Document) -> Vec<FileProblem> {
        let mut included = match yaml::parse(text) {
            Ok(included) => included,
            Err(problem) => return vec![FileProblem { file: Some(self.file.to_string()), ..problem }],
        };
        for place in included.places.values_mut() {
            place.file = Some(self.file.clone());
        }
        let Value::Object(keys) = std::mem::take(&mut included.value) else {
            self.refuse(
                &included,
                "",
                "an included file is a map of keys of `spec`",
                "such as `components:`",
            );
            return self.problems;
        };
        for (key, mut value) in keys {
            let at = pointer("", &key);
            match key.as_str() {
                "include" => {
                    let hint = "name every file in the project's own one";
                    self.refuse(&included, &at, "an included file includes no other", hint);
                }
                "apiVersion" | "kind" | "metadata" | "spec" => {
                    let hint = "it holds keys of `spec`, such as `components`, and nothing around them";
                    let message = format!("an included file has no `{key}` of its own");
                    self.refuse(&included, &at, &message, hint);
                }
                other if !KEYS.contains(&other) => {
                    self.refuse(&included, &at, &format!("unknown key `{other}`"), &suggest(other, KEYS));
                }
                _ => {
                    self.count_from_here(&key, &mut value);
                    self.put(&included, &at, value, &["spec"], &key, into);
                }
            }
        }
        self.problems
    }

    fn refuse(&mut self, included: &Document, at: &str, message: &str, hint: &str) {
        let problem = Problem::new(at, message).hint(hint);
        self.problems.extend(placed(included, vec![problem]));
    }

    /// Names of files count from where they stand.
    fn count_from_here(&self, key: &str, value: &mut Value) {
        let Some((folder, _)) = self.file.rsplit_once('/') else { return };
        let below = |value: &mut Value| {
            if let Value::String(path) = value
                && directories::outside(path).is_none()
            {
                *path = format!("./{folder}/{}", plain(path));
            }
        };
        match (key, value) {
            ("manifests", Value::Array(patterns)) => patterns.iter_mut().for_each(below),
            ("components", Value::Object(components)) => {
                let files = components.values_mut().filter_map(|component| component.get_mut("files"));
                files.filter_map(Value::as_object_mut).flat_map(Map::values_mut).for_each(below);
            }
            _ => {}
        }
    }

    /// Puts what stands at `from` of the included file below `path` of the whole.
    fn put(
        &mut self,
        included: &Document,
        from: &str,
        value: Value,
        path: &[&str],
        key: &str,
        into: &mut Document,
    ) {
        let parent = path.iter().fold(String::new(), |at, step| pointer(&at, step));
        let at = pointer(&parent, key);
        let Some(Value::Object(around)) = into.value.pointer_mut(&parent) else { return };
        let inner = [path, &[key]].concat();
        match (around.get_mut(key), value) {
            // A key without value.
            (None | Some(Value::Null), value) => {
                copy_places(included, from, &value, &at, into);
                if let Some(Value::Object(around)) = into.value.pointer_mut(&parent) {
                    around.insert(key.to_owned(), value);
                }
            }
            (Some(_), Value::Null) => {}
            (Some(Value::Object(_)), Value::Object(entries)) if is_open(&inner) => {
                for (name, entry) in entries {
                    self.put(included, &pointer(from, &name), entry, &inner, &name, into);
                }
            }
            (Some(Value::Array(there)), Value::Array(items)) if inner.len() == 2 => {
                let first = there.len();
                there.extend(items.iter().cloned());
                for (index, item) in items.iter().enumerate() {
                    let to = format!("{at}/{}", first + index);
                    copy_places(included, &format!("{from}/{index}"), item, &to, into);
                }
            }
            (Some(_), _) => {
                let other = match into.found(&at) {
                    Place { file: Some(file), line, column } => format!("at {file}:{line}:{column}"),
                    Place { file: None, line, column } => {
                        format!("in the project's own file, at {line}:{column}")
                    }
                };
                let Place { line, column, .. } = *included.found(from);
                self.problems.push(FileProblem {
                    file: Some(self.file.to_string()),
                    path: spoken(&at),
                    hint: Some("keep one of the two, or give one another name".to_owned()),
                    ..FileProblem::at(line, column, format!("`{key}` stands {other} as well"))
                });
            }
        }
    }
}

/// Whether several files may put entries into the map at this path.
fn is_open(path: &[&str]) -> bool {
    matches!(
        path,
        ["spec", "components" | "services" | "vary" | "secrets" | "masks" | "classes"]
            | ["spec", "classes" | "masks", _]
            | ["spec", "classes", _, "scale" | "services"]
    )
}

fn copy_places(from: &Document, at: &str, value: &Value, to: &str, into: &mut Document) {
    into.places.insert(to.to_owned(), from.found(at).clone());
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                copy_places(from, &pointer(at, name), field, &pointer(to, name), into);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                copy_places(from, &format!("{at}/{index}"), item, &format!("{to}/{index}"), into);
            }
        }
        _ => {}
    }
}
