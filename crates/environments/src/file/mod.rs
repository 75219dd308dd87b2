//! Reads `outboard.yaml`: text in, a Project or every problem with its line and column out.
//!
//! One pass finds all there is to find: first the YAML itself, then shape and types against the schema
//! generated from our own types, then what only the whole project can tell.

mod schema;
pub(crate) mod yaml;

use std::collections::BTreeMap;

use api::problem::pointer;
use api::{Problem, Project};
use serde::Serialize;

pub use schema::json_schema;

use crate::plan::validate;

/// A problem with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileProblem {
    /// 1-based.
    pub line: usize,
    /// 1-based.
    pub column: usize,
    /// Where it is, as a person would write it: `spec.components.web.image`.
    pub path: String,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Reads and checks a whole file; every problem at once, in the order of the file. `load` gives the names and texts of the
/// files that a name of the project stands for (several, if it holds a `*`), or why they cannot be had.
pub fn read(
    text: &str,
    load: impl Fn(&str) -> Result<Vec<(String, String)>, String>,
) -> Result<Project, Vec<FileProblem>> {
    let document = yaml::parse(text).map_err(|problem| vec![problem])?;
    let problems = schema::check(&document.value);
    if !problems.is_empty() {
        return Err(placed(&document, problems));
    }
    let mut project: Project = serde_json::from_value(document.value.clone())
        .map_err(|error| placed(&document, vec![Problem::new("", error.to_string())]))?;
    if !project.spec.contents.is_empty() {
        let problem = Problem::new("/spec/contents", "what files hold is not written here");
        return Err(placed(
            &document,
            vec![problem.hint("name them under `files`; `project apply` reads them")],
        ));
    }
    let unread = contents(&mut project, load);
    let name = project.metadata.name.clone().unwrap_or_default();
    let mut problems = validate::project(&name, &project.spec);
    // That it has not been read is told with its reason.
    problems.retain(|problem| unread.iter().all(|other| other.pointer != problem.pointer));
    problems.extend(unread);
    if problems.is_empty() { Ok(project) } else { Err(placed(&document, problems)) }
}

/// Takes the text of every file in; what is wrong with those that cannot be had.
fn contents(
    project: &mut Project,
    load: impl Fn(&str) -> Result<Vec<(String, String)>, String>,
) -> Vec<Problem> {
    let (mut contents, mut problems) = (BTreeMap::new(), Vec::new());
    for (name, component) in &project.spec.components {
        for (path, source) in &component.files {
            if contents.contains_key(source) || validate::directories::outside(source).is_some() {
                continue;
            }
            match load(source) {
                Ok(files) => contents.extend(files),
                Err(why) => {
                    let at = pointer(&pointer("/spec/components", name), "files");
                    problems
                        .push(Problem::new(pointer(&at, path), format!("`{source}` cannot be read: {why}")));
                }
            }
        }
    }
    for (index, pattern) in project.spec.manifests.iter().enumerate() {
        if validate::directories::outside(pattern).is_some() {
            continue;
        }
        match load(pattern) {
            Ok(files) => contents.extend(files),
            Err(why) => {
                let at = format!("/spec/manifests/{index}");
                problems.push(Problem::new(at, format!("`{pattern}` cannot be read: {why}")));
            }
        }
    }
    project.spec.contents = contents;
    problems
}

pub(crate) fn placed(document: &yaml::Document, problems: Vec<Problem>) -> Vec<FileProblem> {
    let mut all: Vec<FileProblem> = problems
        .into_iter()
        .map(|problem| {
            let (line, column) = document.place(&problem.pointer);
            FileProblem {
                line,
                column,
                path: spoken(&problem.pointer),
                message: problem.message,
                hint: problem.hint,
            }
        })
        .collect();
    all.sort_by_key(|problem| (problem.line, problem.column));
    all.dedup();
    all
}

/// A JSON pointer as people write paths.
pub(crate) fn spoken(pointer: &str) -> String {
    let mut path = String::new();
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        if step.parse::<usize>().is_ok() {
            path.push_str(&format!("[{step}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&step);
        }
    }
    path
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
