//! A project in the making: what every format is read into before it is finished and written.

use std::collections::BTreeMap;

use api::project::{Component, Port, Route};
use serde_json::{Map, Value};

use super::known;
use super::names;
use super::note::{Kind, Note, Place};

#[derive(Default)]
pub struct Draft {
    pub project: String,
    pub parts: Vec<Part>,
    /// Backing services, as they will stand in the file.
    pub services: Vec<(String, Map<String, Value>)>,
    pub routes: Vec<Route>,
    /// Where secrets lie, as it will stand in the file.
    pub secrets: Vec<(String, Value)>,
    pub notes: Vec<Note>,
    /// Files to be written beside outboard.yaml, by name.
    pub files: BTreeMap<String, String>,
    /// Files that lie there already, as far as they were read.
    pub read: BTreeMap<String, String>,
    /// Whether the format itself says what is routed; else it is guessed from published ports.
    pub routed: bool,
}

/// A container on its way to become a component or a service.
#[derive(Clone, Default)]
pub struct Part {
    pub name: String,
    /// Every hostname that others may have for it.
    pub hosts: Vec<String>,
    pub component: Component,
    /// Whether its image is made by the team.
    pub built: bool,
    /// Ports that the world reaches, and under which number.
    pub published: Vec<(Port, Option<Port>)>,
    /// Ports that speak HTTP, as far as somebody said so.
    pub http: Vec<Port>,
    pub needs: Vec<Need>,
    /// Whether it runs once, and ends.
    pub once: bool,
    /// Ports of Services that lead here: number, target, whether it speaks HTTP and whether the world reaches it.
    pub service_ports: Vec<(Port, Value, bool, bool)>,
    /// Ports under which others know it, where they are not its own.
    pub forwards: BTreeMap<Port, Port>,
    /// Volumes by name, and where they are mounted.
    pub mounts: Vec<(String, String)>,
    pub place: Place,
}

/// Something has to be there first.
#[derive(Clone)]
pub struct Need {
    /// Any of its hostnames.
    pub host: String,
    /// Not only there, but done.
    pub done: bool,
}

impl Draft {
    /// Writes down what a person has to know.
    pub fn note(
        &mut self,
        kind: Kind,
        part: Option<&str>,
        place: &Place,
        message: impl Into<String>,
        instead: &str,
    ) {
        let instead = (!instead.is_empty()).then(|| instead.to_owned());
        let note = Note {
            kind,
            part: part.map(str::to_owned),
            place: place.clone(),
            message: message.into(),
            instead,
        };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// A name that is free and that outboard takes, as near to `wanted` as possible.
    pub fn free_name(&self, wanted: &str) -> String {
        let name = names::part(wanted);
        let taken = |name: &str| {
            self.parts.iter().any(|part| part.name == name)
                || self.services.iter().any(|(other, _)| other == name)
        };
        names::free(&name, api::names::PartName::MAX, taken)
    }

    /// Makes `file` lie beside outboard.yaml; the name under which it does.
    pub fn add_file(&mut self, part: &str, name: &str, text: &str) -> String {
        let last = names::file(name.rsplit('/').next().unwrap_or_default());
        // What stands there is taken as it is: nothing in it is outboard's to replace.
        let text = escaped(text);
        let mut wanted = format!("./files/{part}/{last}");
        let mut number = 2;
        while self.files.get(&wanted).is_some_and(|there| *there != text) {
            wanted = format!("./files/{part}/{number}-{last}");
            number += 1;
        }
        self.files.insert(wanted.clone(), text);
        wanted
    }
}

impl Part {
    /// Gives it a port, if it has not got it yet; its name.
    pub fn port(&mut self, number: Port, wanted: Option<&str>) -> String {
        if let Some((name, _)) = self.component.ports.iter().find(|(_, other)| **other == number) {
            return name.clone();
        }
        let http = self.http.contains(&number);
        let wanted = wanted.map_or_else(|| known::port_name(number, http), names::port);
        let taken = |name: &str| self.component.ports.contains_key(name);
        let mut name = wanted.clone();
        if taken(&name) {
            let stem = if wanted.starts_with("http") { "http" } else { "tcp" };
            name = names::free(&format!("{stem}-{number}"), api::names::PortName::MAX, taken);
        }
        self.component.ports.insert(name.clone(), number);
        name
    }

    pub fn speaks_http(&self, number: Port) -> bool {
        self.http.contains(&number) || known::speaks_http(number)
    }
}

/// Text in which nothing is outboard's to replace.
pub fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}
