//! Golden files: a project and an environment in, the whole revision out.

use std::collections::BTreeMap;

use api::{EnvironmentSpec, ProjectRevision};

use super::{render, validate};
use crate::Settings;

fn settings() -> Settings {
    Settings { url_port: Some(8080), ..Settings::default() }
}

fn shop() -> ProjectRevision {
    let project = crate::file::read(include_str!("../../../../examples/shop/outboard.yaml"))
        .expect("the sample is right");
    ProjectRevision { project: "shop".into(), spec: project.spec }
}

fn wanted(class: &str, versions: &[(&str, &str)]) -> EnvironmentSpec {
    EnvironmentSpec {
        project: "shop".into(),
        project_revision: shop().name(),
        class: class.into(),
        owner: None,
        versions: versions.iter().map(|(name, version)| ((*name).into(), (*version).into())).collect(),
        ..EnvironmentSpec::default()
    }
}

fn rendered(class: &str, versions: &[(&str, &str)]) -> api::EnvironmentRevision {
    let validated =
        validate::environment("qa-42", &wanted(class, versions), &shop()).expect("the environment is right");
    render::revision(&validated, &settings(), &BTreeMap::new(), "shop", false)
}

#[test]
fn the_sample_renders_to_these_objects() {
    insta::assert_yaml_snapshot!(rendered("qa", &[("web", "2")]));
}

#[test]
fn rendering_twice_gives_equal_bytes() {
    let text = |revision| serde_json::to_string(&revision).unwrap();
    assert_eq!(text(rendered("qa", &[])), text(rendered("qa", &[])));
}

#[test]
fn a_secret_is_never_in_a_revision_and_what_contains_one_is_never_plain() {
    let revision = rendered("qa", &[]);
    for part in &revision.parts {
        for object in &part.objects {
            assert_ne!(object["kind"], "Secret");
            assert!(!object.to_string().contains("mysql://"), "{object:#}");
        }
    }
    assert!(revision.secrets.iter().any(|secret| secret.keys.contains_key("DATABASE_URL")));
}

#[test]
fn a_changed_version_changes_only_its_own_part() {
    let by_name = |revision: api::EnvironmentRevision| -> BTreeMap<String, String> {
        revision
            .parts
            .iter()
            .map(|part| (format!("{:?} {}", part.role, part.name), serde_json::to_string(part).unwrap()))
            .collect()
    };
    let (before, after) = (by_name(rendered("qa", &[])), by_name(rendered("qa", &[("web", "2")])));
    let changed: Vec<&String> = before.keys().filter(|name| before[*name] != after[*name]).collect();
    assert_eq!(changed, ["Component web"]);
}

#[test]
fn an_unknown_class_component_or_version_is_refused_with_what_exists() {
    let problems = validate::environment("qa-42", &wanted("prod", &[("wbe", "1"), ("web", "1:2")]), &shop())
        .unwrap_err();
    let shown: Vec<String> = problems
        .iter()
        .map(|problem| format!("{} ({})", problem.message, problem.hint.as_deref().unwrap_or("-")))
        .collect();
    insta::assert_yaml_snapshot!(shown);
}
