//! Tables to decide about.

use super::schema::{Column, Index, Part, Place, Table};

pub fn column(name: &str, kind: &str) -> Column {
    let text =
        ["char", "varchar", "text", "tinytext", "mediumtext", "longtext", "enum", "set"].contains(&kind);
    Column {
        name: name.into(),
        kind: kind.into(),
        full: kind.into(),
        charset: text.then(|| "utf8mb4".into()),
        collation: text.then(|| "utf8mb4_general_ci".into()),
        nullable: false,
        generated: false,
        length: text.then_some(255),
    }
}

pub fn nullable(name: &str, kind: &str) -> Column {
    Column { nullable: true, ..column(name, kind) }
}

pub fn table(columns: Vec<Column>) -> Table {
    Table {
        place: Place::new("shop", "things"),
        create: String::new(),
        engine: "InnoDB".into(),
        rows: 1000,
        bytes: 100_000,
        versioned: false,
        columns,
        indexes: vec![],
        foreign_keys: vec![],
    }
}

pub fn index(name: &str, columns: &[&str]) -> Index {
    let part = |column: &&str| Part { column: (*column).into(), prefix: false, descending: false };
    Index { name: name.into(), unique: true, parts: columns.iter().map(part).collect() }
}

pub fn with_key(columns: Vec<Column>, key: &[&str]) -> Table {
    Table { indexes: vec![index("PRIMARY", key)], ..table(columns) }
}
