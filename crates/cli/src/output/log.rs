//! How entries of logs are shown: for people, for scripts, or as they were written. Builds bytes and writes nothing.

pub mod histogram;
mod readable;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use verbs::logs::{Entry, Line, Mark, Page, Source};

use super::colour::Paint;
use super::to_yaml;
use crate::args::Format;
use crate::error::{Failure, Result};

/// How a log is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub format: Format,
    pub raw: bool,
    /// Pods instead of components.
    pub wide: bool,
    pub timestamps: bool,
    pub paint: Paint,
}

pub struct Writer {
    style: Style,
    /// Of the longest name so far.
    width: usize,
    /// What stands before the lines of a source, which is kept so that its address means no other.
    prefixes: HashMap<usize, (Arc<Source>, Vec<u8>)>,
    /// Those of found lines, by component, pod, container and file.
    sources: HashMap<(String, String, String, Option<String>), Arc<Source>>,
    /// Entries of which something may be missing.
    pub gaps: usize,
}

impl Writer {
    pub fn new(style: Style) -> Self {
        Self { style, width: 0, prefixes: HashMap::new(), sources: HashMap::new(), gaps: 0 }
    }

    /// Everything on a page, as it goes to stdout.
    pub fn page(&mut self, page: &Page) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(page.bytes() * 5 / 4);
        for entry in page.entries() {
            if let Entry::Mark(mark) = entry {
                self.gaps += usize::from(mark.what.is_loss());
            }
            match (self.style.format, entry) {
                (Format::Json, Entry::Line(told)) => json(&mut out, &told.to_line())?,
                (Format::Json, Entry::Mark(mark)) => json(&mut out, mark)?,
                (Format::Yaml, Entry::Line(told)) => yaml(&mut out, &told.to_line())?,
                (Format::Yaml, Entry::Mark(mark)) => yaml(&mut out, mark)?,
                (_, Entry::Line(told)) if self.style.raw => {
                    out.extend_from_slice(told.text);
                    out.push(b'\n');
                }
                (_, Entry::Mark(_)) if self.style.raw => {}
                (_, Entry::Line(told)) => {
                    let readable = if self.style.paint.is_on() {
                        readable::line(told.text, self.style.paint)
                    } else {
                        None
                    };
                    let text = readable.as_deref().unwrap_or(told.text);
                    if told.several {
                        text.split(|byte| *byte == b'\n')
                            .for_each(|line| self.line(&mut out, told.source, told.time, line));
                    } else {
                        self.line(&mut out, told.source, told.time, text);
                    }
                }
                (_, Entry::Mark(mark)) => self.mark(&mut out, mark),
            }
        }
        Ok(out)
    }

    /// A line that a search found.
    pub fn found(&mut self, line: &Line) -> Result<Vec<u8>> {
        let (component, pod, container) = (&line.component, &line.pod, &line.container);
        let key = (component.clone(), pod.clone(), container.clone(), line.file.clone());
        let source = self.sources.entry(key).or_insert_with(|| {
            let (project, environment) = (line.project.clone(), line.environment.clone());
            // Old records do not say which container it was.
            let container = if container.is_empty() { component.clone() } else { container.clone() };
            Arc::new(Source {
                project,
                environment,
                component: component.clone(),
                pod: pod.clone(),
                container,
                file: line.file.clone(),
            })
        });
        let mut page = Page::default();
        page.line(&source.clone(), line.time, line.text.as_bytes(), false);
        match self.style.format {
            Format::Json | Format::Yaml => {
                let mut out = vec![];
                if self.style.format == Format::Json {
                    json(&mut out, line)?;
                } else {
                    yaml(&mut out, line)?;
                }
                Ok(out)
            }
            _ => self.page(&page),
        }
    }

    /// Where the archive's part of what was found begins.
    pub fn seam(&self, complete: Timestamp) -> Result<Vec<u8>> {
        let mut out = vec![];
        let value = serde_json::json!({"event": "seam", "completeUpTo": complete});
        match self.style.format {
            Format::Json => json(&mut out, &value)?,
            Format::Yaml => yaml(&mut out, &value)?,
            _ if self.style.raw => {}
            _ => {
                let text = format!("── archive complete up to {complete:.0}");
                out.extend_from_slice(self.style.paint.aside(text).as_bytes());
                out.push(b'\n');
            }
        }
        Ok(out)
    }

    fn line(&mut self, out: &mut Vec<u8>, source: &Arc<Source>, time: Timestamp, text: &[u8]) {
        out.extend_from_slice(self.prefix(source));
        if self.style.timestamps {
            out.extend_from_slice(self.style.paint.aside(format!("{time:.3}")).as_bytes());
            out.push(b' ');
        }
        out.extend_from_slice(text);
        out.push(b'\n');
    }

    /// Set apart from what containers wrote.
    fn mark(&mut self, out: &mut Vec<u8>, mark: &Mark) {
        let text = format!("── {} {}", mark.source.pod, mark.what);
        let paint = self.style.paint;
        let text = if mark.what.is_bad() { paint.bad(text) } else { paint.aside(text) };
        self.line(out, &mark.source, mark.time, text.as_bytes());
    }

    fn prefix(&mut self, source: &Arc<Source>) -> &[u8] {
        let key = Arc::as_ptr(source) as usize;
        let name = if self.style.wide { source.pod.len() } else { source.component.len() };
        if name > self.width {
            self.width = name;
            self.prefixes.clear();
        }
        let (width, style) = (self.width, self.style);
        let (_, prefix) =
            self.prefixes.entry(key).or_insert_with(|| (source.clone(), prefix(source, width, style)));
        prefix
    }
}

fn prefix(source: &Source, width: usize, style: Style) -> Vec<u8> {
    let mut name = if style.wide { source.pod.clone() } else { source.component.clone() };
    // A container beside the component's own, such as a sidecar, is named too, and a file that was written into.
    if source.container != source.component {
        name = format!("{name}/{}", source.container);
    }
    if let Some(file) = &source.file {
        let short = file.rsplit('/').next().unwrap_or(file);
        name = format!("{name}:{}", if style.wide { file } else { short });
    }
    let prefix = style.paint.component(&source.component, format!("{name:<width$} |"));
    format!("{prefix} ").into_bytes()
}

fn json<T: serde::Serialize>(out: &mut Vec<u8>, value: &T) -> Result<()> {
    serde_json::to_writer(&mut *out, value).map_err(|error| Failure::Output(error.to_string()))?;
    out.push(b'\n');
    Ok(())
}

fn yaml<T: serde::Serialize>(out: &mut Vec<u8>, value: &T) -> Result<()> {
    out.extend_from_slice(b"---\n");
    out.extend_from_slice(to_yaml(value)?.trim_end().as_bytes());
    out.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use verbs::logs::What;

    use super::*;

    fn style(format: Format, raw: bool, colours: bool) -> Style {
        Style { format, raw, wide: false, timestamps: false, paint: Paint::new(colours) }
    }

    fn source(component: &str, container: &str) -> Arc<Source> {
        Arc::new(Source {
            project: "shop".into(),
            environment: "qa-42".into(),
            component: component.into(),
            pod: format!("{component}-1"),
            container: container.into(),
            file: None,
        })
    }

    fn page() -> Page {
        let time: Timestamp = "2026-11-25T10:00:00.123456789Z".parse().unwrap();
        let (web, worker) = (source("web", "web"), source("worker", "proxy"));
        let mut page = Page::default();
        page.line(&web, time, b"boom", false);
        page.add(b"\tat a");
        page.line(
            &worker,
            time,
            br#"{"level":"error","msg":"no answer","user":{"id":7},"time":"10:00"}"#,
            false,
        );
        page.line(&web, time, b"\xff binary", false);
        page.mark(Box::new(Mark { source: web, time, what: What::Started { restarts: 1 } }));
        page
    }

    fn shown(style: Style) -> String {
        String::from_utf8_lossy(&Writer::new(style).page(&page()).unwrap()).into_owned()
    }

    #[test]
    fn people_see_who_wrote_what_and_what_happened() {
        insta::assert_snapshot!(shown(style(Format::Table, false, false)), @r#"
        web | boom
        web | 	at a
        worker/proxy | {"level":"error","msg":"no answer","user":{"id":7},"time":"10:00"}
        web    | � binary
        web    | ── web-1 started again (restart 1)
        "#);
        let wide = Style { wide: true, timestamps: true, ..style(Format::Table, false, false) };
        let wide = shown(wide);
        assert!(wide.starts_with("web-1 | 2026-11-25T10:00:00.123Z boom\n"), "{wide}");
    }

    #[test]
    fn a_line_of_a_file_names_it() {
        let own = source("web", "web");
        let file = Arc::new(Source { file: Some("/var/log/web/access.log".into()), ..(*own).clone() });
        let mut page = Page::default();
        page.line(&file, Timestamp::UNIX_EPOCH, b"GET /", false);
        let shown = |style| String::from_utf8(Writer::new(style).page(&page).unwrap()).unwrap();
        let plain = style(Format::Table, false, false);
        assert_eq!(shown(plain), "web:access.log | GET /\n");
        let wide = shown(Style { wide: true, ..plain });
        assert_eq!(wide, "web-1:/var/log/web/access.log | GET /\n");
        assert_eq!(shown(style(Format::Table, true, false)), "GET /\n");
        assert!(
            shown(style(Format::Json, false, false))
                .contains(r#""container":"web","file":"/var/log/web/access.log""#)
        );
    }

    #[test]
    fn on_a_terminal_json_is_readable() {
        let shown = shown(style(Format::Table, false, true));
        let line = shown.lines().nth(2).unwrap();
        assert!(line.contains("ERROR") && line.contains("no answer") && !line.contains("\"msg\""), "{line}");
    }

    #[test]
    fn raw_is_what_containers_wrote_and_nothing_else() {
        let mut writer = Writer::new(style(Format::Table, true, true));
        let out = writer.page(&page()).unwrap();
        let wanted: &[u8] = b"boom\n\tat a\n{\"level\":\"error\",\"msg\":\"no answer\",\"user\":{\"id\":7},\"time\":\"10:00\"}\n\xff binary\n";
        assert_eq!(out, wanted);
    }

    #[test]
    fn scripts_get_one_value_a_line() {
        let shown = shown(style(Format::Json, false, true));
        let values: Vec<serde_json::Value> =
            shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(values.len(), 4);
        assert_eq!((&values[0]["text"], &values[0]["component"]), (&"boom\n\tat a".into(), &"web".into()));
        assert_eq!((&values[1]["level"], &values[1]["fields"]["user"]["id"]), (&"error".into(), &7.into()));
        assert_eq!(values[3]["event"], "started");
    }
}
