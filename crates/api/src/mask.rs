//! Masks: what takes the place of a personal value when data is copied, as files and objects spell it. Draws nothing itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How a column is masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MaskSpec {
    /// An address at example.com.
    Email,
    /// A first and a last name.
    Name,
    /// A street with a number.
    Address,
    /// Other digits, in the same form; a country's code stays.
    Phone,
    /// Another number of as many digits.
    Number,
    /// Other digits and letters, in the same form.
    Format,
    /// Hexadecimal digits.
    Hash,
    /// Nothing.
    Null,
    /// Up to so many days earlier or later; the time of day stays.
    DateShift(u32),
    /// Always this.
    Constant(String),
    /// Within a JSON document: paths such as `$.customer.email` or `$.items[*].note`.
    Json(BTreeMap<String, MaskSpec>),
    /// Left as it is: looked at, and no personal data.
    Keep,
}

impl MaskSpec {
    /// Those that need nothing but their word.
    pub const PLAIN: [&'static str; 9] =
        ["email", "name", "address", "phone", "number", "format", "hash", "null", "keep"];

    pub fn word(&self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Name => "name",
            Self::Address => "address",
            Self::Phone => "phone",
            Self::Number => "number",
            Self::Format => "format",
            Self::Hash => "hash",
            Self::Null => "null",
            Self::DateShift(_) => "dateShift",
            Self::Constant(_) => "constant",
            Self::Json(_) => "json",
            Self::Keep => "keep",
        }
    }
}

/// What becomes of objects that begin so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectMask {
    /// Not copied at all.
    Drop,
    /// Something of the same kind stands in for it.
    Placeholder,
    /// Copied as it is: looked at, and no personal data.
    Keep,
}

impl ObjectMask {
    pub const WORDS: [&'static str; 3] = ["drop", "placeholder", "keep"];
}

/// A step of a path into a JSON document: `.name`, `[*]` or `.*`.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    Key(&'a str),
    Each,
}

/// The steps of a path; none: it is no path.
pub fn path(text: &str) -> Option<Vec<Step<'_>>> {
    let mut rest = text.strip_prefix('$')?;
    let mut steps = vec![];
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("[*]").or_else(|| rest.strip_prefix(".*")) {
            steps.push(Step::Each);
            rest = after;
        } else {
            let name = rest.strip_prefix('.')?;
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 {
                return None;
            }
            steps.push(Step::Key(&name[..end]));
            rest = &name[end..];
        }
    }
    (!steps.is_empty()).then_some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_with_a_dollar_and_leads_somewhere() {
        assert_eq!(path("$.a[*].*"), Some(vec![Step::Key("a"), Step::Each, Step::Each]));
        assert!(path("$.a.b[*].c").is_some() && path("$[*]").is_some());
        for none in ["a.b", "$", "$..a", "$.a[0]", ""] {
            assert_eq!(path(none), None, "{none}");
        }
    }

    #[test]
    fn a_plain_mask_is_spelled_as_it_is_called() {
        for word in MaskSpec::PLAIN {
            let mask: MaskSpec = serde_json::from_value(word.into()).unwrap();
            assert_eq!(mask.word(), word);
        }
    }
}
