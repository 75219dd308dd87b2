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
use syntax::Node;

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
