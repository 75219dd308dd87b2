//! Where everything stands in a JSON text. Only for what is valid already; whatever can't be found stands at its
//! beginning.

use std::collections::HashMap;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};

pub struct Places(HashMap<String, (usize, usize)>);

impl Places {
    pub fn of(text: &str) -> Self {
        let mut places = HashMap::new();
        // JSON is YAML but for tabs and some escapes; without those every character is where it was.
        let mut plain = String::with_capacity(text.len());
        let mut escaped = false;
        for character in text.chars() {
            let shown = match character {
                '\t' => ' ',
                _ if escaped => 'x',
                '\\' => 'x',
                other => other,
            };
            escaped = character == '\\' && !escaped;
            plain.push(shown);
        }
        let documents = MarkedYaml::load_from_str(&plain).unwrap_or_default();
        if let Some(root) = documents.first() {
            note(root, "", &mut places);
        }
        Self(places)
    }

    /// Line and column of what is there, or of what is around it.
    pub fn of_pointer(&self, pointer: &str) -> (usize, usize) {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.0.get(pointer) {
                return *place;
            }
            match pointer.rfind('/') {
                Some(end) => pointer = &pointer[..end],
                None => return (1, 1),
            }
        }
    }
}

fn note(node: &MarkedYaml<'_>, at: &str, places: &mut HashMap<String, (usize, usize)>) {
    places.entry(at.to_owned()).or_insert((node.span.start.line(), node.span.start.col() + 1));
    match &node.data {
        YamlData::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                note(item, &format!("{at}/{index}"), places);
            }
        }
        YamlData::Mapping(entries) => {
            for (key, value) in entries {
                if let YamlData::Value(Scalar::String(name)) = &key.data {
                    note(value, &format!("{at}/{name}"), places);
                }
            }
        }
        _ => {}
    }
}
