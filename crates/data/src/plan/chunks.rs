//! In which pieces a table is copied. A piece is a transaction on the target: small enough to be done again, large
//! enough that its overhead does not show.

use super::key::cutting;
use super::schema::Table;

/// Bytes of rows in a chunk, by the server's guess of a row's length.
const CHUNK_BYTES: u64 = 32 << 20;
const FEWEST_ROWS: u64 = 500;
const MOST_ROWS: u64 = 400_000;

/// Below this a table's indexes are made with it: an ALTER of its own costs more than it saves.
const SMALL_BYTES: u64 = 2 << 20;

/// How a table is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// One chunk with open ends, in one transaction.
    Once,
    /// By halving the range of a whole number until the server guesses few enough rows.
    Halving { column: String },
    /// By reading every n-th key.
    Walking { columns: Vec<String> },
    /// Without a key, or with one that no literal compares with: as one, in several transactions.
    Streamed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    pub cut: Cut,
    /// Rows that a chunk should have.
    pub rows: u64,
    pub defer_indexes: bool,
}

pub fn pieces(table: &Table, masked: impl Fn(&str) -> bool) -> Pieces {
    let row = table.bytes.checked_div(table.rows).unwrap_or(0).max(1);
    let rows = (CHUNK_BYTES / row).clamp(FEWEST_ROWS, MOST_ROWS);
    let columns = cutting(table, masked);
    let cut = match columns.as_slice() {
        [] => Cut::Streamed,
        // The guess may be far off, so twice of a chunk is still one, and an empty table too.
        _ if table.rows < rows && table.bytes < CHUNK_BYTES => Cut::Once,
        [only] if only.is_whole_number() => Cut::Halving { column: only.name.clone() },
        several => Cut::Walking { columns: several.iter().map(|column| column.name.clone()).collect() },
    };
    Pieces { cut, rows, defer_indexes: table.bytes >= SMALL_BYTES }
}

/// Finds bounds in a range of whole numbers by asking how many rows lie in parts of it.
#[derive(Debug)]
pub struct Halving {
    wanted: u64,
    pending: Vec<(i128, i128)>,
    /// Upper ends and rows of what is small enough, in order.
    done: Vec<(i128, u64)>,
}

impl Halving {
    /// Of numbers from `least` to `most`, both included.
    pub fn new(least: i128, most: i128, wanted: u64) -> Self {
        Self { wanted: wanted.max(1), pending: vec![(least - 1, most)], done: vec![] }
    }

    /// The next part to ask about: after the first, up to the second.
    pub fn question(&self) -> Option<(i128, i128)> {
        self.pending.last().copied()
    }

    pub fn answer(&mut self, rows: u64) {
        let Some((after, to)) = self.pending.pop() else { return };
        if rows > self.wanted && to - after > 1 {
            let middle = after + (to - after) / 2;
            self.pending.push((middle, to));
            self.pending.push((after, middle));
        } else {
            self.done.push((to, rows));
        }
    }

    /// Where to cut, small neighbours joined.
    pub fn bounds(self) -> Vec<i128> {
        let (mut bounds, mut held) = (vec![], 0);
        let mut previous = None;
        for (to, rows) in self.done {
            if held > 0 && held + rows > self.wanted {
                bounds.extend(previous);
                held = 0;
            }
            held += rows;
            previous = Some(to);
        }
        bounds
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{column, table, with_key};
    use super::*;

    fn sized(rows: u64, bytes: u64, key: &[(&str, &str)]) -> Table {
        let columns = key.iter().map(|(name, kind)| column(name, kind)).collect();
        let names: Vec<&str> = key.iter().map(|(name, _)| *name).collect();
        Table { rows, bytes, ..with_key(columns, &names) }
    }

    #[test]
    fn how_a_table_is_cut_depends_on_its_key_and_size() {
        let cut = |table: &Table| pieces(table, |_| false).cut;
        assert_eq!(cut(&sized(100, 10_000, &[("id", "int")])), Cut::Once);
        assert_eq!(cut(&sized(9_000_000, 1 << 30, &[("id", "int")])), Cut::Halving { column: "id".into() });
        let walking = Cut::Walking { columns: vec!["a".into(), "b".into()] };
        assert_eq!(cut(&sized(9_000_000, 1 << 30, &[("a", "int"), ("b", "varchar")])), walking);
        assert_eq!(cut(&table(vec![column("a", "int")])), Cut::Streamed);
    }

    #[test]
    fn chunks_of_long_rows_have_few_of_them() {
        let long = pieces(&sized(10_000, 10 << 30, &[("id", "int")]), |_| false);
        assert_eq!(long.rows, FEWEST_ROWS);
        assert_eq!(pieces(&sized(100_000_000, 1 << 30, &[("id", "int")]), |_| false).rows, MOST_ROWS);
    }

    fn bounds(keys: &[i128], wanted: u64) -> Vec<i128> {
        let (Some(least), Some(most)) = (keys.iter().min(), keys.iter().max()) else { return vec![] };
        let mut halving = Halving::new(*least, *most, wanted);
        while let Some((after, to)) = halving.question() {
            halving.answer(keys.iter().filter(|key| **key > after && **key <= to).count() as u64);
        }
        halving.bounds()
    }

    #[test]
    fn a_gap_costs_few_questions_and_no_chunks() {
        let keys: Vec<i128> = (0..1000).chain(i128::from(u64::MAX) - 1000..i128::from(u64::MAX)).collect();
        let found = bounds(&keys, 600);
        assert!((3..=8).contains(&(found.len() + 1)), "{found:?}");
    }

    proptest! {
        #[test]
        fn no_chunk_has_more_rows_than_wanted(mut keys in prop::collection::vec(-5000i64..5000, 1..300), wanted in 1u64..50) {
            keys.sort_unstable();
            keys.dedup();
            let keys: Vec<i128> = keys.into_iter().map(i128::from).collect();
            let mut bounds = bounds(&keys, wanted);
            prop_assert!(bounds.is_sorted());
            bounds.push(i128::MAX);
            let mut after = i128::MIN;
            for to in bounds {
                let rows = keys.iter().filter(|key| **key > after && **key <= to).count() as u64;
                prop_assert!(rows <= wanted, "{rows} rows in ({after}, {to}]");
                after = to;
            }
        }
    }
}
