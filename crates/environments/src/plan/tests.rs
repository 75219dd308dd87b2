//! Golden files: a project and an environment in, the whole revision out.

use std::collections::BTreeMap;

use api::{EnvironmentSpec, ProjectRevision};

use super::{alike, render, validate};
use crate::Settings;

fn settings() -> Settings {
    Settings { url_port: Some(8080), ..Settings::default() }
}

fn shop() -> ProjectRevision {
    let project = crate::file::read(include_str!("../../../../examples/shop/outboard.yaml"), |_| {
        Err("there is none".to_owned())
    })
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
    rendered_as("qa-42", class, versions)
}

fn rendered_as(name: &str, class: &str, versions: &[(&str, &str)]) -> api::EnvironmentRevision {
    let validated =
        validate::environment(name, &wanted(class, versions), &shop()).expect("the environment is right");
    render::revision(&validated, &settings(), &BTreeMap::new(), "shop", false)
}

#[test]
fn the_sample_renders_to_these_objects() {
    insta::assert_yaml_snapshot!(rendered("qa", &[("web", "2")]));
}

fn one(name: &str, text: &str) -> Result<Vec<(String, String)>, String> {
    Ok(vec![(name.to_owned(), text.to_owned())])
}

fn everything(class: &str) -> api::EnvironmentRevision {
    everything_with(class, &api::Overrides::new())
}

fn everything_with(class: &str, overrides: &api::Overrides) -> api::EnvironmentRevision {
    let files = |name: &str| match name {
        "./files/app.toml" => one(name, include_str!("../../../../examples/everything/files/app.toml")),
        "./files/database.cnf" => {
            one(name, include_str!("../../../../examples/everything/files/database.cnf"))
        }
        "./teams/mail/part.yaml" => {
            one(name, include_str!("../../../../examples/everything/teams/mail/part.yaml"))
        }
        "./teams/mail/mailer.toml" => {
            one(name, include_str!("../../../../examples/everything/teams/mail/mailer.toml"))
        }
        "./k8s/*.yaml" => {
            one("./k8s/policy.yaml", include_str!("../../../../examples/everything/k8s/policy.yaml"))
        }
        _ => Err("there is no such file".to_owned()),
    };
    let text = include_str!("../../../../examples/everything/outboard.yaml");
    let project = crate::file::read(text, files).expect("the example is right");
    let revision = ProjectRevision { project: "everything".into(), spec: project.spec.of_environments() };
    let wanted = EnvironmentSpec {
        project: "everything".into(),
        project_revision: revision.name(),
        class: class.into(),
        overrides: overrides.clone(),
        ..EnvironmentSpec::default()
    };
    let validated = validate::environment("qa-42", &wanted, &revision).expect("the environment is right");
    render::revision(&validated, &settings(), &BTreeMap::new(), "everything", false)
}

fn by_hand() -> api::Overrides {
    serde_json::from_value(serde_json::json!({
        "api": {"env": {"LOG_LEVEL": "debug", "API_TOKEN": "hunter2"}, "resources": {"memory": "256Mi"}},
        "mailer": {"scale": {"min": 2, "max": 3}},
    }))
    .unwrap()
}

#[test]
fn what_differs_by_hand_is_planned_field_by_field_and_told() {
    let (from, to) = (everything("qa"), everything_with("qa", &by_hand()));
    let changes = super::changes::between(Some(&from), &to);
    let notes = super::changes::notes(Some(&from), &to);
    // And back.
    let again = super::changes::notes(Some(&to), &from);
    insta::assert_yaml_snapshot!((changes, notes, again));
}

#[test]
fn the_plan_of_every_key_at_once_is_these_changes() {
    // From one class to the other: what a class may change, and nothing else.
    insta::assert_yaml_snapshot!(super::changes::between(Some(&everything("qa")), &everything("production")));
}

#[test]
fn an_alias_leads_where_its_host_leads_and_both_are_claimed() {
    let revision = everything("qa");
    let hosts: Vec<&str> = super::hosts::of(&revision).into_iter().collect();
    assert_eq!(
        hosts,
        [
            "api-qa-42-everything.localhost",
            "mail-qa-42-everything.localhost",
            "www-qa-42-everything.localhost"
        ]
    );
    assert_eq!(revision.urls["www"], "http://www-qa-42-everything.localhost:8080");
}

#[test]
fn a_name_that_makes_a_hostname_too_long_is_refused() {
    let long = "e".repeat(38);
    let mut revision = shop();
    revision.spec.routes[0].host = "a-very-long-name-of-a-route".into();
    let problems = validate::environment(&long, &wanted("qa", &[]), &revision).unwrap_err();
    assert!(problems[0].message.contains("too long for a hostname, by 8"), "{problems:?}");
}

#[test]
fn every_key_at_once_renders_to_these_objects() {
    insta::assert_yaml_snapshot!(everything("production"));
}

#[test]
fn a_class_may_do_without_scaling() {
    let text = serde_json::to_string(&everything("qa")).unwrap();
    assert!(!text.contains("HorizontalPodAutoscaler") && !text.contains("PodDisruptionBudget"), "{text}");
}

#[test]
fn a_file_with_a_secret_becomes_a_secret_and_the_others_a_config_map() {
    let revision = everything("qa");
    let objects: Vec<&serde_json::Value> = revision.parts.iter().flat_map(|part| &part.objects).collect();
    let maps: Vec<_> = objects
        .iter()
        .filter(|object| {
            object["kind"] == "ConfigMap" && object["metadata"]["labels"]["outboard.dev/part"] == "api"
        })
        .collect();
    assert_eq!(maps.len(), 1);
    let text = maps[0]["data"].to_string();
    assert!(
        text.contains("public_url = \\\"http://api-qa-42-everything") && text.contains("${not replaced}"),
        "{text}"
    );
    assert!(revision.secrets.iter().any(|secret| secret.name.starts_with("api-files-")));
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
fn two_environments_differ_in_nothing_but_what_their_classes_say() {
    let compared = |name: &str, class: &str| alike::nameless(&rendered_as(name, class, &[]), name);
    let differ = |(one, of), (other, is)| {
        let changes = super::changes::between(Some(&compared(one, of)), &compared(other, is));
        let fields = changes.into_iter().flat_map(|change| {
            let object = change.object;
            change.fields.into_iter().map(move |field| format!("{object} {}", field.path))
        });
        fields.collect::<Vec<_>>()
    };
    assert_eq!(differ(("qa-1", "qa"), ("qa-2", "qa")), Vec::<String>::new());
    // The sample's classes say nothing of objects.
    assert_eq!(differ(("qa-1", "qa"), ("live", "production")), Vec::<String>::new());
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

#[test]
fn the_way_out_holds_nothing_that_only_outboard_understands() {
    let (parts, gateways) = super::export::parts(&rendered("qa", &[("web", "2")]));
    let text = serde_json::to_string(&parts.iter().map(|part| &part.objects).collect::<Vec<_>>()).unwrap();
    assert!(!text.contains("outboard.dev/") && !text.contains("\"namespace\""), "{text}");
    let secrets = super::export::secret_templates(&rendered("qa", &[]));
    let parts: Vec<_> = parts.into_iter().map(|part| (part.name, part.objects)).collect();
    let gateways: Vec<_> = gateways.into_iter().map(|gateway| (gateway.route, gateway.parents)).collect();
    insta::assert_yaml_snapshot!((parts, gateways, secrets));
}

#[test]
fn what_selects_pods_still_finds_them_on_the_way_out() {
    for revision in [rendered("qa", &[]), everything("production")] {
        let objects: Vec<_> =
            super::export::parts(&revision).0.into_iter().flat_map(|part| part.objects).collect();
        for object in
            objects.iter().filter(|object| object["spec"]["template"].is_object() && object["kind"] != "Job")
        {
            let labels = &object["spec"]["template"]["metadata"]["labels"];
            let selector = object["spec"]["selector"]["matchLabels"].as_object().expect("it selects");
            assert!(
                !selector.is_empty() && selector.iter().all(|(key, value)| labels[key] == *value),
                "{object}"
            );
        }
        // What only names another place selects nothing.
        let selecting = |object: &&serde_json::Value| {
            object["kind"] == "Service" && object["spec"]["selector"].is_object()
        };
        for service in objects.iter().filter(selecting) {
            assert_eq!(service["spec"]["selector"]["app.kubernetes.io/name"], service["metadata"]["name"]);
        }
    }
}
