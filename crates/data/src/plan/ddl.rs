//! What can wait: a table's definition without the indexes and foreign keys that are cheaper, or only possible, once
//! all rows are there. Reads the one form in which `SHOW CREATE TABLE` answers.

use super::schema::Table;

/// A definition in the order in which it is carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    pub create: String,
    /// All of them in one ALTER: rows are read once.
    pub indexes: Vec<String>,
    /// Each in an ALTER of its own: a server builds one of these at a time.
    pub alone: Vec<String>,
    pub foreign_keys: Vec<String>,
}

/// `defer` says whether indexes wait; foreign keys always do, since tables may refer to each other in circles.
pub fn split(table: &Table, defer: bool) -> Result<Split, String> {
    let unreadable = || format!("the definition of {} has a form that is not known", table.place);
    let (head, rest) = table.create.split_once("(\n").ok_or_else(unreadable)?;
    let end = rest.find("\n)").ok_or_else(unreadable)?;
    let (body, tail) = (&rest[..end], &rest[end + 1..]);
    let kept_key = table.key().map(|key| key.name.as_str()).unwrap_or_default();
    let mut split = Split::default();
    let mut kept: Vec<&str> = vec![];
    let mut deferred: Vec<&str> = vec![];
    for line in body.split(",\n") {
        let definition = line.strip_prefix("  ").ok_or_else(unreadable)?;
        if definition.starts_with("CONSTRAINT ") && definition.contains(" FOREIGN KEY ") {
            split.foreign_keys.push(format!("ADD {definition}"));
        } else if defer && is_index(definition) && name_of(definition) != Some(kept_key) {
            deferred.push(definition);
        } else {
            kept.push(definition);
        }
    }
    // A column that counts by itself has to be the first of some index.
    if let Some(counting) = kept.iter().find(|line| is_counting(line)).and_then(|line| quoted(line)) {
        let leads = |line: &&str| leading(line).is_some_and(|column| column == counting);
        if !kept.iter().any(leads)
            && let Some(at) = deferred.iter().position(leads)
        {
            kept.push(deferred.remove(at));
        }
    }
    for definition in deferred {
        let alone = ["FULLTEXT ", "SPATIAL "].iter().any(|word| definition.starts_with(word));
        let list = if alone { &mut split.alone } else { &mut split.indexes };
        list.push(format!("ADD {definition}"));
    }
    let head = head.replacen("CREATE TABLE ", "", 1);
    if head.trim().is_empty() {
        return Err(unreadable());
    }
    split.create = format!("CREATE TABLE {} (\n  {}\n{tail}", table.place.sql(), kept.join(",\n  "));
    Ok(split)
}

fn is_index(definition: &str) -> bool {
    ["KEY ", "UNIQUE KEY ", "FULLTEXT KEY ", "SPATIAL KEY "].iter().any(|start| definition.starts_with(start))
}

fn is_counting(definition: &str) -> bool {
    // Outside of quotes: a comment may say the same.
    definition.starts_with('`')
        && definition.split('\'').step_by(2).any(|plain| plain.to_uppercase().contains(" AUTO_INCREMENT"))
}

/// The name in the first backticks.
fn quoted(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}

fn name_of(definition: &str) -> Option<&str> {
    quoted(definition)
}

/// An index's first column.
fn leading(definition: &str) -> Option<&str> {
    if definition.starts_with("PRIMARY KEY ") || is_index(definition) {
        quoted(definition.split_once('(')?.1)
    } else {
        None
    }
}

/// What tells that a table is no longer what it was: its definition, but for where its counter stands.
pub fn fingerprint(create: &str) -> String {
    let words = create.split(' ').filter(|word| !word.starts_with("AUTO_INCREMENT="));
    super::digest(words.collect::<Vec<_>>().join(" ").as_bytes())
}

/// A routine's, view's or trigger's text with another owner; without one, whoever makes it will be.
pub fn with_definer(create: &str, definer: Option<&str>) -> String {
    let Some(start) = create.find("DEFINER=") else { return create.to_owned() };
    // Only in the head: a body may speak of definers too.
    let head = create.find(['(', '\n']).unwrap_or(create.len());
    if start > head {
        return create.to_owned();
    }
    let rest = &create[start + "DEFINER=".len()..];
    let end = account_end(rest);
    let owner = definer.map(|definer| format!("DEFINER={definer} ")).unwrap_or_default();
    format!("{}{owner}{}", &create[..start], rest[end..].trim_start())
}

/// Where `` `user`@`host` `` ends; names may hold anything, backticks doubled.
fn account_end(text: &str) -> usize {
    let mut inside = false;
    for (at, character) in text.char_indices() {
        match character {
            '`' => inside = !inside,
            ' ' if !inside => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, with_key};
    use super::*;

    fn of(create: &str) -> Table {
        let mut table = with_key(vec![column("id", "int"), column("n", "int")], &["id"]);
        table.create = create.into();
        table
    }

    const ORDERS: &str = "CREATE TABLE `orders` (\n  `id` int(11) NOT NULL AUTO_INCREMENT COMMENT 'a, b',\n  `customer` int(11) NOT NULL,\n  \
        `note` text DEFAULT NULL,\n  PRIMARY KEY (`id`),\n  UNIQUE KEY `u` (`customer`,`id`),\n  KEY `k` (`customer`),\n  \
        FULLTEXT KEY `f` (`note`),\n  CONSTRAINT `c` FOREIGN KEY (`customer`) REFERENCES `customers` (`id`) ON DELETE CASCADE,\n  \
        CONSTRAINT `positive` CHECK (`customer` > 0)\n) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4\n PARTITION BY HASH (`id`)\nPARTITIONS 4";

    #[test]
    fn indexes_and_foreign_keys_wait_and_checks_do_not() {
        let split = split(&of(ORDERS), true).unwrap();
        insta::assert_snapshot!(format!(
            "{}\n{:#?}\n{:#?}\n{:#?}",
            split.create, split.indexes, split.alone, split.foreign_keys
        ));
    }

    #[test]
    fn of_a_small_table_only_foreign_keys_wait() {
        let split = split(&of(ORDERS), false).unwrap();
        assert!(split.indexes.is_empty() && split.alone.is_empty());
        assert!(split.create.contains("KEY `k`") && !split.create.contains("FOREIGN KEY"));
    }

    #[test]
    fn a_column_that_counts_keeps_an_index_of_its_own() {
        let create = "CREATE TABLE `t` (\n  `id` int NOT NULL,\n  `n` int NOT NULL AUTO_INCREMENT,\n  PRIMARY KEY (`id`),\n  KEY `a` (`id`,`n`),\n  KEY `n` (`n`)\n) ENGINE=InnoDB";
        let split = split(&of(create), true).unwrap();
        assert!(split.create.contains("KEY `n` (`n`)"), "{}", split.create);
        assert_eq!(split.indexes, ["ADD KEY `a` (`id`,`n`)"]);
    }

    #[test]
    fn a_counter_that_moved_is_no_other_table() {
        assert_eq!(fingerprint(ORDERS), fingerprint(&ORDERS.replace("AUTO_INCREMENT=7", "AUTO_INCREMENT=9")));
        assert_ne!(fingerprint(ORDERS), fingerprint(&ORDERS.replace("int(11)", "bigint(20)")));
    }

    #[test]
    fn a_definer_is_replaced_in_the_head_only() {
        let create = "CREATE DEFINER=`ro ot`@`%` PROCEDURE `p`()\nSELECT 'DEFINER=`x`@`y` '";
        assert_eq!(with_definer(create, None), "CREATE PROCEDURE `p`()\nSELECT 'DEFINER=`x`@`y` '");
        assert!(with_definer(create, Some("`app`@`%`")).starts_with("CREATE DEFINER=`app`@`%` PROCEDURE"));
        let plain = "CREATE PROCEDURE `p`()\nSELECT 'DEFINER=`x`@`y` '";
        assert_eq!(with_definer(plain, None), plain);
    }

    #[test]
    fn what_cannot_be_read_is_told_and_not_guessed() {
        assert!(split(&of("CREATE TABLE `t` (`id` int)"), true).is_err());
    }
}
