//! `${name.field}` in values: parsed once, resolved when rendering.

use std::fmt;

/// A piece of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    Reference(Reference),
}

/// What a `${…}` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// A service, a component, or `url`.
    pub name: String,
    pub field: String,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${{{}.{}}}", self.name, self.field)
    }
}

/// Splits a value into text and references; `$${` stands for a literal `${`.
pub fn parse(value: &str) -> Result<Vec<Piece>, String> {
    let (mut pieces, mut text, mut rest) = (Vec::new(), String::new(), value);
    while let Some(start) = rest.find("${") {
        if let Some(before) = rest[..start].strip_suffix('$') {
            text.push_str(before);
            text.push_str("${");
            rest = &rest[start + 2..];
            continue;
        }
        text.push_str(&rest[..start]);
        let inner = &rest[start + 2..];
        let Some(end) = inner.find('}') else {
            return Err(format!("`{}` is not closed: a `}}` is missing", &rest[start..]));
        };
        let body = &inner[..end];
        let Some((name, field)) =
            body.split_once('.').filter(|(name, field)| !name.is_empty() && !field.is_empty())
        else {
            return Err(format!("`${{{body}}}` must be `${{name.field}}`"));
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(Piece::Reference(Reference { name: name.to_owned(), field: field.to_owned() }));
        rest = &inner[end + 1..];
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reference(name: &str, field: &str) -> Piece {
        Piece::Reference(Reference { name: name.into(), field: field.into() })
    }

    #[test]
    fn text_and_references_alternate() {
        let pieces = parse("mysql://${db.user}:${db.password}@h").unwrap();
        let text = |value: &str| Piece::Text(value.into());
        assert_eq!(
            pieces,
            [text("mysql://"), reference("db", "user"), text(":"), reference("db", "password"), text("@h")]
        );
    }

    #[test]
    fn two_dollars_escape_a_reference() {
        assert_eq!(parse("a$${HOME}b").unwrap(), [Piece::Text("a${HOME}b".into())]);
        assert_eq!(parse("100$").unwrap(), [Piece::Text("100$".into())]);
    }

    #[test]
    fn an_unclosed_or_nameless_reference_says_what_is_missing() {
        assert!(parse("${db.user").unwrap_err().contains("not closed"));
        assert!(parse("${db}").unwrap_err().contains("${name.field}"));
        assert!(parse("${.x}").is_err());
    }

    proptest! {
        #[test]
        fn no_text_whatever_makes_the_parser_panic(value in ".*") {
            let _ = parse(&value);
        }

        #[test]
        fn text_without_dollars_comes_back_as_it_was(value in "[^$]+") {
            prop_assert_eq!(parse(&value).unwrap(), vec![Piece::Text(value)]);
        }
    }
}
