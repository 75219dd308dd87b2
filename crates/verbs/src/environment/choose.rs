//! What an environment may be: class and versions held against the project revision, before anything is written.

use std::collections::BTreeMap;
use std::str::FromStr;

use api::ProjectSpec;
use api::names::{ClassName, NameError, PartName, Version};

use crate::suggest::nearest;
use crate::{Error, Result};

/// The class taken when nobody chose and there are several.
const USUAL_CLASS: &str = "qa";

/// `component=version`, as typed after `--set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub component: PartName,
    pub version: Version,
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (component, version) = text
            .split_once('=')
            .ok_or_else(|| format!("`{text}` is not of the form COMPONENT=VERSION, such as `web=1.4.2`"))?;
        let words = |error: NameError| error.to_string();
        Ok(Self {
            component: PartName::parse(component).map_err(words)?,
            version: Version::parse(version).map_err(words)?,
        })
    }
}

/// The chosen versions by component; the last choice of a component counts.
pub fn versions(choices: &[Choice]) -> BTreeMap<String, String> {
    choices.iter().map(|choice| (choice.component.to_string(), choice.version.to_string())).collect()
}

/// The class to use: the one said, else the only one, else `qa`.
pub fn class(project: &str, spec: &ProjectSpec, said: Option<&ClassName>) -> Result<String> {
    let known = spec.class_names();
    let owned = || known.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    match (said, known.as_slice()) {
        (Some(said), _) if known.contains(&said.as_str()) => Ok(said.to_string()),
        (Some(said), _) => Err(Error::NotFound {
            kind: "class",
            name: said.to_string(),
            place: format!("project `{project}`"),
            nearest: nearest(said.as_str(), known.iter().copied()),
            known: owned(),
        }),
        (None, [only]) => Ok((*only).to_owned()),
        (None, several) if several.contains(&USUAL_CLASS) => Ok(USUAL_CLASS.to_owned()),
        (None, _) => Err(Error::WhichClass { project: project.to_owned(), known: owned() }),
    }
}

/// Whether every chosen component exists.
pub fn check_components(
    project: &str,
    spec: &ProjectSpec,
    versions: &BTreeMap<String, String>,
) -> Result<()> {
    let known = || spec.components.keys().map(String::as_str);
    match versions.keys().find(|component| !spec.components.contains_key(*component)) {
        None => Ok(()),
        Some(unknown) => Err(Error::NotFound {
            kind: "component",
            name: unknown.clone(),
            place: format!("project `{project}`"),
            nearest: nearest(unknown, known()),
            known: known().map(str::to_owned).collect(),
        }),
    }
}

/// Whether every component has a version: the project's own or a chosen one.
pub fn check_versions(project: &str, spec: &ProjectSpec, versions: &BTreeMap<String, String>) -> Result<()> {
    let without = spec
        .components
        .iter()
        .find(|(name, component)| component.version.is_none() && !versions.contains_key(*name));
    match without {
        None => Ok(()),
        Some((name, _)) => Err(Error::NoVersion { component: name.clone(), project: project.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use api::project::{Class, Component};

    use super::*;

    fn spec(classes: &[&str]) -> ProjectSpec {
        ProjectSpec {
            components: BTreeMap::from([("web".to_owned(), Component::default())]),
            classes: classes.iter().map(|name| ((*name).to_owned(), Class::default())).collect(),
            ..ProjectSpec::default()
        }
    }

    #[test]
    fn a_choice_names_a_component_and_a_version() {
        let choice: Choice = "web=1.4.2".parse().unwrap();
        assert_eq!((choice.component.as_str(), choice.version.as_str()), ("web", "1.4.2"));
        assert!("web".parse::<Choice>().unwrap_err().contains("COMPONENT=VERSION"));
        assert!("Web=1".parse::<Choice>().unwrap_err().contains("lower-case"));
        assert!("web=".parse::<Choice>().unwrap_err().contains("version"));
        assert!("web=1 2".parse::<Choice>().unwrap_err().contains("version"));
    }

    #[test]
    fn the_class_is_the_only_one_or_qa_or_has_to_be_said() {
        assert_eq!(class("shop", &spec(&[]), None).unwrap(), "default");
        assert_eq!(class("shop", &spec(&["live"]), None).unwrap(), "live");
        assert_eq!(class("shop", &spec(&["production", "qa"]), None).unwrap(), "qa");
        let error = class("shop", &spec(&["live", "test"]), None).unwrap_err();
        assert!(matches!(error, Error::WhichClass { known, .. } if known == ["live", "test"]));
    }

    #[test]
    fn an_unknown_class_or_component_is_answered_with_the_known_ones() {
        let wanted = ClassName::parse("qaa").unwrap();
        let error = class("shop", &spec(&["qa"]), Some(&wanted)).unwrap_err();
        assert!(matches!(error, Error::NotFound { kind: "class", nearest: Some(near), .. } if near == "qa"));
        let versions = BTreeMap::from([("wbe".to_owned(), "1".to_owned())]);
        let error = check_components("shop", &spec(&[]), &versions).unwrap_err();
        assert!(
            matches!(error, Error::NotFound { kind: "component", nearest: Some(near), .. } if near == "web")
        );
    }

    #[test]
    fn a_component_without_any_version_is_found_before_writing() {
        assert!(matches!(check_versions("shop", &spec(&[]), &BTreeMap::new()), Err(Error::NoVersion { .. })));
        let chosen = BTreeMap::from([("web".to_owned(), "1".to_owned())]);
        assert!(check_versions("shop", &spec(&[]), &chosen).is_ok());
    }
}
