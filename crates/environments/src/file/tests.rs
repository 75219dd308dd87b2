//! What a person sees for files that are wrong.

use std::fmt::Write;

use super::*;

const GOOD: &str = include_str!("../../../../examples/shop/outboard.yaml");

fn none(_: &str) -> Result<Vec<(String, String)>, String> {
    Err("there is no such file".to_owned())
}

fn problems(text: &str) -> String {
    let mut shown = String::new();
    for problem in read(text, none).expect_err("the file is wrong") {
        let FileProblem { line, column, path, message, hint } = problem;
        writeln!(shown, "{line}:{column} {path}: {message}").unwrap();
        if let Some(hint) = hint {
            writeln!(shown, "  hint: {hint}").unwrap();
        }
    }
    shown
}

#[test]
fn the_sample_project_is_right() {
    assert_eq!(read(GOOD, none).expect("the sample is right").metadata.name.as_deref(), Some("shop"));
}

#[test]
fn the_schema_compiles_and_refuses_an_empty_document() {
    assert!(jsonschema::validator_for(&json_schema()).is_ok());
    assert!(!schema::check(&serde_json::json!({})).is_empty());
}

#[test]
fn every_problem_of_shape_is_reported_at_once_with_its_place() {
    insta::assert_snapshot!(problems(
        r#"apiVersion: outboard.dev/v1
kind: Project
metadata: {name: shop}
spec:
  components:
    web:
      imge: registry.example.com/web
      version: 1.5
      ports: {http: "8080"}
      health: {ready: {http: healthz}, start: 60}
      resources: {memory: 128MB}
      scale: {min: 0}
      job: during
  services:
    db: {type: mariadbb}
  secrets:
    payments: {default: {secretsManager: shop/pay}, qa: {ssm: "shop/*", region: Europe}}
"#
    ));
}

#[test]
fn every_problem_of_meaning_is_reported_at_once_with_its_place() {
    insta::assert_snapshot!(problems(
        r#"apiVersion: outboard.dev/v1alpha1
kind: Project
metadata: {name: Shop}
spec:
  components:
    web:
      image: registry.example.com/web
      ports: {http: 8080, admin: 8081}
      uses: [dv, worker]
      env:
        A: "${db.host}"
        B: "${worker.password}"
        C: "${url.wbe}"
        D: "${worker"
        1E: "x"
      health: {ready: {http: /healthz}}
    worker: {image: w, uses: [web]}
    migrate: {image: m, job: before, scale: {min: 2}}
  services:
    db: {type: mariadb}
    worker: {type: mariadb}
  routes: [{host: web, to: migrate}, {host: web, to: wep}]
  classes: {qa: {scale: {wb: {min: 2}}, services: {cache: {storage: 1Gi}}}}
"#
    ));
}

#[test]
fn every_problem_of_services_and_settings_is_reported_at_once_with_its_place() {
    insta::assert_snapshot!(problems(
        r#"apiVersion: outboard.dev/v1alpha1
kind: Project
metadata: {name: shop}
spec:
  components:
    web:
      image: registry.example.com/web
      uses: [db, cache, queue]
      args: ["${cache.url}", "${secret.payments.key}", "${vary.paiment}"]
      env:
        A: "${db.url}"
        B: "${queue.port}"
        C: "${secret.payment.key}"
        D: "${secret.payments}"
        E: "${cache.user}"
  services:
    db: {type: mariadb, ports: {sql: 3306}, config: {datadir: /tmp, "bad key": "1", sql_mode: "a\nb"}}
    cache: {type: redis, mount: /data}
    queue:
      type: container
      storage: 1Gi
      ports: {amqp: 5672, http: 5672}
      env: {USER: "${queue.usr}", CACHE: "${cahce.host}", URL: "${web.host}"}
    mail: {type: external, fields: {host: "${db.host}"}, image: x}
    vary: {type: redis}
  vary:
    payment: {qa: x, prod: "${db.host}"}
  secrets:
    payments: {default: {kubernetes: payments}}
    Pay: {default: {kubernetes: payments}}
    two: {default: {kubernetes: a, ssm: /b}, qa: {}, production: {kubernetes: a, region: eu-west-1}}
    far:
      default:
        secretsmanager: "arn:aws:secretsmanager:eu-west-2:123456789012:secret:shop/pay-AbCdEf"
        region: eu-west-1
  classes:
    qa: {services: {db: {version: "11"}, cahce: {storage: 1Gi}}}
    production: {services: {db: {type: external, host: db.example.com, storage: 1Gi}}}
"#
    ));
}

#[test]
fn a_service_of_a_type_that_is_not_known_is_told_with_those_that_are() {
    let file = |r#type: &str| {
        format!(
            "apiVersion: outboard.dev/v1alpha1\nkind: Project\nmetadata: {{name: shop}}\nspec:\n  components: {{web: {{image: w}}}}\n  services:\n    db: {{type: {type}}}\n"
        )
    };
    insta::assert_snapshot!(problems(&file("mysqld")) + &problems(&file("postgres")));
}

#[test]
fn every_example_of_the_guide_is_right() {
    let guide = include_str!("../../../../docs/guide/outboard-yaml.md");
    let examples: Vec<&str> =
        guide.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!examples.is_empty());
    for example in examples {
        let spec: String = example.lines().map(|line| format!("  {line}\n")).collect();
        let file = format!(
            "apiVersion: outboard.dev/v1alpha1\nkind: Project\nmetadata: {{name: shop}}\nspec:\n{spec}"
        );
        if let Err(problems) = read(&file, |name| Ok(vec![(name.to_owned(), String::new())])) {
            panic!("{file}\n{problems:#?}");
        }
    }
}

#[test]
fn broken_yaml_says_where_it_breaks() {
    let broken = [
        "spec:\n  components:\n   web: {image: [\n",
        "a: 1\na: 2\n",
        "",
        "a: 1\n---\nb: 2\n",
        "a:\n\t- b\n",
        "1: a\n",
        "a: !tag b\n",
    ];
    let shown: Vec<String> = broken.iter().map(|text| format!("{text:?}\n{}", problems(text))).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

proptest::proptest! {
    #[test]
    fn no_text_whatever_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = read(&text, none);
    }
}

#[test]
fn what_a_component_cannot_be_is_told_with_its_place_and_what_to_do() {
    insta::assert_snapshot!(problems(
        r#"apiVersion: outboard.dev/v1alpha1
kind: Project
metadata: {name: shop}
spec:
  components:
    web:
      image: r/web
      ports: {http: 8080}
      uses: [db]
      args: ["--password=${db.password}"]
      files: {etc/app.toml: ./app.toml, /etc/b: ../outside, /etc/c: /etc/passwd}
      volumes: {/a/../b: {}, /data: {storage: 1Gi, memory: 1Mi}}
      health: {ready: {http: /, tcp: http}, live: {tcp: htp}}
      stop: {drain: 30s, grace: 10s}
      scale: {min: 3, max: 2}
      pod: {restartPolicy: Never, containers: [{name: web, image: other}, {name: side, image: fine}]}
    nightly:
      image: r/web
      schedule: "0 2 * * *"
      timezone: Europe/London
    twice: {image: r/web, job: before, schedule: "0 2 * * *", uses: [web], health: {ready: {tcp: x}}}
    zone: {image: r/web, timezone: UTC, scale: {min: 1, cpu: 50}}
  services:
    db: {type: mariadb}
"#
    ));
}

#[test]
fn a_key_that_does_not_work_yet_is_refused_and_not_ignored() {
    let text = format!("{GOOD}\n").replace("    qa: {}", "    qa: {ttl: 72h, sleep: {}, tll: 1h}");
    insta::assert_snapshot!(problems(&text));
}

#[test]
fn objects_in_kubernetes_own_words_are_told_with_their_file() {
    let text =
        GOOD.replace("  classes:", "  manifests: [./k8s/*.yaml, ../secret.yaml, ./none.yaml]\n  classes:");
    let objects = "\
kind: Secret
apiVersion: v1
metadata: {name: a}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: default}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
---
apiVersion: extensions/v1beta1
kind: Ingress
metadata: {name: old}
---
name: values.yaml of a chart
---
apiVersion: v1
kind: ConfigMap
metadata: {name: twice}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: twice}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: admin}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: odd, labels: [a]}
---
apiVersion: v1
kind: Service
metadata: {name: greedy}
spec: {externalIPs: [192.0.2.1]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: exported, resourceVersion: \"12\"}
";
    let load = |name: &str| match name {
        "./k8s/*.yaml" => Ok(vec![
            ("./k8s/a.yaml".to_owned(), objects.to_owned()),
            ("./k8s/b.yaml".to_owned(), "a: [".to_owned()),
        ]),
        _ => none(name),
    };
    let mut shown = String::new();
    for problem in read(&text, load).expect_err("the file is wrong") {
        writeln!(shown, "{}:{} {}", problem.line, problem.column, problem.message).unwrap();
        writeln!(shown, "  hint: {}", problem.hint.unwrap_or_default()).unwrap();
    }
    insta::assert_snapshot!(shown);
}
