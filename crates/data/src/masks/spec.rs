//! What a policy can ask for, as it stands in a file.

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
