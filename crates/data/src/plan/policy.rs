//! Whether a policy of masks can be kept, before anything is copied: every column it names exists and can hold its
//! mask, no unique index would be broken, and both ends of a foreign key are masked alike. Every problem at once.

use std::collections::BTreeMap;

use api::MaskSpec;

use super::schema::{Column, Database, Table};
use crate::masks::UNIQUE_EMAIL;

/// `shop.users.email`.
pub type Columns = BTreeMap<String, MaskSpec>;

/// What is done to which column, by table and column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    masks: BTreeMap<(String, String, String), MaskSpec>,
    /// Columns that the file does not speak of and that are emptied for it.
    pub denied: Vec<String>,
}

impl Policy {
    pub fn mask(&self, table: &Table, column: &str) -> Option<&MaskSpec> {
        let place = &table.place;
        let name = (place.database.clone(), place.table.clone(), column.to_owned());
        self.masks.get(&name).filter(|mask| **mask != MaskSpec::Keep)
    }

    /// Looked at by a person, and let through.
    pub fn kept(&self, table: &Table, column: &str) -> bool {
        let place = &table.place;
        let name = (place.database.clone(), place.table.clone(), column.to_owned());
        self.masks.get(&name) == Some(&MaskSpec::Keep)
    }

    pub fn masks_any(&self, table: &Table) -> bool {
        table.stored().any(|column| self.mask(table, &column.name).is_some())
    }

    pub fn is_empty(&self) -> bool {
        self.masks.values().all(|mask| *mask == MaskSpec::Keep)
    }
}

/// A problem's place is the column's name in the policy.
pub type Problems = Vec<(String, String)>;

pub fn policy(databases: &[Database], columns: &Columns, deny: bool) -> Result<Policy, Problems> {
    let (mut policy, mut problems) = (Policy::default(), vec![]);
    for (name, mask) in columns {
        match find(databases, name) {
            Ok((table, column)) => {
                problems.extend(fit(table, column, mask).into_iter().map(|problem| (name.clone(), problem)));
                let place = table.place.clone();
                policy.masks.insert((place.database, place.table, column.name.clone()), mask.clone());
            }
            Err(problem) => problems.push((name.clone(), problem)),
        }
    }
    if deny {
        deny_unknown(databases, &mut policy, &mut problems);
    }
    for table in databases.iter().flat_map(|database| &database.tables) {
        problems.extend(uneven_keys(databases, table, &policy));
    }
    if problems.is_empty() { Ok(policy) } else { Err(problems) }
}

fn find<'a>(databases: &'a [Database], name: &str) -> Result<(&'a Table, &'a Column), String> {
    let mut steps = name.splitn(3, '.');
    let (Some(database), Some(table), Some(column)) = (steps.next(), steps.next(), steps.next()) else {
        return Err("is no column: write DATABASE.TABLE.COLUMN".to_owned());
    };
    let Some(of) = databases.iter().find(|known| known.name == database) else {
        let known: Vec<&str> = databases.iter().map(|database| database.name.as_str()).collect();
        return Err(format!("database {database} is not copied; these are: {}", known.join(", ")));
    };
    let Some(of) = of.tables.iter().find(|known| known.place.table == table) else {
        return Err(format!("there is no table {table} in {database}"));
    };
    let Some(found) = of.column(column) else {
        let known: Vec<&str> = of.columns.iter().map(|column| column.name.as_str()).collect();
        return Err(format!("there is no column {column} in {}; it has {}", of.place, known.join(", ")));
    };
    if found.generated {
        return Err("is worked out by the server from other columns: mask those".to_owned());
    }
    Ok((of, found))
}

/// Why a column cannot have this mask.
fn fit(table: &Table, column: &Column, mask: &MaskSpec) -> Vec<String> {
    let (kind, word) = (column.kind.as_str(), mask.word());
    let mut problems = vec![];
    let fits = match mask {
        MaskSpec::Keep => return problems,
        MaskSpec::Null => column.nullable,
        MaskSpec::Email | MaskSpec::Name | MaskSpec::Address | MaskSpec::Phone | MaskSpec::Format => {
            column.is_text() && kind != "json"
        }
        MaskSpec::Hash => column.is_text() || column.is_bytes(),
        MaskSpec::Number => column.is_whole_number() || kind == "decimal",
        MaskSpec::DateShift(_) => matches!(kind, "date" | "datetime" | "timestamp"),
        MaskSpec::Json(_) => {
            column.is_text() && column.charset.as_deref().is_some_and(|charset| charset.starts_with("utf8"))
        }
        MaskSpec::Constant(_) => {
            column.is_text() || column.is_bytes() || column.is_whole_number() || kind == "enum"
        }
    };
    if !fits {
        problems.push(match mask {
            MaskSpec::Null => "cannot be emptied: it is NOT NULL; choose another mask".to_owned(),
            _ => format!("has type {}, which mask {word} does not fit", column.full),
        });
        return problems;
    }
    if let MaskSpec::Constant(text) = mask {
        problems.extend(constant(column, text));
    }
    if let MaskSpec::Json(paths) = mask {
        if paths.is_empty() {
            problems.push("has no path to mask: write {json: {\"$.customer.email\": email}}".to_owned());
        }
        for (path, inner) in paths {
            if api::mask::path(path).is_none() {
                problems.push(format!("`{path}` is no path: write `$.customer.email` or `$.items[*].note`"));
            }
            if matches!(inner, MaskSpec::Json(_) | MaskSpec::DateShift(_)) {
                problems.push(format!("mask {} does not work within a document", inner.word()));
            }
        }
    }
    if let Some(index) = unique(table, &column.name).filter(|_| !tells_apart(column, mask)) {
        problems.push(format!(
            "is in the unique index {index}, and mask {word} would make different values the same; {}",
            if matches!(mask, MaskSpec::Email | MaskSpec::Hash) {
                "the column is too short for one that does not: use format"
            } else {
                "use format, phone, number, hash or email, as its type allows"
            }
        ));
    }
    problems
}

fn constant(column: &Column, text: &str) -> Option<String> {
    let length = text.chars().count() as u64;
    if column.is_whole_number() {
        return text.parse::<i64>().is_err().then(|| format!("`{text}` is no whole number"));
    }
    if column.kind == "enum" {
        let members = column.members();
        return (!members.iter().any(|member| member == text))
            .then(|| format!("`{text}` is none of {}", members.join(", ")));
    }
    if column.length.is_some_and(|longest| length > longest) {
        return Some(format!("`{text}` is longer than the column"));
    }
    let charset = column.charset.as_deref().unwrap_or("binary");
    let unicode = charset.starts_with("utf8") || column.is_wide() || column.is_bytes();
    let beyond =
        matches!(charset, "utf8mb3" | "ucs2") && text.chars().any(|character| character > '\u{ffff}');
    (beyond || !(unicode || text.is_ascii()))
        .then(|| format!("`{text}` has characters that {charset} may not have; use ASCII"))
}

/// A unique index that has the column, and no other that would still tell rows apart by itself.
fn unique<'a>(table: &'a Table, column: &str) -> Option<&'a str> {
    let has = |index: &&super::schema::Index| {
        index.unique && index.parts.iter().any(|part| part.column.eq_ignore_ascii_case(column))
    };
    table.indexes.iter().find(has).map(|index| index.name.as_str())
}

/// Whether different values keep different masks.
fn tells_apart(column: &Column, mask: &MaskSpec) -> bool {
    let longest = column.length.unwrap_or(u64::MAX);
    match mask {
        MaskSpec::Format | MaskSpec::Phone | MaskSpec::Number | MaskSpec::Keep => true,
        MaskSpec::Email => longest >= UNIQUE_EMAIL,
        // 64 bits: of a hundred million values two are the same with odds of one in three thousand.
        MaskSpec::Hash => longest >= if column.is_bytes() { 8 } else { 16 },
        // Many NULLs are no duplicates.
        MaskSpec::Null => true,
        _ => false,
    }
}

fn deny_unknown(databases: &[Database], policy: &mut Policy, problems: &mut Problems) {
    for table in databases.iter().flat_map(|database| &database.tables) {
        for column in table.stored() {
            let place = &table.place;
            let name = (place.database.clone(), place.table.clone(), column.name.clone());
            if policy.masks.contains_key(&name) || is_reference(table, &column.name) {
                continue;
            }
            // Numbers, dates and the like are measured; what is written by people is free text.
            if !(column.is_text() || column.is_bytes() || column.kind == "json") {
                continue;
            }
            let full = format!("{place}.{}", column.name);
            if column.nullable {
                policy.masks.insert(name, MaskSpec::Null);
            } else if let Some(index) = unique(table, &column.name) {
                problems.push((
                    full,
                    format!("is not in the policy, and cannot be emptied (unique index {index}): give it a mask, or keep"),
                ));
                continue;
            } else if column.is_text() && column.kind != "json" && !table.create.contains("json_valid") {
                policy.masks.insert(name, MaskSpec::Constant(String::new()));
            } else {
                problems.push((
                    full,
                    format!(
                        "is not in the policy, and cannot be emptied ({}): give it a mask, or keep",
                        column.full
                    ),
                ));
                continue;
            }
            policy.denied.push(full);
        }
    }
}

fn is_reference(table: &Table, column: &str) -> bool {
    table.foreign_keys.iter().any(|key| key.columns.iter().any(|name| name.eq_ignore_ascii_case(column)))
}

/// Foreign keys of which one end would be masked otherwise than the other.
fn uneven_keys(databases: &[Database], table: &Table, policy: &Policy) -> Problems {
    let mut problems = vec![];
    for key in &table.foreign_keys {
        let parent = databases
            .iter()
            .flat_map(|database| &database.tables)
            .find(|candidate| candidate.place == key.parent);
        let Some(parent) = parent else { continue };
        for (child, other) in key.columns.iter().zip(&key.parent_columns) {
            let (here, there) = (policy.mask(table, child), policy.mask(parent, other));
            if here != there {
                let word = |mask: Option<&MaskSpec>| mask.map_or("no mask", MaskSpec::word);
                problems.push((
                    format!("{}.{child}", table.place),
                    format!(
                        "refers to {}.{other} (foreign key {}): the one has {}, the other {}; give both the same",
                        parent.place,
                        key.name,
                        word(here),
                        word(there)
                    ),
                ));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::schema::{ForeignKey, Place};
    use super::super::tests::{column, index, nullable, with_key};
    use super::*;

    fn shop() -> Vec<Database> {
        let mut users = with_key(
            vec![
                column("id", "int"),
                column("email", "varchar"),
                nullable("name", "varchar"),
                column("born", "date"),
                column("state", "enum"),
                Column { length: Some(10), ..column("short", "varchar") },
            ],
            &["id"],
        );
        users.place = Place::new("shop", "users");
        users.columns[4].full = "enum('a','b')".into();
        users.indexes.push(index("by_email", &["email"]));
        users.indexes.push(index("by_short", &["short"]));
        let mut orders = with_key(vec![column("id", "int"), column("email", "varchar")], &["id"]);
        orders.place = Place::new("shop", "orders");
        orders.foreign_keys = vec![ForeignKey {
            name: "whose".into(),
            columns: vec!["email".into()],
            parent: Place::new("shop", "users"),
            parent_columns: vec!["email".into()],
        }];
        vec![Database {
            name: "shop".into(),
            charset: "utf8mb4".into(),
            collation: "utf8mb4_general_ci".into(),
            tables: vec![users, orders],
            made: vec![],
        }]
    }

    fn columns(list: &[(&str, MaskSpec)]) -> Columns {
        list.iter().map(|(name, mask)| ((*name).to_owned(), mask.clone())).collect()
    }

    #[test]
    fn everything_that_cannot_be_kept_is_told_at_once_with_its_column() {
        let wanted = columns(&[
            ("shop.users.email", MaskSpec::Name),
            ("shop.users.short", MaskSpec::Email),
            ("shop.users.born", MaskSpec::Email),
            ("shop.users.id", MaskSpec::Null),
            ("shop.users.state", MaskSpec::Constant("c".into())),
            ("shop.users.nothing", MaskSpec::Name),
            ("shop.nothing.name", MaskSpec::Name),
            ("other.users.name", MaskSpec::Name),
            ("users.name", MaskSpec::Name),
        ]);
        let problems = policy(&shop(), &wanted, false).unwrap_err();
        let lines: Vec<String> = problems.iter().map(|(name, problem)| format!("{name} {problem}")).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn both_ends_of_a_foreign_key_masked_alike_are_fine() {
        let wanted =
            columns(&[("shop.users.email", MaskSpec::Email), ("shop.orders.email", MaskSpec::Email)]);
        let policy = policy(&shop(), &wanted, false).unwrap();
        assert!(policy.masks_any(&shop()[0].tables[1]) && !policy.is_empty());
    }

    #[test]
    fn what_the_policy_does_not_know_is_emptied_where_it_can_be_and_told_where_not() {
        let known = [
            ("shop.users.email", MaskSpec::Email),
            ("shop.orders.email", MaskSpec::Email),
            ("shop.users.short", MaskSpec::Keep),
        ];
        let policy = policy(&shop(), &columns(&known), true).unwrap();
        assert_eq!(policy.denied, ["shop.users.name"]);
        let problems = super::policy(&shop(), &columns(&known[..2]), true).unwrap_err();
        assert_eq!(problems[0].0, "shop.users.short");
    }
}
