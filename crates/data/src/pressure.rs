//! Watches how the source feels: while it has enough to do, the copy waits. Also tells progress, follows limits that
//! change meanwhile, and sees that the copy stays alone on its target.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use crate::error::Result;
use crate::job::Limits;
use crate::mysql::connect::End;
use crate::mysql::ledger;
use crate::plan::estimate;
use crate::progress::{Event, Progress, Tally};
use crate::throttle::Throttle;
use crate::worker::Shared;
use crate::{Say, Steer, copy};

const LOOK: Duration = Duration::from_secs(1);

pub struct Watch {
    pub source: End,
    pub target: End,
    pub steer: Steer,
    pub shared: Arc<Shared>,
    pub limits: Limits,
    pub throttle: Arc<Throttle>,
    pub tally: Arc<Tally>,
    pub of_rows: u64,
    pub say: Say,
}

impl Watch {
    /// Never ends by itself, but when somebody else has taken the target.
    pub async fn run(mut self, mut lock: Conn) -> Result<()> {
        let begun = Instant::now();
        let mut probe: Option<Conn> = None;
        let mut before = (Tally::read(&self.tally.bytes), Instant::now());
        loop {
            tokio::time::sleep(LOOK).await;
            if let Some(limits) = (self.steer)() {
                self.throttle.limit(limits.bytes_per_second);
                self.limits = limits;
            }
            self.probe(&mut probe).await;
            if lock.ping().await.is_err()
                && let Ok(mut fresh) = self.target.text().await
            {
                ledger::alone(&mut fresh, copy::LOCK_PATIENCE).await?;
                lock = fresh;
            }
            let bytes = Tally::read(&self.tally.bytes);
            let rate = (bytes - before.0) as f64 / before.1.elapsed().as_secs_f64();
            before = (bytes, Instant::now());
            let rows = Tally::read(&self.tally.rows);
            let (standing, loading) = self.shared.board.standing();
            let left = self.of_rows.saturating_sub(standing);
            (self.say)(Event::Progress(Progress {
                rows,
                bytes,
                standing,
                verifying: !loading,
                recopied: Tally::read(&self.tally.repaired),
                of_rows: self.of_rows,
                bytes_per_second: rate as u64,
                seconds_left: estimate::seconds_left(rows, rows + left, begun.elapsed().as_secs_f64()),
                tables_done: Tally::read(&self.tally.tables),
                held: self.throttle.is_held(),
            }));
        }
    }

    async fn probe(&self, probe: &mut Option<Conn>) {
        if probe.is_none() {
            *probe = self.source.text().await.ok();
        }
        let Some(conn) = probe.as_mut() else { return };
        let asked = Instant::now();
        let answer: mysql_async::Result<Option<(String, u64)>> =
            conn.query_first("SHOW GLOBAL STATUS LIKE 'Threads_running'").await;
        let Ok(Some((_, running))) = answer else {
            *probe = None;
            return;
        };
        let latency = asked.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        // This question and our readers are running too.
        let others = running.saturating_sub(self.limits.connections as u64 + 1);
        self.throttle.hold(busy(self.throttle.is_held(), others, latency, &self.limits));
    }
}

/// Held back until there is some room, so that it does not flutter at the limit.
fn busy(held: bool, others: u64, latency_millis: u64, limits: &Limits) -> bool {
    let share = |limit: u64| if held { limit * 3 / 4 } else { limit };
    others > share(limits.threads_running) || latency_millis > share(limits.latency_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_source_is_left_alone_until_there_is_room() {
        let limits = Limits { threads_running: 20, latency_millis: 100, ..Limits::default() };
        assert!(!busy(false, 20, 100, &limits));
        assert!(busy(false, 21, 0, &limits) && busy(false, 0, 101, &limits));
        assert!(busy(true, 16, 0, &limits) && busy(true, 0, 76, &limits));
        assert!(!busy(true, 15, 75, &limits));
    }
}
