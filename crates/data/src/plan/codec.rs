//! How each type of column is read and loaded so that no bit of it changes, and how it enters a checksum. Knows
//! types only, no rows.
//!
//! Both ends speak the binary protocol's text form without any character set: bytes stay as they are stored. Three
//! kinds of types need more: a FLOAT loses bits as text, and UUID and INET become nothing when a binary session
//! loads their text.

use super::schema::{Column, ident};

/// How a cell enters the checksum of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Its text cannot hold what separates cells, or has always the same length.
    Fixed { plain: bool },
    /// Its bytes and their length.
    Text,
    /// Its own checksums and its length: together they could be longer than a server can handle as one value.
    Large,
}

/// The charsets whose characters are at least two bytes, none of which is ASCII by itself.
pub const WIDE: &[&str] = &["ucs2", "utf16", "utf16le", "utf32"];

impl Column {
    pub fn shape(&self) -> Shape {
        match self.kind.as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "float" | "double"
            | "date" | "time" | "datetime" | "timestamp" | "year" => Shape::Fixed { plain: true },
            "bit" | "uuid" | "inet6" | "inet4" => Shape::Fixed { plain: false },
            "char" | "varchar" | "binary" | "varbinary" | "enum" | "set" | "tinytext" | "tinyblob" => {
                Shape::Text
            }
            _ => Shape::Large,
        }
    }

    /// What is selected for it, on either end.
    pub fn read(&self) -> String {
        let name = ident(&self.name);
        match self.kind.as_str() {
            "float" => format!("CAST({name} AS DOUBLE)"),
            "uuid" | "inet6" => format!("CAST({name} AS BINARY(16))"),
            "inet4" => format!("CAST({name} AS BINARY(4))"),
            _ => name,
        }
    }

    /// What of it stands in the text that a row's checksum is made of.
    pub fn summed(&self) -> String {
        self.summed_as(&self.read())
    }

    /// The same, of a column that is read by another expression.
    pub fn summed_as(&self, read: &str) -> String {
        match self.shape() {
            Shape::Fixed { .. } => read.to_owned(),
            Shape::Text => format!("{read},LENGTH({read})"),
            Shape::Large if self.is_geometry() => {
                let bytes = format!("CONCAT({read})");
                format!("CRC32({bytes}),CRC32C({bytes}),LENGTH({bytes})")
            }
            Shape::Large => format!("CRC32({read}),CRC32C({read}),LENGTH({read})"),
        }
    }

    /// How it is read where its text is looked at: in UTF-8, whatever its charset.
    pub fn read_text(&self) -> String {
        match self.charset.as_deref() {
            Some("utf8mb4" | "utf8mb3" | "ascii") | None => self.read(),
            Some(_) => format!("CONVERT({} USING utf8mb4)", ident(&self.name)),
        }
    }

    pub fn is_geometry(&self) -> bool {
        const KINDS: &[&str] = &[
            "geometry",
            "point",
            "linestring",
            "polygon",
            "multipoint",
            "multilinestring",
            "multipolygon",
            "geometrycollection",
        ];
        KINDS.contains(&self.kind.as_str())
    }

    pub fn is_text(&self) -> bool {
        matches!(self.kind.as_str(), "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext")
    }

    pub fn is_bytes(&self) -> bool {
        matches!(self.kind.as_str(), "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob")
    }

    pub fn is_whole_number(&self) -> bool {
        matches!(self.kind.as_str(), "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year")
    }

    pub fn is_wide(&self) -> bool {
        self.charset.as_deref().is_some_and(|charset| WIDE.contains(&charset))
    }

    /// What its definition lists, for ENUM and SET.
    pub fn members(&self) -> Vec<String> {
        let Some(inner) = self.full.find('(').map(|start| &self.full[start + 1..]) else { return vec![] };
        let (mut members, mut current, mut quoted) = (vec![], String::new(), false);
        let mut characters = inner.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\'' if quoted && characters.peek() == Some(&'\'') => {
                    characters.next();
                    current.push('\'');
                }
                '\'' => {
                    if quoted {
                        members.push(std::mem::take(&mut current));
                    }
                    quoted = !quoted;
                }
                _ if quoted => current.push(character),
                _ => {}
            }
        }
        members
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::column;

    #[test]
    fn types_whose_text_loses_something_are_read_as_what_does_not() {
        assert_eq!(column("f", "float").read(), "CAST(`f` AS DOUBLE)");
        assert_eq!(column("u", "uuid").read(), "CAST(`u` AS BINARY(16))");
        assert_eq!(column("a`b", "int").read(), "`a``b`");
    }

    #[test]
    fn long_values_enter_a_checksum_by_their_own() {
        assert_eq!(column("t", "longtext").summed(), "CRC32(`t`),CRC32C(`t`),LENGTH(`t`)");
        assert_eq!(column("t", "varchar").summed(), "`t`,LENGTH(`t`)");
        assert_eq!(column("t", "int").summed(), "`t`");
    }

    #[test]
    fn members_are_read_with_their_quotes_and_commas() {
        let mut column = column("e", "enum");
        column.full = "enum('a','it''s','b,c','')".into();
        assert_eq!(column.members(), ["a", "it's", "b,c", ""]);
    }
}
