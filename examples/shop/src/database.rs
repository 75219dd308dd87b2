//! The shop's questions to MariaDB. Every one is bounded in time, and a lost connection is replaced.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, Pool, TxOpts};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::Version;

const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Product {
    pub id: u32,
    pub name: String,
    pub price_cents: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discount_percent: Option<u8>,
}

impl Product {
    /// What a customer pays, rounded to the cent.
    pub fn to_pay(&self) -> u64 {
        let rest = 100 - u64::from(self.discount_percent.unwrap_or(0).min(100));
        (self.price_cents * rest + 50) / 100
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Order {
    pub id: u64,
    pub product: u32,
    pub quantity: u32,
    pub total_cents: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub struct NewOrder {
    pub product: u32,
    #[serde(default = "one")]
    pub quantity: u32,
}

fn one() -> u32 {
    1
}

/// Why MariaDB gave no answer, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable(pub String);

impl From<mysql_async::Error> for Unavailable {
    fn from(error: mysql_async::Error) -> Self {
        Self(format!("MariaDB: {}", reason(&error)))
    }
}

/// The driver's words in one line, without the layers they passed through.
pub fn reason(error: &mysql_async::Error) -> String {
    error.to_string().replace('\n', " ").replace("Input/output error: ", "")
}

#[derive(Clone, Debug)]
pub struct Database {
    pool: Pool,
    version: Version,
}

impl Database {
    /// Connects to nothing yet.
    pub fn new(options: Opts, version: Version) -> Self {
        Self { pool: Pool::new(options), version }
    }

    pub async fn ping(&self) -> Result<(), Unavailable> {
        bounded(async { Ok(self.connection().await?.query_drop("SELECT 1").await?) }).await
    }

    pub async fn products(&self) -> Result<Vec<Product>, Unavailable> {
        bounded(async { Ok(self.some_products(&mut self.connection().await?, None).await?) }).await
    }

    pub async fn orders(&self) -> Result<Vec<Order>, Unavailable> {
        bounded(async {
            let sql = "SELECT id, product, quantity, total_cents FROM orders ORDER BY id DESC LIMIT 100";
            let order = |(id, product, quantity, total_cents)| Order { id, product, quantity, total_cents };
            Ok(self.connection().await?.query_map(sql, order).await?)
        })
        .await
    }

    pub async fn count_orders(&self) -> Result<u64, Unavailable> {
        bounded(async {
            let count: Option<u64> =
                self.connection().await?.query_first("SELECT COUNT(*) FROM orders").await?;
            Ok(count.unwrap_or(0))
        })
        .await
    }

    /// Writes the order; nothing if there is no such product.
    pub async fn order(&self, new: NewOrder) -> Result<Option<Order>, Unavailable> {
        bounded(async {
            let mut connection = self.connection().await?;
            let Some(product) = self.some_products(&mut connection, Some(new.product)).await?.pop() else {
                return Ok(None);
            };
            let total_cents = product.to_pay() * u64::from(new.quantity);
            let mut transaction = connection.start_transaction(TxOpts::default()).await?;
            let sql = "INSERT INTO orders (product, quantity, total_cents) VALUES (?, ?, ?)";
            transaction.exec_drop(sql, (new.product, new.quantity, total_cents)).await?;
            let id = transaction.last_insert_id().unwrap_or(0);
            transaction.commit().await?;
            Ok(Some(Order { id, product: new.product, quantity: new.quantity, total_cents }))
        })
        .await
    }

    pub async fn close(self) {
        let _ = timeout(PATIENCE, self.pool.disconnect()).await;
    }

    async fn connection(&self) -> Result<Conn, mysql_async::Error> {
        self.pool.get_conn().await
    }

    async fn some_products(
        &self,
        connection: &mut Conn,
        id: Option<u32>,
    ) -> mysql_async::Result<Vec<Product>> {
        // Version 1 must not name a column it does not know: that is what lets both run on one database.
        let discount = if self.version.discounts() { "discount" } else { "NULL" };
        let sql = format!(
            "SELECT id, name, price_cents, {discount} FROM products WHERE ? IS NULL OR id = ? ORDER BY id LIMIT 100"
        );
        let product =
            |(id, name, price_cents, discount_percent)| Product { id, name, price_cents, discount_percent };
        connection.exec_map(sql, (id, id), product).await
    }
}

async fn bounded<T>(work: impl Future<Output = Result<T, Unavailable>>) -> Result<T, Unavailable> {
    match timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => Err(Unavailable(format!("MariaDB: no answer within {} s", PATIENCE.as_secs()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discount_is_rounded_to_the_cent() {
        let price = |price_cents, discount_percent| {
            Product { id: 1, name: String::new(), price_cents, discount_percent }.to_pay()
        };
        assert_eq!(price(1000, None), 1000);
        assert_eq!(price(1000, Some(0)), 1000);
        assert_eq!(price(999, Some(15)), 849);
        assert_eq!(price(1000, Some(200)), 0);
    }
}
