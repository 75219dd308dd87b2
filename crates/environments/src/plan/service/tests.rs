//! Golden files: services of every type in, the objects and recipes out.

use std::collections::BTreeMap;

use api::{EnvironmentSpec, ProjectRevision};

use crate::Settings;
use crate::plan::{render, validate};

const FILE: &str = r#"
apiVersion: outboard.dev/v1alpha1
kind: Project
metadata: {name: shop}
spec:
  components:
    web:
      image: registry.example.com/shop/web
      version: "1"
      args: ["--queue=${queue.host}:${queue.port.amqp}", "--pay=${vary.payment}"]
      uses: [db, orders, cache, queue, uploads]
      env:
        DATABASE_URL: "${db.url}"
        DATABASE_USER: "${db.user}"
        ORDERS_URL: "${orders.url}"
        CACHE_URL: "${cache.url}"
        QUEUE_URL: "amqp://${queue.user}:${queue.password}@${queue.host}:${queue.port.amqp}"
        S3: "${uploads.access_key} ${uploads.secret_key} ${uploads.bucket} ${uploads.region}"
        S3_ENDPOINT: "${uploads.endpoint}"
        STRIPE_KEY: "${secret.payments.stripe_key}"
  services:
    db: {type: mariadb, config: {max_connections: "200"}, storage: 2Gi}
    orders: {type: mysql, config: {lower_case_table_names: "1"}}
    cache: {type: redis, image: registry.example.com/mirror/redis, config: {maxmemory: 64mb}}
    uploads: {type: s3, storage: 5Gi}
    queue:
      type: container
      image: docker.io/library/rabbitmq
      version: "4"
      ports: {amqp: 5672, http: 15672}
      env: {RABBITMQ_DEFAULT_USER: "${queue.user}", RABBITMQ_DEFAULT_PASS: "${queue.password}"}
      storage: 2Gi
      mount: /var/lib/rabbitmq
      resources: {memory: 512Mi}
  vary:
    payment: {default: "https://sandbox.pay.example", production: "https://pay.example"}
  secrets:
    payments: {default: {kubernetes: payments-sandbox}, production: {kubernetes: payments-live}}
  classes:
    qa: {services: {cache: {storage: 1Gi}}}
    team: {services: {db: {from: shared}, queue: {from: shared}, uploads: {from: shared}}}
    production:
      services:
        db: {type: external, host: db.example.com, port: 3306, fields: {name: shop}, secret: {kubernetes: db-live}}
        cache: {type: external, host: 192.0.2.7, port: 6379, secret: {kubernetes: cache-live}}
        uploads:
          type: external
          host: s3.eu-west-1.amazonaws.com
          fields: {endpoint: "https://s3.eu-west-1.amazonaws.com", bucket: shop-live, region: eu-west-1}
          secret: {kubernetes: uploads-live}
"#;

fn rendered(class: &str) -> api::EnvironmentRevision {
    let project = crate::file::read(FILE, |_| Ok(Vec::new())).expect("the file is right");
    let revision = ProjectRevision { project: "shop".into(), spec: project.spec };
    let wanted = EnvironmentSpec {
        project: "shop".into(),
        project_revision: revision.name(),
        class: class.into(),
        ..EnvironmentSpec::default()
    };
    let validated = validate::environment("qa-42", &wanted, &revision).expect("the environment is right");
    render::revision(&validated, &Settings::default(), &BTreeMap::new(), "shop", false)
}

/// What of a revision is about services.
fn services(class: &str) -> serde_json::Value {
    let revision = rendered(class);
    let parts: Vec<_> = revision.parts_of(api::Role::Service).collect();
    serde_json::json!({"parts": parts, "secrets": revision.secrets})
}

#[test]
fn servers_of_every_type_render_to_these_objects() {
    insta::assert_yaml_snapshot!(services("qa"));
}

#[test]
fn what_another_environment_runs_is_a_name_and_its_password() {
    insta::assert_yaml_snapshot!(services("team"));
}

#[test]
fn what_others_run_is_a_name_and_what_their_secret_holds() {
    insta::assert_yaml_snapshot!(services("production"));
}

#[test]
fn a_class_has_its_own_values_and_no_argument_holds_a_secret() {
    let arguments = |class: &str| {
        let revision = rendered(class);
        let web = revision.parts_of(api::Role::Component).next().expect("web is there");
        web.objects[0]["spec"]["template"]["spec"]["containers"][0]["args"].clone()
    };
    assert_eq!(
        arguments("qa"),
        serde_json::json!(["--queue=queue:5672", "--pay=https://sandbox.pay.example"])
    );
    assert_eq!(
        arguments("team"),
        serde_json::json!(["--queue=queue.shop-shared.svc:5672", "--pay=https://sandbox.pay.example"])
    );
    assert_eq!(
        arguments("production"),
        serde_json::json!(["--queue=queue:5672", "--pay=https://pay.example"])
    );
}
