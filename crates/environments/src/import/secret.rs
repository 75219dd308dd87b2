//! Values that lie in Secrets: while a project is drafted each is stood for by a mark, so that equal ones are seen to be equal.

use serde_json::json;

use super::draft::Draft;
use super::known;
use super::names;
use super::note::Kind;

/// What no value of a file begins with.
const BEGIN: char = '\u{1}';
const END: char = '\u{2}';

pub fn mark(secret: &str, key: &str) -> String {
    format!("{BEGIN}{secret}/{key}{END}")
}

/// Puts references in the place of marks, or leaves out what holds one where there are no such references.
pub fn resolve(draft: &mut Draft) {
    let offered = known::has_key("secrets");
    let mut notes = Vec::new();
    let mut used = Vec::new();
    for part in &mut draft.parts {
        let env = std::mem::take(&mut part.component.env);
        for (variable, mut value) in env {
            let mut lost = false;
            while let Some((secret, key, start, end)) = next(&value) {
                let (secret, key) = (secret.to_owned(), key.to_owned());
                let reference = format!("${{secret.{}.{key}}}", names::part(&secret));
                lost |= !offered;
                value.replace_range(start..end, if offered { &reference } else { "" });
                used.push((secret.clone(), part.name.clone(), part.place.clone()));
                if !offered {
                    let message = format!(
                        "`{variable}` comes from `{key}` of Secret `{secret}`, which is not copied into anything"
                    );
                    notes.push((part.name.clone(), part.place.clone(), message));
                }
            }
            if !lost {
                part.component.env.insert(variable, value);
            }
        }
        // A word of a command cannot be left out.
        for word in part.component.args.iter_mut().chain(&mut part.component.command) {
            while let Some((secret, key, start, end)) = next(word) {
                let message = format!(
                    "a word of its command holds `{key}` of Secret `{secret}`, for all who list processes"
                );
                notes.push((part.name.clone(), part.place.clone(), message));
                word.replace_range(start..end, "");
            }
        }
    }
    for (part, place, message) in notes {
        let instead =
            "a service's password is `${SERVICE.password}`; other secrets are what the project says they are";
        draft.note(Kind::Todo, Some(&part), &place, message, instead);
    }
    if offered {
        for (secret, part, place) in used {
            let message = format!("Secret `{secret}` is read from the control namespace");
            let instead = format!(
                "make it there and say which classes it serves: `kubectl annotate secret {secret} outboard.dev/classes='*'`"
            );
            draft.note(Kind::Todo, Some(&part), &place, message, &instead);
            let name = names::part(&secret);
            if !draft.secrets.iter().any(|(other, _)| *other == name) {
                draft.secrets.push((name, json!({"default": {"kubernetes": secret}})));
            }
        }
    }
}

fn next(value: &str) -> Option<(&str, &str, usize, usize)> {
    let start = value.find(BEGIN)?;
    let end = start + value[start..].find(END)?;
    let (secret, key) = value[start + 1..end].split_once('/')?;
    Some((secret, key, start, end + 1))
}
