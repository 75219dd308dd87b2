//! The queue of orders in Redis: the web pushes, a worker takes, and a job is gone only when it is done.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult, cmd, pipe};
use tokio::sync::Mutex;

pub const ORDERS: &str = "shop:orders";
pub const PROCESSED: &str = "shop:processed";
const WORKERS: &str = "shop:workers";

/// A worker that gave no sign of life for so long is taken for dead, and its jobs go back.
const LEASE: u64 = 30;

/// How long a worker waits for a job before it looks whether it is to stop.
const WAIT: u64 = 1;

async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(Duration::from_secs(2)))
        .set_response_timeout(Some(Duration::from_secs(WAIT + 3)));
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// The web's end.
#[derive(Debug)]
pub struct Queue {
    client: Client,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Queue {
    pub fn new(client: Client) -> Self {
        Self { client, connection: Mutex::new(None) }
    }

    pub async fn push(&self, job: &str) -> RedisResult<()> {
        // The kept connection may have died with its server: one new one is tried.
        if let Ok(mut connection) = self.connection(false).await
            && cmd("LPUSH").arg(ORDERS).arg(job).exec_async(&mut connection).await.is_ok()
        {
            return Ok(());
        }
        let mut connection = self.connection(true).await?;
        cmd("LPUSH").arg(ORDERS).arg(job).exec_async(&mut connection).await
    }

    async fn connection(&self, new: bool) -> RedisResult<MultiplexedConnection> {
        let mut kept = self.connection.lock().await;
        if let (false, Some(connection)) = (new, kept.as_ref()) {
            return Ok(connection.clone());
        }
        let connection = connect(&self.client).await?;
        *kept = Some(connection.clone());
        Ok(connection)
    }
}

/// A worker's end: jobs in hand lie in a list of its own.
#[derive(Debug)]
pub struct Consumer {
    connection: MultiplexedConnection,
    name: String,
}

impl Consumer {
    pub async fn connect(client: &Client, name: &str) -> RedisResult<Self> {
        let mut consumer = Self { connection: connect(client).await?, name: name.to_owned() };
        // A former life of this worker may have left jobs in hand.
        consumer.give_back(name).await?;
        cmd("SADD").arg(WORKERS).arg(name).exec_async(&mut consumer.connection).await?;
        Ok(consumer)
    }

    /// The next job, if one comes soon.
    pub async fn take(&mut self) -> RedisResult<Option<String>> {
        let alive = alive(&self.name);
        cmd("SET").arg(alive).arg(1).arg("EX").arg(LEASE).exec_async(&mut self.connection).await?;
        cmd("BLMOVE")
            .arg(ORDERS)
            .arg(in_hand(&self.name))
            .arg("RIGHT")
            .arg("LEFT")
            .arg(WAIT)
            .query_async(&mut self.connection)
            .await
    }

    /// Counts the job and lets go of it, both or neither.
    pub async fn done(&mut self, job: &str) -> RedisResult<u64> {
        let mut both = pipe();
        both.atomic()
            .cmd("LREM")
            .arg(in_hand(&self.name))
            .arg(1)
            .arg(job)
            .ignore()
            .cmd("INCR")
            .arg(PROCESSED);
        let (count,): (u64,) = both.query_async(&mut self.connection).await?;
        Ok(count)
    }

    /// Puts the jobs of dead workers back into the queue; returns how many.
    pub async fn rescue(&mut self) -> RedisResult<u64> {
        let workers: Vec<String> = cmd("SMEMBERS").arg(WORKERS).query_async(&mut self.connection).await?;
        let mut rescued = 0;
        for worker in workers {
            if cmd("EXISTS").arg(alive(&worker)).query_async(&mut self.connection).await? {
                continue;
            }
            rescued += self.give_back(&worker).await?;
            cmd("SREM").arg(WORKERS).arg(&worker).exec_async(&mut self.connection).await?;
        }
        Ok(rescued)
    }

    async fn give_back(&mut self, worker: &str) -> RedisResult<u64> {
        let mut count = 0;
        loop {
            let mut next = cmd("LMOVE");
            next.arg(in_hand(worker)).arg(ORDERS).arg("RIGHT").arg("RIGHT");
            let moved: Option<String> = next.query_async(&mut self.connection).await?;
            if moved.is_none() {
                return Ok(count);
            }
            count += 1;
        }
    }
}

fn in_hand(worker: &str) -> String {
    format!("shop:in-hand:{worker}")
}

fn alive(worker: &str) -> String {
    format!("shop:alive:{worker}")
}
