//! A shop's data for stories about copies: twelve tables with foreign keys, secondary indexes and keys of every kind,
//! and a writer that moves money between accounts without making any.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::Result;
use mysql_async::prelude::Queryable;
use rand::RngExt;
use tokio::task::JoinHandle;

use crate::mariadb::Door;

const TABLES: &[&str] = &[
    "CREATE TABLE categories (id INT PRIMARY KEY AUTO_INCREMENT, parent INT NULL, name VARCHAR(50) NOT NULL, \
     CONSTRAINT category_parent FOREIGN KEY (parent) REFERENCES categories (id))",
    "CREATE TABLE customers (id INT PRIMARY KEY AUTO_INCREMENT, email VARCHAR(120) NOT NULL, name VARCHAR(80) NOT NULL, phone VARCHAR(30), \
     born DATE, created DATETIME NOT NULL, UNIQUE KEY by_email (email), KEY by_name (name), KEY by_created (created))",
    "CREATE TABLE addresses (id INT PRIMARY KEY AUTO_INCREMENT, customer INT NOT NULL, street VARCHAR(100), city VARCHAR(50), KEY by_city (city), \
     CONSTRAINT address_customer FOREIGN KEY (customer) REFERENCES customers (id))",
    "CREATE TABLE products (id INT PRIMARY KEY AUTO_INCREMENT, sku CHAR(12) NOT NULL, category INT NOT NULL, name VARCHAR(80), price DECIMAL(10,2), \
     details JSON, UNIQUE KEY by_sku (sku), CONSTRAINT product_category FOREIGN KEY (category) REFERENCES categories (id))",
    "CREATE TABLE orders (id BIGINT PRIMARY KEY AUTO_INCREMENT, customer INT NOT NULL, state ENUM('new','paid','sent') NOT NULL, placed DATETIME(3), \
     total DECIMAL(12,2), note TEXT, KEY by_state (state, placed), KEY by_placed (placed), \
     CONSTRAINT order_customer FOREIGN KEY (customer) REFERENCES customers (id))",
    "CREATE TABLE order_items (orders BIGINT NOT NULL, line SMALLINT NOT NULL, product INT NOT NULL, amount INT NOT NULL, price FLOAT, \
     PRIMARY KEY (orders, line), KEY by_product (product, amount), KEY by_amount (amount), \
     CONSTRAINT item_order FOREIGN KEY (orders) REFERENCES orders (id) ON DELETE CASCADE, \
     CONSTRAINT item_product FOREIGN KEY (product) REFERENCES products (id))",
    "CREATE TABLE payments (id UUID PRIMARY KEY, orders BIGINT NOT NULL, amount DECIMAL(12,2), paid TIMESTAMP(6) NULL, KEY by_paid (paid), \
     CONSTRAINT payment_order FOREIGN KEY (orders) REFERENCES orders (id))",
    "CREATE TABLE reviews (product INT NOT NULL, email VARCHAR(120) NOT NULL, stars TINYINT, text TEXT, PRIMARY KEY (product, email), \
     KEY by_email (email), CONSTRAINT review_product FOREIGN KEY (product) REFERENCES products (id), \
     CONSTRAINT review_customer FOREIGN KEY (email) REFERENCES customers (email))",
    "CREATE TABLE sessions (token VARCHAR(64) CHARACTER SET ascii PRIMARY KEY, customer INT NOT NULL, seen TIMESTAMP NULL, KEY by_seen (seen), \
     CONSTRAINT session_customer FOREIGN KEY (customer) REFERENCES customers (id))",
    "CREATE TABLE visits (at DATETIME(6), page VARCHAR(100), agent VARCHAR(100), ip INET6, KEY by_at (at))",
    "CREATE TABLE accounts (id INT PRIMARY KEY, balance BIGINT NOT NULL, KEY by_balance (balance))",
    "CREATE TABLE transfers (id BIGINT PRIMARY KEY AUTO_INCREMENT, source INT NOT NULL, target INT NOT NULL, amount BIGINT NOT NULL, \
     KEY by_amount (amount), CONSTRAINT transfer_source FOREIGN KEY (source) REFERENCES accounts (id), \
     CONSTRAINT transfer_target FOREIGN KEY (target) REFERENCES accounts (id))",
    "CREATE VIEW spending AS SELECT c.id, c.email, SUM(o.total) AS total FROM customers c JOIN orders o ON o.customer = c.id GROUP BY c.id",
    "CREATE TRIGGER no_negative BEFORE INSERT ON transfers FOR EACH ROW SET NEW.amount = ABS(NEW.amount)",
    "CREATE FUNCTION doubled(n INT) RETURNS INT DETERMINISTIC RETURN n * 2",
    "CREATE PROCEDURE forget(IN old DATETIME) DELETE FROM visits WHERE at < old",
    "CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY DO DELETE FROM sessions WHERE seen < NOW() - INTERVAL 1 YEAR",
    "CREATE SEQUENCE invoice START WITH 1000 INCREMENT BY 1 CACHE 100",
];

/// Fills its database with about so many rows.
pub async fn fill(server: &Door, rows: u64) -> Result<()> {
    let part = |of: u64| (rows / of).max(10);
    let (customers, orders, products) = (part(20), part(6), part(200));
    let mut conn = server.connect().await?;
    let database = &server.database;
    conn.query_drop(format!("CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4")).await?;
    conn.query_drop(format!("USE `{database}`")).await?;
    for sql in TABLES {
        conn.query_drop(*sql).await?;
    }
    conn.query_drop("SET foreign_key_checks=0").await?;
    let fills = [
        format!(
            "INSERT INTO categories SELECT seq, IF(seq > 5, seq MOD 5 + 1, NULL), CONCAT('category ', seq) FROM seq_1_to_{}",
            50
        ),
        format!(
            "INSERT INTO customers SELECT seq, CONCAT('customer', seq, '@mail', seq MOD 7, '.example.org'), CONCAT('Given', seq MOD 977, ' Family', seq), \
             CONCAT('+44 20 ', 10000000 + seq), '1950-01-01' + INTERVAL seq MOD 20000 DAY, '2020-01-01' + INTERVAL seq MINUTE FROM seq_1_to_{customers}"
        ),
        format!(
            "INSERT INTO addresses SELECT seq, 1 + seq MOD {customers}, CONCAT(seq, ' Old Road'), CONCAT('Town', seq MOD 400) FROM seq_1_to_{}",
            part(15)
        ),
        format!(
            "INSERT INTO products SELECT seq, LPAD(seq, 12, '0'), 1 + seq MOD 50, CONCAT('thing ', seq), seq / 7, \
             JSON_OBJECT('weight', seq, 'tags', JSON_ARRAY('a', 'b\\n\\t', seq)) FROM seq_1_to_{products}"
        ),
        format!(
            "INSERT INTO orders SELECT seq, 1 + (seq * 7919) MOD {customers}, 1 + seq MOD 3, '2021-01-01' + INTERVAL seq * 37 SECOND, seq / 3, \
             IF(seq MOD 4, NULL, CONCAT('leave it\\tat the door \\\\ ', seq)) FROM seq_1_to_{orders}"
        ),
        format!(
            "INSERT INTO order_items SELECT seq DIV 3, seq MOD 3, 1 + (seq * 31) MOD {products}, seq MOD 90, seq / 13 FROM seq_3_to_{}",
            3 * orders + 2
        ),
        format!(
            "INSERT INTO payments SELECT UUID(), 1 + seq MOD {orders}, seq / 3, '2021-01-01' + INTERVAL seq SECOND FROM seq_1_to_{}",
            part(10)
        ),
        format!(
            "INSERT INTO reviews SELECT 1 + seq MOD {products}, (SELECT email FROM customers WHERE id = 1 + seq MOD {customers}), seq MOD 6, \
             CONCAT('I liked it ', seq, ' 💚') FROM seq_1_to_{} ON DUPLICATE KEY UPDATE stars = 1",
            part(30)
        ),
        format!(
            "INSERT INTO sessions SELECT SHA2(seq, 256), 1 + seq MOD {customers}, '2024-01-01' + INTERVAL seq SECOND FROM seq_1_to_{}",
            part(20)
        ),
        format!(
            "INSERT INTO visits SELECT '2024-01-01' + INTERVAL seq SECOND, CONCAT('/p/', seq MOD 1000), 'browser', CONCAT('2001:db8::', HEX(seq MOD 65535)) FROM seq_1_to_{}",
            part(10)
        ),
        format!("INSERT INTO accounts SELECT seq, 1000 FROM seq_1_to_{}", part(100)),
        "DO NEXTVAL(invoice)".to_owned(),
    ];
    for sql in fills {
        conn.query_drop(sql).await?;
    }
    conn.query_drop("ANALYZE TABLE categories, customers, addresses, products, orders, order_items, payments, reviews, sessions, visits, accounts, transfers")
        .await?;
    Ok(conn.disconnect().await?)
}

/// Moves money, places orders and takes them back, until it is stopped.
pub struct Writer {
    stop: Arc<AtomicBool>,
    pub commits: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<Result<()>>>,
}

impl Writer {
    pub async fn start(server: &Door, lanes: usize) -> Result<Self> {
        let (stop, commits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let accounts: u64 = server.one(&format!("SELECT COUNT(*) FROM {}.accounts", server.database)).await?;
        let mut tasks = vec![];
        for _ in 0..lanes {
            let mut conn = server.connect().await?;
            conn.query_drop(format!("USE `{}`", server.database)).await?;
            let (stop, commits) = (stop.clone(), commits.clone());
            tasks.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let (source, target, amount) = {
                        let mut random = rand::rng();
                        (random.random_range(1..=accounts), random.random_range(1..=accounts), random.random_range(1..50u64))
                    };
                    let (low, high) = (source.min(target), source.max(target));
                    let statements = [
                        "START TRANSACTION".to_owned(),
                        format!("SELECT id FROM accounts WHERE id IN ({low},{high}) ORDER BY id FOR UPDATE"),
                        format!("UPDATE accounts SET balance = balance - {amount} WHERE id = {source}"),
                        format!("UPDATE accounts SET balance = balance + {amount} WHERE id = {target}"),
                        format!("INSERT INTO transfers (source, target, amount) VALUES ({source}, {target}, {amount})"),
                        "COMMIT".to_owned(),
                    ];
                    for sql in statements {
                        conn.query_drop(sql).await?;
                    }
                    commits.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            }));
        }
        Ok(Self { stop, commits, tasks })
    }

    pub async fn stop(self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await??;
        }
        Ok(self.commits.load(Ordering::Relaxed))
    }
}

/// What holds at every moment, and between no two: nobody made money, and each account has what was moved.
pub async fn consistent(server: &Door) -> Result<()> {
    let database = &server.database;
    let (sum, count): (i64, i64) = server
        .one(&format!("SELECT CAST(SUM(balance) AS SIGNED), COUNT(*) FROM {database}.accounts"))
        .await?;
    anyhow::ensure!(sum == count * 1000, "{count} accounts hold {sum}");
    let wrong: u64 = server
        .one(&format!(
            "SELECT COUNT(*) FROM {database}.accounts a WHERE a.balance <> 1000 \
             - (SELECT COALESCE(SUM(amount), 0) FROM {database}.transfers t WHERE t.source = a.id) \
             + (SELECT COALESCE(SUM(amount), 0) FROM {database}.transfers t WHERE t.target = a.id)"
        ))
        .await?;
    anyhow::ensure!(wrong == 0, "{wrong} accounts do not hold what was moved to them");
    Ok(())
}

/// A checksum of every table, as the server itself computes it.
pub async fn checksums(server: &Door, database: &str) -> Result<Vec<(String, Option<u64>)>> {
    let names: Vec<String> = server
        .rows(&format!(
            "SELECT CONCAT('`', TABLE_SCHEMA, '`.`', REPLACE(TABLE_NAME, '`', '``'), '`') FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = '{database}' AND TABLE_TYPE = 'BASE TABLE' ORDER BY TABLE_NAME"
        ))
        .await?;
    if names.is_empty() {
        return Ok(vec![]);
    }
    server.rows(&format!("CHECKSUM TABLE {}", names.join(","))).await
}
