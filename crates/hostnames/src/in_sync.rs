//! Waiting until a change has reached every name server of its zone. Says when it stops waiting; the change goes on.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::Failure;
use crate::route53::Route53;
use crate::scheduler::{Request, Scheduler};

const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Waited {
    InSync {
        after: Duration,
    },
    /// Patience ended before.
    Pending {
        after: Duration,
    },
}

pub async fn in_sync(
    route53: &impl Route53,
    scheduler: &Scheduler,
    change: &str,
    patience: Duration,
) -> Result<Waited, Failure> {
    let begun = Instant::now();
    let mut pause = FIRST;
    loop {
        if scheduler.ask(Request::GetChange, || route53.is_in_sync(change)).await? {
            return Ok(Waited::InSync { after: begun.elapsed() });
        }
        let left = patience.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Ok(Waited::Pending { after: begun.elapsed() });
        }
        sleep(pause.min(left)).await;
        pause = (pause * 3 / 2).min(LONGEST);
    }
}
