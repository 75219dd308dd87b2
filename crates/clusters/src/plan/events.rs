//! One line of Terraform's or OpenTofu's event stream (`-json`), as far as outboard has a use for it.

use serde_json::Value;

/// The format that is understood; a greater minor number only adds to it.
const MAJOR: &str = "1.";

#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// The first one.
    Version {
        format: String,
    },
    /// A resource is begun.
    Started {
        address: String,
        action: String,
    },
    Finished {
        address: String,
        action: String,
        seconds: u64,
        id: Option<(String, String)>,
    },
    Failed {
        address: String,
        action: String,
    },
    Refreshed {
        address: String,
    },
    /// How many there are to do.
    Planned {
        add: u64,
        change: u64,
        remove: u64,
    },
    Diagnostic {
        error: bool,
        summary: String,
        detail: String,
        address: Option<String>,
    },
    /// What is neither shown nor kept: logs may hold a whole state.
    Other,
}

/// `None`: no line of such a stream.
pub fn read(line: &str) -> Option<Line> {
    let value: Value = serde_json::from_str(line).ok()?;
    let kind = value["type"].as_str()?;
    let hook = &value["hook"];
    let address = || hook["resource"]["addr"].as_str().unwrap_or_default().to_owned();
    let action = || hook["action"].as_str().unwrap_or_default().to_owned();
    Some(match kind {
        "version" => Line::Version { format: value["ui"].as_str().unwrap_or_default().to_owned() },
        "apply_start" => Line::Started { address: address(), action: action() },
        "apply_complete" => Line::Finished {
            address: address(),
            action: action(),
            seconds: hook["elapsed_seconds"].as_f64().map_or(0, |seconds| seconds.max(0.0) as u64),
            id: match (hook["id_key"].as_str(), hook["id_value"].as_str()) {
                (Some(key), Some(value)) => Some((key.to_owned(), value.to_owned())),
                _ => None,
            },
        },
        "apply_errored" => Line::Failed { address: address(), action: action() },
        "refresh_complete" => Line::Refreshed { address: address() },
        "change_summary" => {
            let count = |key: &str| value["changes"][key].as_u64().unwrap_or_default();
            Line::Planned { add: count("add"), change: count("change"), remove: count("remove") }
        }
        "diagnostic" => {
            let told = &value["diagnostic"];
            let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
            Line::Diagnostic {
                error: told["severity"] == "error",
                summary: text("summary"),
                detail: text("detail"),
                address: told["address"].as_str().map(str::to_owned),
            }
        }
        _ => Line::Other,
    })
}

/// Whether a stream of this format can be read.
pub fn is_understood(format: &str) -> bool {
    format.starts_with(MAJOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_both_engines_are_read() {
        let terraform = r#"{"@level":"info","@message":"m","@module":"terraform.ui","type":"apply_complete","hook":{"resource":{"addr":"module.cluster.aws_vpc.this"},"action":"create","id_key":"id","id_value":"vpc-1","elapsed_seconds":12}}"#;
        let tofu = terraform.replace("terraform.ui", "tofu.ui");
        let expected = Line::Finished {
            address: "module.cluster.aws_vpc.this".into(),
            action: "create".into(),
            seconds: 12,
            id: Some(("id".into(), "vpc-1".into())),
        };
        assert_eq!(read(terraform), Some(expected.clone()));
        assert_eq!(read(&tofu), Some(expected));
    }

    #[test]
    fn a_dumped_state_is_neither_shown_nor_kept() {
        let dump = r#"{"@level":"error","@message":"{\"version\":4,\"resources\":[]}","type":"log"}"#;
        assert_eq!(read(dump), Some(Line::Other));
        assert_eq!(read("panic: runtime error"), None);
        assert_eq!(read(r#"{"type":"something_new","@message":"x"}"#), Some(Line::Other));
    }

    #[test]
    fn another_major_format_is_not_understood() {
        assert!(is_understood("1.2") && is_understood("1.19") && !is_understood("2.0"));
    }
}
