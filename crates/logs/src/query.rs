//! The language in which lines are asked for: one for what is live and for what is archived.
//!
//! `level:>=warn component:web checkout -"health check" (user.id:42 OR @status:>=500) /time(d )?out/`

mod glob;
mod literals;
mod matcher;
mod parse;
mod syntax;
#[cfg(test)]
mod tests;

use std::fmt;

use thiserror::Error;

pub use literals::{Literal, Literals};

use crate::Line;
use glob::Glob;
use syntax::{Attribute, Comparison, Name, Node, Test};

/// Which lines are wanted.
#[derive(Clone, Debug)]
pub struct Query {
    node: Node,
}

/// Why a text is no query.
#[derive(Clone, Debug, Error, Eq, PartialEq)]
#[error("{message}")]
pub struct QueryError {
    /// In characters, from 0.
    pub position: usize,
    pub message: String,
    pub hint: Option<String>,
}

impl Query {
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        Ok(Self { node: parse::parse(text)? })
    }

    /// Every line.
    pub fn all() -> Self {
        Self { node: Node::All }
    }

    pub fn is_all(&self) -> bool {
        self.node == Node::All
    }

    pub fn matches(&self, line: &Line) -> bool {
        matcher::matches(&self.node, line)
    }

    /// The same, of these components and containers alone; of none given: of all.
    pub fn within(&self, components: &[String], containers: &[String]) -> Self {
        let of = |attribute, names: &[String]| {
            let named = names.iter().filter_map(|name| {
                let is = Test::Is(Glob::new(vec![name.clone()]).ok()?);
                Some(Node::Field(Name::Attribute(attribute), is))
            });
            named.collect::<Vec<Node>>()
        };
        let groups = [of(Attribute::Component, components), of(Attribute::Container, containers)];
        let mut all: Vec<Node> = groups.into_iter().filter(|group| !group.is_empty()).map(Node::Or).collect();
        if all.is_empty() {
            return self.clone();
        }
        all.push(self.node.clone());
        Self { node: Node::And(all) }
    }

    /// The same, of lines that are at least so grave.
    pub fn at_least(&self, level: crate::Level) -> Self {
        Self { node: Node::And(vec![Node::Level(Comparison::AtLeast, level), self.node.clone()]) }
    }

    /// The same, of lines in which all of these regular expressions are found and none of those.
    pub fn with(
        &self,
        found: impl Iterator<Item = String>,
        not_found: impl Iterator<Item = String>,
    ) -> Result<Self, QueryError> {
        let mut all = found.map(|source| parse::regex(&source)).collect::<Result<Vec<Node>, _>>()?;
        for source in not_found {
            all.push(Node::Not(Box::new(parse::regex(&source)?)));
        }
        if all.is_empty() {
            return Ok(self.clone());
        }
        all.push(self.node.clone());
        Ok(Self { node: Node::And(all) })
    }

    /// What the raw bytes of a record must hold for its line to match.
    pub fn literals(&self) -> Literals {
        literals::of(&self.node)
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}
