//! A name and groups that Kubernetes may be told. Pure. Nothing that Kubernetes keeps for itself ever becomes one.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What Kubernetes keeps for its own users and groups.
const RESERVED: &str = "system:";
/// Longer than anything that people are called.
const LONGEST: usize = 256;
/// More would fit neither a cookie nor the headers of a request.
const MOST: usize = 200;

/// Somebody, as their provider calls them: what Kubernetes is told has a prefix besides.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "Said")]
pub struct Person {
    name: String,
    groups: Vec<String>,
}

/// As it stands in a cookie, say: it is looked at again.
#[derive(Deserialize)]
struct Said {
    name: String,
    groups: Vec<String>,
}

/// Why nobody may be called so.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Unfit {
    #[error("the {what} is empty")]
    Empty { what: &'static str },
    #[error("the {what} `{}` begins with `system:`, which is Kubernetes' own", text.escape_debug())]
    Reserved { what: &'static str, text: String },
    #[error("the {what} `{}` has characters that names have not", text.escape_debug())]
    Characters { what: &'static str, text: String },
    #[error("the {what} is longer than {LONGEST} bytes")]
    Long { what: &'static str },
    #[error("{count} groups are more than {MOST}")]
    Many { count: usize },
}

impl Person {
    pub fn new(name: impl Into<String>, groups: impl IntoIterator<Item = String>) -> Result<Self, Unfit> {
        let name = fit("name", name.into())?;
        let mut groups: Vec<String> =
            groups.into_iter().map(|group| fit("group", group)).collect::<Result<_, _>>()?;
        groups.sort();
        groups.dedup();
        if groups.len() > MOST {
            return Err(Unfit::Many { count: groups.len() });
        }
        Ok(Self { name, groups })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same without other groups than these.
    #[must_use]
    pub fn only(self, groups: &[String]) -> Self {
        let Self { name, groups: theirs } = self;
        Self { name, groups: theirs.into_iter().filter(|group| groups.contains(group)).collect() }
    }

    /// Each once, in order.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }
}

impl TryFrom<Said> for Person {
    type Error = Unfit;

    fn try_from(said: Said) -> Result<Self, Unfit> {
        Self::new(said.name, said.groups)
    }
}

fn fit(what: &'static str, text: String) -> Result<String, Unfit> {
    // In any case of letters: what looks reserved to a person is.
    let reserved = text.get(..RESERVED.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(RESERVED));
    if text.trim().is_empty() {
        Err(Unfit::Empty { what })
    } else if text.len() > LONGEST {
        Err(Unfit::Long { what })
    } else if text.chars().any(unseen) || text.trim() != text {
        Err(Unfit::Characters { what, text })
    } else if reserved {
        Err(Unfit::Reserved { what, text })
    } else {
        Ok(text)
    }
}

/// Control characters, line ends among them, and what turns the direction of text or cannot be seen: two names must not look alike.
fn unseen(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Result<Person, Unfit> {
        Person::new(name, [])
    }

    #[test]
    fn what_is_kubernetes_own_is_nobodys_name_or_group() {
        for name in ["system:admin", "system:", "System:masters", "SYSTEM:serviceaccount:a:b"] {
            assert!(matches!(named(name), Err(Unfit::Reserved { .. })), "{name}");
            let group = Person::new("ann", [name.to_owned()]);
            assert!(matches!(group, Err(Unfit::Reserved { what: "group", .. })), "{name}");
        }
        // A prefix is always set before it, so this is somebody's name and nothing else.
        assert!(named("ann-system:masters").is_ok());
    }

    #[test]
    fn a_name_is_one_line_that_can_be_seen() {
        for name in [
            "a\nImpersonate-Group: x",
            "a\r",
            "a\0",
            "a\tb",
            " a",
            "a ",
            "a\u{202e}b",
            "a\u{200b}",
            "\u{feff}a",
        ] {
            assert!(matches!(named(name), Err(Unfit::Characters { .. })), "{name:?}");
        }
        assert_eq!(named(""), Err(Unfit::Empty { what: "name" }));
        assert_eq!(named(" "), Err(Unfit::Empty { what: "name" }));
        assert_eq!(named(&"a".repeat(257)), Err(Unfit::Long { what: "name" }));
        for name in ["ann@example.com", "Zoë Müller", "auth0|5f7c", "CN=ann,O=shop"] {
            assert!(named(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn groups_are_each_once_in_order_and_not_too_many() {
        let groups = ["qa", "dev", "qa"].map(str::to_owned);
        assert_eq!(Person::new("ann", groups).unwrap().groups(), ["dev", "qa"]);
        let many = (0..201).map(|number| format!("group-{number}"));
        assert_eq!(Person::new("ann", many), Err(Unfit::Many { count: 201 }));
    }

    #[test]
    fn what_was_kept_is_looked_at_again() {
        let read = |text: &str| serde_json::from_str::<Person>(text);
        assert!(read(r#"{"name": "ann", "groups": ["dev"]}"#).is_ok());
        assert!(read(r#"{"name": "system:admin", "groups": []}"#).is_err());
    }
}
