//! Progress for logs and pipes: one plain line whenever something changed.

use std::collections::HashMap;

use api::PartStatus;
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
        match event {
            Event::Part { part, .. } => self.part(part),
            // What hinders a part stands in the part's own line already.
            Event::Verdict { verdict, .. } if self.told.contains_key(&verdict.about) => {}
            _ => {
                if let Some(text) = sentence(event) {
                    self.output.note(&text);
                }
            }
        }
    }

    pub fn note(&self, text: &str) {
        self.output.note(text);
    }

    fn part(&mut self, part: &PartStatus) {
        let subject = format!("{} {}", part.role.as_str(), part.name);
        let text = format!("{subject}: {}", doing(part));
        let news = format!("{:?} {:?} {}", part.state, part.replicas, without_numbers(&part.message));
        if self.told.insert(subject, news.clone()).as_ref() != Some(&news) {
            self.output.note(&text);
        }
    }
}

/// That three seconds have become four is no news.
fn without_numbers(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}
