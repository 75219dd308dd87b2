//! Docker Compose files: versions 2 and 3 and the Compose specification.
//!
//! Reads the text, resolves merge keys and variables, and takes each service apart key by key. A key that nobody reads is
//! impossible: what no arm takes ends in `elsewhere`.

mod directories;
mod elsewhere;
mod health;
mod interpolate;
mod network;
mod scale;
mod service;
mod settings;

use std::collections::BTreeMap;

pub use health::{Question, question};

use api::Problem;
use api::problem::pointer;
use serde_json::{Map, Value};

use super::draft::Draft;
use super::note::{Kind, Place};
use super::{Found, Imported, LARGEST, Surroundings, names, quantity, refused};
use crate::file::yaml::{self, Document};
use crate::file::{FileProblem, spoken};

/// Reads a Compose file called `file`; a project without a name gets that of its directory.
pub fn read(
    text: &str,
    file: &str,
    directory: &str,
    around: &dyn Surroundings,
) -> Result<Imported, Vec<FileProblem>> {
    if text.len() > LARGEST {
        return Err(refused("the file is too large to be a Compose file", "is it the right one?"));
    }
    if text.trim().is_empty() {
        return Err(refused("the file is empty", "a Compose file has `services:` at its top"));
    }
    let mut documents = yaml::placed(text).map_err(|problem| vec![problem])?.into_iter();
    let (Some(document), None) = (documents.next(), documents.next()) else {
        return Err(refused(
            "a Compose file is one document",
            "objects of Kubernetes are read by `outboard import manifests`",
        ));
    };
    let mut reader = Reader::new(&document, file, around);
    reader.draft.project = names::project(directory);
    reader.project();
    if reader.problems.is_empty() {
        Ok(super::conclude(reader.draft, file, around))
    } else {
        Err(crate::file::placed(&document, reader.problems))
    }
}

struct Reader<'a> {
    document: &'a Document,
    file: &'a str,
    around: &'a dyn Surroundings,
    /// What `${…}` in the file may name: the `.env` beside it.
    variables: BTreeMap<String, String>,
    draft: Draft,
    /// What cannot be read at all.
    problems: Vec<Problem>,
    /// Definitions beside the services, by key and name.
    shared: Map<String, Value>,
    /// Other names that a service has for one of the others, and where it says so.
    aliases: Vec<(String, String, String)>,
}

impl<'a> Reader<'a> {
    fn new(document: &'a Document, file: &'a str, around: &'a dyn Surroundings) -> Self {
        let variables = match around.look(".env") {
            Found::Text(text) => super::environment::file(&text),
            _ => BTreeMap::new(),
        };
        let (draft, problems, shared) = (Draft::default(), Vec::new(), Map::new());
        Self { document, file, around, variables, draft, problems, shared, aliases: Vec::new() }
    }

    fn place(&self, at: &str) -> Place {
        let (line, column) = self.document.place(at);
        Place { file: self.file.to_owned(), line, column, path: spoken(at) }
    }

    fn note(&mut self, kind: Kind, part: Option<&str>, at: &str, message: impl Into<String>, instead: &str) {
        let place = self.place(at);
        self.draft.note(kind, part, &place, message, instead);
    }

    fn wrong(&mut self, at: &str, message: impl Into<String>, hint: &str) {
        let problem = Problem::new(at, message);
        self.problems.push(if hint.is_empty() { problem } else { problem.hint(hint) });
    }

    fn project(&mut self) {
        let Value::Object(mut root) = merged(&self.document.value) else {
            self.wrong("", "a Compose file is a map", "it has `services:` at its top");
            return;
        };
        self.interpolate(&mut root);
        if let Some(name) = root.get("name").and_then(quantity::word) {
            self.draft.project = names::project(&name);
            if self.draft.project != name {
                let message = format!("the project is called `{}`", self.draft.project);
                self.note(Kind::Changed, None, "/name", message, "");
            }
        }
        let Some(services) = root.remove("services") else {
            let hint = "files of version 1, and those that only change others, are not read; `docker compose config` \
                        writes one whole file";
            self.wrong("", "there is no `services` in this file", hint);
            return;
        };
        let Value::Object(services) = services else {
            self.wrong("/services", "`services` is a map of services by name", "");
            return;
        };
        if services.is_empty() {
            self.wrong("/services", "there is no service in this file", "");
        }
        self.shared = root;
        self.top();
        for (name, value) in &services {
            service::read(self, name, value);
        }
        network::aliases(self);
    }

    fn top(&mut self) {
        let root = self.shared.clone();
        for (key, value) in &root {
            let at = pointer("", key);
            match key.as_str() {
                "version" | "name" | "configs" | "secrets" => {}
                "include" => self.wrong(
                    &at,
                    "`include` names other files, which are not read",
                    "write one whole file first: `docker compose config > resolved.yaml`",
                ),
                "networks" => self.networks(value, &at),
                "volumes" => self.volumes(value, &at),
                key if key.starts_with("x-") => {}
                key => {
                    let message = format!("`{key}` has no meaning here");
                    self.note(Kind::Left, None, &at, message, "");
                }
            }
        }
    }

    fn networks(&mut self, networks: &Value, at: &str) {
        let named =
            |network: &Value| network.get("external").is_some_and(|external| *external != Value::Bool(false));
        let outside = networks.as_object().into_iter().flat_map(Map::values).any(named);
        let message = "an environment is one network of its own: all its components reach each other by name, and nobody \
                       else reaches them but through routes";
        let instead = if outside {
            "what is on the external network is reached by its address, from an `env` value"
        } else {
            ""
        };
        self.note(Kind::Left, None, at, message, instead);
    }

    fn volumes(&mut self, volumes: &Value, at: &str) {
        for (name, volume) in volumes.as_object().into_iter().flatten() {
            let special = ["driver", "driver_opts", "external"].iter().any(|key| {
                volume.get(*key).is_some_and(|value| {
                    !matches!(value.as_str(), Some("local")) && *value != Value::Bool(false)
                })
            });
            if special {
                let message = format!(
                    "volume `{name}` lies somewhere else: outboard makes an empty disk for each environment"
                );
                let instead = "copy what has to be in it into the new disk, or keep it in a bucket";
                self.note(Kind::Todo, None, &pointer(at, name), message, instead);
            }
        }
    }

    /// Puts values in the place of `${…}`, everywhere at once.
    fn interpolate(&mut self, root: &mut Map<String, Value>) {
        let mut unset: BTreeMap<String, String> = BTreeMap::new();
        let mut broken = Vec::new();
        for (key, value) in root.iter_mut() {
            if !key.starts_with("x-") {
                let mut seen = |at: &str, text: &str| match interpolate::text(text, &self.variables) {
                    Ok(done) => {
                        for name in done.unset {
                            unset.entry(name).or_insert_with(|| at.to_owned());
                        }
                        done.text
                    }
                    Err(why) => {
                        broken.push((at.to_owned(), why));
                        text.to_owned()
                    }
                };
                interpolate::all(value, &pointer("", key), &mut seen);
            }
        }
        for (at, why) in broken {
            self.wrong(&at, why, "a literal `$` is written `$$`");
        }
        for (name, at) in unset {
            let message =
                format!("`{name}` is set neither here nor in `.env`: an empty text stands where it was");
            self.note(Kind::Todo, None, &at, message, "write its value where it is missing");
        }
    }
}

/// A text with its variables replaced, as far as that is possible.
pub fn interpolated(text: &str, variables: &BTreeMap<String, String>) -> String {
    interpolate::text(text, variables).map_or_else(|_| text.to_owned(), |done| done.text)
}

/// With what `<<` refers to in its place; what is said beside it counts more.
fn merged(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut all = Map::new();
            for (key, value) in map.iter().filter(|(key, _)| *key != "<<") {
                all.insert(key.clone(), merged(value));
            }
            let more = match map.get("<<") {
                Some(Value::Array(list)) => list.iter().collect(),
                Some(one) => vec![one],
                None => vec![],
            };
            for one in more {
                if let Value::Object(one) = merged(one) {
                    for (key, value) in one {
                        all.entry(key).or_insert(value);
                    }
                }
            }
            Value::Object(all)
        }
        Value::Array(list) => Value::Array(list.iter().map(merged).collect()),
        other => other.clone(),
    }
}
