//! Record sets as values: equal if Route 53 would call them the same. Holds what is needed to delete one exactly.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::name::Name;

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    A,
    Aaaa,
    Cname,
    Txt,
    /// One that is never written here.
    Other(String),
}

/// Kinds that a host can have.
pub const OF_HOSTS: [Kind; 3] = [Kind::A, Kind::Aaaa, Kind::Cname];

impl Kind {
    pub fn from_route53(text: &str) -> Self {
        match text {
            "A" => Self::A,
            "AAAA" => Self::Aaaa,
            "CNAME" => Self::Cname,
            "TXT" => Self::Txt,
            other => Self::Other(other.to_owned()),
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Txt => "TXT",
            Self::Other(text) => text,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::from_route53(&text))
    }
}

/// Which of several sets of a name and kind answers.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Routing {
    Simple,
    Weighted {
        identifier: String,
        weight: u8,
    },
    /// By place, latency, failover, several values.
    Other {
        identifier: String,
    },
}

#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Content {
    Records {
        ttl: u32,
        values: BTreeSet<String>,
    },
    Alias {
        /// The canonical zone of what it stands for.
        zone: String,
        target: Name,
        evaluate_health: bool,
    },
    /// A traffic policy's.
    Other,
}

#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordSet {
    pub name: Name,
    pub kind: Kind,
    pub routing: Routing,
    pub content: Content,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<String>,
}

/// What one zone holds once.
pub type Key<'a> = (&'a Name, &'a Kind, Option<&'a str>);

impl RecordSet {
    pub fn key(&self) -> Key<'_> {
        (&self.name, &self.kind, self.identifier())
    }

    pub fn identifier(&self) -> Option<&str> {
        match &self.routing {
            Routing::Simple => None,
            Routing::Weighted { identifier, .. } | Routing::Other { identifier } => Some(identifier),
        }
    }

    pub fn weight(&self) -> Option<u8> {
        match self.routing {
            Routing::Weighted { weight, .. } => Some(weight),
            _ => None,
        }
    }

    /// None: an alias has that of what it stands for.
    pub fn ttl(&self) -> Option<u32> {
        match self.content {
            Content::Records { ttl, .. } => Some(ttl),
            _ => None,
        }
    }

    /// Whether all of it is known, so that it can be deleted exactly.
    pub fn is_understood(&self) -> bool {
        !matches!(self.routing, Routing::Other { .. }) && self.content != Content::Other
    }

    pub fn values(&self) -> impl Iterator<Item = &str> {
        let values = match &self.content {
            Content::Records { values, .. } => Some(values),
            _ => None,
        };
        values.into_iter().flatten().map(String::as_str)
    }
}

impl fmt::Display for RecordSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.name, self.kind)?;
        match &self.routing {
            Routing::Simple => {}
            Routing::Weighted { identifier, weight } => {
                write!(formatter, " [{identifier}, weight {weight}]")?;
            }
            Routing::Other { identifier } => write!(formatter, " [{identifier}]")?,
        }
        match &self.content {
            Content::Records { ttl, values } => {
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                write!(formatter, " {} ({ttl} s)", values.join(", "))?;
            }
            Content::Alias { target, .. } => write!(formatter, " alias of {target}")?,
            Content::Other => formatter.write_str(" by a traffic policy")?,
        }
        match &self.health_check {
            Some(check) => write!(formatter, ", health check {check}"),
            None => Ok(()),
        }
    }
}
