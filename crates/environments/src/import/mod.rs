//! From what a team has to an `outboard.yaml`: one file a format that is read, one that writes.
//!
//! Pure: text in, text and notes out. Nothing is dropped in silence: what outboard has no key for becomes a note, and a
//! comment at its component.

mod compose;
mod draft;
mod environment;
mod finish;
mod image;
mod known;
mod manifests;
mod names;
mod note;
mod quantity;
mod rewrite;
mod secret;
mod starter;
mod write;

use std::collections::BTreeMap;

use serde::Serialize;

pub use compose::read as compose;
pub use manifests::{Source, read as manifests};
pub use note::{Kind, Note};
pub use starter::{Dockerfile, Starter, starter};

use crate::file::FileProblem;
use draft::Draft;

/// More text than any honest file of this kind has.
pub const LARGEST: usize = 4 * 1024 * 1024;

/// What was made of a file.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    pub project: String,
    pub components: Vec<String>,
    pub services: Vec<String>,
    /// Hosts.
    pub routes: Vec<String>,
    pub notes: Vec<Note>,
    /// What `outboard check` says of the result: nothing, unless what was read cannot be said in outboard's words.
    pub problems: Vec<FileProblem>,
    /// Files that have to lie beside outboard.yaml and do not yet: their content by name.
    #[serde(skip)]
    pub files: BTreeMap<String, String>,
    /// Every file that components name.
    #[serde(skip)]
    pub sources: Vec<String>,
    /// The outboard.yaml.
    #[serde(skip)]
    pub text: String,
}

/// What lies beside a file that is read.
pub trait Surroundings {
    fn look(&self, path: &str) -> Found;
}

/// What is found at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Text(String),
    /// Names of what is in it.
    Directory(Vec<String>),
    Nothing,
    /// It is there, and it is no text that could be taken over; why.
    Unreadable(String),
}

/// Where nothing lies.
pub struct Nowhere;

impl Surroundings for Nowhere {
    fn look(&self, _: &str) -> Found {
        Found::Nothing
    }
}

/// Writes a draft down, and checks the result as `outboard check` would.
fn conclude(draft: Draft, origin: &str, around: &dyn Surroundings) -> Imported {
    let draft = finish::all(draft);
    let text = write::file(&draft, origin);
    let beside = |name: &str| match draft.files.get(name) {
        Some(text) => Ok(vec![(name.to_owned(), text.clone())]),
        None => match around.look(name) {
            Found::Text(text) => Ok(vec![(name.to_owned(), text)]),
            _ => Err("there is no such file".to_owned()),
        },
    };
    let problems = crate::file::read(&text, beside).err().unwrap_or_default();
    Imported {
        components: draft.parts.iter().map(|part| part.name.clone()).collect(),
        services: draft.services.iter().map(|(name, _)| name.clone()).collect(),
        routes: draft.routes.iter().map(|route| route.host.clone()).collect(),
        sources: draft.parts.iter().flat_map(|part| part.component.files.values().cloned()).collect(),
        project: draft.project,
        notes: draft.notes,
        problems,
        files: draft.files,
        text,
    }
}

/// A file that cannot be read at all.
fn refused(message: &str, hint: &str) -> Vec<FileProblem> {
    vec![FileProblem { hint: Some(hint.to_owned()), ..FileProblem::at(1, 1, message) }]
}

#[cfg(test)]
mod tests;
