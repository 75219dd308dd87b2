//! What a verdict is about.

use api::revision::Part;
use api::{Cause, Verdict};

pub struct Case<'a> {
    pub part: &'a Part,
    pub environment: &'a str,
}

impl<'a> Case<'a> {
    pub fn new(part: &'a Part, environment: &'a str) -> Self {
        Self { part, environment }
    }

    pub fn about(&self) -> String {
        format!("{} {}", self.part.role.as_str(), self.part.name)
    }

    /// A container as people know it: a component's own has the component's name.
    pub fn container(&self, name: &str) -> String {
        if name == self.part.name {
            name.to_owned()
        } else {
            format!("container {name} of {}", self.part.name)
        }
    }

    /// A verdict on it, terminal.
    pub fn verdict(
        &self,
        cause: Cause,
        message: impl Into<String>,
        evidence: Vec<String>,
        fix: impl Into<String>,
    ) -> Verdict {
        Verdict {
            cause,
            about: self.about(),
            message: message.into(),
            evidence,
            fix: fix.into(),
            terminal: true,
            holds: false,
        }
    }
}
