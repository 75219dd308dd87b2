//! Environment variables: beside the service, and in files of their own.

use api::problem::pointer;
use serde_json::Value;

use super::super::quantity::word;
use super::super::{Found, environment};
use super::service::Service;

pub fn environment(service: &mut Service<'_, '_>, value: &Value, at: &str) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let text = match value {
                    Value::String(text) => Some(text.clone()),
                    other => word(other),
                };
                let at = pointer(at, name);
                if text.is_none() && !value.is_null() {
                    service.wrong(&at, format!("the value of `{name}` is a text"));
                    continue;
                }
                set(service, name, text, &at);
            }
        }
        Value::Array(list) => {
            for (index, item) in list.iter().enumerate() {
                let at = format!("{at}/{index}");
                match word(item) {
                    Some(line) => match line.split_once('=') {
                        Some((name, value)) => set(service, name, Some(value.to_owned()), &at),
                        None => set(service, &line, None, &at),
                    },
                    None => service.wrong(&at, "it is written NAME=value"),
                }
            }
        }
        _ => service.wrong(at, "it is a map, or a list of NAME=value"),
    }
}

/// What is said at the service counts more than what stands in files.
pub fn files(service: &mut Service<'_, '_>, value: &Value, at: &str) {
    let list = match value {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    for (index, item) in list.iter().enumerate() {
        let at = if value.is_array() { format!("{at}/{index}") } else { at.to_owned() };
        let required = item.get("required") != Some(&Value::Bool(false));
        let Some(path) = item.get("path").and_then(word).or_else(|| word(item)) else {
            service.wrong(&at, "it is the name of a file");
            continue;
        };
        match service.reader.around.look(&path) {
            Found::Text(text) => {
                let variables = environment::file(&text);
                let message =
                    format!("{} from `{path}` are written into `env`", count(variables.len(), "variable"));
                service.changed(&at, message, "");
                for (name, value) in variables {
                    if valid(&name) {
                        // Of two files, the later counts.
                        service.part.component.env.insert(name, value);
                    } else {
                        service.left(&at, format!("`{name}` cannot be the name of a variable"), "");
                    }
                }
            }
            _ if !required => service.left(&at, format!("`{path}` is not there, and is not required"), ""),
            Found::Unreadable(why) => service.todo(&at, format!("`{path}` cannot be read: {why}"), ""),
            Found::Directory(_) | Found::Nothing => {
                service.todo(&at, format!("`{path}` is not there"), "write what it would hold under `env`");
            }
        }
    }
}

fn set(service: &mut Service<'_, '_>, name: &str, value: Option<String>, at: &str) {
    let name = name.trim();
    if !valid(name) {
        service.left(at, format!("`{name}` cannot be the name of a variable"), "");
        return;
    }
    let value = match value {
        Some(value) => value,
        None => match service.reader.variables.get(name) {
            Some(value) => value.clone(),
            None => {
                let message =
                    format!("`{name}` comes from the shell of whoever starts it, and is empty here");
                service.todo(at, message, "write its value");
                String::new()
            }
        },
    };
    service.part.component.env.insert(name.to_owned(), value);
}

fn valid(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
