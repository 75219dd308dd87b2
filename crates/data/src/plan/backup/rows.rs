//! Counts the rows of a dump as it passes, by table, and whether it is whole: a dump says at its end that it has one.
//!
//! Knows as much of a dump as that takes: which lines begin statements that insert rows, and where a string in them ends.
//! What stands in triggers and routines is behind another delimiter and is left out. Columns of which a dump does not keep all are found by how
//! they are defined.

use std::collections::BTreeMap;

const INSERT: &[u8] = b"INSERT INTO `";
const VALUES: &[u8] = b" VALUES";
const TABLE: &[u8] = b"CREATE TABLE `";
const COLUMN: &[u8] = b"  `";
const END: &[u8] = b"-- Dump completed";
const DELIMITER: &[u8] = b"DELIMITER ";
/// The beginning of a line is told apart by no more than this.
const HEAD: usize = 20;
/// And of one that defines something, by as much as two names of the longest take.
const DEFINITION: usize = 300;

#[derive(Debug, Default)]
pub struct Rows {
    pub tables: BTreeMap<String, u64>,
    /// The last line that says something says that the dump is whole.
    pub whole: bool,
    /// `TABLE.COLUMN` of what is written with six digits, whatever there is.
    pub floats: Vec<String>,
    /// The one that is being defined.
    defined: String,
    at: At,
    /// Lines belong to the body of a trigger, routine or event.
    in_body: bool,
}

#[derive(Debug)]
enum At {
    /// In the first bytes of a line.
    Head(Vec<u8>),
    /// In the rest of a line that inserts nothing.
    Line,
    /// In the name of a table, behind a backtick that may be its end, or one of two that stand for one.
    Name {
        name: Vec<u8>,
        backtick: bool,
    },
    /// Before the word that rows follow: what has come of it.
    Columns {
        seen: usize,
        rows: Counted,
    },
    Rows(Counted),
}

#[derive(Debug, Default)]
struct Counted {
    table: Vec<u8>,
    rows: u64,
    depth: u32,
    quoted: bool,
    escaped: bool,
}

impl Default for At {
    fn default() -> Self {
        Self::Head(vec![])
    }
}

impl Rows {
    pub fn count(&self) -> u64 {
        self.tables.values().sum()
    }

    pub fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.at = match std::mem::take(&mut self.at) {
                At::Head(head) => self.head(head, *byte),
                At::Line if *byte == b'\n' => At::Head(vec![]),
                At::Line => At::Line,
                At::Name { name, backtick } => named(name, backtick, *byte),
                At::Columns { seen, rows } => columns(seen, rows, *byte),
                At::Rows(counted) => self.row(counted, *byte),
            };
        }
    }

    fn head(&mut self, mut head: Vec<u8>, byte: u8) -> At {
        if byte == b'\n' {
            if !head.is_empty() {
                self.line(&head);
            }
            return At::Head(vec![]);
        }
        head.push(byte);
        if !self.in_body && head == INSERT {
            self.whole = false;
            return At::Name { name: vec![], backtick: false };
        }
        let defines = head.starts_with(TABLE) || head.starts_with(COLUMN);
        if head.len() < if defines { DEFINITION } else { HEAD } {
            return At::Head(head);
        }
        self.line(&head);
        At::Line
    }

    fn line(&mut self, head: &[u8]) {
        if let Some(delimiter) = head.strip_prefix(DELIMITER) {
            self.in_body = delimiter != b";";
        }
        self.whole = !self.in_body && head.starts_with(END);
        if self.in_body {
            return;
        }
        if let Some((name, _)) = head.strip_prefix(TABLE).and_then(quoted) {
            self.defined = name;
        }
        let column = head.strip_prefix(COLUMN).and_then(quoted);
        if let Some((name, _)) = column.filter(|(_, rest)| rest.starts_with(b" float")) {
            self.floats.push(format!("{}.{name}", self.defined));
        }
    }

    fn row(&mut self, mut counted: Counted, byte: u8) -> At {
        if counted.quoted {
            match byte {
                _ if counted.escaped => counted.escaped = false,
                b'\\' => counted.escaped = true,
                b'\'' => counted.quoted = false,
                _ => {}
            }
            return At::Rows(counted);
        }
        match byte {
            b'\'' => counted.quoted = true,
            b'(' => {
                counted.rows += u64::from(counted.depth == 0);
                counted.depth += 1;
            }
            b')' => counted.depth = counted.depth.saturating_sub(1),
            b';' if counted.depth == 0 => {
                let table = String::from_utf8_lossy(&counted.table).into_owned();
                *self.tables.entry(table).or_default() += counted.rows;
                return At::Line;
            }
            _ => {}
        }
        At::Rows(counted)
    }
}

/// A name up to its backtick, and what follows it.
fn quoted(text: &[u8]) -> Option<(String, &[u8])> {
    let mut at = 0;
    loop {
        at += text.get(at..)?.iter().position(|byte| *byte == b'`')?;
        if text.get(at + 1) != Some(&b'`') {
            let name = String::from_utf8_lossy(text.get(..at)?).replace("``", "`");
            return Some((name, text.get(at + 1..)?));
        }
        at += 2;
    }
}

fn named(mut name: Vec<u8>, backtick: bool, byte: u8) -> At {
    match (backtick, byte) {
        (false, b'`') => At::Name { name, backtick: true },
        (true, b'`') | (false, _) => {
            name.push(byte);
            At::Name { name, backtick: false }
        }
        (true, _) => columns(0, Counted { table: name, ..Counted::default() }, byte),
    }
}

/// The names of columns cannot hold the word: within backticks a blank before it is possible, and so is it then told as one.
fn columns(seen: usize, mut rows: Counted, byte: u8) -> At {
    if byte == b'`' {
        rows.quoted = !rows.quoted;
    }
    if rows.quoted {
        return At::Columns { seen: 0, rows };
    }
    let seen = match VALUES.get(seen) {
        Some(wanted) if *wanted == byte => seen + 1,
        _ => usize::from(byte == b' '),
    };
    if seen == VALUES.len() { At::Rows(rows) } else { At::Columns { seen, rows } }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DUMP: &str = r"-- MariaDB dump 10.19
/*!40101 SET NAMES utf8mb4 */;
USE `app`;
CREATE TABLE `products` (
  `id` int(11) NOT NULL,
  `note` text DEFAULT 'INSERT INTO `x` VALUES (1)',
  `pri``ce` float DEFAULT NULL,
  `float` double NOT NULL,
) ENGINE=InnoDB;
INSERT INTO `products` VALUES
(1,'it''s (one)'),
(2,'a \' b);(\\'),
(3,NULL);
INSERT INTO `products` VALUES (4,'-- Dump completed\nINSERT INTO `y` VALUES (1);'),(5,_binary 0x00);
INSERT INTO `a``b` (`id`, ` VALUES (`, `c`) VALUES (1,POINT(1,2),3);
DELIMITER ;;
/*!50003 CREATE TRIGGER t BEFORE INSERT ON products FOR EACH ROW BEGIN
INSERT INTO `log` VALUES (1),(2);
END */;;
DELIMITER ;
-- Dump completed on 2026-11-26 03:00:00
";

    #[test]
    fn rows_are_counted_by_table_whatever_stands_in_them() {
        let mut rows = Rows::default();
        rows.read(DUMP.as_bytes());
        let tables: Vec<_> = rows.tables.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(tables, [("a`b", 1), ("products", 5)]);
        assert!(rows.whole && rows.count() == 6);
        assert_eq!(rows.floats, ["products.pri`ce"]);
    }

    #[test]
    fn a_dump_that_was_cut_off_is_not_whole() {
        let mut rows = Rows::default();
        let end = DUMP.find("-- Dump completed on").unwrap();
        rows.read(&DUMP.as_bytes()[..end]);
        assert!(!rows.whole);
        let mut rows = Rows::default();
        rows.read(DUMP.as_bytes());
        rows.read(b"INSERT INTO `products` VALUES (6");
        assert!(!rows.whole, "something follows its end");
    }

    proptest! {
        #[test]
        fn the_count_is_the_same_however_the_bytes_come(cuts in proptest::collection::vec(1usize..40, 1..40)) {
            let (mut rows, mut rest) = (Rows::default(), DUMP.as_bytes());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                rows.read(now);
                rest = later;
            }
            prop_assert_eq!(rows.count(), 6);
            prop_assert!(rows.whole);
        }

        #[test]
        fn a_string_is_one_value_whatever_it_holds(text in "[a-c();'\\\\\n`]{0,30}") {
            let escaped: String = text.chars().flat_map(|c| match c {
                '\'' => vec!['\\', '\''], '\\' => vec!['\\', '\\'], '\n' => vec!['\\', 'n'], c => vec![c],
            }).collect();
            let mut rows = Rows::default();
            rows.read(format!("INSERT INTO `t` VALUES\n(1,'{escaped}'),\n(2,'{escaped}');\n-- Dump completed\n").as_bytes());
            prop_assert_eq!(rows.count(), 2);
            prop_assert!(rows.whole);
        }
    }
}
