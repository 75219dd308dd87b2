//! A component with a file of its own, for teams that keep one repository each: read, checked, and put into the project.
//!
//! Whose keys count is no question here: whoever calls says which components have files of their own.

use std::collections::{BTreeMap, BTreeSet};

use api::project::{Component, ProjectSpec};
use api::{Problem, problem::pointer};
use serde_json::json;

use super::yaml::{self, Document};
use super::{FileProblem, Load, include, placed, schema};
use crate::plan::manifests;
use crate::plan::validate::{self, directories};

/// A component as its own file has it.
#[derive(Clone, Debug)]
pub struct OwnFile {
    pub name: String,
    component: Component,
    /// What its files hold. They lie in another repository than the project's, which may have files of these names, too.
    contents: BTreeMap<String, String>,
    document: Document,
}

/// Reads a file that holds the keys of component `name`, and nothing around them.
pub fn component(name: &str, text: &str, load: Load<'_>) -> Result<OwnFile, Vec<FileProblem>> {
    let read = yaml::parse(text).map_err(|problem| vec![problem])?;
    if read.value["kind"] == "Project" {
        let problem = Problem::new("/kind", "this is a whole project, not a component").hint(
            "write only the keys of the component, as they stand below its name; or leave --component out",
        );
        return Err(placed(&read, vec![problem]));
    }
    let document = include::below(&read, &["spec", "components", name]);
    let problems = schema::check_against(&shape(), &document.value);
    if !problems.is_empty() {
        return Err(placed(&document, problems));
    }
    let at = pointer("/spec/components", name);
    let mut component: Component = serde_json::from_value(read.value.clone())
        .map_err(|error| placed(&document, vec![Problem::new(&at, error.to_string())]))?;
    let (mut contents, mut problems) = (BTreeMap::new(), Vec::new());
    for (path, source) in &mut component.files {
        let at = pointer(&format!("{at}/files"), path);
        if let Some(problem) = directories::outside(source) {
            problems.push(Problem::new(at, problem));
            continue;
        }
        match load(source) {
            Ok(files) => {
                *source = format!("{name}:/{}", source.trim_start_matches("./"));
                contents.extend(files.into_iter().map(|(_, text)| (source.clone(), text)));
            }
            Err(why) => problems.push(Problem::new(at, format!("`{source}` cannot be read: {why}"))),
        }
    }
    if !problems.is_empty() {
        return Err(placed(&document, problems));
    }
    Ok(OwnFile { name: name.to_owned(), component, contents, document })
}

fn shape() -> serde_json::Value {
    json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "components": {"type": "object", "additionalProperties": schema::component_schema()},
    }}}})
}

impl OwnFile {
    /// The project with this component, or everything that is wrong with it then.
    pub fn put_into(&self, project: &str, spec: &ProjectSpec) -> Result<ProjectSpec, Vec<FileProblem>> {
        let mut spec = spec.clone();
        spec.components.insert(self.name.clone(), self.component.clone());
        spec.contents.extend(self.contents.clone());
        let spec = tidy(spec);
        let problems = validate::project(project, &spec);
        if problems.is_empty() { Ok(spec) } else { Err(placed(&self.document, problems)) }
    }
}

/// What the project's file says, but for the components in `own`: those stay as they are stored.
pub fn with_own(mut whole: ProjectSpec, stored: &ProjectSpec, own: &BTreeSet<String>) -> ProjectSpec {
    for name in own {
        let Some(component) = stored.components.get(name) else { continue };
        for source in component.files.values() {
            if let Some(text) = stored.contents.get(source) {
                whole.contents.insert(source.clone(), text.clone());
            }
        }
        whole.components.insert(name.clone(), component.clone());
    }
    tidy(whole)
}

/// Without the texts of files that nobody names any more.
fn tidy(mut spec: ProjectSpec) -> ProjectSpec {
    let mut named: BTreeSet<String> =
        spec.components.values().flat_map(|component| component.files.values().cloned()).collect();
    for pattern in &spec.manifests {
        named.extend(manifests::files(&spec, pattern).map(|(name, _)| name.to_owned()));
    }
    spec.contents.retain(|name, _| named.contains(name));
    spec
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> ProjectSpec {
        serde_json::from_value(json!({
            "components": {
                "web": {"image": "r/web", "ports": {"http": 80}, "files": {"/etc/a": "./a.toml"}},
                "search": {"image": "r/search", "ports": {"http": 80}, "files": {"/etc/a": "./a.toml"}},
            },
            "routes": [{"host": "search", "to": "search", "port": "http"}],
            "contents": {"./a.toml": "of the project"},
        }))
        .unwrap()
    }

    fn read(text: &str) -> Result<OwnFile, Vec<FileProblem>> {
        component("search", text, &|name| match name {
            "./a.toml" => Ok(vec![(name.to_owned(), "of search".to_owned())]),
            _ => Err("there is no such file".to_owned()),
        })
    }

    fn told(problems: &[FileProblem]) -> Vec<String> {
        problems
            .iter()
            .map(|problem| {
                let FileProblem { line, column, path, message, .. } = problem;
                format!("{line}:{column} {path}: {message}")
            })
            .collect()
    }

    #[test]
    fn its_files_are_told_apart_from_the_projects_own_of_the_same_name() {
        let own = read("image: r/search2\nports: {http: 80}\nfiles: {/etc/a: ./a.toml}\n").unwrap();
        let spec = own.put_into("shop", &project()).unwrap();
        assert_eq!(spec.components["search"].image, "r/search2");
        assert_eq!(spec.components["web"], project().components["web"]);
        let texts: Vec<&str> = spec.contents.values().map(String::as_str).collect();
        assert_eq!(texts, ["of the project", "of search"]);
        // And without files nothing of them is left.
        let own = read("image: r/search3\nports: {http: 80}\n").unwrap();
        let spec = own.put_into("shop", &spec).unwrap();
        assert_eq!(spec.contents.len(), 1);
    }

    #[test]
    fn the_whole_file_leaves_it_as_it_is() {
        let own = read("image: r/search2\nports: {http: 80}\nfiles: {/etc/a: ./a.toml}\n").unwrap();
        let stored = own.put_into("shop", &project()).unwrap();
        let mut whole = project();
        whole.components.get_mut("web").unwrap().image = "r/web2".into();
        let next = with_own(whole.clone(), &stored, &BTreeSet::from(["search".to_owned()]));
        assert_eq!(next.components["search"], stored.components["search"]);
        assert_eq!((next.components["web"].image.as_str(), next.contents.len()), ("r/web2", 2));
        assert_eq!(with_own(whole.clone(), &stored, &BTreeSet::new()), whole);
    }

    #[test]
    fn everything_wrong_is_told_with_its_place_and_the_rest_of_the_project_counts() {
        let shape = read("imge: r/search\nports: {http: \"80\"}\nlogs: x\n").unwrap_err();
        insta::assert_yaml_snapshot!(told(&shape), @r#"
        - "1:1 spec.components.search.imge: unknown key `imge`"
        - "1:1 spec.components.search: `image` is missing"
        - "2:9 spec.components.search.ports.http: expected a whole number, found `80`"
        - "3:1 spec.components.search.logs: expected a list, found `x`"
        "#);
        let files = read("image: r/search\nfiles: {/a: ../a.toml, /b: ./none}\n").unwrap_err();
        assert_eq!(files.len(), 2, "{files:?}");
        let own = read("image: r/search\nports: {web: 80}\nuses: [nobody]\n").unwrap();
        insta::assert_yaml_snapshot!(told(&own.put_into("shop", &project()).unwrap_err()), @r#"
        - "1:1 spec.routes[0].port: `search` has no port `http`"
        - "3:8 spec.components.search.uses[0]: `nobody` is neither a component nor a service"
        "#);
        let whole = read("apiVersion: outboard.dev/v1alpha1\nkind: Project\n").unwrap_err();
        assert!(whole[0].message.contains("whole project"), "{whole:?}");
    }
}
