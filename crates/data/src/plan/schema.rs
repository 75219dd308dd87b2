//! What a database consists of, as values: tables, columns, keys, and what else is made by statements.

use std::fmt;

use serde::Serialize;

/// `` `name` ``: as it stands in a statement, whatever the name holds.
pub fn ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A table by its full name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    pub database: String,
    pub table: String,
}

impl Place {
    pub fn new(database: impl Into<String>, table: impl Into<String>) -> Self {
        Self { database: database.into(), table: table.into() }
    }

    pub fn sql(&self) -> String {
        format!("{}.{}", ident(&self.database), ident(&self.table))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.table)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// `varchar`, `int`, `uuid`: without length, sign or members.
    pub kind: String,
    /// As it stands in the definition: `enum('a','b')`, `int(10) unsigned`.
    pub full: String,
    pub charset: Option<String>,
    pub collation: Option<String>,
    pub nullable: bool,
    /// Worked out by the server, or written by it alone: neither read nor loaded.
    pub generated: bool,
    /// Longest text, in characters.
    pub length: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub column: String,
    /// Only so many characters of it are in the index.
    pub prefix: bool,
    pub descending: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    pub name: String,
    pub unique: bool,
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    pub name: String,
    pub columns: Vec<String>,
    pub parent: Place,
    pub parent_columns: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub place: Place,
    /// What `SHOW CREATE TABLE` says.
    pub create: String,
    pub engine: String,
    /// As the server guesses.
    pub rows: u64,
    pub bytes: u64,
    /// Its history is kept by the server.
    pub versioned: bool,
    pub columns: Vec<Column>,
    pub indexes: Vec<Index>,
    pub foreign_keys: Vec<ForeignKey>,
}

impl Table {
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// Columns that are read and loaded, in order.
    pub fn stored(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| !column.generated)
    }

    /// A snapshot covers it, and what was loaded in a transaction can be taken back.
    pub fn transactional(&self) -> bool {
        self.engine.eq_ignore_ascii_case("innodb")
    }

    /// The index in whose order rows lie: the primary key, else the first that can tell every row apart.
    pub fn key(&self) -> Option<&Index> {
        let whole = |index: &&Index| {
            index.unique
                && index.parts.iter().all(|part| {
                    !part.prefix && self.column(&part.column).is_some_and(|column| !column.nullable)
                })
        };
        let primary = self.indexes.iter().find(|index| index.name == "PRIMARY");
        primary.or_else(|| self.indexes.iter().find(whole))
    }
}

/// Something that a statement makes: a view, a routine, a trigger, an event, a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub name: String,
    pub kind: MadeKind,
    pub create: String,
    /// The mode that its text was written under.
    pub sql_mode: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MadeKind {
    Sequence,
    View,
    Function,
    Procedure,
    Trigger,
    Event,
}

impl MadeKind {
    pub fn sql(self) -> &'static str {
        match self {
            Self::Sequence => "SEQUENCE",
            Self::View => "VIEW",
            Self::Function => "FUNCTION",
            Self::Procedure => "PROCEDURE",
            Self::Trigger => "TRIGGER",
            Self::Event => "EVENT",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    pub name: String,
    pub charset: String,
    pub collation: String,
    pub tables: Vec<Table>,
    pub made: Vec<Made>,
}
