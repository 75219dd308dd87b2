//! What a person has to know about an import: why something was left out or changed, and what is still to be done.

use serde::Serialize;

/// One thing that did not go over as it stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    pub kind: Kind,
    /// The component or service of outboard.yaml that it is about; none: all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    #[serde(flatten)]
    pub place: Place,
    pub message: String,
    /// What to do instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
}

impl Note {
    /// The key that it is about, unless it is about the part as a whole.
    pub fn key(&self) -> Option<&str> {
        let path = &self.place.path;
        let object = path.contains('/') && !path.contains('.');
        let whole = object || self.part.is_some() && path.matches('.').count() < 2;
        path.rsplit('.').next().filter(|key| !whole && !key.is_empty())
    }
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A person has to do something before it runs as it did.
    Todo,
    /// It says the same in another way.
    Changed,
    /// It is not in outboard.yaml.
    Left,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Todo, Self::Changed, Self::Left];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Todo => "to do",
            Self::Changed => "changed",
            Self::Left => "left out",
        }
    }
}

/// Where it stands in what was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    pub file: String,
    /// 1-based.
    pub line: usize,
    pub column: usize,
    /// As a person would write it: `services.web.ports`.
    pub path: String,
}
