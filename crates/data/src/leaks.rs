//! Looks for values of masked columns in everything else that is sent. Since checksums prove that the target holds what
//! was sent, what is not found here is not there.

use std::collections::BTreeMap;
use std::sync::Mutex;

use aho_corasick::AhoCorasick;

use crate::error::{Error, Result};

/// Shorter values are words and numbers that stand anywhere.
const SHORTEST: usize = 6;

#[derive(Debug)]
pub struct Leaks {
    searcher: AhoCorasick,
    /// For each value, the column it comes from.
    from: Vec<String>,
    found: Mutex<BTreeMap<(String, String), u64>>,
}

impl Leaks {
    /// `values` are of masked columns, by column.
    pub fn new(values: BTreeMap<String, Vec<String>>) -> Result<Self> {
        let (mut patterns, mut from) = (vec![], vec![]);
        for (column, mut values) in values {
            values.sort_unstable();
            values.dedup();
            for value in values.into_iter().filter(|value| tells(value)) {
                patterns.push(value);
                from.push(column.clone());
            }
        }
        let searcher = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&patterns)
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Self { searcher, from, found: Mutex::default() })
    }

    pub fn values(&self) -> usize {
        self.from.len()
    }

    /// True: it holds one.
    pub fn look(&self, cell: &[u8], column: impl FnOnce() -> String) -> bool {
        if cell.len() < SHORTEST || self.from.is_empty() {
            return false;
        }
        let Some(found) = self.searcher.find(cell) else { return false };
        let Some(from) = self.from.get(found.pattern().as_usize()) else { return false };
        let mut hits = self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *hits.entry((from.clone(), column())).or_default() += 1;
        true
    }

    /// Fails with every column that holds some, but with none of the values.
    pub fn verdict(&self) -> Result<()> {
        let hits = self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if hits.is_empty() {
            return Ok(());
        }
        let line = |((from, column), rows): (&(String, String), &u64)| {
            format!("{column}: {rows} rows hold a value of {from}")
        };
        Err(Error::Leaks(hits.iter().map(line).collect()))
    }
}

/// Whether finding it somewhere means something.
fn tells(value: &str) -> bool {
    let characters = value.chars().filter(|character| character.is_alphanumeric()).count();
    let digits = value.chars().all(|character| character.is_ascii_digit());
    characters >= if digits { SHORTEST + 2 } else { SHORTEST }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaks() -> Leaks {
        let values = ["ann@example.org", "Ann", "1234", "+48 601 234 567"].map(str::to_owned).to_vec();
        Leaks::new([("shop.users.email".to_owned(), values)].into()).unwrap()
    }

    #[test]
    fn a_value_is_found_within_text_and_in_any_case_and_told_without_itself() {
        let leaks = leaks();
        assert!(leaks.look(b"please call ANN@example.org back", || "shop.orders.note".into()));
        assert!(leaks.look(b"and +48 601 234 567", || "shop.orders.note".into()));
        let error = leaks.verdict().unwrap_err();
        assert_eq!(error.details(), ["shop.orders.note: 2 rows hold a value of shop.users.email"]);
    }

    #[test]
    fn what_stands_anywhere_is_no_leak() {
        let leaks = leaks();
        assert_eq!(leaks.values(), 2);
        assert!(!leaks.look(b"Annette has 12345 things", || "shop.orders.note".into()));
        leaks.verdict().unwrap();
    }
}
