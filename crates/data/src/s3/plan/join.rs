//! Two sorted listings become pairs, as they come, page by page.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::rows::Row;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pair {
    Both(Row, Row),
    Source(Row),
    Target(Row),
}

/// What has to come before the next pair can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacks {
    Source,
    Target,
    /// Nothing comes any more.
    Nothing,
}

#[derive(Debug, Default)]
pub struct Join {
    source: VecDeque<Row>,
    target: VecDeque<Row>,
    pub source_ended: bool,
    pub target_ended: bool,
}

impl Join {
    pub fn source(&mut self, rows: impl IntoIterator<Item = Row>) {
        self.source.extend(rows);
    }

    pub fn target(&mut self, rows: impl IntoIterator<Item = Row>) {
        self.target.extend(rows);
    }

    /// No more comes from either side, and what the target has beyond is somebody else's.
    pub fn cut(&mut self, upto: &str) {
        self.target.retain(|row| row.key.as_slice() <= upto.as_bytes());
    }

    pub fn pair(&mut self) -> Result<Pair, Lacks> {
        let order = match (self.source.front(), self.target.front()) {
            (None, _) if !self.source_ended => return Err(Lacks::Source),
            (_, None) if !self.target_ended => return Err(Lacks::Target),
            (Some(source), Some(target)) => source.key.cmp(&target.key),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return Err(Lacks::Nothing),
        };
        let pair = match order {
            Ordering::Less => self.source.pop_front().map(Pair::Source),
            Ordering::Greater => self.target.pop_front().map(Pair::Target),
            Ordering::Equal => {
                self.source.pop_front().zip(self.target.pop_front()).map(|(a, b)| Pair::Both(a, b))
            }
        };
        pair.ok_or(Lacks::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn row(key: &[u8]) -> Row {
        Row { key: key.to_vec(), size: 0, etag: String::new(), modified: 0, frozen: false }
    }

    proptest! {
        #[test]
        fn pairs_are_what_comparing_two_sets_gives(
            source in proptest::collection::btree_set(proptest::collection::vec(any::<u8>(), 0..3), 0..40),
            target in proptest::collection::btree_set(proptest::collection::vec(any::<u8>(), 0..3), 0..40),
            page in 1_usize..6,
        ) {
            let mut pages: [VecDeque<Vec<Row>>; 2] = [&source, &target].map(|side: &BTreeSet<Vec<u8>>| {
                let rows: Vec<Row> = side.iter().map(|key| row(key)).collect();
                rows.chunks(page).map(<[Row]>::to_vec).collect()
            });
            let mut join = Join::default();
            let (mut both, mut only_source, mut only_target) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
            loop {
                match join.pair() {
                    Ok(Pair::Both(one, other)) => {
                        prop_assert_eq!(&one.key, &other.key);
                        prop_assert!(both.insert(one.key));
                    }
                    Ok(Pair::Source(row)) => prop_assert!(only_source.insert(row.key)),
                    Ok(Pair::Target(row)) => prop_assert!(only_target.insert(row.key)),
                    Err(Lacks::Source) => match pages[0].pop_front() {
                        Some(rows) => join.source(rows),
                        None => join.source_ended = true,
                    },
                    Err(Lacks::Target) => match pages[1].pop_front() {
                        Some(rows) => join.target(rows),
                        None => join.target_ended = true,
                    },
                    Err(Lacks::Nothing) => break,
                }
            }
            prop_assert_eq!(both, source.intersection(&target).cloned().collect::<BTreeSet<_>>());
            prop_assert_eq!(only_source, source.difference(&target).cloned().collect::<BTreeSet<_>>());
            prop_assert_eq!(only_target, target.difference(&source).cloned().collect::<BTreeSet<_>>());
        }
    }
}
