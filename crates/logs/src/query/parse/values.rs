//! What is looked for: words, phrases and regular expressions, each from its first character to its last.

use super::Parser;
use crate::query::QueryError;
use crate::query::glob::Glob;
use crate::query::syntax::Regex;

/// Of a compiled regular expression.
const LARGEST: usize = 1 << 20;

impl Parser {
    /// Up to a blank, a parenthesis or a quote; `\` takes away what the next character means.
    pub(super) fn word(&mut self, begin: usize) -> Result<Glob, QueryError> {
        let mut pieces = vec![String::new()];
        while let Some(c) = self.peek() {
            if c.is_whitespace() || matches!(c, '(' | ')' | '"') {
                break;
            }
            self.at += 1;
            let c = match c {
                '*' => {
                    pieces.push(String::new());
                    continue;
                }
                '\\' => {
                    let Some(escaped) = self.peek() else {
                        return Err(self.error(
                            self.at - 1,
                            "nothing follows this `\\`",
                            "to look for it, write it twice",
                        ));
                    };
                    self.at += 1;
                    escaped
                }
                c => c,
            };
            if let Some(piece) = pieces.last_mut() {
                piece.push(c);
            }
        }
        self.glob(begin, pieces)
    }

    pub(super) fn phrase(&mut self) -> Result<Glob, QueryError> {
        let begin = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(c) = self.peek() else {
                return Err(self.error(begin, "this quote is not closed", "to look for a quote, write \\\""));
            };
            self.at += 1;
            match c {
                '"' => break,
                '\\' if matches!(self.peek(), Some('"' | '\\')) => {
                    text.extend(self.peek());
                    self.at += 1;
                }
                c => text.push(c),
            }
        }
        self.glob(begin, vec![text])
    }

    fn glob(&self, begin: usize, pieces: Vec<String>) -> Result<Glob, QueryError> {
        Glob::new(pieces)
            .map_err(|_| self.error(begin, "this is too long to look for", "look for a part of it"))
    }

    pub(super) fn regex(&mut self) -> Result<Regex, QueryError> {
        let begin = self.at;
        self.at += 1;
        let mut source = String::new();
        loop {
            let Some(c) = self.peek() else {
                let hint = "to look for a `/`, write \"/\"";
                return Err(self.error(begin, "this regular expression is not closed", hint));
            };
            self.at += 1;
            match (c, self.peek()) {
                ('/', _) => break,
                ('\\', Some('/')) => {
                    source.push('/');
                    self.at += 1;
                }
                // Whatever it is, it is not the end.
                ('\\', Some(next)) => {
                    source.extend(['\\', next]);
                    self.at += 1;
                }
                (c, _) => source.push(c),
            }
        }
        let any_case = self.peek() == Some('i')
            && self.chars.get(self.at + 1).is_none_or(|c| c.is_whitespace() || *c == ')');
        self.at += usize::from(any_case);
        if source.is_empty() {
            return Err(self.error(
                begin,
                "this regular expression is empty",
                "to look for `//`, write \"//\"",
            ));
        }
        let compiled =
            regex::RegexBuilder::new(&source).case_insensitive(any_case).size_limit(LARGEST).build();
        match compiled {
            Ok(compiled) => Ok(Regex { source, any_case, compiled }),
            Err(error) => Err(self.broken_regex(begin, &source, &error)),
        }
    }

    /// Where exactly, and in one line.
    fn broken_regex(&self, begin: usize, source: &str, error: &regex::Error) -> QueryError {
        if let regex::Error::CompiledTooBig(_) = error {
            return self.error(begin, "this regular expression is too large", "repeat less in it");
        }
        match regex_syntax::parse(source) {
            Err(regex_syntax::Error::Parse(error)) => {
                let before = source.get(..error.span().start.offset).unwrap_or_default();
                // Each `/` in it was written `\/`.
                let position = begin + 1 + before.chars().count() + before.matches('/').count();
                self.error(
                    position,
                    format!("in the regular expression: {}", error.kind()),
                    "the syntax is that of https://docs.rs/regex",
                )
            }
            Err(regex_syntax::Error::Translate(error)) => self.error(
                begin,
                format!("in the regular expression: {}", error.kind()),
                "the syntax is that of https://docs.rs/regex",
            ),
            _ => self.error(
                begin,
                format!("in the regular expression: {error}"),
                "the syntax is that of https://docs.rs/regex",
            ),
        }
    }
}
