//! Names of DNS: parsed once from what people write or from what Route 53 answers, ordered as Route 53 orders them.
//! Never resolves anything.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Octets of a name on the wire, less the two that frame it.
const LONGEST_NAME: usize = 253;
pub const LONGEST_LABEL: usize = 63;

/// A name in lower case, without its last dot. What is neither a letter, a digit, `-`, `_` nor `*` stands as Route 53's
/// octal escape, so a dot always parts labels.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Name(String);

/// Why a text is no name of a host.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadName {
    #[error("a hostname is empty")]
    Empty,
    #[error("hostname {0} has an empty part: two dots follow each other, or it begins with one")]
    EmptyLabel(String),
    #[error("hostname {name} has {length} characters: DNS holds {LONGEST_NAME}")]
    TooLong { name: String, length: usize },
    #[error(
        "part {label} of a hostname has {length} characters: DNS holds {LONGEST_LABEL}; of international names the \
         form that begins with xn-- counts"
    )]
    LabelTooLong { label: String, length: usize },
    #[error(
        "part {label} of hostname {name} is not made of letters, digits and inner hyphens; `*` may only be the whole \
         first part"
    )]
    Characters { name: String, label: String },
    #[error("hostname {0} is no international name that DNS can hold")]
    International(String),
}

impl Name {
    /// From what people write: international names become what DNS holds, a last dot is left out.
    pub fn host(text: &str) -> Result<Self, BadName> {
        let text = text.trim();
        let plain = text.strip_suffix('.').unwrap_or(text);
        let (star, rest) = match plain.strip_prefix("*.") {
            Some(rest) => ("*.", rest),
            None => ("", plain),
        };
        if rest.is_empty() {
            return Err(BadName::Empty);
        }
        let ascii = idna::domain_to_ascii(rest).map_err(|_| BadName::International(text.to_owned()))?;
        for label in ascii.split('.') {
            check(label, text)?;
        }
        let name = format!("{star}{ascii}");
        if name.len() > LONGEST_NAME {
            return Err(BadName::TooLong { length: name.len(), name });
        }
        Ok(Self(name))
    }

    /// From what Route 53 answers. It has checked it, so nothing is refused.
    pub fn from_route53(text: &str) -> Self {
        let mut bytes = text.strip_suffix('.').unwrap_or(text).as_bytes().iter();
        let mut name = String::with_capacity(text.len());
        while let Some(&byte) = bytes.next() {
            match byte {
                b'.' => name.push('.'),
                b'\\' => match octal(bytes.as_slice()) {
                    Some(escaped) => {
                        bytes.nth(2);
                        push(&mut name, escaped);
                    }
                    None => push(&mut name, byte),
                },
                other => push(&mut name, other),
            }
        }
        Self(name)
    }

    /// As Route 53 answers it: ends with a dot, and `*` is an escape.
    pub fn to_route53(&self) -> String {
        format!("{}.", self.0.replace('*', "\\052"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first part and what follows it.
    pub fn split(&self) -> (&str, Option<&str>) {
        match self.0.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (&self.0, None),
        }
    }

    /// The same with another first part.
    pub fn with_first(&self, first: &str) -> Self {
        Self(match self.split().1 {
            Some(rest) => format!("{first}.{rest}"),
            None => first.to_owned(),
        })
    }

    /// One more part in front.
    pub fn below(&self, first: &str) -> Self {
        Self(format!("{first}.{}", self.0))
    }

    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }

    /// Whether it is `other` or lies below it.
    pub fn is_within(&self, other: &Self) -> bool {
        match self.0.strip_suffix(&other.0) {
            Some(front) => front.is_empty() || front.ends_with('.'),
            None => false,
        }
    }

    /// Whether the wildcard of `domain` is what answers for it, if nothing else does.
    pub fn is_one_below(&self, domain: &Self) -> bool {
        self.split().1 == Some(domain.as_str())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What Route 53 sorts by: the parts from last to first, each with its dot.
    fn reversed(&self) -> impl Iterator<Item = u8> {
        self.0.rsplit('.').flat_map(|label| label.bytes().chain([b'.']))
    }
}

fn check(label: &str, name: &str) -> Result<(), BadName> {
    if label.is_empty() {
        return Err(BadName::EmptyLabel(name.to_owned()));
    }
    if label.len() > LONGEST_LABEL {
        return Err(BadName::LabelTooLong { label: label.to_owned(), length: label.len() });
    }
    let inner = label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if inner && !label.starts_with('-') && !label.ends_with('-') {
        return Ok(());
    }
    Err(BadName::Characters { name: name.to_owned(), label: label.to_owned() })
}

/// The byte that three octal digits stand for.
fn octal(digits: &[u8]) -> Option<u8> {
    let digits = digits.get(..3)?;
    let value = digits.iter().try_fold(0_u16, |value, digit| match digit {
        b'0'..=b'7' => Some(value * 8 + u16::from(digit - b'0')),
        _ => None,
    })?;
    u8::try_from(value).ok()
}

fn push(name: &mut String, byte: u8) {
    match byte.to_ascii_lowercase() {
        plain @ (b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'*') => name.push(char::from(plain)),
        other => name.push_str(&format!("\\{other:03o}")),
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.reversed().cmp(other.reversed())
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// As it was written down here.
impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::from_route53(&text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(text: &str) -> String {
        Name::host(text).unwrap().to_string()
    }

    #[test]
    fn what_people_write_becomes_what_dns_holds() {
        assert_eq!(host("WWW.Example.com."), "www.example.com");
        assert_eq!(host("*.apps.example.com"), "*.apps.example.com");
        assert_eq!(host("bücher.example"), "xn--bcher-kva.example");
    }

    #[test]
    fn what_dns_cannot_hold_is_refused_with_its_reason() {
        let refused = |text: &str| Name::host(text).unwrap_err();
        assert_eq!(refused(" "), BadName::Empty);
        assert_eq!(refused("."), BadName::Empty);
        assert!(matches!(refused("*."), BadName::Characters { .. }));
        assert!(matches!(refused("a..b"), BadName::EmptyLabel(_)));
        assert!(matches!(refused("a.*.b"), BadName::Characters { .. } | BadName::International(_)));
        assert!(matches!(refused("-a.b"), BadName::Characters { .. } | BadName::International(_)));
        assert!(matches!(refused("a_b.c"), BadName::Characters { .. }));
        assert!(matches!(refused("a b.c"), BadName::Characters { .. } | BadName::International(_)));
        assert!(matches!(
            refused(&format!("{}.b", "a".repeat(64))),
            BadName::LabelTooLong { length: 64, .. }
        ));
        assert!(matches!(
            refused(&format!("{}b", "abcdefghi.".repeat(26))),
            BadName::TooLong { length: 261, .. }
        ));
    }

    #[test]
    fn escapes_of_route_53_are_read_and_written() {
        let star = Name::from_route53("\\052.Example.com.");
        assert_eq!(star.as_str(), "*.example.com");
        assert_eq!(star.to_route53(), "\\052.example.com.");
        // A dot within a part is no border between two.
        let odd = Name::from_route53("a\\056b.example.com.");
        assert_eq!(odd.split(), ("a\\056b", Some("example.com")));
        assert_eq!(odd.to_route53(), "a\\056b.example.com.");
        assert_eq!(Name::from_route53("a\\08.b."), Name::from_route53("a\\13408.b."));
    }

    #[test]
    fn names_are_ordered_as_route_53_orders_them() {
        let mut names: Vec<Name> =
            ["b.example.com", "example.com", "a.a.example.com", "a-b.example.com", "a.example.com", "x.org"]
                .map(Name::from_route53)
                .into();
        names.sort();
        // `-` comes before the dot that ends a part.
        let sorted =
            ["example.com", "a-b.example.com", "a.example.com", "a.a.example.com", "b.example.com", "x.org"];
        assert_eq!(names, sorted.map(Name::from_route53));
    }

    proptest! {
        #[test]
        fn whatever_route_53_answers_is_told_back_the_same(text in "[ -~]{1,40}") {
            let once = Name::from_route53(&text);
            prop_assert_eq!(&Name::from_route53(&once.to_route53()), &once);
        }

        #[test]
        fn what_lies_below_a_name_stands_together(
            mut names in proptest::collection::vec("[a-c-]{1,2}(\\.[a-c-]{1,2}){0,2}", 1..30),
            domain in "[a-c]",
        ) {
            names.push(domain.clone());
            let mut names: Vec<Name> = names.iter().map(|text| Name::from_route53(text)).collect();
            names.sort();
            let domain = Name::from_route53(&domain);
            let within: Vec<bool> = names.iter().map(|name| name.is_within(&domain)).collect();
            let changes = within.windows(2).filter(|pair| pair[0] != pair[1]).count();
            prop_assert!(changes <= 2, "{names:?}");
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            if let Ok(name) = Name::host(&text) {
                prop_assert!(name.len() <= LONGEST_NAME);
                prop_assert_eq!(Name::host(name.as_str()), Ok(name.clone()));
                prop_assert_eq!(Name::from_route53(&name.to_route53()), name);
            }
        }
    }
}
