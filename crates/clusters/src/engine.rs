//! OpenTofu or Terraform on this machine: found, asked for its version, and called with an environment of our own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;
use tokio::process::Command;

use crate::error::Said;
use crate::plan::events::{self, Line};
use crate::plan::scrub::scrub;
use crate::{Error, Result};

/// The first one with locks of states in S3.
const LEAST: (u64, u64) = (1, 10);
/// What people set for their own runs and would change ours.
const UNSET: [&str; 4] = ["TF_CLI_ARGS", "TF_LOG", "TF_WORKSPACE", "TF_DATA_DIR"];

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Engine {
    program: PathBuf,
    /// `tofu` or `terraform`.
    pub name: String,
    pub version: String,
}

impl Engine {
    /// `$OUTBOARD_TERRAFORM`, else `tofu`, else `terraform`.
    pub async fn find() -> Result<Self> {
        let named =
            std::env::var_os("OUTBOARD_TERRAFORM").filter(|value| !value.is_empty()).map(PathBuf::from);
        let program =
            named.or_else(|| in_path("tofu")).or_else(|| in_path("terraform")).ok_or(Error::NoEngine)?;
        let shown = program.display().to_string();
        let broken = |why: String| Error::EngineBroken { program: shown.clone(), why };
        let mut engine = Self { program, name: String::new(), version: String::new() };
        let here = Path::new("/");
        let output =
            engine.ask(here, &["version", "-json"]).await.map_err(|error| broken(error.to_string()))?;
        let told = json(&output.stdout).ok_or_else(|| {
            broken(first_line(&output.stderr).unwrap_or_else(|| "it does not tell its version".to_owned()))
        })?;
        engine.version = told["terraform_version"].as_str().unwrap_or_default().to_owned();
        engine.name = engine.program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !is_enough(&engine.version) {
            return Err(Error::EngineTooOld { program: shown, version: engine.version });
        }
        Ok(engine)
    }

    pub fn program(&self) -> String {
        self.program.display().to_string()
    }

    /// A call that is not begun yet, in a process group of its own: Ctrl-C of a terminal reaches us alone.
    pub fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(folder)
            .process_group(0)
            .stdin(Stdio::null())
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_INPUT", "0")
            .env("CHECKPOINT_DISABLE", "1");
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let begins = |unset: &str| {
                text.strip_prefix(unset).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
            };
            if UNSET.iter().any(|unset| begins(unset)) {
                command.env_remove(&name);
            }
        }
        command
    }

    /// A call that changes nothing that would have to be finished: it ends with us.
    async fn ask(&self, folder: &Path, arguments: &[&str]) -> std::io::Result<Output> {
        self.command(folder, arguments).kill_on_drop(true).output().await
    }

    /// The same for one that has to succeed. `what`: in words.
    pub async fn call(&self, folder: &Path, what: &'static str, arguments: &[&str]) -> Result<Vec<u8>> {
        let output = self
            .ask(folder, arguments)
            .await
            .map_err(|error| Error::EngineBroken { program: self.program(), why: error.to_string() })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let mut said = said(&String::from_utf8_lossy(&output.stdout));
        if said.is_empty() {
            let text = scrub(&String::from_utf8_lossy(&output.stderr), &[]);
            said.push(Said {
                address: None,
                summary: format!("{} said", self.name),
                detail: text.trim().to_owned(),
            });
        }
        Err(Error::Engine { what, said })
    }

    /// The JSON that a call answers with.
    pub async fn value(&self, folder: &Path, what: &'static str, arguments: &[&str]) -> Result<Value> {
        let stdout = self.call(folder, what, arguments).await?;
        let unreadable = || Error::Unreadable {
            what: format!("the answer to `{}`", arguments.join(" ")),
            why: "it is no JSON".to_owned(),
        };
        json(&stdout).ok_or_else(unreadable)
    }
}

/// Errors of an event stream.
pub fn said(stream: &str) -> Vec<Said> {
    let lines = stream.lines().filter_map(events::read);
    lines
        .filter_map(|line| match line {
            Line::Diagnostic { error: true, summary, detail, address } => {
                Some(Said { address, summary: scrub(&summary, &[]), detail: scrub(&detail, &[]) })
            }
            _ => None,
        })
        .collect()
}

/// JSON that some warnings may stand in front of.
fn json(bytes: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(bytes).ok()?;
    serde_json::Deserializer::from_str(&text[text.find('{')?..]).into_iter().next()?.ok()
}

fn first_line(bytes: &[u8]) -> Option<String> {
    String::from_utf8_lossy(bytes).lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

fn is_enough(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map_while(|part| part.parse::<u64>().ok());
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else { return false };
    (major, minor) >= LEAST
}

fn in_path(name: &str) -> Option<PathBuf> {
    let paths: OsString = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|folder| folder.join(name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(is_enough("1.10.0") && is_enough("1.11.4") && is_enough("2.0.0-beta1") && is_enough("1.10"));
        assert!(!is_enough("1.9.8") && !is_enough("0.15.5") && !is_enough("") && !is_enough("dev"));
    }

    #[test]
    fn json_is_read_past_warnings() {
        assert_eq!(json(b"Warning: x\n\n{\"a\": 1}\n").unwrap()["a"], 1);
        assert_eq!(json(b"nothing"), None);
    }

    #[test]
    fn errors_are_told_without_what_is_secret() {
        let stream = r#"{"type":"diagnostic","diagnostic":{"severity":"error","summary":"bad key AKIAIOSFODNN7EXAMPLE","detail":"d","address":"a.b"}}"#;
        let all = said(stream);
        assert_eq!((all[0].summary.as_str(), all[0].address.as_deref()), ("bad key (hidden)", Some("a.b")));
    }
}
