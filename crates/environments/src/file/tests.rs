//! What a person sees for files that are wrong.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::*;

const GOOD: &str = include_str!("../../../../examples/shop/outboard.yaml");

fn none(_: &str) -> Result<Vec<(String, String)>, String> {
    Err("there is no such file".to_owned())
}

fn problems(text: &str) -> String {
    told(read(text, none).expect_err("the file is wrong"))
}

fn told(problems: Vec<FileProblem>) -> String {
    let mut shown = String::new();
    for problem in problems {
        let FileProblem { file, line, column, path, message, hint } = problem;
        let file = file.map(|file| format!("{file}:")).unwrap_or_default();
        writeln!(shown, "{file}{line}:{column} {path}: {message}").unwrap();
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
  routes: [{host: web, to: migrate}, {host: web, to: wep}, {host: api, to: web, port: http, aliases: [web, www.example.com, api2, api2]}]
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
fn every_problem_of_masks_is_reported_at_once_with_its_place() {
    insta::assert_snapshot!(problems(
        r#"apiVersion: outboard.dev/v1alpha1
kind: Project
metadata: {name: shop}
spec:
  components: {web: {image: w}}
  services: {db: {type: mariadb}, cache: {type: redis}, uploads: {type: s3}, queue: {type: container, image: q, version: "1", ports: {amqp: 5672}}}
  masks:
    dv: {users.email: email}
    cache:
      deny: true
      users.email: email
      values:
        - {keys: "user:*", field: email, mask: emial}
        - {keys: "", mask: {json: {email: email}}}
        - {keys: "cart:*", fields: note}
        - user:*
        - {keys: "note:*", mask: }
      prefixes: {a/: drop}
    uploads:
      users.email: email
      values: [{keys: "user:*", mask: email}]
      prefixes: {invoices/: placehodler, faces/: {constant: x}, tmp/: drop}
    db:
      values: [{keys: "user:*", mask: email}]
      vlaues: []
      prefixes: {a/: drop}
      dny: true
      email: email
      users.: email
      users.email: emial
      users.password: constant
      users.name: {name: true}
      users.phone: [phone]
      users.pin: {constant: 1234}
      users.born: {dateShift: 0}
      users.two: {constant: x, dateShift: 1}
      users.what: {hsah: 3}
      orders.data: {json: {customer.email: email, $.born: {dateShift: 3}, $.mail: mail}}
      orders.none: {json: {}}
    queue: {a.b: keep}
"#
    ));
    insta::assert_snapshot!(problems(
        &GOOD.replace("  classes:", "  masks: {db: {deny: yes please}, cache: }\n  classes:")
    ));
}

#[test]
fn editors_are_told_the_masks_that_are_taken_here() {
    let editors = jsonschema::validator_for(&json_schema()).unwrap();
    for (mask, right) in [
        ("users.email: email", true),
        ("users.email: null", true),
        ("users.email: {constant: \"\"}", true),
        ("users.born: {dateShift: 30}", true),
        ("orders.data: {json: {$.a: null, \"$.b[*]\": {constant: x}}}", true),
        ("deny: false", true),
        ("users.email: mail", false),
        ("users.email: 3", false),
        ("users.email: {}", false),
        ("users.born: {dateShift: 0}", false),
        ("users.born: {dateShift: 30, constant: x}", false),
        ("orders.data: {json: {}}", false),
        ("orders.data: {json: {$.a: {dateShift: 3}}}", false),
        ("email: email", false),
        ("deny: email", false),
        ("values: [{keys: \"user:*\", field: email, mask: email}, {keys: \"*\", mask: null}]", true),
        ("values: [{keys: \"a:*\", mask: {json: {$.email: email}}}]", true),
        ("values: [{keys: \"a:*\"}]", false),
        ("values: [{mask: email}]", false),
        ("values: [{keys: \"\", mask: email}]", false),
        ("values: [{keys: a, mask: email, name: x}]", false),
        ("values: {keys: a, mask: email}", false),
        ("prefixes: {a/: drop, \"\": keep, b/c: placeholder}", true),
        ("prefixes: {a/: email}", false),
        ("prefixes: [a/]", false),
    ] {
        let service = match mask.split_once(':') {
            Some(("values", _)) => "cache",
            Some(("prefixes", _)) => "uploads",
            _ => "db",
        };
        let text = GOOD.replace("  classes:", &format!("  masks: {{{service}: {{{mask}}}}}\n  classes:"));
        let text =
            text.replace("  services:\n", "  services:\n    cache: {type: redis}\n    uploads: {type: s3}\n");
        let document = yaml::parse(&text).unwrap().value;
        assert_eq!(editors.is_valid(&document), right, "{mask}");
        assert_eq!(read(&text, none).is_ok(), right, "{mask}");
    }
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

const GUIDE: &str = include_str!("../../../../docs/guide/project.md");
const CHANGING: &str = include_str!("../../../../docs/guide/changing-environments.md");

/// The examples of a page: each holds keys of `spec`, or a whole file.
fn examples(guide: &str) -> Vec<String> {
    let examples = guide.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let whole = |example: &str| match example.contains("kind: ") {
        true => example.to_owned(),
        false => {
            let spec: String = example.lines().map(|line| format!("  {line}\n")).collect();
            format!(
                "apiVersion: outboard.dev/v1alpha1\nkind: Project\nmetadata: {{name: shop}}\nspec:\n{spec}"
            )
        }
    };
    examples.map(whole).collect()
}

/// What an example names beside itself.
fn beside(name: &str) -> Result<Vec<(String, String)>, String> {
    let text = match name {
        "./teams/search.yaml" => "components: {search: {image: r/search, version: \"1\", ports: {http: 80}}}",
        "./k8s/*.yaml" => "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: banner}\ndata: {text: hello}\n",
        _ => "level = 1\n",
    };
    Ok(vec![(name.replace('*', "banner"), text.to_owned())])
}

#[test]
fn every_example_of_the_guide_is_right_and_can_be_rendered() {
    let projects = examples(GUIDE);
    assert!(projects.len() > 5);
    for file in projects {
        let project = match check(&file, &beside) {
            Ok(checked) => {
                assert_eq!(checked.warnings, [], "{file}");
                checked.project
            }
            Err(problems) => panic!("{file}\n{problems:#?}"),
        };
        for class in project.spec.class_names() {
            let revision = api::ProjectRevision { project: "shop".into(), spec: project.spec.clone() };
            let wanted = api::EnvironmentSpec {
                project: "shop".into(),
                class: class.to_owned(),
                ..api::EnvironmentSpec::default()
            };
            let validated = crate::plan::validate::environment("qa", &wanted, &revision)
                .unwrap_or_else(|problems| panic!("{file}\n{problems:#?}"));
            let settings = crate::Settings::default();
            let rendered =
                crate::plan::render::revision(&validated, &settings, &BTreeMap::new(), "shop", false);
            assert!(!rendered.parts.is_empty(), "{file}");
        }
    }
}

#[test]
fn every_environment_of_the_guide_is_right() {
    let files = examples(CHANGING);
    assert!(!files.is_empty());
    for file in files {
        assert!(environments(&file).is_ok(), "{file}\n{:#?}", environments(&file));
    }
}

/// Every key of a schema, as a path in which `*` stands for names and `[]` for places.
fn keys(schema: &serde_json::Value, at: &str, found: &mut BTreeSet<String>) {
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}.{key}");
        keys(inner, &at, found);
        found.insert(at);
    }
    for (word, inner) in [("*", &schema["additionalProperties"]), ("[]", &schema["items"])] {
        if inner.is_object() {
            keys(inner, &format!("{at}.{word}"), found);
        }
    }
    for inner in schema["anyOf"].as_array().into_iter().flatten() {
        keys(inner, at, found);
    }
}

/// The keys that a value has, as paths of the same kind.
fn used(schema: &serde_json::Value, value: &serde_json::Value, at: &str, found: &mut BTreeSet<String>) {
    for (key, inner) in value.as_object().into_iter().flatten() {
        match &schema["properties"][key] {
            serde_json::Value::Null => {
                used(&schema["additionalProperties"], inner, &format!("{at}.*"), found);
            }
            known => {
                let at = format!("{at}.{key}");
                used(known, inner, &at, found);
                found.insert(at);
            }
        }
    }
    for inner in value.as_array().into_iter().flatten() {
        used(&schema["items"], inner, &format!("{at}.[]"), found);
    }
    for branch in schema["anyOf"].as_array().into_iter().flatten() {
        used(branch, value, at, found);
    }
}

#[test]
fn the_guide_explains_every_key_and_has_an_example_of_it() {
    let schema = json_schema();
    let (mut known, mut shown) = (BTreeSet::new(), BTreeSet::new());
    keys(&schema, "", &mut known);
    for example in examples(GUIDE) {
        used(&schema, &yaml::parse(&example).unwrap().value, "", &mut shown);
    }
    // Put there by `project apply`, refused in a file.
    known.remove(".spec.contents");
    // What means the same wherever it stands needs one example.
    let same = |key: &String| {
        let key = key.replace(".classes.*.services", ".services");
        let key = key.replace(".masks.*.values.[].mask", ".masks.*.*");
        key.replace(".services.*.health", ".components.*.health").replace(".health.live", ".health.ready")
    };
    let (known, shown): (BTreeSet<String>, BTreeSet<String>) =
        (known.iter().map(same).collect(), shown.iter().map(same).collect());
    let missing: Vec<&String> = known.difference(&shown).collect();
    assert!(missing.is_empty(), "no example of {missing:#?}");
    let words: BTreeSet<&str> = known.iter().filter_map(|key| key.rsplit('.').next()).collect();
    let told = |word: &&&str| {
        let beginnings = ["`", ".", " `"].map(|before| format!("{before}{word}"));
        beginnings.iter().any(|text| GUIDE.contains(text.as_str()))
    };
    let untold: Vec<&&str> = words.iter().filter(|word| !told(word)).collect();
    assert!(untold.is_empty(), "not a word about {untold:?}");
}

fn included(name: &str) -> Result<Vec<(String, String)>, String> {
    let text = match name {
        "./teams/search.yaml" => {
            "components:\n  search:\n    image: r/search\n    ports: {http: 80}\n    files: {/etc/a: ./a.toml}\nroutes: [{host: search, to: search}]\nclasses: {qa: {scale: {search: {min: 2}}}}\n"
        }
        "./teams/clash.yaml" => {
            "components:\n  web: {image: r/other}\nclasses: {qa: {drift: report}}\nrutes: []\ninclude: [./x.yaml]\nspec: {}\n"
        }
        "./teams/broken.yaml" => "components: [\n",
        "./teams/list.yaml" => "- a\n",
        "./teams/shape.yaml" => "components:\n  api: {imge: r/api}\nroutes:\n  - {host: api, to: nobody}\n",
        "./teams/meaning.yaml" => {
            "components:\n  api: {image: r/api, uses: [nobody], env: {A: \"${dv.host}\"}, files: {/a: ../a, /b: ./b}}\nroutes: [{host: web, to: api}]\n"
        }
        "./teams/a.toml" | "./teams/search/a.toml" => "a = 1\n",
        _ => return Err("there is no such file".to_owned()),
    };
    Ok(vec![(name.to_owned(), text.to_owned())])
}

fn with(include: &str) -> String {
    format!(
        "apiVersion: outboard.dev/v1alpha1\nkind: Project\nmetadata: {{name: shop}}\nspec:\n  include: {include}\n  components:\n    web: {{image: r/web, ports: {{http: 80}}}}\n  routes: [{{host: web, to: web}}]\n  classes: {{qa: {{drift: heal}}}}\n"
    )
}

#[test]
fn what_is_included_is_part_of_the_project_and_its_paths_count_from_its_own_place() {
    let spec = read(&with("[./teams/search.yaml]"), included).expect("it is right").spec;
    assert_eq!(spec.components.keys().collect::<Vec<_>>(), ["search", "web"]);
    assert_eq!(spec.routes.iter().map(|route| route.host.as_str()).collect::<Vec<_>>(), ["web", "search"]);
    assert_eq!(spec.components["search"].files["/etc/a"], "./teams/a.toml");
    assert_eq!(spec.contents.keys().collect::<Vec<_>>(), ["./teams/a.toml"]);
    assert_eq!(spec.scale("qa", "search").min, 2);
    // Named twice is named once.
    assert!(read(&with("[./teams/search.yaml, ./teams/search.yaml]"), included).is_ok());
}

#[test]
fn what_is_wrong_with_included_files_is_told_with_the_file_and_clashes_with_both_places() {
    let clashes = "[./teams/search.yaml, ./teams/clash.yaml, ./teams/broken.yaml, ./teams/list.yaml, ../up.yaml, ./none.yaml]";
    let shown = ["./teams/shape.yaml", "./teams/meaning.yaml", "[]", "web.yaml"]
        .map(|file| told(read(&with(&format!("[{file}]")), included).err().unwrap_or_default()));
    let text =
        told(read(&with(clashes), included).expect_err("it is wrong")) + "----\n" + &shown.join("----\n");
    insta::assert_snapshot!(text + "----\n" + &problems(&with("teams.yaml")));
}

#[test]
fn a_secret_that_is_written_down_is_warned_of_with_its_place_and_without_its_value() {
    let text = GOOD.replace(
        "        PUBLIC_URL:",
        "        ADMIN_PASSWORD: hunter2\n        QUEUE: \"amqp://app:hunter2@queue\"\n        PUBLIC_URL:",
    );
    let warnings = check(&text, &none).expect("it is no error").warnings;
    let text = told(warnings);
    assert!(!text.contains("hunter2"), "{text}");
    insta::assert_snapshot!(text);
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
        let _ = component("web", &text, &none);
        let _ = environments(&text);
        // Included, too.
        let _ = read(&with("[./any.yaml]"), |name| Ok(vec![(name.to_owned(), text.clone())]));
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
      scale: {min: 3, max: 2, settle: 2h}
      pod: {restartPolicy: Never, containers: [{name: web, image: other}, {name: side, image: fine}]}
    nightly:
      image: r/web
      schedule: "0 2 * * *"
      timezone: Europe/London
      uses: [pair]
      env: {A: "http://${pair.host}:${pair.port}", B: "${pair.port.http}", C: "${pair.port.htp}"}
    twice: {image: r/web, job: before, schedule: "0 2 * * *", uses: [web], health: {ready: {tcp: x}}}
    zone: {image: r/web, timezone: UTC, scale: {min: 1, cpu: 50, settle: 15s}}
    pair: {image: r/web, ports: {admin: 81, http: 80}}
  services:
    db: {type: mariadb}
"#
    ));
}

#[test]
fn how_long_volumes_are_kept_is_refused_where_it_means_nothing() {
    let file = |classes: &str| {
        format!(
            "apiVersion: outboard.dev/v1alpha1\nkind: Project\nmetadata: {{name: shop}}\nspec:\n  components:\n    web: {{image: r/web, version: \"1\"}}\n  services:\n    db: {{type: mariadb}}\n  classes:\n{classes}"
        )
    };
    let shape = file("    qa: {keepVolumes: 3d}\n    load: {keepVolumes: true}\n");
    let external = "{db: {type: external, host: db.example.com}}";
    let meaning = file(&format!(
        "    qa: {{keepVolumes: 72h}}\n    long: {{keepVolumes: 9000h}}\n    endless: {{keepVolumes: 9999999999s}}\n    live:\n      keepVolumes: 72h\n      services: {external}\n"
    ));
    insta::assert_snapshot!(problems(&shape) + &problems(&meaning), @r#"
    10:10 spec.classes.qa.keepVolumes: `3d` is not valid here
      hint: How long the volumes of its environments' services are kept once one is destroyed; without it they go with it.
    11:12 spec.classes.load.keepVolumes: expected text, found `true`
      hint: put it in quotes: "true"
    11:12 spec.classes.long.keepVolumes: `9000h` is too long: volumes are kept for a year (8760h) at most
      hint: keep for longer what is a copy of the data, not its volume
    12:15 spec.classes.endless.keepVolumes: `9999999999s` is too long: volumes are kept for a year (8760h) at most
      hint: keep for longer what is a copy of the data, not its volume
    14:7 spec.classes.live.keepVolumes: no service has a volume in class `live`, so there is nothing to keep
      hint: leave it out, or give a service `storage`
    "#);
}

#[test]
fn what_a_file_of_logs_cannot_be_is_told_with_its_place_and_what_to_do() {
    insta::assert_snapshot!(problems(
        r#"apiVersion: outboard.dev/v1alpha1
kind: Project
metadata: {name: shop}
spec:
  components:
    web:
      image: r/web
      files: {/etc/web/app.toml: ./app.toml}
      volumes: {/cache: {memory: 64Mi}, /data: {storage: 1Gi}, /var-log/web: {}}
      logs:
        - var/log/a.log
        - /var/log/../a.log
        - /a.log
        - /etc/a.log
        - /dev/stdout
        - "/var/log/web/*.log"
        - /var/log/web/a.log
        - /var/log/web/a.log
        - /data/logs/a.log
        - /cache
        - /cache/a.log
        - /etc/web/app.toml/a.log
        - /var/lib/outboard-fals/a.log
    outboard-logs: {image: r/web, logs: [/var/log/web/a.log]}
"#
    ));
}

#[test]
fn what_a_class_cannot_let_its_environments_use_is_told_with_its_place() {
    let file = r#"
apiVersion: outboard.dev/v1alpha1
kind: Project
metadata: {name: shop}
spec:
  components: {web: {image: r/web}}
  classes:
    empty: {quota: {}, containers: {}}
    shape: {quota: {cpu: many, pods: 0, disks: 3}, podSecurity: privileged}
    "#;
    insta::assert_snapshot!(problems(file));
    let file = r#"
apiVersion: outboard.dev/v1alpha1
kind: Project
metadata: {name: shop}
spec:
  components: {web: {image: r/web}}
  classes:
    empty: {quota: {}, containers: {}}
    nothing: {containers: {max: {}}}
    upside: {containers: {requests: {cpu: "2"}, limits: {cpu: 1500m, memory: 2Gi}, max: {memory: 1Gi}}}
    "#;
    insta::assert_snapshot!(problems(file));
}

#[test]
fn whom_access_cannot_name_is_told_with_its_place() {
    let file = r#"
apiVersion: outboard.dev/v1alpha1
kind: Project
metadata: {name: shop}
spec:
  components: {web: {image: r/web}}
  access:
    viewer: {groups: ["system:authenticated", "system:serviceaccounts:ci"]}
    qa: {}
    developer: {users: [dana, dana, "system:serviceaccount:ci:deployer", "system:admin"]}
  limits: {}
    "#;
    let shape = file
        .replace("qa: {}", "owner: {users: [ada]}")
        .replace("[dana, dana,", "[\"\", dana,")
        .replace("limits: {}", "limits: {environmentsPerOwner: 0}");
    insta::assert_snapshot!(problems(file) + &problems(&shape));
}

#[test]
fn a_key_that_does_not_work_yet_is_refused_and_not_ignored() {
    let text = format!("{GOOD}\n")
        .replace("    qa: {}", "    qa: {ttl: 72h, sleep: {}, tll: 1h}")
        .replace("path: /, to: web", "path: /, to: web, tcp: 5432");
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
