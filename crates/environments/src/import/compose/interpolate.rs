//! `${VARIABLE:-default}` as Compose understands it.

use std::collections::BTreeMap;

use api::problem::pointer;
use serde_json::Value;

/// How deep a default may hold another.
const DEEPEST: usize = 20;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Done {
    pub text: String,
    /// Variables without value or default.
    pub unset: Vec<String>,
}

/// Changes every text of a value.
pub fn all(value: &mut Value, at: &str, change: &mut impl FnMut(&str, &str) -> String) {
    match value {
        Value::String(text) if text.contains('$') => *text = change(at, text),
        Value::Array(list) => {
            for (index, item) in list.iter_mut().enumerate() {
                all(item, &format!("{at}/{index}"), change);
            }
        }
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                all(item, &pointer(at, key), change);
            }
        }
        _ => {}
    }
}

/// A text with its variables replaced.
pub fn text(text: &str, variables: &BTreeMap<String, String>) -> Result<Done, String> {
    let mut done = Done::default();
    into(text, variables, &mut done, 0)?;
    Ok(done)
}

fn into(
    text: &str,
    variables: &BTreeMap<String, String>,
    done: &mut Done,
    depth: usize,
) -> Result<(), String> {
    if depth > DEEPEST {
        return Err("defaults within defaults are too deep".to_owned());
    }
    let mut rest = text;
    while let Some(start) = rest.find('$') {
        done.text.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            done.text.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let end =
                closing(after).ok_or_else(|| format!("`${{{after}` is not closed: a `}}` is missing"))?;
            braced(&after[..end], variables, done, depth)?;
            rest = &after[end + 1..];
        } else {
            let end = name_end(rest);
            if end == 0 {
                done.text.push('$');
            } else {
                value(&rest[..end], variables, done);
                rest = &rest[end..];
            }
        }
    }
    done.text.push_str(rest);
    Ok(())
}

fn braced(
    body: &str,
    variables: &BTreeMap<String, String>,
    done: &mut Done,
    depth: usize,
) -> Result<(), String> {
    let end = name_end(body);
    let (name, operator) = body.split_at(end);
    if name.is_empty() {
        return Err(format!("`${{{body}}}` names no variable"));
    }
    let found = variables.get(name);
    // With a colon an empty value counts as none.
    let (colon, operator) = operator.strip_prefix(':').map_or((false, operator), |operator| (true, operator));
    let found = found.filter(|value| !(colon && value.is_empty()));
    match (operator.chars().next(), found) {
        (None, _) if !colon => value(name, variables, done),
        (Some('-' | '?'), Some(found)) => done.text.push_str(found),
        (Some('-'), None) => into(&operator[1..], variables, done, depth + 1)?,
        (Some('?'), None) => done.unset.push(name.to_owned()),
        (Some('+'), Some(_)) => into(&operator[1..], variables, done, depth + 1)?,
        (Some('+'), None) => {}
        _ => return Err(format!("`${{{body}}}` is not understood")),
    }
    Ok(())
}

fn value(name: &str, variables: &BTreeMap<String, String>, done: &mut Done) {
    match variables.get(name) {
        Some(value) => done.text.push_str(value),
        None => done.unset.push(name.to_owned()),
    }
}

fn name_end(text: &str) -> usize {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !first {
        return 0;
    }
    text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len())
}

fn closing(text: &str) -> Option<usize> {
    let mut open = 0;
    let bytes = text.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if index > 0 && bytes[index - 1] == b'$' => open += 1,
            b'}' if open == 0 => return Some(index),
            b'}' => open -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(value: &str) -> String {
        let variables =
            [("A", "one"), ("EMPTY", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        text(value, &variables.into()).unwrap().text
    }

    #[test]
    fn variables_defaults_and_alternatives_are_replaced() {
        assert_eq!(done("x${A}y$A."), "xoney".to_owned() + "one.");
        assert_eq!(done("${B:-two}/${EMPTY:-three}/${EMPTY-four}/"), "two/three//");
        assert_eq!(done("${B:-${A:-x}}"), "one");
        assert_eq!(done("${A:+yes}${B:+no}"), "yes");
        assert_eq!(done("$$A costs 5$"), "$A costs 5$");
    }

    #[test]
    fn what_is_set_nowhere_is_told() {
        assert_eq!(text("${B}${C:?why}", &BTreeMap::new()).unwrap().unset, ["B", "C"]);
        assert!(text("${B", &BTreeMap::new()).unwrap_err().contains("not closed"));
        assert!(text("${-}", &BTreeMap::new()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_whatever_makes_it_panic(value in "[$ab{}:?+-]{0,40}|\\PC{0,60}") {
            let _ = text(&value, &BTreeMap::new());
        }
    }
}
