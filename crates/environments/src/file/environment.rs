//! Reads files with Environments, as `env export --as environment` writes them and git keeps them: text in, wishes or every
//! problem with its line and column out.
//!
//! A file says what an environment is to be. What somebody did to it at some time is none of that.

use std::sync::OnceLock;

use api::names::{ClassName, EnvironmentName, ProjectName, Version};
use api::problem::pointer;
use api::{API_VERSION, EnvironmentSpec, Problem};
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::yaml::{self, Document};
use super::{FileProblem, placed, schema, sorted};

/// Keys of an Environment that are about moments of its life.
const MOMENTS: [(&str, &str); 7] = [
    ("restores", "`outboard env rollback` goes back to a revision"),
    ("restoresVolumes", "`outboard env restore` brings volumes back that were kept"),
    ("rotations", "`outboard env rotate` changes passwords of services"),
    ("keeps", "`outboard env keep` keeps changes by hand"),
    ("freeze", "`outboard env freeze` freezes it for a time"),
    ("overlays", "whoever needs something to be different for a time writes it, such as a copy of data"),
    ("change", "who changed it, and how, is written down by whoever changes it"),
];

/// An environment as a file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvironmentFile {
    pub name: EnvironmentName,
    /// The control namespace, if the file says it.
    pub namespace: Option<String>,
    /// Its settings; without a project revision it follows its project.
    pub spec: EnvironmentSpec,
    /// Where it stands.
    pub line: usize,
    pub column: usize,
}

/// Every environment of a file; every problem at once.
pub fn environments(text: &str) -> Result<Vec<EnvironmentFile>, Vec<FileProblem>> {
    let documents = yaml::placed(text).map_err(|problem| vec![problem])?;
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    // `---` at the end makes an empty one.
    for document in documents.iter().filter(|document| !document.value.is_null()) {
        match one(document) {
            Ok(environment) => found.push(environment),
            Err(wrong) => problems.extend(placed(document, wrong)),
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(sorted(problems)) }
}

fn one(document: &Document) -> Result<EnvironmentFile, Vec<Problem>> {
    let mut value = document.value.clone();
    if value["kind"] != "Environment" {
        let kind = value["kind"].as_str().map_or_else(|| "no kind".to_owned(), |kind| format!("kind {kind}"));
        let at = if value["kind"].is_null() { "" } else { "/kind" };
        return Err(vec![
            Problem::new(at, format!("an object of {kind} is none of outboard's files"))
                .hint("files hold objects of `kind: Environment`, or one `kind: Project`"),
        ]);
    }
    let mut problems = Vec::new();
    if let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) {
        for (key, instead) in MOMENTS {
            if spec.remove(key).is_some() {
                problems.push(
                    Problem::new(format!("/spec/{key}"), format!("`{key}` is nothing that a file keeps"))
                        .hint(instead),
                );
            }
        }
    }
    problems.extend(schema::check_against(shape(), &value));
    if !problems.is_empty() {
        return Err(problems);
    }
    if let Some(spec) = value["spec"].as_object_mut() {
        spec.entry("projectRevision").or_insert_with(|| json!(""));
    }
    let spec: EnvironmentSpec = serde_json::from_value(value["spec"].take())
        .map_err(|error| vec![Problem::new("/spec", error.to_string())])?;
    let name = EnvironmentName::parse(value["metadata"]["name"].as_str().unwrap_or_default());
    let mut wrong = |at: &str, error: Option<api::names::NameError>| {
        problems.extend(error.map(|error| Problem::new(at, error.to_string())));
    };
    wrong("/spec/project", ProjectName::parse(&spec.project).err());
    wrong("/spec/class", ClassName::parse(&spec.class).err());
    for (component, version) in &spec.versions {
        wrong(&pointer("/spec/versions", component), Version::parse(version).err());
    }
    let (line, column) = document.place("");
    let namespace = value["metadata"]["namespace"].as_str().map(str::to_owned);
    match name {
        Ok(name) if problems.is_empty() => Ok(EnvironmentFile { name, namespace, spec, line, column }),
        name => {
            problems.extend(name.err().map(|error| Problem::new("/metadata/name", error.to_string())));
            Err(problems)
        }
    }
}

fn shape() -> &'static Value {
    static SHAPE: OnceLock<Value> = OnceLock::new();
    SHAPE.get_or_init(|| {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        });
        let mut spec = settings.into_generator().into_root_schema_for::<EnvironmentSpec>().to_value();
        if let Some(properties) = spec["properties"].as_object_mut() {
            properties.retain(|key, _| MOMENTS.iter().all(|(moment, _)| moment != key));
        }
        spec["required"] = json!(["project", "class"]);
        schema::strict(&mut spec);
        json!({
            "type": "object",
            "required": ["apiVersion", "kind", "metadata", "spec"],
            "additionalProperties": false,
            "properties": {
                "apiVersion": {"const": API_VERSION},
                "kind": {"const": "Environment"},
                "metadata": {
                    "type": "object",
                    "required": ["name"],
                    "additionalProperties": false,
                    "properties": {"name": {"type": "string"}, "namespace": {"type": "string"}},
                },
                "spec": spec,
            },
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_environments_are_to_be() {
        let text = "apiVersion: outboard.dev/v1alpha1\nkind: Environment\nmetadata: {name: qa-42, namespace: shop}\n\
                    spec: {project: shop, projectRevision: p-0123456789, class: qa, versions: {web: \"2\"}}\n---\n\
                    apiVersion: outboard.dev/v1alpha1\nkind: Environment\nmetadata: {name: qa-43}\n\
                    spec: {project: shop, class: qa, overrides: {web: {env: {LOG_LEVEL: debug}}}}\n---\n";
        let found = environments(text).unwrap();
        let names: Vec<&str> = found.iter().map(|found| found.name.as_str()).collect();
        assert_eq!(names, ["qa-42", "qa-43"]);
        assert_eq!((found[0].namespace.as_deref(), found[1].namespace.as_deref()), (Some("shop"), None));
        assert_eq!(found[0].spec.versions["web"], "2");
        assert_eq!(found[1].spec.project_revision, "", "it follows its project");
        assert_eq!(found[1].spec.overrides["web"].env["LOG_LEVEL"], "debug");
        assert_eq!(found[1].line, 6);
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_its_place() {
        let text = "apiVersion: outboard.dev/v1alpha1\nkind: Environment\nmetadata: {name: QA, uid: x}\n\
                    spec: {project: shop, classs: qa, freeze: {}, versions: {web: 1.5}}\nstatus: {}\n---\n\
                    apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n---\n\
                    apiVersion: outboard.dev/v1alpha1\nkind: Environment\nmetadata: {name: QA}\n\
                    spec: {project: Shop, class: qa, versions: {web: \"1:5\"}}\n";
        let told: Vec<String> = environments(text)
            .unwrap_err()
            .into_iter()
            .map(|FileProblem { line, column, path, message, hint, .. }| {
                format!("{line}:{column} {path}: {message} ({})", hint.unwrap_or_default())
            })
            .collect();
        insta::assert_yaml_snapshot!(told);
    }
}
