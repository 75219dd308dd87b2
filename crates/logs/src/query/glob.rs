//! Text with `*` in it, which stands for anything; letters match in either case.

use std::fmt;

/// The pieces between the stars: one piece, no star.
#[derive(Clone, Debug)]
pub struct Glob {
    pub pieces: Vec<String>,
    inside: regex::Regex,
    whole: regex::Regex,
}

impl Glob {
    /// An error: too long to be looked for.
    pub fn new(pieces: Vec<String>) -> Result<Self, regex::Error> {
        let pattern: Vec<String> = pieces.iter().map(|piece| in_any_case(piece)).collect();
        let pattern = pattern.join(".*");
        Ok(Self {
            inside: regex::Regex::new(&format!("(?s){pattern}"))?,
            whole: regex::Regex::new(&format!(r"(?s)\A{pattern}\z"))?,
            pieces,
        })
    }

    /// Somewhere in `text`.
    pub fn is_in(&self, text: &str) -> bool {
        self.inside.is_match(text)
    }

    /// All of `text`.
    pub fn is(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }

    /// A value without stars, as it is written in a query.
    pub fn literal(value: &str) -> impl fmt::Display + '_ {
        Literal(value)
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.pieces == other.pieces
    }
}

/// ASCII letters by themselves: what searches raw bytes folds no others, and `k` is not the Kelvin sign.
fn in_any_case(piece: &str) -> String {
    let mut pattern = String::new();
    for c in piece.chars() {
        let mut one = [0; 4];
        let escaped = regex::escape(c.encode_utf8(&mut one));
        match c {
            c if c.is_ascii_alphabetic() => {
                let (lower, upper) = (c.to_ascii_lowercase(), c.to_ascii_uppercase());
                pattern.extend(['[', lower, upper, ']']);
            }
            c if c.is_ascii() => pattern.push_str(&escaped),
            _ => pattern.push_str(&format!("(?i:{escaped})")),
        }
    }
    pattern
}

struct Literal<'a>(&'a str);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain(self.0) {
            return f.write_str(self.0);
        }
        write!(f, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// A word that means itself wherever it stands.
fn is_plain(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(|c| c.is_alphanumeric() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '%' | '+'))
        && !matches!(word, "AND" | "OR" | "NOT")
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.pieces.as_slice() {
            return write!(f, "{}", Literal(only));
        }
        for (index, piece) in self.pieces.iter().enumerate() {
            f.write_str(if index > 0 { "*" } else { "" })?;
            for c in piece.chars() {
                f.write_str(if c.is_alphanumeric() || c == '_' { "" } else { "\\" })?;
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}
