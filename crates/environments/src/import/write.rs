//! Writes a draft as `outboard.yaml`, with a comment wherever a person has to know something.

use serde_json::{Map, Value, json};

use super::draft::Draft;
use super::note::{Kind, Note};

/// As wide as a line gets.
const WIDTH: usize = 120;
/// A map of scalars that fits into this many columns stands on one line.
const ON_ONE_LINE: usize = 90;

pub fn file(draft: &Draft, origin: &str) -> String {
    let mut text = String::new();
    comment(
        &mut text,
        0,
        &format!("Made from {origin} by `outboard import`; check it with `outboard check`."),
    );
    let of = |kind: Kind| draft.notes.iter().filter(|note| note.kind == kind).count();
    if of(Kind::Todo) > 0 {
        comment(&mut text, 0, "TODO marks what a person has to look at before it runs as it did.");
    }
    text.push_str("apiVersion: outboard.dev/v1alpha1\nkind: Project\n");
    text.push_str(&format!("metadata: {{name: {}}}\n", scalar(&draft.project)));
    notes(&mut text, 0, draft, None);
    text.push_str("spec:\n  components:\n");
    for part in &draft.parts {
        notes(&mut text, 4, draft, Some(&part.name));
        let component = serde_json::to_value(&part.component).unwrap_or_default();
        text.push_str(&format!("    {}:\n", scalar(&part.name)));
        map(&mut text, 6, component.as_object());
    }
    if !draft.services.is_empty() {
        text.push_str("  services:\n");
    }
    for (name, service) in &draft.services {
        notes(&mut text, 4, draft, Some(name));
        let line = format!("    {}: {}\n", scalar(name), flow(&Value::Object(service.clone())));
        if line.chars().count() < WIDTH {
            text.push_str(&line);
        } else {
            text.push_str(&format!("    {}:\n", scalar(name)));
            map(&mut text, 6, Some(service));
        }
    }
    if !draft.secrets.is_empty() {
        text.push_str("  secrets:\n");
    }
    for (name, places) in &draft.secrets {
        text.push_str(&format!("    {}: {}\n", scalar(name), flow(places)));
    }
    if !draft.routes.is_empty() {
        text.push_str("  routes:\n");
    }
    for route in &draft.routes {
        text.push_str(&format!("    - {}\n", flow(&json!(route))));
    }
    text
}

fn notes(text: &mut String, indent: usize, draft: &Draft, part: Option<&str>) {
    for note in draft.notes.iter().filter(|note| note.part.as_deref() == part) {
        comment(text, indent, &sentence(note));
    }
}

fn sentence(note: &Note) -> String {
    let mark = if note.kind == Kind::Todo { "TODO " } else { "" };
    let about = match (note.kind, note.key()) {
        (Kind::Left, None) => "left out: ".to_owned(),
        (Kind::Left, Some(key)) => format!("left out {key}: "),
        (_, None) => String::new(),
        (_, Some(key)) => format!("{key}: "),
    };
    let instead = note.instead.as_ref().map(|instead| format!("; {instead}")).unwrap_or_default();
    format!("{mark}{about}{}{instead}", note.message)
}

fn comment(text: &mut String, indent: usize, sentence: &str) {
    let margin = " ".repeat(indent);
    // A line break or anything invisible would end the comment.
    let plain: String = sentence.chars().map(|c| if printable(c) { c } else { ' ' }).collect();
    let (mut line, mut first) = (String::new(), true);
    let mut write = |line: &str| {
        text.push_str(&format!("{margin}#{}{line}\n", if first { " " } else { "   " }));
        first = false;
    };
    for word in plain.split_whitespace() {
        if !line.is_empty() && margin.len() + line.chars().count() + word.chars().count() + 5 > WIDTH {
            write(&line);
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    write(&line);
}

fn map(text: &mut String, indent: usize, map: Option<&Map<String, Value>>) {
    let margin = " ".repeat(indent);
    for (key, value) in map.into_iter().flatten() {
        let key = scalar(key);
        match value {
            Value::Object(inner) if !inner.is_empty() && !fits(value, indent + key.len()) => {
                text.push_str(&format!("{margin}{key}:\n"));
                self::map(text, indent + 2, Some(inner));
            }
            Value::Array(items) if !items.is_empty() && !fits(value, indent + key.len()) => {
                text.push_str(&format!("{margin}{key}:\n"));
                for item in items {
                    text.push_str(&format!("{margin}  - {}\n", block(item, indent + 4)));
                }
            }
            _ => text.push_str(&format!("{margin}{key}: {}\n", block(value, indent + 2))),
        }
    }
}

/// Variables and files are easier to compare one below the other.
fn fits(value: &Value, column: usize) -> bool {
    let several = value.as_object().is_some_and(|map| map.len() > 2 && map.values().all(Value::is_string));
    let lines = value.as_array().is_some_and(|items| items.iter().any(|item| literal(item).is_some()));
    !several && !lines && column + flow(value).chars().count() < ON_ONE_LINE
}

/// A script is written as such.
fn block(value: &Value, indent: usize) -> String {
    match literal(value) {
        Some(text) => {
            let margin = " ".repeat(indent);
            let lines: Vec<String> = text
                .lines()
                .map(|line| if line.is_empty() { String::new() } else { format!("{margin}{line}") })
                .collect();
            let chomp = if text.ends_with('\n') { "" } else { "-" };
            format!("|{chomp}\n{}", lines.join("\n"))
        }
        None => flow(value),
    }
}

/// The text of a value that can stand as a block of lines.
fn literal(value: &Value) -> Option<&str> {
    let text = value.as_str().filter(|text| text.trim_end().contains('\n'))?;
    let fine = !text.starts_with([' ', '\n', '\t']) && !text.ends_with("\n\n") && !text.ends_with(' ');
    (fine && text.chars().all(|c| c == '\n' || printable(c))).then_some(text)
}

pub fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

/// A text as YAML: bare where nobody could read it as something else, else in quotes.
pub fn scalar(text: &str) -> String {
    let word = text.to_ascii_lowercase();
    let other = matches!(word.as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    // An amount with its unit is no number.
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    let units = ["s", "m", "h", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"];
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && units.contains(&unit) {
        return text.to_owned();
    }
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_')
        || text.starts_with("./") && text.len() > 2;
    let letters = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./@+".contains(c));
    if bare && letters && !other {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if printable(c) => quoted.push(c),
            c if u32::from(c) <= 0xff => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if u32::from(c) <= 0xffff => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

fn printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::yaml;

    #[test]
    fn what_could_be_read_as_something_else_is_quoted() {
        for bare in ["web", "/etc/web", "./app.toml", "a.b-c_d/e@f", "serve"] {
            assert_eq!(scalar(bare), bare);
        }
        for quoted in ["", "no", "True", "1.0", "8080", "a: b", "${db.host}", "# x", "-x", "null", "~"] {
            assert!(scalar(quoted).starts_with('"'), "{quoted}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_text_is_read_back_as_it_was(text in "\\PC{0,40}|(\\PC|\n|\t| |\\\\|\"|#|:|\u{7f}|\u{85}|\u{2028}){0,20}", script in "([a-z $]{1,9}\n?){1,5}") {
            let mut written = String::new();
            let value = json!({"key": text, text.clone(): script, "args": [script, text]});
            map(&mut written, 0, value.as_object());
            let read = yaml::parse(&written).map_err(|problem| proptest::test_runner::TestCaseError::fail(format!("{problem:?}\n{written}")))?;
            proptest::prop_assert_eq!(read.value, value, "{}", written);
        }
    }
}
