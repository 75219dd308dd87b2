//! What of old configurations is read, and how broken ones are told.

use std::path::Path;

use secrecy::ExposeSecret;

use super::*;

fn read(text: &str) -> Result<Config, Vec<String>> {
    parse(Path::new("config.json"), text).map_err(|broken| broken.lines())
}

#[test]
fn the_old_sample_is_read_unchanged() {
    let config = read(
        r#"{
    "aws_region": "eu-west-1",
    "aws_access_key": "",
    "aws_secret_key": "",
    "firehose_stream_name": "logs",
    "firehose_record_size": 1024000,
    "project": "fals",
    "env": "int",
    "shipping_interval": 1,
    "components": [
        {"name": "syslog", "file": "/var/log/syslog"},
        {"name": "random log", "file": "/var/log/random file.txt"}
    ]
}
"#,
    )
    .unwrap();
    assert_eq!((config.region.as_deref(), config.stream.as_str()), (Some("eu-west-1"), "logs"));
    assert_eq!((config.project.as_str(), config.env.as_str()), ("fals", "int"));
    assert_eq!(config.interval, Duration::from_secs(1));
    assert!(config.key.is_none() && config.notes.is_empty(), "{:?}", config.notes);
    let random = Component { name: "random log".into(), file: "/var/log/random file.txt".into() };
    assert_eq!(config.components[1], random);
}

#[test]
fn keys_count_in_any_case_and_the_last_one_holds() {
    let config = read(
        "{\t\"Firehose_Stream_Name\": \"a\", \"FIREHOSE_STREAM_NAME\": \"b\", \"Project\": \"p\", \"ENV\": \"e\",\n\
         \t\"Components\": [{\"Name\": \"w\", \"FILE\": \"/a\"}], \"colour\": 1}",
    )
    .unwrap();
    assert_eq!((config.stream.as_str(), config.project.as_str(), config.env.as_str()), ("b", "p", "e"));
    assert_eq!(config.notes, ["line 2: `colour` is not known, and left alone as ever"]);
}

#[test]
fn a_static_key_is_used_and_warned_of_and_never_shown() {
    let config = read(
        r#"{"aws_access_key": "AKIA", "aws_secret_key": "hush", "firehose_stream_name": "s", "project": "p",
            "env": "e", "components": [{"name": "w", "file": "/a"}]}"#,
    )
    .unwrap();
    assert!(config.notes[0].contains("static key"));
    assert!(!format!("{config:?}").contains("hush"));
    assert_eq!(config.key.unwrap().secret.expose_secret(), "hush");
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_place() {
    let lines = read(
        "{\n\t\"firehose_stream_name\": 7,\n\t\"aws_access_key\": \"AKIA\",\n\t\"project\": [\"\\u0041\\\"\"],\n\
         \t\"shipping_interval\": \"5\",\n\t\"components\": [\n\t\t{\"name\": \"a b\"},\n\t\t\"x\",\n\t\t{\"file\": 1}\n\t]\n}",
    )
    .unwrap_err();
    assert_eq!(
        lines,
        [
            "config.json:1:1: aws_secret_key is missing: aws_access_key has to have one, or leave both out",
            "config.json:2:26: firehose_stream_name has to be text, not the number 7",
            "config.json:4:13: project has to be text, not a list",
            "config.json:5:23: shipping_interval has to be a whole number of seconds, not the text \"5\"",
            "config.json:7:3: the component has no file",
            "config.json:8:3: a component has to be an object, not the text \"x\"",
            "config.json:9:12: file has to be text, not the number 1",
        ]
    );
}

#[test]
fn what_is_no_json_is_told_with_its_place() {
    assert_eq!(
        read("{\n  \"env\": \"x\",\n}").unwrap_err(),
        ["config.json:3:1: this is not valid JSON: trailing comma"]
    );
    assert_eq!(read("[]").unwrap_err(), ["config.json:1:1: expected an object with the keys of fals"]);
    assert_eq!(read("{}").unwrap_err().len(), 2);
    assert!(read("").unwrap_err()[0].contains("EOF"));
}
