//! Takes the lines of every source as they come, and hands them on in order, filtered.

use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::batch::{Page, Told};
use super::beat::Beat;
use super::order::Order;
use super::outlet::Arrival;
use super::{Ended, Wanted};

/// Nothing is due: whatever comes next says so.
const LATER: Duration = Duration::from_secs(3600);

/// Until every source has ended, or nobody listens.
pub async fn merge(
    mut arrived: mpsc::UnboundedReceiver<Arrival>,
    wanted: &Wanted,
    beat: Beat,
    out: mpsc::Sender<Page>,
) -> Ended {
    let begun = beat.begun();
    let filters = !wanted.filter.is_all();
    let mut order = Order::<OwnedSemaphorePermit>::new(wanted.entries || filters);
    let mut keep = |told: &Told<'_>| !filters || wanted.filter.keeps(told);
    let mut page = Page::default();
    let mut open = true;
    loop {
        let due = order.release(begun.elapsed(), &mut page, &mut keep);
        if !page.is_empty() && out.send(std::mem::take(&mut page)).await.is_err() {
            return Ended::Unheard;
        }
        if !open {
            match due {
                // The last lines wait for nobody, but for room on a page.
                Some(_) => continue,
                None => return Ended::Complete,
            }
        }
        tokio::select! {
            biased;
            () = out.closed() => return Ended::Unheard,
            arrival = arrived.recv() => match arrival {
                Some(arrival) => {
                    let at = begun.elapsed();
                    take(&mut order, arrival, at);
                    while let Ok(more) = arrived.try_recv() {
                        take(&mut order, more, at);
                    }
                }
                None => open = false,
            },
            () = tokio::time::sleep_until(beat.at_or_after(begun + due.unwrap_or(begun.elapsed() + LATER))) => {}
        }
    }
}

fn take(order: &mut Order<OwnedSemaphorePermit>, arrival: Arrival, at: Duration) {
    match arrival {
        Arrival::Joined { id, source, live } => {
            order.join(id, source);
            if live {
                order.caught_up(id);
            }
        }
        Arrival::Batch { id, batch, permit } => order.arrive(id, batch, permit, at),
        Arrival::CaughtUp { id } => order.caught_up(id),
        Arrival::Ended { id } => order.ended(id),
    }
}
