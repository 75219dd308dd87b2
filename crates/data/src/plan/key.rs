//! Bounds within a key: which part of a table a chunk is. Bounds are SQL literals, so that both servers and a later run
//! mean the same rows by them.

use serde::{Deserialize, Serialize};

use super::schema::{Column, Table, ident};

/// Columns by which a table can be cut into ranges; empty: it is copied as one.
pub fn cutting(table: &Table, masked: impl Fn(&str) -> bool) -> Vec<&Column> {
    let Some(key) = table.key().filter(|_| table.transactional()) else { return vec![] };
    // Masked, a key no longer says where on the target a row of the source is.
    if key.parts.iter().any(|part| part.descending || masked(&part.column)) {
        return vec![];
    }
    let usable = key.parts.iter().map_while(|part| {
        table.column(&part.column).filter(|column| !part.prefix && !column.generated && can_bound(column))
    });
    usable.collect()
}

/// Whether a literal can be compared with it as the index does.
fn can_bound(column: &Column) -> bool {
    let known = matches!(
        column.kind.as_str(),
        "tinyint"
            | "smallint"
            | "mediumint"
            | "int"
            | "bigint"
            | "decimal"
            | "year"
            | "date"
            | "datetime"
            | "timestamp"
            | "time"
            | "uuid"
            | "char"
            | "varchar"
            | "binary"
            | "varbinary"
    );
    known && (!column.is_text() || (column.charset.is_some() && column.collation.is_some()))
}

/// One value of a key, as it was read through [`Column::read`].
pub fn literal(column: &Column, cell: &[u8]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match column.kind.as_str() {
        "date" | "datetime" | "timestamp" | "time" => format!("'{}'", String::from_utf8_lossy(cell)),
        "uuid" if cell.len() == 16 => {
            let hex = hex(cell);
            let text = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
            format!("_utf8mb4'{text}'")
        }
        "char" | "varchar" => match (&column.charset, &column.collation) {
            (Some(charset), Some(collation)) => format!("_{charset} X'{}' COLLATE {collation}", hex(cell)),
            _ => format!("X'{}'", hex(cell)),
        },
        "binary" | "varbinary" => format!("X'{}'", hex(cell)),
        _ => String::from_utf8_lossy(cell).into_owned(),
    }
}

/// After `after` and up to `to`, by the first columns of the key; an end that is empty is open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    pub columns: Vec<String>,
    pub after: Vec<String>,
    pub to: Vec<String>,
}

impl Range {
    /// Everything.
    pub fn whole() -> Self {
        Self::default()
    }

    /// The condition of a WHERE.
    pub fn condition(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|name| ident(name)).collect();
        let mut ends = vec![];
        if !self.after.is_empty() {
            ends.push(beyond(&columns, &self.after, ">"));
        }
        if !self.to.is_empty() {
            // Not NOT(>): the optimizer finds ranges in this form only.
            ends.push(up_to(&columns, &self.to));
        }
        if ends.is_empty() { "1=1".to_owned() } else { ends.join(" AND ") }
    }
}

/// `(a > 1 OR (a = 1 AND b > 2))`, with the first column's bound in front, by which the server looks it up.
fn beyond(columns: &[String], bound: &[String], than: &str) -> String {
    let mut ways = vec![];
    for (index, (column, value)) in columns.iter().zip(bound).enumerate() {
        let same = columns.iter().zip(bound).take(index).map(|(column, value)| format!("{column}={value}"));
        let way: Vec<String> = same.chain([format!("{column}{than}{value}")]).collect();
        ways.push(format!("({})", way.join(" AND ")));
    }
    match (columns, bound) {
        ([column], [value]) => format!("{column}{than}{value}"),
        ([column, ..], [value, ..]) => format!("{column}{than}={value} AND ({})", ways.join(" OR ")),
        _ => "1=1".to_owned(),
    }
}

fn up_to(columns: &[String], bound: &[String]) -> String {
    match (columns, bound) {
        ([column], [value]) => format!("{column}<={value}"),
        _ => {
            let same: Vec<String> =
                columns.iter().zip(bound).map(|(column, value)| format!("{column}={value}")).collect();
            let below = beyond(columns, bound, "<");
            let Some((first, ways)) = below.split_once(" AND (") else { return below };
            let ways = ways.strip_suffix(')').unwrap_or(ways);
            format!("{first} AND ({ways} OR ({}))", same.join(" AND "))
        }
    }
}

/// Ranges without gaps and overlaps from the bounds between them.
pub fn ranges(columns: &[String], bounds: Vec<Vec<String>>) -> Vec<Range> {
    let mut ranges = Vec::with_capacity(bounds.len() + 1);
    let mut after = vec![];
    for to in bounds.into_iter().chain([vec![]]) {
        ranges.push(Range {
            columns: columns.to_vec(),
            after: std::mem::replace(&mut after, to.clone()),
            to,
        });
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, nullable, table, with_key};
    use super::*;

    fn strings(values: &[&str]) -> Vec<String> {
        values.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ranges_of_one_column_are_plain() {
        let ranges = ranges(&strings(&["id"]), vec![strings(&["10"]), strings(&["20"])]);
        let conditions: Vec<String> = ranges.iter().map(Range::condition).collect();
        assert_eq!(conditions, ["`id`<=10", "`id`>10 AND `id`<=20", "`id`>20"]);
        assert_eq!(Range::whole().condition(), "1=1");
    }

    #[test]
    fn ranges_of_several_columns_keep_their_order() {
        let range =
            Range { columns: strings(&["a", "b"]), after: strings(&["1", "2"]), to: strings(&["3", "4"]) };
        assert_eq!(
            range.condition(),
            "`a`>=1 AND ((`a`>1) OR (`a`=1 AND `b`>2)) AND `a`<=3 AND ((`a`<3) OR (`a`=3 AND `b`<4) OR (`a`=3 AND `b`=4))"
        );
    }

    #[test]
    fn a_literal_is_compared_as_its_column() {
        let mut name = column("n", "varchar");
        (name.charset, name.collation) = (Some("latin1".into()), Some("latin1_german1_ci".into()));
        assert_eq!(literal(&name, b"a\xe9'"), "_latin1 X'61e927' COLLATE latin1_german1_ci");
        let bytes: Vec<u8> = (0..16).collect();
        assert_eq!(literal(&column("u", "uuid"), &bytes), "_utf8mb4'00010203-0405-0607-0809-0a0b0c0d0e0f'");
        assert_eq!(literal(&column("t", "datetime"), b"2024-01-01 00:00:00"), "'2024-01-01 00:00:00'");
        assert_eq!(literal(&column("i", "int"), b"-5"), "-5");
    }

    #[test]
    fn a_key_cuts_by_its_first_columns_that_can() {
        let names = |table: &Table, masked: &str| {
            cutting(table, |name| name == masked).iter().map(|column| column.name.clone()).collect::<Vec<_>>()
        };
        let with = |kinds: &[(&str, &str)]| {
            let columns = kinds.iter().map(|(name, kind)| column(name, kind)).collect();
            with_key(columns, &kinds.iter().map(|(name, _)| *name).collect::<Vec<_>>())
        };
        assert_eq!(names(&with(&[("a", "int"), ("b", "date")]), ""), ["a", "b"]);
        // An ENUM is compared as text, but lies in the order of its members.
        assert_eq!(names(&with(&[("a", "int"), ("b", "enum"), ("c", "int")]), ""), ["a"]);
        assert!(names(&with(&[("a", "float")]), "").is_empty());
        assert!(names(&with(&[("a", "int"), ("b", "int")]), "b").is_empty());
        assert!(names(&table(vec![nullable("a", "int")]), "").is_empty());
    }
}
