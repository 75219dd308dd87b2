//! Under which names records hold what makes a line. Without a word about it: those of `fals`.

use api::project::LogFields;

/// Names of fields; a dot leads into an object, or is part of a key. Empty: records have no such field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fields {
    /// The first that a record has counts.
    pub time: Vec<String>,
    pub text: String,
    pub project: String,
    pub environment: String,
    pub component: String,
    pub pod: String,
    pub container: String,
    pub file: String,
    /// True in a record that may have been shipped before.
    pub resent: String,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            time: vec!["Time".to_owned(), "Timestamp".to_owned()],
            text: "Text".to_owned(),
            project: "Project".to_owned(),
            environment: "Env".to_owned(),
            component: "Component".to_owned(),
            pod: "Pod".to_owned(),
            container: "Container".to_owned(),
            file: "File".to_owned(),
            resent: "Resent".to_owned(),
        }
    }
}

impl Fields {
    /// As a project names them.
    pub fn of(named: &LogFields) -> Self {
        let default = Self::default();
        let or = |name: &Option<String>, default: String| name.clone().unwrap_or(default);
        Self {
            time: named.time.clone().map_or(default.time, |name| vec![name]),
            text: or(&named.text, default.text),
            project: or(&named.project, default.project),
            environment: or(&named.environment, default.environment),
            component: or(&named.component, default.component),
            pod: or(&named.pod, default.pod),
            container: or(&named.container, default.container),
            file: or(&named.file, default.file),
            resent: default.resent,
        }
    }
}
