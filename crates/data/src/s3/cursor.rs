//! A listing of one side of a range, page by page.

use super::answer::Answer;
use super::end::End;
use super::plan::rows::Row;
use super::plan::scope::Scope;
use super::read::From;
use crate::error::Side;

const PAGE: i32 = 1000;

enum Next {
    After(String),
    Token(String),
    Ended,
}

pub struct Cursor<'a> {
    end: &'a End,
    scope: &'a Scope,
    next: Next,
}

/// Rows that the scope takes, and the last key that was listed, which it need not take.
#[derive(Default)]
pub struct Listed {
    pub rows: Vec<Row>,
    pub last: Option<Vec<u8>>,
    pub ended: bool,
}

impl<'a> Cursor<'a> {
    pub fn new(end: &'a End, scope: &'a Scope, after: &str) -> Self {
        Self { end, scope, next: Next::After(after.to_owned()) }
    }

    fn is_source(&self) -> bool {
        self.end.side == Side::Source
    }

    pub async fn page(&mut self) -> Result<Listed, Answer> {
        let from = match &self.next {
            Next::After(key) => From::After(key),
            Next::Token(token) => From::Token(token),
            Next::Ended => return Ok(Listed { ended: true, ..Listed::default() }),
        };
        let prefix = if self.is_source() { &self.scope.from } else { &self.scope.to };
        let page = self.end.list(prefix, from, PAGE).await?;
        let last = page.rows.last().map(|row| row.key.clone());
        let skip = last
            .as_deref()
            .and_then(|last| self.scope.skip(std::str::from_utf8(last).ok()?, self.is_source()));
        self.next = match (page.next, skip) {
            (None, _) => Next::Ended,
            (Some(_), Some(after)) => Next::After(after),
            (Some(token), None) => Next::Token(token),
        };
        let mut rows = page.rows;
        let (scope, source) = (self.scope, self.is_source());
        rows.retain(|row| if source { scope.takes(&row.key) } else { scope.has(&row.key) });
        Ok(Listed { rows, last, ended: matches!(self.next, Next::Ended) })
    }
}
