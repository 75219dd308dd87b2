//! A line of a log as a page shows it: whatever was written, it is text that cannot do anything.

use askama::Template;
use jiff::Timestamp;
use verbs::logs::{Level, Line, Mark};
use words::harmless;
use words::log::{Readable, readable};

use super::once::once;

/// Colours of components, told apart by name.
const HUES: u32 = 8;

#[derive(Template)]
#[template(path = "_line.html")]
pub struct Shown {
    pub time: Timestamp,
    pub component: String,
    pub pod: String,
    pub hue: u32,
    pub level: Option<&'static str>,
    pub tone: &'static str,
    pub text: String,
    /// What else it says of itself.
    pub rest: Vec<(String, String)>,
    /// As it was written, to copy; none: as it is shown.
    pub written: Option<String>,
    /// Not a line, but what happened to a container.
    pub mark: bool,
}

impl Shown {
    pub fn of(line: &Line) -> Self {
        let level = line.level();
        let written = harmless(&line.text);
        let (text, rest) = match readable(&line.text) {
            Some(Readable { message, rest, .. }) => (harmless(&message.unwrap_or_default()), rest),
            None => (once(&written, line.time, level).to_owned(), vec![]),
        };
        Self {
            time: line.time,
            hue: hue(&line.component),
            component: line.component.clone(),
            pod: line.pod.clone(),
            level: level.map(Level::name),
            tone: match level {
                Some(Level::Fatal | Level::Error) => "bad",
                Some(Level::Warn) => "wait",
                _ => "quiet",
            },
            written: (written != text).then_some(written),
            text,
            rest: rest.iter().map(|(name, value)| (harmless(name), harmless(value))).collect(),
            mark: false,
        }
    }

    pub fn mark(mark: &Mark) -> Self {
        Self {
            time: mark.time,
            hue: hue(&mark.source.component),
            component: mark.source.component.clone(),
            pod: mark.source.pod.clone(),
            level: None,
            tone: if mark.what.is_bad() { "bad" } else { "quiet" },
            text: harmless(&mark.what.to_string()),
            rest: vec![],
            written: None,
            mark: true,
        }
    }

    /// The time of day, to the millisecond.
    fn clock(&self) -> String {
        let text = format!("{:.3}", self.time);
        text.get(11..23).unwrap_or(&text).to_owned()
    }
}

fn hue(component: &str) -> u32 {
    component.bytes().fold(7_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte))) % HUES
}

#[cfg(test)]
mod tests {
    use verbs::logs::Origin;

    use super::*;

    fn line(text: &str) -> Line {
        Line {
            time: "2026-11-25T10:00:00.000000001Z".parse().unwrap(),
            project: "shop".into(),
            environment: "qa-42".into(),
            component: "web".into(),
            pod: "web-1".into(),
            container: "web".into(),
            file: None,
            text: text.into(),
            origin: Origin::Live,
        }
    }

    #[test]
    fn markup_and_control_characters_of_a_line_are_only_shown() {
        let html =
            Shown::of(&line("\u{1b}[31mred\u{1b}[0m <img src=x onerror=alert(1)> \r\u{0}\u{202e}evil"))
                .render()
                .unwrap();
        assert!(html.contains("red &#60;img src=x onerror=alert(1)&#62; ␍␀\u{fffd}evil"), "{html}");
    }

    #[test]
    fn how_grave_a_line_is_stands_in_words_too() {
        let html = Shown::of(&line(r#"{"level":"error","msg":"boom"}"#)).render().unwrap();
        assert!(html.contains("bad") && html.contains(">error<"), "{html}");
    }

    #[test]
    fn time_and_level_stand_beside_a_line_and_what_is_copied_has_them() {
        let shown = Shown::of(&line("2026-11-25T10:00:00Z ERROR boom <b>"));
        assert_eq!((shown.text.as_str(), shown.level), ("boom <b>", Some("error")));
        let html = shown.render().unwrap();
        assert!(html.contains("data-copy=\"2026-11-25T10:00:00Z ERROR boom &#60;b&#62;\""), "{html}");
        // What is shown as it was written is on the page once.
        let plain = Shown::of(&line("listening on 80")).render().unwrap();
        assert_eq!(plain.matches("listening on 80").count(), 1, "{plain}");
        let json = Shown::of(&line(r#"{"level":"error","msg":"boom"}"#));
        assert_eq!(json.written.as_deref(), Some(r#"{"level":"error","msg":"boom"}"#));
    }

    #[test]
    fn a_line_says_when_to_the_millisecond() {
        assert_eq!(Shown::of(&line("x")).clock(), "10:00:00.000");
    }
}
