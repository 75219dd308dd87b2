//! Reads what a database says about its tables, and tells two such answers apart. Pure.

use std::collections::{BTreeMap, BTreeSet};

use api::revision::short_hash;
use schemars::JsonSchema;
use serde::Serialize;

/// By table, every row about it. Sorted: in which order a database tells of them says nothing.
pub type Tables = BTreeMap<String, BTreeSet<String>>;

/// A table that is not the same in both.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "DifferingTable")]
#[serde(rename_all = "camelCase")]
pub struct Table {
    pub table: String,
    pub found: Found,
}

#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "FoundIn")]
#[serde(rename_all = "camelCase")]
pub enum Found {
    InBoth,
    OnlyLeft,
    OnlyRight,
}

/// Rows of tab-separated fields: what it is about, the table, and what is to be said.
pub fn read(text: &str) -> Tables {
    let mut tables = Tables::new();
    for line in text.lines() {
        let mut fields = line.split('\t');
        if let (Some(_), Some(table)) = (fields.next(), fields.next()) {
            tables.entry(table.to_owned()).or_default().insert(line.trim_end().to_owned());
        }
    }
    tables
}

/// SHA-256 of all of it.
pub fn hash(tables: &Tables) -> String {
    short_hash(tables, 64)
}

/// Tables that are not the same in both, by name.
pub fn differences(left: &Tables, right: &Tables) -> Vec<Table> {
    let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| {
            let found = match (left.get(name), right.get(name)) {
                (Some(a), Some(b)) if a == b => return None,
                (Some(_), None) => Found::OnlyLeft,
                (None, Some(_)) => Found::OnlyRight,
                _ => Found::InBoth,
            };
            Some(Table { table: name.clone(), found })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str =
        "table\torders\tBASE TABLE\ncolumn\torders\t1\tid\tint(11)\ncolumn\torders\t2\tnote\ttext\n";

    #[test]
    fn the_order_of_rows_does_not_count() {
        let other =
            "column\torders\t2\tnote\ttext\ncolumn\torders\t1\tid\tint(11)\ntable\torders\tBASE TABLE\n";
        assert_eq!(hash(&read(ONE)), hash(&read(other)));
        assert_eq!(differences(&read(ONE), &read(other)), []);
        assert_eq!(hash(&read(ONE)).len(), 64);
    }

    #[test]
    fn another_column_and_another_table_are_differences() {
        let other = format!("{}table\tnew\tBASE TABLE\n", ONE.replace("text", "varchar(9)"));
        let found = differences(&read(ONE), &read(&other));
        assert_eq!(
            found,
            [
                Table { table: "new".into(), found: Found::OnlyRight },
                Table { table: "orders".into(), found: Found::InBoth },
            ]
        );
        assert_ne!(hash(&read(ONE)), hash(&read(&other)));
    }
}
