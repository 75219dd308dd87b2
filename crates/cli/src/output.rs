//! How things are shown: results on stdout, everything about the way there on stderr.

pub mod cluster;
pub mod colour;
pub mod copied;
pub mod drift;
pub mod history;
pub mod import;
pub mod log;
pub mod plan;
pub mod problems;
pub mod progress;
pub mod receipt;
pub mod table;
pub mod tracing;

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use serde_json::json;

use crate::args::{Format, When};
use crate::error::{Failure, Result};
use colour::Paint;

pub struct Output {
    /// Never `wide`, `text` or `raw`: those are tables.
    pub format: Format,
    /// Whether tables show more columns.
    pub wide: bool,
    /// Whether logs are written as their containers wrote them.
    pub raw: bool,
    /// Colours of stdout.
    pub paint: Paint,
    /// Colours of stderr.
    pub paint_err: Paint,
}

impl Output {
    pub fn new(format: Format, when: When) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let on = |terminal: bool| match when {
            When::Always => true,
            When::Never => false,
            When::Auto => terminal && !no_color && !dumb,
        };
        let (wide, raw) = (format == Format::Wide, format == Format::Raw);
        let format = match format {
            Format::Wide | Format::Text | Format::Raw => Format::Table,
            Format::Table | Format::Json | Format::Yaml => format,
        };
        Self {
            format,
            wide,
            raw,
            paint: Paint::new(on(io::stdout().is_terminal())),
            paint_err: Paint::new(on(io::stderr().is_terminal())),
        }
    }

    /// The result of a command that does not wait.
    pub fn result<T: Serialize>(&self, value: &T, human: impl FnOnce(&Paint) -> String) -> Result<()> {
        match self.format {
            Format::Json => self.line(&to_json(value, true)?),
            Format::Yaml => self.line(to_yaml(value)?.trim_end()),
            _ => self.line(human(&self.paint).trim_end()),
        }
    }

    /// The result of a command that waited: in JSON the last of its events.
    pub fn outcome<T: Serialize>(&self, value: &T, human: impl FnOnce(&Paint) -> String) -> Result<()> {
        match self.format {
            Format::Json => self.line(&to_json(&json!({"event": "result", "result": value}), false)?),
            _ => self.result(value, human),
        }
    }

    /// One value of a stream of values.
    pub fn item<T: Serialize>(&self, value: &T) -> Result<()> {
        match self.format {
            Format::Yaml => self.line(&format!("---\n{}", to_yaml(value)?.trim_end())),
            _ => self.line(&to_json(value, false)?),
        }
    }

    /// One line on stdout. That nobody reads on (`| head`) is no error.
    pub fn line(&self, text: &str) -> Result<()> {
        let mut stdout = io::stdout().lock();
        written(writeln!(stdout, "{text}").and_then(|()| stdout.flush()))
    }

    /// Many lines on stdout, as they are.
    pub fn bytes(&self, bytes: &[u8]) -> Result<()> {
        let mut stdout = io::stdout().lock();
        written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
    }

    /// One line on stderr, for people.
    pub fn note(&self, text: &str) {
        // Nobody to tell it to: nothing to be done about that.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }
}

fn written(outcome: io::Result<()>) -> Result<()> {
    outcome.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ListenerLeft,
        _ => Failure::Output(error.to_string()),
    })
}

fn to_json<T: Serialize>(value: &T, pretty: bool) -> Result<String> {
    let text = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    text.map_err(|error| Failure::Output(error.to_string()))
}

pub fn to_yaml<T: Serialize>(value: &T) -> Result<String> {
    serde_saphyr::to_string(value).map_err(|error| Failure::Output(error.to_string()))
}
