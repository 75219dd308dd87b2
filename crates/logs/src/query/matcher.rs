//! Whether a line is one that a query asks for.

use std::cell::OnceCell;
use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::syntax::{Attribute, Comparison, Name, Node, Test};
use crate::{Level, Line};

pub fn matches(node: &Node, line: &Line) -> bool {
    View { line, fields: OnceCell::new(), level: OnceCell::new() }.is(node)
}

/// A line whose text is read once, and only if a question needs it.
struct View<'a> {
    line: &'a Line,
    fields: OnceCell<Option<Map<String, Value>>>,
    level: OnceCell<Option<Level>>,
}

impl View<'_> {
    fn is(&self, node: &Node) -> bool {
        match node {
            Node::All => true,
            Node::Text(glob) => glob.is_in(&self.line.text),
            Node::Regex(regex) => regex.compiled.is_match(&self.line.text),
            Node::Level(comparison, level) => {
                self.level().is_some_and(|own| comparison.holds(own.cmp(level)))
            }
            Node::Field(Name::Attribute(attribute), test) => {
                self.attribute(*attribute).is_some_and(|value| of_text(test, value))
            }
            Node::Field(Name::Json { path, .. }, test) => {
                self.fields().is_some_and(|fields| at(fields, path, test))
            }
            Node::Not(inner) => !self.is(inner),
            Node::And(all) => all.iter().all(|node| self.is(node)),
            Node::Or(any) => any.iter().any(|node| self.is(node)),
        }
    }

    fn fields(&self) -> Option<&Map<String, Value>> {
        self.fields.get_or_init(|| self.line.fields()).as_ref()
    }

    fn level(&self) -> Option<Level> {
        *self.level.get_or_init(|| Level::of(&self.line.text, self.fields()))
    }

    fn attribute(&self, attribute: Attribute) -> Option<&str> {
        let value = match attribute {
            Attribute::Project => &self.line.project,
            Attribute::Environment => &self.line.environment,
            Attribute::Component => &self.line.component,
            Attribute::Pod => &self.line.pod,
            Attribute::Container => &self.line.container,
            Attribute::File => self.line.file.as_ref()?,
        };
        Some(value.as_str()).filter(|value| !value.is_empty())
    }
}

/// Under the whole path as one key, or under its first part, and so on inside.
fn at(fields: &Map<String, Value>, path: &str, test: &Test) -> bool {
    if fields.get(path).is_some_and(|value| of_value(test, value)) {
        return true;
    }
    path.match_indices('.').any(|(dot, _)| match fields.get(&path[..dot]) {
        Some(Value::Object(inner)) => at(inner, &path[dot + 1..], test),
        _ => false,
    })
}

fn of_value(test: &Test, value: &Value) -> bool {
    match value {
        Value::String(text) => of_text(test, text),
        Value::Number(number) => of_text(test, &number.to_string()),
        Value::Bool(truth) => of_text(test, &truth.to_string()),
        Value::Array(values) => values.iter().any(|value| of_value(test, value)),
        Value::Object(_) => *test == Test::There,
        Value::Null => false,
    }
}

fn of_text(test: &Test, text: &str) -> bool {
    match test {
        Test::There => true,
        Test::Is(glob) => glob.is(text),
        Test::Regex(regex) => regex.compiled.is_match(text),
        Test::Compare(comparison, bound) => compare(*comparison, text, bound),
    }
}

/// Numbers as numbers; against a number, what is none is neither more nor less.
fn compare(comparison: Comparison, value: &str, bound: &str) -> bool {
    let order = match bound.parse::<f64>() {
        Ok(bound) => value.trim().parse::<f64>().ok().and_then(|value| value.partial_cmp(&bound)),
        Err(_) => Some(value.cmp(bound)),
    };
    order.is_some_and(|order: Ordering| comparison.holds(order))
}
