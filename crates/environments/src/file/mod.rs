//! Reads `outboard.yaml`: text in, a Project or every problem with its line and column out.
//!
//! One pass finds all there is to find: first the YAML itself, then shape and types against the schema
//! generated from our own types, then what only the whole project can tell.

mod schema;
mod yaml;

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

/// Reads and checks a whole file; every problem at once, in the order of the file.
pub fn read(text: &str) -> Result<Project, Vec<FileProblem>> {
    let document = yaml::parse(text).map_err(|problem| vec![problem])?;
    let problems = schema::check(&document.value);
    if !problems.is_empty() {
        return Err(placed(&document, problems));
    }
    let project: Project = serde_json::from_value(document.value.clone())
        .map_err(|error| placed(&document, vec![Problem::new("", error.to_string())]))?;
    let name = project.metadata.name.clone().unwrap_or_default();
    let problems = validate::project(&name, &project.spec);
    if problems.is_empty() { Ok(project) } else { Err(placed(&document, problems)) }
}

fn placed(document: &yaml::Document, problems: Vec<Problem>) -> Vec<FileProblem> {
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
fn spoken(pointer: &str) -> String {
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
mod tests;
