//! What is told between the lines: a container that ended or began anew, and lines that may be missing.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde::ser::SerializeMap;

use super::containers::Exit;

/// Whose lines they are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Source {
    pub project: String,
    pub environment: String,
    pub component: String,
    pub pod: String,
    pub container: String,
    /// The file of the component's `logs` that its lines were written into; none: its output.
    pub file: Option<String>,
}

/// Something that happened to a source, in its place among the lines.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mark {
    pub source: Arc<Source>,
    pub time: Timestamp,
    pub what: What,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum What {
    /// It runs, for the first time or again.
    Started {
        restarts: i32,
    },
    Exited {
        exit: Exit,
        restarts: i32,
    },
    Gap(Gap),
    /// Its last lines could not be read before its pod was gone; `from`: the last line that was.
    Cut {
        from: Option<Timestamp>,
    },
}

/// Lines between these moments may be missing: the node does not have them any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Gap {
    /// Of the last line that was told.
    pub from: Timestamp,
    /// Of the oldest line that the node still has; `None`: it has none.
    pub to: Option<Timestamp>,
}

impl What {
    /// Whether something may be missing.
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Gap(_) | Self::Cut { .. })
    }

    /// Whether it is bad news.
    pub fn is_bad(&self) -> bool {
        match self {
            Self::Started { .. } => false,
            Self::Exited { exit, .. } => exit.is_crash(),
            Self::Gap(_) | Self::Cut { .. } => true,
        }
    }

    fn event(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Exited { .. } => "exited",
            Self::Gap(_) | Self::Cut { .. } => "gap",
        }
    }
}

/// For people; who it was is said elsewhere.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { restarts: 0 } => write!(f, "started"),
            Self::Started { restarts } => write!(f, "started again (restart {restarts})"),
            Self::Exited { exit, .. } => {
                match exit.signal.filter(|signal| *signal != 0) {
                    Some(signal) => write!(f, "ended by signal {signal}")?,
                    None => write!(f, "ended with exit code {}", exit.code)?,
                }
                match exit.reason.as_deref() {
                    Some("OOMKilled") => write!(f, ": out of memory (OOMKilled)"),
                    Some(reason @ ("Error" | "Completed")) if !is_plain(exit, reason) => {
                        write!(f, " ({reason})")
                    }
                    Some("Error" | "Completed") | None => Ok(()),
                    Some(reason) => write!(f, " ({reason})"),
                }
            }
            Self::Gap(Gap { from, to: Some(to) }) => {
                write!(f, "lines between {from:.3} and {to:.3} may be missing: the node keeps no older ones")
            }
            Self::Gap(Gap { from, to: None }) | Self::Cut { from: Some(from) } => {
                write!(f, "lines after {from:.3} may be missing: the log is gone")
            }
            Self::Cut { from: None } => write!(f, "its lines could not be read: the log is gone"),
        }
    }
}

/// The reason says no more than the code does.
fn is_plain(exit: &Exit, reason: &str) -> bool {
    (reason == "Completed") == (exit.code == 0)
}

/// For scripts: told apart from a line by `event`.
impl Serialize for Mark {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let source = &self.source;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("event", self.what.event())?;
        map.serialize_entry("time", &self.time)?;
        map.serialize_entry("project", &source.project)?;
        map.serialize_entry("environment", &source.environment)?;
        map.serialize_entry("component", &source.component)?;
        map.serialize_entry("pod", &source.pod)?;
        map.serialize_entry("container", &source.container)?;
        match &self.what {
            What::Started { restarts } => map.serialize_entry("restarts", restarts)?,
            What::Exited { exit, restarts } => {
                map.serialize_entry("restarts", restarts)?;
                map.serialize_entry("exit", exit)?;
            }
            What::Gap(gap) => {
                map.serialize_entry("from", &gap.from)?;
                map.serialize_entry("to", &gap.to)?;
            }
            What::Cut { from } => {
                map.serialize_entry("from", from)?;
                map.serialize_entry("to", &None::<Timestamp>)?;
            }
        }
        map.serialize_entry("message", &self.what.to_string())?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn exit(code: i32, reason: &str) -> What {
        What::Exited { exit: Exit { code, reason: Some(reason.into()), ..Exit::default() }, restarts: 1 }
    }

    #[test]
    fn an_end_says_how_and_why() {
        assert_eq!(exit(137, "OOMKilled").to_string(), "ended with exit code 137: out of memory (OOMKilled)");
        assert_eq!(exit(1, "Error").to_string(), "ended with exit code 1");
        assert_eq!(exit(0, "Completed").to_string(), "ended with exit code 0");
        assert_eq!(exit(0, "Error").to_string(), "ended with exit code 0 (Error)");
        assert_eq!(exit(128, "StartError").to_string(), "ended with exit code 128 (StartError)");
        assert_eq!(What::Started { restarts: 2 }.to_string(), "started again (restart 2)");
    }

    #[test]
    fn a_script_tells_an_event_from_a_line() {
        let from: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let gap = Gap { from, to: Some("2026-11-23T10:00:09Z".parse().unwrap()) };
        let mark = Mark { source: Arc::default(), time: from, what: What::Gap(gap) };
        assert_eq!(
            serde_json::to_value(&mark).unwrap(),
            json!({
                "event": "gap", "time": "2026-11-23T10:00:00Z", "project": "", "environment": "", "component": "",
                "pod": "", "container": "", "from": "2026-11-23T10:00:00Z", "to": "2026-11-23T10:00:09Z",
                "message": "lines between 2026-11-23T10:00:00.000Z and 2026-11-23T10:00:09.000Z may be missing: \
                            the node keeps no older ones",
            })
        );
        assert!(mark.what.is_loss() && mark.what.is_bad());
    }
}
