//! Rows on their way: the text that LOAD DATA reads, and the hash that a server computes of the same row.
//!
//! The busiest code of a copy: it sees every byte. It allocates nothing a row.

use super::codec::Shape;
use super::lanes;
use super::schema::Table;

/// NULL, or the bytes as they are stored.
pub type Cell<'a> = Option<&'a [u8]>;

/// How rows of one table are written and hashed.
#[derive(Clone, Debug)]
pub struct RowForm {
    columns: Vec<(Shape, bool)>,
}

impl RowForm {
    pub fn of(table: &Table) -> Self {
        Self { columns: table.stored().map(|column| (column.shape(), column.nullable)).collect() }
    }

    /// Appends one cell in the form that [`super::sql::load`] announces.
    pub fn write(&self, column: usize, cell: Cell<'_>, out: &mut Vec<u8>) {
        if column > 0 {
            out.push(b'\t');
        }
        let Some(bytes) = cell else {
            out.extend_from_slice(b"\\N");
            return;
        };
        if matches!(self.columns.get(column), Some((Shape::Fixed { plain: true }, _))) {
            out.extend_from_slice(bytes);
            return;
        }
        let mut from = 0;
        for at in memchr::memchr3_iter(b'\\', b'\t', b'\n', bytes) {
            out.extend_from_slice(&bytes[from..at]);
            out.extend_from_slice(match bytes[at] {
                b'\t' => b"\\t",
                b'\n' => b"\\n",
                _ => b"\\\\",
            });
            from = at + 1;
        }
        out.extend_from_slice(&bytes[from..]);
    }

    /// Appends one cell to the text that is hashed, as `CONCAT_WS('#', …)` of [`super::sql::sums`] does.
    pub fn gather(&self, column: usize, cell: Cell<'_>, text: &mut Vec<u8>) {
        let (Some(bytes), Some((shape, _))) = (cell, self.columns.get(column)) else { return };
        if !text.is_empty() {
            text.push(b'#');
        }
        match shape {
            Shape::Fixed { .. } => text.extend_from_slice(bytes),
            Shape::Text => {
                text.extend_from_slice(bytes);
                text.push(b'#');
                number(bytes.len() as u64, text);
            }
            Shape::Large => {
                number(u64::from(crc32fast::hash(bytes)), text);
                text.push(b'#');
                number(u64::from(crc32c::crc32c(bytes)), text);
                text.push(b'#');
                number(bytes.len() as u64, text);
            }
        }
    }

    /// The hash of the row whose cells were gathered, of which `null` says which were NULL.
    pub fn hash(&self, null: impl Fn(usize) -> bool, text: &mut Vec<u8>) -> u64 {
        let mut first = true;
        for (column, _) in self.columns.iter().enumerate().filter(|(_, (_, nullable))| *nullable) {
            if std::mem::take(&mut first) && !text.is_empty() {
                text.push(b'#');
            }
            text.push(if null(column) { b'1' } else { b'0' });
        }
        let hash = lanes::hash(text);
        text.clear();
        hash
    }
}

fn number(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{column, nullable, table};
    use super::*;

    /// Reads what LOAD DATA would.
    fn read(line: &[u8]) -> Vec<Option<Vec<u8>>> {
        line.split(|byte| *byte == b'\t')
            .map(|field| {
                if field == b"\\N" {
                    return None;
                }
                let (mut value, mut escaped) = (vec![], false);
                for byte in field {
                    match (escaped, byte) {
                        (false, b'\\') => escaped = true,
                        (true, b't') => (value.push(b'\t'), escaped = false).1,
                        (true, b'n') => (value.push(b'\n'), escaped = false).1,
                        (_, other) => (value.push(*other), escaped = false).1,
                    }
                }
                Some(value)
            })
            .collect()
    }

    fn form() -> RowForm {
        RowForm::of(&table(vec![nullable("a", "varbinary"), nullable("b", "longblob"), column("c", "int")]))
    }

    fn hash(cells: &[Cell<'_>]) -> u64 {
        let (form, mut text) = (form(), vec![]);
        cells.iter().enumerate().for_each(|(index, cell)| form.gather(index, *cell, &mut text));
        form.hash(|index| cells[index].is_none(), &mut text)
    }

    #[test]
    fn the_hashed_text_is_what_a_server_concatenates() {
        let (form, mut text) = (form(), vec![]);
        form.gather(0, Some(b"ab"), &mut text);
        form.gather(1, Some(b"123456789"), &mut text);
        form.gather(2, Some(b"7"), &mut text);
        assert_eq!(text, b"ab#2#3421780262#3808858755#9#7");
        form.hash(|index| index == 1, &mut text);
        assert!(text.is_empty());
    }

    #[test]
    fn nothing_and_empty_and_the_word_null_are_different() {
        let rows = [[None, Some(&b""[..])], [Some(&b""[..]), None], [Some(&b"N"[..]), None], [None, None]];
        let mut hashes: Vec<u64> = rows.iter().map(|row| hash(&[row[0], row[1], Some(b"1")])).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), rows.len());
    }

    proptest! {
        #[test]
        fn every_byte_comes_back(a: Option<Vec<u8>>, b: Option<Vec<u8>>) {
            let (form, mut line) = (form(), vec![]);
            form.write(0, a.as_deref(), &mut line);
            form.write(1, b.as_deref(), &mut line);
            form.write(2, Some(b"-12"), &mut line);
            prop_assert!(!line.contains(&b'\n'));
            prop_assert_eq!(read(&line), vec![a, b, Some(b"-12".to_vec())]);
        }

        #[test]
        fn what_moves_to_the_neighbour_is_another_row(a: Vec<u8>, b: Vec<u8>, at in 0usize..8) {
            let form = RowForm::of(&table(vec![column("a", "varbinary"), column("b", "varbinary")]));
            let of = |a: &[u8], b: &[u8]| {
                let mut text = vec![];
                form.gather(0, Some(a), &mut text);
                form.gather(1, Some(b), &mut text);
                form.hash(|_| false, &mut text)
            };
            let mut joined = a.clone();
            joined.push(b'#');
            joined.extend(&b);
            let at = at.min(joined.len());
            let (left, right) = joined.split_at(at);
            if (left, right) != (&a[..], &b[..]) {
                prop_assert_ne!(of(left, right), of(&a, &b));
            }
        }
    }
}
