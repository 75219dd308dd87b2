//! The access log: one JSON line a request, appended to a file that may be rotated (SIGHUP opens it anew).

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

#[derive(Debug, Serialize)]
pub struct Line<'a> {
    pub time: String,
    pub method: &'a str,
    pub path: &'a str,
    pub status: u16,
    pub milliseconds: u64,
    pub version: &'a str,
}

#[derive(Debug)]
pub struct AccessLog {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

impl AccessLog {
    /// A log that cannot be opened is said once and done without: requests matter more.
    pub fn open(path: PathBuf) -> Self {
        let log = Self { path, file: Mutex::new(None) };
        log.reopen();
        log
    }

    pub fn reopen(&self) {
        let opened = OpenOptions::new().create(true).append(true).open(&self.path);
        if let Err(error) = &opened {
            tracing::warn!("no access log: failed to open {}: {error}", self.path.display());
        }
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = opened.ok();
    }

    pub fn write(&self, line: &Line<'_>) {
        let Ok(mut text) = serde_json::to_vec(line) else { return };
        text.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // One write a line: with O_APPEND lines never mix, and truncation by a rotator does no harm.
        if let Some(Err(error)) = file.as_mut().map(|file| file.write_all(&text)) {
            tracing::warn!("access log stops: failed to write {}: {error}", self.path.display());
            *file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_to_the_new_file_after_a_rotation() {
        let path = std::env::temp_dir().join(format!("shop-access-{}.log", std::process::id()));
        let rotated = path.with_extension("1");
        let log = AccessLog::open(path.clone());
        let line =
            |path| Line { time: "t".into(), method: "GET", path, status: 200, milliseconds: 1, version: "1" };
        log.write(&line("/a"));
        std::fs::rename(&path, &rotated).unwrap();
        log.reopen();
        log.write(&line("/b"));
        let text = |path| std::fs::read_to_string(path).unwrap();
        assert_eq!(
            text(&rotated),
            "{\"time\":\"t\",\"method\":\"GET\",\"path\":\"/a\",\"status\":200,\"milliseconds\":1,\"version\":\"1\"}\n"
        );
        assert!(text(&path).contains("\"/b\""));
        for path in [path, rotated] {
            std::fs::remove_file(path).unwrap();
        }
    }
}
