//! Reads `outboard.yaml`: text in, a Project or every problem with its line and column out.
//!
//! One pass finds all there is to find: first the YAML itself, then shape and types against the schema
//! generated from our own types, then what only the whole project can tell.

mod alone;
mod environment;
mod include;
mod schema;
pub(crate) mod yaml;

use std::collections::BTreeMap;

use api::problem::pointer;
use api::{Problem, Project, ProjectSpec};
use serde::Serialize;

pub use alone::{OwnFile, component, with_own};
pub use environment::{EnvironmentFile, environments};
pub use schema::json_schema;

use crate::plan::{plain, validate};

/// A problem with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileProblem {
    /// The included file that it is in; none: the file itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
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

impl FileProblem {
    pub fn at(line: usize, column: usize, message: impl Into<String>) -> Self {
        Self { file: None, line, column, path: String::new(), message: message.into(), hint: None }
    }
}

/// Gives the names and texts of the files that a name of the project stands for (several, if it holds a `*`), or why they
/// cannot be had.
pub type Load<'a> = &'a dyn Fn(&str) -> Result<Vec<(String, String)>, String>;

/// A project that is right, and what is worth a second look.
#[derive(Clone, Debug)]
pub struct Checked {
    pub project: Project,
    pub warnings: Vec<FileProblem>,
    document: yaml::Document,
}

impl Checked {
    /// What is wrong with the project once components that have files of their own are in it.
    pub fn problems_of(&self, spec: &ProjectSpec) -> Vec<FileProblem> {
        let name = self.project.metadata.name.as_deref().unwrap_or_default();
        placed(&self.document, validate::project(name, spec))
    }
}

/// Whether a file is a project's, as far as it can be told.
pub fn is_project(text: &str) -> bool {
    yaml::placed(text)
        .is_ok_and(|documents| documents.iter().any(|document| document.value["kind"] == "Project"))
}

/// Reads and checks a whole file; every problem at once, in the order of the file.
pub fn read(
    text: &str,
    load: impl Fn(&str) -> Result<Vec<(String, String)>, String>,
) -> Result<Project, Vec<FileProblem>> {
    check(text, &load).map(|checked| checked.project)
}

/// The same, with warnings.
pub fn check(text: &str, load: Load<'_>) -> Result<Checked, Vec<FileProblem>> {
    let mut document = yaml::parse(text).map_err(|problem| vec![problem])?;
    let mut problems = include::gather(&mut document, load);
    let incomplete = !problems.is_empty();
    let shape = schema::check(&document.value).into_iter();
    // What is missing may stand in a file that cannot be read.
    let shape = shape.filter(|problem| !incomplete || !problem.message.ends_with("is missing")).collect();
    problems.extend(placed(&document, shape));
    if !problems.is_empty() {
        return Err(sorted(problems));
    }
    if let Some(spec) = document.value["spec"].as_object_mut() {
        spec.remove("include");
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
    if !problems.is_empty() {
        return Err(placed(&document, problems));
    }
    let warnings = placed(&document, plain::warnings(&project.spec));
    Ok(Checked { project, warnings, document })
}

/// Takes the text of every file in; what is wrong with those that cannot be had.
fn contents(project: &mut Project, load: Load<'_>) -> Vec<Problem> {
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

/// Reads a file of another kind with the same words: against its schema, then as `judge` does.
pub fn of_schema<T>(
    text: &str,
    schema: &serde_json::Value,
    judge: impl FnOnce(serde_json::Value) -> Result<T, Vec<Problem>>,
) -> Result<T, Vec<FileProblem>> {
    let document = yaml::parse(text).map_err(|problem| vec![problem])?;
    let shape = schema::check_against(schema, &document.value);
    if !shape.is_empty() {
        return Err(placed(&document, shape));
    }
    judge(document.value.clone()).map_err(|problems| placed(&document, problems))
}

pub(crate) fn placed(document: &yaml::Document, problems: Vec<Problem>) -> Vec<FileProblem> {
    let all = problems
        .into_iter()
        .map(|problem| {
            let place = document.found(&problem.pointer);
            FileProblem {
                file: place.file.as_deref().map(str::to_owned),
                path: spoken(&problem.pointer),
                hint: problem.hint,
                ..FileProblem::at(place.line, place.column, problem.message)
            }
        })
        .collect();
    sorted(all)
}

/// In the order of the file; each once.
fn sorted(mut all: Vec<FileProblem>) -> Vec<FileProblem> {
    all.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
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
