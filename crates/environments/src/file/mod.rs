//! Reads `outboard.yaml`: text in, a Project or every problem with its line and column out.

use api::Project;
use serde::Serialize;

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

/// Reads and checks a whole file; every problem at once.
pub fn read(text: &str) -> Result<Project, Vec<FileProblem>> {
    let _ = text;
    Err(vec![])
}
