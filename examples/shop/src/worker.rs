//! The worker: takes orders from the queue one at a time, until asked to stop.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use redis::{Client, RedisResult};
use tokio::sync::watch;

use crate::Version;
use crate::process::{self, BAD_CONFIGURATION};
use crate::queue::Consumer;

const RESCUE_EVERY: Duration = Duration::from_secs(15);
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub fn main(version: Version) -> ExitCode {
    process::run("worker", run(version))
}

async fn run(version: Version) -> Result<(), (u8, String)> {
    let variables = process::variables();
    let client = variables.required_redis().map_err(|line| (BAD_CONFIGURATION, line))?;
    let name = variables.get("HOSTNAME").unwrap_or_else(|| format!("worker-{}", std::process::id()));
    let (asked, stop) = watch::channel(false);
    tokio::spawn(async move {
        process::stop().await;
        let _ = asked.send(true);
    });
    tracing::info!("shop worker version {} takes orders as {name}", version.name());
    while !*stop.borrow() {
        if let Err(error) = consume(&client, &name, &stop).await {
            tracing::warn!("Redis: {error}; trying again");
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
    tracing::info!("stopped");
    Ok(())
}

async fn consume(client: &Client, name: &str, stop: &watch::Receiver<bool>) -> RedisResult<()> {
    let mut consumer = Consumer::connect(client, name).await?;
    let mut rescued: Option<Instant> = None;
    while !*stop.borrow() {
        if rescued.is_none_or(|last| last.elapsed() > RESCUE_EVERY) {
            let count = consumer.rescue().await?;
            if count > 0 {
                tracing::info!("put {count} jobs of dead workers back into the queue");
            }
            rescued = Some(Instant::now());
        }
        if let Some(job) = consumer.take().await? {
            let count = consumer.done(&job).await?;
            tracing::info!("job {count} done: {job}");
        }
    }
    Ok(())
}
