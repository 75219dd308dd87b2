//! From a text to what it says, or to where it stops making sense.

mod values;

use super::QueryError;
use super::syntax::{Attribute, Comparison, Name, Node, Test};
use crate::Level;

/// Parentheses and negations in one another.
const DEEPEST: usize = 64;
const LONGEST: usize = 8192;

pub fn parse(text: &str) -> Result<Node, QueryError> {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() > LONGEST {
        let message = format!("the query is longer than {LONGEST} characters");
        return Err(QueryError { position: LONGEST, message, hint: None });
    }
    let mut parser = Parser { chars, at: 0, depth: 0 };
    parser.blank();
    if parser.peek().is_none() {
        return Ok(Node::All);
    }
    let node = parser.any()?;
    match parser.peek() {
        None => Ok(node),
        // `any` stops early at nothing else.
        Some(_) => Err(parser.error(parser.at, "this `)` closes nothing", "to look for it, write \")\"")),
    }
}

/// A regular expression that stands alone, without its slashes.
pub fn regex(source: &str) -> Result<Node, QueryError> {
    let written = format!("/{}/", source.replace('/', "\\/"));
    let mut parser = Parser { chars: written.chars().collect(), at: 0, depth: 0 };
    parser.regex().map(Node::Regex)
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

impl Parser {
    /// `a OR b`.
    fn any(&mut self) -> Result<Node, QueryError> {
        let mut nodes = vec![self.all()?];
        while self.keyword("OR") {
            nodes.push(self.all()?);
        }
        Ok(one_or(nodes, Node::Or))
    }

    /// `a AND b`, `a b`.
    fn all(&mut self) -> Result<Node, QueryError> {
        let mut nodes = vec![self.operand()?];
        loop {
            let named = self.keyword("AND");
            self.blank();
            let ends = matches!(self.peek(), None | Some(')')) || self.sees("OR");
            if ends && !named {
                return Ok(one_or(nodes, Node::And));
            }
            nodes.push(self.operand()?);
        }
    }

    /// `NOT a`, `-a`, `(…)`, a term.
    fn operand(&mut self) -> Result<Node, QueryError> {
        self.blank();
        let begin = self.at;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error(begin, "this is nested too deeply", "leave parentheses out"));
        }
        let minus = self.peek() == Some('-')
            && self.chars.get(self.at + 1).is_some_and(|c| !c.is_whitespace() && *c != ')');
        let node = if self.keyword("NOT") {
            Node::Not(Box::new(self.operand()?))
        } else if minus {
            self.at += 1;
            Node::Not(Box::new(self.operand()?))
        } else if self.peek() == Some('(') {
            self.group()?
        } else {
            self.term()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn group(&mut self) -> Result<Node, QueryError> {
        let begin = self.at;
        self.at += 1;
        self.blank();
        if self.peek().is_none() {
            return Err(self.error(begin, "this `(` is not closed", "to look for it, write \"(\""));
        }
        if self.peek() == Some(')') {
            return Err(self.error(
                begin,
                "there is nothing in these parentheses",
                "to look for them, write \"()\"",
            ));
        }
        let node = self.any()?;
        if self.peek() != Some(')') {
            return Err(self.error(begin, "this `(` is not closed", "to look for it, write \"(\""));
        }
        self.at += 1;
        Ok(node)
    }

    fn term(&mut self) -> Result<Node, QueryError> {
        let begin = self.at;
        match self.peek() {
            None | Some(')') => Err(self.error(
                begin,
                "something to look for is missing here",
                "write a word, or leave out the operator before",
            )),
            Some('"') => Ok(Node::Text(self.phrase()?)),
            Some('/') => Ok(Node::Regex(self.regex()?)),
            Some(_) => {
                for word in ["AND", "OR", "&&", "||"] {
                    if self.sees(word) {
                        let message = format!("`{word}` joins nothing here");
                        let hint = if word.starts_with(char::is_alphabetic) {
                            format!("it stands between two terms; to look for the word, write \"{word}\"")
                        } else {
                            "write AND or OR between two terms".to_owned()
                        };
                        return Err(self.error(begin, message, hint));
                    }
                }
                match self.name()? {
                    Some(name) => self.field(begin, &name),
                    None => {
                        let glob = self.word(begin)?;
                        let everything = glob.pieces.iter().all(String::is_empty);
                        Ok(if everything { Node::All } else { Node::Text(glob) })
                    }
                }
            }
        }
    }

    /// `name:`, if that is what comes.
    fn name(&mut self) -> Result<Option<String>, QueryError> {
        let rest = &self.chars[self.at..];
        let marked = usize::from(rest.first() == Some(&'@'));
        let begins =
            rest.get(marked).is_some_and(|c| c.is_alphabetic() || *c == '_' || (marked > 0 && *c == '@'));
        let inside = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@' | '$');
        let length = marked + rest.iter().skip(marked).take_while(|c| inside(c)).count();
        if !begins || rest.get(length) != Some(&':') {
            return Ok(None);
        }
        if rest[length + 1..].starts_with(&['/', '/']) {
            return Err(self.error(
                self.at,
                "this reads as a field and its value",
                "write an address in quotes: \"http://…\"",
            ));
        }
        self.at += length + 1;
        Ok(Some(rest[..length].iter().collect()))
    }

    fn field(&mut self, begin: usize, name: &str) -> Result<Node, QueryError> {
        let value_at = self.at;
        let comparison = self.comparison();
        let value = match self.peek() {
            None => None,
            Some(c) if c.is_whitespace() || c == ')' => None,
            Some(c) => Some(c),
        };
        let test = match value {
            None => {
                let hint = if comparison == Comparison::Equal {
                    format!("`{name}:*` finds lines that have it; to look for the text, write \"{name}:\"")
                } else {
                    format!("write the value without a blank before it: `{name}:{comparison}5`")
                };
                return Err(self.error(begin, format!("field `{name}` is given no value"), hint));
            }
            Some('(') => {
                let hint = format!("write ({name}:… OR {name}:…)");
                return Err(self.error(value_at, "a field takes one value", hint));
            }
            Some('/') if comparison == Comparison::Equal => Test::Regex(self.regex()?),
            Some('"') => self.test(comparison, value_at, true)?,
            Some(_) => self.test(comparison, value_at, false)?,
        };
        if name == "level" {
            return self.level(value_at, test);
        }
        let name = match Attribute::ALL.iter().find(|(known, _)| *known == name) {
            Some((_, attribute)) => Name::Attribute(*attribute),
            None => match name.strip_prefix('@') {
                Some(path) => Name::Json { path: path.to_owned(), marked: true },
                None => Name::Json { path: name.to_owned(), marked: false },
            },
        };
        Ok(Node::Field(name, test))
    }

    fn test(&mut self, comparison: Comparison, begin: usize, quoted: bool) -> Result<Test, QueryError> {
        let glob = if quoted { self.phrase()? } else { self.word(self.at)? };
        match (comparison, glob.pieces.as_slice()) {
            (Comparison::Equal, pieces) if pieces.len() > 1 && pieces.iter().all(String::is_empty) => {
                Ok(Test::There)
            }
            (Comparison::Equal, _) => Ok(Test::Is(glob)),
            (_, [value]) => Ok(Test::Compare(comparison, value.clone())),
            _ => Err(self.error(begin, "a comparison takes a value without `*`", "leave the `*` out")),
        }
    }

    fn level(&self, begin: usize, test: Test) -> Result<Node, QueryError> {
        let names: Vec<&str> = Level::ALL.iter().map(|level| level.name()).collect();
        let known = names.join(", ");
        let (comparison, word) = match test {
            Test::Compare(comparison, word) => (comparison, word),
            Test::Is(glob) if glob.pieces.len() == 1 => (Comparison::Equal, glob.pieces[0].clone()),
            _ => {
                let hint = format!(
                    "write `level:>=warn`; the levels are {known}. `@level:…` asks for a field of that name"
                );
                return Err(self.error(begin, "a level is one word", hint));
            }
        };
        match Level::parse(&word) {
            Some(level) => Ok(Node::Level(comparison, level)),
            None => {
                let hint = format!("the levels are {known}; `@level:…` asks for a field of that name");
                Err(self.error(begin, format!("`{word}` is no level"), hint))
            }
        }
    }

    fn comparison(&mut self) -> Comparison {
        let equals = self.chars.get(self.at + 1) == Some(&'=');
        let (comparison, length) = match (self.peek(), equals) {
            (Some('<'), true) => (Comparison::AtMost, 2),
            (Some('<'), false) => (Comparison::Less, 1),
            (Some('>'), true) => (Comparison::AtLeast, 2),
            (Some('>'), false) => (Comparison::More, 1),
            _ => (Comparison::Equal, 0),
        };
        self.at += length;
        comparison
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Whether this very word comes.
    fn sees(&self, word: &str) -> bool {
        let rest = &self.chars[self.at..];
        let length = word.chars().count();
        rest.iter().take(length).copied().eq(word.chars())
            && rest.get(length).is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"'))
    }

    fn keyword(&mut self, word: &str) -> bool {
        self.blank();
        let seen = self.sees(word);
        self.at += if seen { word.len() } else { 0 };
        seen
    }

    fn error(&self, position: usize, message: impl Into<String>, hint: impl Into<String>) -> QueryError {
        QueryError { position, message: message.into(), hint: Some(hint.into()) }
    }
}

fn one_or(mut nodes: Vec<Node>, join: impl Fn(Vec<Node>) -> Node) -> Node {
    match (nodes.len(), nodes.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            nodes.push(last);
            join(nodes)
        }
        (_, None) => Node::All,
    }
}
