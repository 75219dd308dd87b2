//! Whole files, in and out: the examples, and what is wrong with files.

use std::fmt::Write;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// A directory of examples, as it lies there.
struct Example(PathBuf);

impl Example {
    fn new(name: &str) -> Self {
        Self(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/import").join(name))
    }

    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.join(file)).expect("the example is there")
    }
}

impl Surroundings for Example {
    fn look(&self, path: &str) -> Found {
        let path = self.0.join(path);
        match std::fs::read_dir(&path) {
            Ok(entries) => {
                let mut names: Vec<String> =
                    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
                names.sort();
                Found::Directory(names)
            }
            Err(_) => std::fs::read_to_string(path).map_or(Found::Nothing, Found::Text),
        }
    }
}

/// The file that was made, the files beside it and what is said about it.
fn shown(imported: &Imported) -> String {
    let mut shown = imported.text.clone();
    for (name, text) in &imported.files {
        write!(shown, "──── {name}\n{text}").unwrap();
    }
    shown.push_str("──── notes\n");
    for note in &imported.notes {
        let part = note.part.as_deref().unwrap_or("all");
        writeln!(shown, "{}:{} {} {part}", note.place.line, note.place.column, note.kind.as_str()).unwrap();
    }
    shown
}

fn example(name: &str, file: &str) -> Imported {
    let example = Example::new(name);
    let imported = compose(&example.text(file), file, name, &example).expect("it can be read");
    assert_eq!(imported.problems, [], "{}", imported.text);
    imported
}

#[test]
fn a_shop_with_database_and_cache_becomes_this_project() {
    insta::assert_snapshot!(shown(&example("shop", "compose.yaml")));
}

#[test]
fn a_blog_with_database_and_uploads_becomes_this_project() {
    insta::assert_snapshot!(shown(&example("blog", "docker-compose.yml")));
}

#[test]
fn a_message_queue_with_workers_becomes_this_project() {
    insta::assert_snapshot!(shown(&example("queue", "docker-compose.yml")));
}

fn problems(text: &str) -> String {
    let problems = match compose(text, "compose.yaml", "shop", &Nowhere) {
        Err(problems) => problems,
        Ok(imported) => return format!("read\n{}", imported.text),
    };
    let mut shown = String::new();
    for problem in problems {
        let FileProblem { line, column, path, message, hint, .. } = problem;
        writeln!(shown, "{line}:{column} {path}: {message}").unwrap();
        if let Some(hint) = hint {
            writeln!(shown, "  hint: {hint}").unwrap();
        }
    }
    shown
}

#[test]
fn everything_that_cannot_be_read_is_told_at_once_with_its_place() {
    insta::assert_snapshot!(problems(
        r#"include: [other.yaml]
services:
  web:
    image: "no image"
    command: "echo 'open"
    ports: ["80:http", {target: 0}, "1-2:99999"]
    environment: {A: {b: c}}
    depends_on: 3
    volumes: ["data", "../x:relative", 7]
    healthcheck: {test: [curl, x]}
    deploy: {replicas: many, resources: {limits: {memory: lots}}}
  other: [1]
  none: {restart: always}
  copy: {extends: {service: web}, image: "x:1", environment: ["A=${B"]}
"#
    ));
}

#[test]
fn a_file_that_is_no_compose_file_says_what_it_should_be() {
    let texts = [
        "",
        "# nothing\n",
        "- a\n",
        "services: [a]\n",
        "services: {}\n",
        "web: {image: nginx}\n",
        "a: [\n",
        "a: 1\n---\nb: 2\n",
        "services: {a: !reset null}\n",
    ];
    let shown: Vec<String> = texts.iter().map(|text| format!("{text:?}\n{}", problems(text))).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_huge_or_bottomless_file_is_refused() {
    let huge = format!("services: {{a: {{image: {}}}}}", "x".repeat(LARGEST));
    assert!(problems(&huge).contains("too large"));
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for index in 1..9 {
        let inner = vec![format!("*a{}", index - 1); 10].join(",");
        writeln!(bomb, "a{index}: &a{index} [{inner}]").unwrap();
    }
    assert!(problems(&bomb).contains("alias expansion"), "{}", problems(&bomb));
    assert!(problems(&format!("a: {}", "[".repeat(10_000))).contains("not valid YAML"));
}

const KEYS: &[&str] = &[
    "services",
    "web",
    "db",
    "image",
    "build",
    "command",
    "entrypoint",
    "environment",
    "env_file",
    "ports",
    "expose",
    "networks",
    "depends_on",
    "links",
    "volumes",
    "tmpfs",
    "configs",
    "secrets",
    "healthcheck",
    "test",
    "deploy",
    "replicas",
    "resources",
    "limits",
    "memory",
    "cpus",
    "user",
    "working_dir",
    "stop_grace_period",
    "restart",
    "extends",
    "source",
    "target",
    "published",
    "type",
    "condition",
    "<<",
    "name",
    "é",
    "x-y",
    "container_name",
    "scale",
    "privileged",
];

const TEXTS: &[&str] = &[
    "nginx",
    "mariadb:10",
    "mysql",
    "redis",
    "80:80",
    "8080",
    "1-3:1-3",
    "db:3306",
    "mysql://a:b@db:3306/c",
    "http://web/",
    "A=b",
    "${A:-x}",
    "${",
    "$$",
    "/a:/b",
    "./a:/etc/b:ro",
    "data:/var/lib",
    "CMD",
    "curl http://localhost",
    "service_completed_successfully",
    "no",
    "1m",
    "512m",
    "0",
    "é",
    "a b",
    "",
];

/// Values that look a little like a Compose file or an object of Kubernetes.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(Value::from),
        (0_u32..70_000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(TEXTS).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 80, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(KEYS), inner), 0..6).prop_map(|pairs| {
                Value::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_values_whatever_make_the_importer_panic(web in values(), db in values(), other in values()) {
        for root in [
            serde_json::json!({"services": {"web": web, "db": db, "other": {"image": "x:1", "ports": other}}}),
            serde_json::json!({"services": web, "volumes": db, "configs": other}),
            web,
        ] {
            let text = serde_json::to_string(&root).unwrap();
            if let Ok(imported) = compose(&text, "compose.yaml", "shop", &Nowhere) {
                // What is written can at least be read.
                prop_assert!(crate::file::yaml::parse(&imported.text).is_ok(), "{}", imported.text);
            }
        }
    }

    #[test]
    fn no_text_whatever_makes_the_importer_panic(text in "\\PC{0,200}") {
        let _ = compose(&text, "compose.yaml", "shop", &Nowhere);
    }
}

fn objects(files: &[(&str, &str)]) -> Result<Imported, String> {
    let sources: Vec<Source> = files
        .iter()
        .map(|(name, text)| Source { name: (*name).to_owned(), text: (*text).to_owned() })
        .collect();
    manifests(&sources, "tickets").map_err(|(index, problems)| {
        let words = problems.iter().map(|problem| {
            let hint = problem.hint.clone().unwrap_or_default();
            format!("{}:{}:{} {}; {hint}", files[index].0, problem.line, problem.column, problem.message)
        });
        words.collect::<Vec<_>>().join("\n")
    })
}

#[test]
fn an_application_in_manifests_becomes_this_project() {
    let example = Example::new("manifests");
    let (app, rest) = (example.text("app.yaml"), example.text("rest.yaml"));
    let imported = objects(&[("app.yaml", &app), ("rest.yaml", &rest)]).expect("it can be read");
    assert_eq!(imported.problems, [], "{}", imported.text);
    insta::assert_snapshot!(shown(&imported));
}

#[test]
fn what_has_to_be_rendered_first_says_how() {
    let refused = [
        ("templates/web.yaml", "kind: Deployment\nmetadata: {name: {{ .Values.name }}}\n"),
        ("Chart.yaml", "name: web\n"),
        ("kustomization.yaml", "resources: [web.yaml]\n"),
        ("broken.yaml", "kind: [\n"),
        ("values.yaml", "replicas: 3\n"),
        ("empty.yaml", ""),
    ];
    let shown: Vec<String> =
        refused.iter().map(|file| objects(&[*file]).expect_err("it is refused")).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

proptest! {
    #[test]
    fn no_objects_whatever_make_the_importer_panic(spec in values(), pod in values(), container in values(), other in values()) {
        let kinds = ["Deployment", "StatefulSet", "CronJob", "Job", "Pod", "DaemonSet"];
        for kind in kinds {
            let spec = match kind {
                "Pod" => serde_json::json!({"containers": [container.clone()], "volumes": other.clone(), "initContainers": [container.clone()]}),
                _ => spec.clone(),
            };
            let whole = serde_json::json!({"kind": "List", "items": [
                {"kind": kind, "metadata": {"name": "web", "labels": other}, "spec": spec},
                {"kind": "Deployment", "metadata": {"name": "api"}, "spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {
                    "containers": [{"name": "x", "image": "x:1", "env": container, "ports": other, "volumeMounts": pod, "readinessProbe": container, "resources": pod}],
                    "volumes": pod, "securityContext": other,
                }}}},
                {"kind": "Service", "metadata": {"name": "s"}, "spec": {"selector": {"a": "b"}, "ports": other}},
                {"kind": "Ingress", "metadata": {"name": "i", "annotations": pod}, "spec": {"rules": [{"http": {"paths": [{"backend": {"service": {"name": "s"}}}, other]}}]}},
                {"kind": "HTTPRoute", "metadata": {"name": "h"}, "spec": {"rules": [{"backendRefs": [{"name": "s", "port": 80}], "matches": pod}, other]}},
            ]});
            if let Ok(imported) = objects(&[("a.json", &whole.to_string())]) {
                prop_assert!(crate::file::yaml::parse(&imported.text).is_ok(), "{}", imported.text);
            }
        }
    }
}
