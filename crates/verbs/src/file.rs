//! Finds and reads files: `outboard.yaml`, the file of one component. What stands in them is judged by `environments::file`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use api::Problem;
pub use environments::file::{Checked, FileProblem, OwnFile};
use serde::Deserialize;

use crate::{Error, Result};

/// The name of the file in a directory.
pub const NAME: &str = "outboard.yaml";

/// Where a project's file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Stdin,
    Path(PathBuf),
    /// Its text, from elsewhere.
    Sent(String),
}

impl Source {
    /// What a person typed after `-f`: a file, a directory that holds one, `-`, or nothing for the working directory.
    pub fn from_argument(argument: Option<&Path>) -> Self {
        match argument {
            None => Self::Path(PathBuf::from(NAME)),
            Some(path) if path == Path::new("-") => Self::Stdin,
            Some(path) if path.is_dir() => Self::Path(path.join(NAME)),
            Some(path) => Self::Path(path.to_owned()),
        }
    }

    /// As shown in front of line and column.
    pub fn label(&self) -> String {
        match self {
            Self::Stdin => "<stdin>".to_owned(),
            Self::Path(path) => path.display().to_string(),
            Self::Sent(_) => "what was sent".to_owned(),
        }
    }

    pub fn text(&self) -> Result<String> {
        let text = match self {
            Self::Stdin => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).map(|_| text)
            }
            Self::Path(path) => std::fs::read_to_string(path),
            Self::Sent(text) => Ok(text.clone()),
        };
        text.map_err(|source| Error::FileUnreadable { file: self.label(), source })
    }
}

impl Source {
    /// Names and texts of the files beside or below this one that a name stands for; `*` in its last part stands for
    /// any letters.
    fn beside(&self, name: &str) -> std::result::Result<Vec<(String, String)>, String> {
        let Self::Path(path) = self else {
            let from = if *self == Self::Stdin { "comes from stdin" } else { "was sent by itself" };
            return Err(format!("the project {from}, so there is no directory to look in"));
        };
        let directory = path.parent().unwrap_or(Path::new(""));
        let read = |name: &str| match std::fs::read_to_string(directory.join(name)) {
            Ok(text) => Ok((name.to_owned(), text)),
            Err(error) => Err(spoken(&error)),
        };
        let (folder, pattern) = name.rsplit_once('/').unwrap_or((".", name));
        let Some((before, after)) = pattern.split_once('*') else { return Ok(vec![read(name)?]) };
        let entries = std::fs::read_dir(directory.join(folder)).map_err(|error| spoken(&error))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names
            .filter(|found| {
                found.len() >= before.len() + after.len()
                    && found.starts_with(before)
                    && found.ends_with(after)
            })
            .collect();
        names.sort();
        if names.is_empty() {
            return Err("no file is called so".to_owned());
        }
        names.iter().map(|found| read(&format!("{folder}/{found}"))).collect()
    }
}

fn spoken(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not a text file (UTF-8)".to_owned(),
        _ => error.to_string(),
    }
}

/// A file with what is wrong with it; the texts are kept to show the lines in question.
#[derive(Clone, Debug)]
pub struct BrokenFile {
    pub file: String,
    pub text: String,
    /// Texts of files that it includes, by name.
    pub included: BTreeMap<String, String>,
    pub problems: Vec<FileProblem>,
}

/// What a file says, with its text, should there be more to say about it.
#[derive(Clone, Debug)]
pub struct Read<T> {
    pub content: T,
    pub file: String,
    text: String,
    included: BTreeMap<String, String>,
}

impl<T> Read<T> {
    /// The file with these problems.
    pub fn with(&self, problems: Vec<FileProblem>) -> BrokenFile {
        BrokenFile {
            file: self.file.clone(),
            text: self.text.clone(),
            included: self.included.clone(),
            problems,
        }
    }

    /// Where the files lie that it names.
    pub(crate) fn beside(&self, source: &Source) -> Vec<PathBuf> {
        self.included.keys().filter_map(|name| crate::folder::beside(source, name)).collect()
    }

    /// That it cannot be taken so.
    pub fn broken(&self, problems: Vec<FileProblem>) -> Error {
        Error::File(Box::new(self.with(problems)))
    }
}

/// Reads and checks a whole project.
pub fn check(source: &Source) -> Result<Read<Checked>> {
    read(source, |text, load| environments::file::check(text, load))
}

/// Checks the text of a file that was read already.
pub(crate) fn check_text(source: &Source, text: String) -> Result<Read<Checked>> {
    judged(source, text, |text, load| environments::file::check(text, load))
}

/// Reads and checks the file of one component.
pub fn component(name: &str, source: &Source) -> Result<Read<OwnFile>> {
    read(source, |text, load| environments::file::component(name, text, load))
}

/// Reads and checks the file of a cluster.
pub fn cluster(source: &Source) -> Result<Read<::clusters::ClusterFile>> {
    let judge = |value| {
        let file: ::clusters::ClusterFile =
            serde_json::from_value(value).map_err(|error| vec![Problem::new("", error.to_string())])?;
        let problems = ::clusters::plan::validate::problems(&file);
        if problems.is_empty() { Ok(file) } else { Err(problems) }
    };
    read(source, |text, _| environments::file::of_schema(text, &::clusters::json_schema(), judge))
}

fn read<T>(
    source: &Source,
    judge: impl FnOnce(&str, environments::file::Load<'_>) -> std::result::Result<T, Vec<FileProblem>>,
) -> Result<Read<T>> {
    judged(source, source.text()?, judge)
}

fn judged<T>(
    source: &Source,
    text: String,
    judge: impl FnOnce(&str, environments::file::Load<'_>) -> std::result::Result<T, Vec<FileProblem>>,
) -> Result<Read<T>> {
    let beside = RefCell::new(BTreeMap::new());
    let judged = judge(&text, &|name| {
        let files = source.beside(name)?;
        let named = files.iter().map(|(name, text)| (name.trim_start_matches("./").to_owned(), text.clone()));
        beside.borrow_mut().extend(named);
        Ok(files)
    });
    let read = Read { content: (), file: source.label(), text, included: beside.into_inner() };
    match judged {
        Ok(content) => Ok(Read { content, file: read.file, text: read.text, included: read.included }),
        Err(problems) => Err(read.broken(problems)),
    }
}

/// Just enough of the file to know whose it is.
#[derive(Deserialize)]
struct Named {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

/// The project's name as the file says it, even if the rest of the file is broken; `None` without a file.
pub fn project_name(source: &Source) -> Option<String> {
    let Source::Path(path) = source else { return None };
    let text = std::fs::read_to_string(path).ok()?;
    let named: Named = serde_saphyr::from_str(&text).ok()?;
    Some(named.metadata.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_names_no_file_of_whoever_reads_it() {
        let sent = Source::Sent(String::new());
        for name in ["Cargo.toml", "../../Cargo.toml", "src/*.rs", "/etc/hostname"] {
            let refused = sent.beside(name).unwrap_err();
            assert!(refused.contains("was sent by itself"), "{name}: {refused}");
        }
        assert_eq!(sent.label(), "what was sent");
    }
}
