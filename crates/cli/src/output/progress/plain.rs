//! Progress for logs and pipes: one plain line whenever something changed.

use std::collections::HashMap;

use api::PartStatus;
use verbs::Event;
use verbs::data::CopiedService;
use words::{copy, doing};

use super::sentence;
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
            Event::Copied { service, .. } => self.service(service),
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

    /// A line for each phase, and for each tenth of the rows.
    fn service(&mut self, service: &CopiedService) {
        let tenth = service.rows.saturating_mul(10).checked_div(service.rows_total).unwrap_or(0);
        let news = format!("{:?} {tenth} {}", service.phase, without_numbers(&service.message));
        if self.told.insert(format!("copied {}", service.name), news.clone()).as_ref() != Some(&news) {
            self.output.note(&format!("{}: {}", service.name, copy::doing(service)));
        }
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
