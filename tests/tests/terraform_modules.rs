//! The Terraform modules against the schema of the provider that they are written for, and their boot scripts' form.
//!
//! Reads files only; needs neither Terraform nor a cluster.
#![expect(clippy::unwrap_used, reason = "a test file: a panic is how its functions fail")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use stories::terraform::{check, modules};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform")
}

fn schema() -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join("schema/aws.json")).unwrap()).unwrap()
}

#[test]
fn every_resource_and_argument_is_one_of_the_provider() {
    let schema = schema();
    let all = modules(&folder()).unwrap();
    let wrong: Vec<String> = all.iter().flat_map(|(path, body)| check(&schema, path, body)).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    // Not checked at all would be right, too.
    let resources =
        all.iter().flat_map(|(_, body)| body.blocks()).filter(|block| block.ident.as_str() == "resource");
    assert!(resources.count() > 40);
}

#[test]
fn a_slip_in_a_module_is_found_whatever_its_kind() {
    let text = r#"
        resource "aws_launch_template" "a" {
          metadata_options {
            http_token = "required"
          }
          latest_version = 3
        }
        resource "aws_eip" "b" {
          vpc = true
        }
        resource "aws_vpc_security_group_ingress_rule" "c" {
          ip_protocol = "tcp"
        }
        resource "aws_autoscaling_grup" "d" {}
        resource "aws_autoscaling_group" "e" {
          min_size = 1
          max_size = 1
          dynamic "tag" {
            for_each = {}
            content {
              name = "x"
            }
          }
        }
    "#;
    let wrong = check(&schema(), Path::new("x.tf"), &text.parse().unwrap());
    let expected = [
        "x.tf: aws_launch_template.a.metadata_options: `http_token` is not known",
        "x.tf: aws_launch_template.a: `latest_version` is only read",
        "x.tf: aws_eip.b: `vpc` is not known",
        "x.tf: aws_vpc_security_group_ingress_rule.c: `security_group_id` is lacking",
        "x.tf: aws_autoscaling_grup.d: there is no such resource",
        "x.tf: aws_autoscaling_group.e.tag: `name` is not known",
        "x.tf: aws_autoscaling_group.e.tag: `key` is lacking",
        "x.tf: aws_autoscaling_group.e.tag: `propagate_at_launch` is lacking",
        "x.tf: aws_autoscaling_group.e.tag: `value` is lacking",
    ];
    assert_eq!(wrong, expected);
}

#[test]
fn the_schema_holds_what_the_modules_use_and_nothing_else() {
    let schema = schema();
    let mut used = vec![];
    for (_, body) in modules(&folder()).unwrap() {
        for block in body.blocks().filter(|block| matches!(block.ident.as_str(), "resource" | "data")) {
            let kind = if block.ident.as_str() == "data" { "data" } else { "resources" };
            used.push((kind.to_owned(), block.labels[0].as_str().to_owned()));
        }
    }
    used.sort();
    used.dedup();
    let of = |kind: &str| -> Vec<(String, String)> {
        schema[kind].as_object().unwrap().keys().map(|name| (kind.to_owned(), name.clone())).collect()
    };
    let mut held = [of("data"), of("resources")].concat();
    held.sort();
    assert_eq!(held, used, "make it anew: see terraform/schema/README.md");
}
