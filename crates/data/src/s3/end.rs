//! One end of a copy: a bucket, and how it is asked. Every request is counted, waits for its turn, and is tried again
//! while that may help; when a store is asked too much, everybody asks less.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws::{Authority, Aws, Failure, StorePlace};
use aws_sdk_s3::Client;
use rand::RngExt;

use super::answer::Answer;
use super::gate::Gate;
use super::job::{Bucket, Ready};
use super::report::{Counter, Kind};
use crate::error::{Error, Result, Side};
use crate::job::Secret;
use crate::throttle::Throttle;

/// A small question is answered within.
pub const SOON: Duration = Duration::from_secs(30);
/// Content of a part, or of an object that needs none.
pub const LONG: Duration = Duration::from_secs(180);
/// A store copies by itself, as much as it does at once.
pub const LONGER: Duration = Duration::from_secs(1800);

/// Tries of a request that is not answered, and of one that is answered with `slow down`.
const TRIES_AWAY: u32 = 5;
const TRIES_SLOW: u32 = 12;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub struct End {
    pub side: Side,
    pub client: Client,
    pub bucket: String,
    pub address: String,
    /// Who asks.
    identity: String,
    pub counter: Arc<Counter>,
    pub gate: Arc<Gate>,
    pub requests: Arc<Throttle>,
}

impl End {
    pub async fn reach(
        side: Side,
        ready: &Ready,
        gate: &Arc<Gate>,
        requests: &Arc<Throttle>,
    ) -> Result<Self> {
        let (end, secret, authority) = match side {
            Side::Source => (&ready.job.source, &ready.source_secret, &ready.source_authority),
            Side::Target => (&ready.job.target, &ready.target_secret, &ready.target_authority),
        };
        let reached = Self::at(side, end, secret.as_ref(), authority.clone(), requests).await?;
        Ok(Self { gate: gate.clone(), ..reached })
    }

    /// One of its own, beside no other.
    pub async fn at(
        side: Side,
        end: &Bucket,
        secret: Option<&Secret>,
        authority: Option<Authority>,
        requests: &Arc<Throttle>,
    ) -> Result<Self> {
        let reached = Aws::default().store(&place(end, secret, authority)).await;
        let client = reached.map_err(|failure| match failure {
            Failure::NoRegion => Error::Refused {
                message: format!("nobody says in which region {side} is"),
                fix: format!("say {}.region in the job, or AWS_REGION", side_key(side)),
            },
            other => Error::Internal(format!("{other:?}")),
        })?;
        Ok(Self {
            side,
            client,
            bucket: end.bucket.clone(),
            address: end.address(),
            identity: end.access_key.clone().unwrap_or_else(|| "that AWS' own tools find".to_owned()),
            counter: Arc::default(),
            gate: Gate::new(1),
            requests: requests.clone(),
        })
    }

    /// Until it is answered, as often as that may help.
    pub async fn ask<T, F>(&self, kind: Kind, within: Duration, send: impl Fn() -> F) -> Result<T, Answer>
    where
        F: Future<Output = Result<T, Answer>> + Send,
    {
        let (mut away, mut slow) = (0, 0);
        loop {
            self.requests.pass(1).await;
            self.counter.count(kind);
            let answer = match tokio::time::timeout(within, Box::pin(send())).await {
                Ok(Ok(told)) => return Ok(told),
                Ok(Err(answer)) => answer,
                Err(_) => Answer::Away(format!("it did not answer within {} s", within.as_secs())),
            };
            let tries = match &answer {
                Answer::Slow(_) => {
                    self.gate.slow_down();
                    slow += 1;
                    if slow >= TRIES_SLOW {
                        return Err(answer);
                    }
                    slow
                }
                Answer::Away(_) | Answer::Corrupt(_) => {
                    away += 1;
                    if away >= TRIES_AWAY {
                        return Err(answer);
                    }
                    away
                }
                _ => return Err(answer),
            };
            let chance = rand::rng().random();
            tokio::time::sleep(wait(tries, chance)).await;
        }
    }

    pub fn error(&self, answer: Answer, doing: &str) -> Error {
        answer.error(self.side, &self.address, &self.identity, doing)
    }
}

fn place(end: &Bucket, secret: Option<&Secret>, authority: Option<Authority>) -> StorePlace {
    let credentials = end.access_key.clone().zip(secret.map(|secret| secret.expose().to_owned()));
    StorePlace { region: end.region.clone(), endpoint: end.endpoint.clone(), credentials, authority }
}

fn side_key(side: Side) -> &'static str {
    match side {
        Side::Source => "source",
        Side::Target => "target",
    }
}

/// Twice as long each time, and not all at the same moment.
fn wait(tries: u32, chance: f64) -> Duration {
    let whole = FIRST_WAIT.saturating_mul(1 << tries.min(10)).min(LONGEST_WAIT);
    whole.mul_f64(0.5 + chance / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        assert_eq!(wait(1, 0.0), Duration::from_millis(100));
        assert_eq!(wait(3, 1.0), Duration::from_millis(800));
        assert_eq!(wait(99, 1.0), LONGEST_WAIT);
    }
}
