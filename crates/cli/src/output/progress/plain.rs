//! Progress for logs and pipes: one plain line whenever something changed.

use std::collections::HashMap;

use verbs::Event;

use super::{doing, sentence};
use crate::output::Output;

pub struct Plain<'a> {
    output: &'a Output,
    /// What was last said about each part.
    told: HashMap<String, String>,
}

impl<'a> Plain<'a> {
    pub fn new(output: &'a Output) -> Self {
        Self { output, told: HashMap::new() }
    }

    pub fn event(&mut self, event: &Event) {
        if let Event::Part { part, .. } = event {
            let subject = format!("{} {}", part.role.as_str(), part.name);
            let text = format!("{subject}: {}", doing(part));
            if self.told.insert(subject, text.clone()).as_ref() != Some(&text) {
                self.output.note(&text);
            }
        } else if let Some(text) = sentence(event) {
            self.output.note(&text);
        }
    }
}
