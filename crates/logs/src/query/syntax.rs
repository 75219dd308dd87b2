//! What a query says, as a tree; written down again, it is a query that says the same.

use std::fmt;

use super::glob::Glob;
use crate::Level;

#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    All,
    Text(Glob),
    Regex(Regex),
    Level(Comparison, Level),
    Field(Name, Test),
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
}

/// Whose value is asked about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Name {
    Attribute(Attribute),
    /// A field of the line's JSON: `user.id` is `{"user": {"id": …}}` or `{"user.id": …}`.
    Json {
        path: String,
        /// Written with `@`: even if a line has an attribute of that name.
        marked: bool,
    },
}

/// What every line has beside its text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Attribute {
    Project,
    Environment,
    Component,
    Pod,
    Container,
    File,
}

impl Attribute {
    pub const ALL: [(&str, Self); 6] = [
        ("project", Self::Project),
        ("environment", Self::Environment),
        ("component", Self::Component),
        ("pod", Self::Pod),
        ("container", Self::Container),
        ("file", Self::File),
    ];
}

#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It has a value at all.
    There,
    Is(Glob),
    Regex(Regex),
    Compare(Comparison, String),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Comparison {
    Equal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Comparison {
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::More => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

/// A regular expression that is known to be one.
#[derive(Clone, Debug)]
pub struct Regex {
    pub source: String,
    pub any_case: bool,
    pub compiled: regex::Regex,
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        (&self.source, self.any_case) == (&other.source, other.any_case)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Text(glob) => write!(f, "{glob}"),
            Self::Regex(regex) => write!(f, "{regex}"),
            Self::Level(comparison, level) => write!(f, "level:{comparison}{level}"),
            Self::Field(name, test) => write!(f, "{name}:{test}"),
            Self::Not(inner) => write!(f, "NOT {}", Grouped(inner)),
            Self::And(all) => joined(f, all, " "),
            Self::Or(any) => joined(f, any, " OR "),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, nodes: &[Node], between: &str) -> fmt::Result {
    for (index, node) in nodes.iter().enumerate() {
        f.write_str(if index > 0 { between } else { "" })?;
        write!(f, "{}", Grouped(node))?;
    }
    Ok(())
}

/// As a part of something else.
struct Grouped<'a>(&'a Node);

impl fmt::Display for Grouped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Node::And(_) | Node::Or(_) => write!(f, "({})", self.0),
            simple => write!(f, "{simple}"),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(attribute) => {
                let name = Attribute::ALL.iter().find(|(_, known)| known == attribute);
                f.write_str(name.map_or("", |(name, _)| name))
            }
            Self::Json { path, marked } => write!(f, "{}{path}", if *marked { "@" } else { "" }),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::There => f.write_str("*"),
            Self::Is(glob) => write!(f, "{glob}"),
            Self::Regex(regex) => write!(f, "{regex}"),
            Self::Compare(comparison, value) => write!(f, "{comparison}{}", Glob::literal(value)),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        })
    }
}

impl fmt::Display for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/{}", self.source.replace('/', "\\/"), if self.any_case { "i" } else { "" })
    }
}
