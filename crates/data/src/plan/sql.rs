//! The statements of a copy. Decides their text, runs none.

use super::key::Range;
use super::schema::{Table, ident};

/// What a session that reads or loads data has: bytes as they are stored, one time zone, and no value improved.
pub const DATA_SESSION: &str = "SET SESSION character_set_client=utf8mb4, collation_connection=binary, character_set_results=binary, \
     time_zone='+00:00', sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', net_read_timeout=1800, net_write_timeout=1800";

/// For definitions: their text is text.
pub const TEXT_SESSION: &str = "SET SESSION character_set_client=utf8mb4, collation_connection=utf8mb4_general_ci, character_set_results=utf8mb4, \
     time_zone='+00:00', sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', sql_quote_show_create=1";

/// The rows of a range in the order of the key, in which they load fastest.
pub fn select(table: &Table, range: &Range, read: impl Fn(&str) -> Option<String>) -> String {
    let columns: Vec<String> =
        table.stored().map(|column| read(&column.name).unwrap_or_else(|| column.read())).collect();
    let order = match table.key() {
        Some(key) if !range.columns.is_empty() => {
            let parts: Vec<String> = key.parts.iter().map(|part| ident(&part.column)).collect();
            format!(" ORDER BY {}", parts.join(","))
        }
        _ => String::new(),
    };
    format!(
        "SELECT {} FROM {}{} WHERE {}{order}",
        columns.join(","),
        table.place.sql(),
        by_key(table, range),
        range.condition()
    )
}

/// Ranges are of the key; a server that reads them by another index would read them all.
fn by_key(table: &Table, range: &Range) -> String {
    match table.key() {
        Some(key) if !range.columns.is_empty() => format!(" FORCE INDEX ({})", ident(&key.name)),
        _ => String::new(),
    }
}

/// Its file is a stream of ours, whatever name the server asks for.
pub fn load(table: &Table) -> String {
    let columns: Vec<String> = table.stored().map(|column| ident(&column.name)).collect();
    format!(
        "LOAD DATA LOCAL INFILE 'rows' INTO TABLE {} CHARACTER SET binary \
         FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' ({})",
        table.place.sql(),
        columns.join(",")
    )
}

pub fn delete(table: &Table, range: &Range) -> String {
    format!("DELETE FROM {} WHERE {}", table.place.sql(), range.condition())
}

/// Whether a range has rows.
pub fn any(table: &Table, range: &Range) -> String {
    format!("SELECT 1 FROM {} WHERE {} LIMIT 1", table.place.sql(), range.condition())
}

/// Variables in which [`sums`] keeps a row's text and hash, so that neither is made twice.
pub const SUMS_SESSION: &str =
    "SET @outboard_text = CAST('' AS BINARY), @outboard_hash = CAST(0 AS UNSIGNED)";

/// Number of rows, sum and exclusive-or of their hashes: [`super::lanes::Lanes`], computed by a server.
pub fn sums(table: &Table, range: &Range, summed: impl Fn(&str) -> Option<String>) -> String {
    // A separator of bytes makes the whole bytes; with text, a server would convert one charset to the other.
    let mut parts = vec!["CAST('#' AS BINARY)".to_owned()];
    parts.extend(table.stored().map(|column| summed(&column.name).unwrap_or_else(|| column.summed())));
    let null: Vec<String> = table
        .stored()
        .filter(|column| column.nullable)
        .map(|column| format!("ISNULL({})", ident(&column.name)))
        .collect();
    if !null.is_empty() {
        parts.push(format!("CONCAT({})", null.join(",")));
    }
    format!(
        "SELECT COUNT(*), \
         SUM(@outboard_hash := (CRC32(@outboard_text := CONCAT_WS({})) << 32 | CRC32C(@outboard_text))), \
         BIT_XOR(@outboard_hash) FROM {}{} WHERE {}",
        parts.join(","),
        table.place.sql(),
        by_key(table, range),
        range.condition()
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, nullable, with_key};
    use super::*;

    #[test]
    fn statements_of_a_table_with_a_key() {
        let table =
            with_key(vec![column("id", "int"), nullable("name", "varchar"), column("f", "float")], &["id"]);
        let range = Range { columns: vec!["id".into()], after: vec!["5".into()], to: vec![] };
        insta::assert_snapshot!(
            [
                select(&table, &range, |_| None),
                load(&table),
                delete(&table, &range),
                sums(&table, &range, |_| None),
                select(&table, &Range::whole(), |_| None),
            ]
            .join("\n")
        );
    }
}
