//! A line of a log as a page shows it: whatever was written, it is text that cannot do anything.

use askama::Template;
use jiff::Timestamp;
use verbs::logs::{Level, Line, Mark};
use words::log::{Readable, readable};

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
    /// Not a line, but what happened to a container.
    pub mark: bool,
}

impl Shown {
    pub fn of(line: &Line) -> Self {
        let level = line.level();
        let (text, rest) = match readable(&line.text) {
            Some(Readable { message, rest, .. }) => (message.unwrap_or_default(), rest),
            None => (line.text.clone(), vec![]),
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
            text: harmless(&text),
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

/// Control characters as pictures of themselves, without colours of terminals, and nothing that turns text around.
pub fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' if rest.peek() == Some(&'[') => {
                // A colour or a movement: up to its final letter.
                rest.next();
                while rest.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)).is_some() {}
                rest.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
            }
            '\n' | '\t' => harmless.push(c),
            '\u{0}'..='\u{1f}' => harmless.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7f}' => harmless.push('\u{2421}'),
            '\u{80}'..='\u{9f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{200e}'
            | '\u{200f}' => {
                harmless.push('\u{fffd}');
            }
            c => harmless.push(c),
        }
    }
    harmless
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
    fn an_unfinished_colour_swallows_no_more_than_itself() {
        assert_eq!(harmless("a\u{1b}["), "a");
        assert_eq!(harmless("a\u{1b}[1;2"), "a");
        assert_eq!(harmless("a\u{1b}b"), "a␛b");
        assert_eq!(harmless("a\u{1b}[\nb"), "a\nb");
        assert_eq!(harmless("a\u{1b}[1 оплата 17 — err"), "aоплата 17 — err");
    }

    #[test]
    fn how_grave_a_line_is_stands_in_words_too() {
        let html = Shown::of(&line(r#"{"level":"error","msg":"boom"}"#)).render().unwrap();
        assert!(html.contains("bad") && html.contains(">error<"), "{html}");
    }

    #[test]
    fn a_line_says_when_to_the_millisecond() {
        assert_eq!(Shown::of(&line("x")).clock(), "10:00:00.000");
    }
}
