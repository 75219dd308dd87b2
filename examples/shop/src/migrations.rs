//! The schema's history. Only ever added to, and each step leaves room for the version before it.

/// Steps that may run again after a kill: MariaDB commits each statement of a definition by itself.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    pub id: u32,
    pub name: &'static str,
    pub sql: &'static str,
}

pub const MIGRATIONS: &[Migration] = &[
    Migration {
        id: 1,
        name: "products",
        sql: "CREATE TABLE IF NOT EXISTS products (
            id INT UNSIGNED PRIMARY KEY, name VARCHAR(200) NOT NULL, price_cents BIGINT UNSIGNED NOT NULL)",
    },
    Migration {
        id: 2,
        name: "orders",
        sql: "CREATE TABLE IF NOT EXISTS orders (
            id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, product INT UNSIGNED NOT NULL,
            quantity INT UNSIGNED NOT NULL, total_cents BIGINT UNSIGNED NOT NULL,
            created TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
    },
    Migration {
        id: 3,
        name: "first products",
        sql: "INSERT IGNORE INTO products (id, name, price_cents) VALUES
            (1, 'Coffee, one pound', 1290), (2, 'Tea, a tin', 890), (3, 'Two cups & saucers', 2450),
            (4, 'Kettle', 3900), (5, 'Sugar tongs', 650)",
    },
    // Expand, with the version before the one that needs it: version 1 goes on without ever naming the column.
    Migration {
        id: 4,
        name: "discount of products",
        sql: "ALTER TABLE products ADD COLUMN discount TINYINT UNSIGNED NOT NULL DEFAULT 0",
    },
    Migration {
        id: 5,
        name: "first discounts",
        sql: "UPDATE products SET discount = CASE id WHEN 1 THEN 10 WHEN 3 THEN 25 ELSE discount END",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Version;

    #[test]
    fn ids_go_up_by_one_and_names_are_given() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.id as usize, index + 1);
            assert!(!migration.name.is_empty() && !migration.sql.is_empty());
        }
    }

    #[test]
    fn the_newest_version_knows_all_of_them_and_the_older_fewer() {
        assert_eq!(Version::Two.schema() as usize, MIGRATIONS.len());
        assert!(Version::One.schema() < Version::Two.schema());
    }

    #[test]
    fn nothing_is_taken_from_a_version_that_still_runs() {
        for migration in MIGRATIONS {
            assert!(
                !migration.sql.contains("DROP") && !migration.sql.contains("RENAME"),
                "{}",
                migration.name
            );
        }
    }
}
