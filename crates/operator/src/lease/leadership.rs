//! Leading: renews the lease, notices at once when it is lost, and gives it back on a graceful stop.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::{info, warn};

use super::candidate::Candidate;
use super::store::Store;
use super::{Failure, bounded, is_conflict, is_gone, plan};

/// How long giving the lease back may take while stopping.
const RELEASE: Duration = Duration::from_secs(1);

/// Proof of leading, as long as it is renewed.
pub(crate) struct Leadership<S> {
    candidate: Candidate<S>,
    lease: Lease,
    renewed: Instant,
}

/// Why a process leads no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    #[error("`{0}` has taken the lease")]
    Taken(String),
    #[error("the lease was released by someone else")]
    Released,
    #[error("the lease could not be renewed for {} s", .0.as_secs())]
    NotRenewed(Duration),
}

impl<S: Store> Leadership<S> {
    pub(super) fn new(candidate: Candidate<S>, lease: Lease, renewed: Instant) -> Self {
        Self { candidate, lease, renewed }
    }

    /// Renews until leadership is lost. May be dropped at any point and called again.
    pub(crate) async fn keep(&mut self) -> Lost {
        let terms = self.candidate.terms;
        loop {
            let deadline = self.renewed + terms.renew_within;
            sleep(terms.retry_after.min(deadline - Instant::now())).await;
            // The deadline cuts a request short: it lies well before the lease expires for others.
            match timeout_at(deadline, self.renew()).await {
                Ok(Ok(())) => {}
                Ok(Err(Some(lost))) => return lost,
                Ok(Err(None)) => {}
                Err(_) => return Lost::NotRenewed(terms.renew_within),
            }
            if self.renewed.elapsed() >= terms.renew_within {
                return Lost::NotRenewed(terms.renew_within);
            }
        }
    }

    /// Renews once; `Err(None)` means: did not work, try again.
    async fn renew(&mut self) -> Result<(), Option<Lost>> {
        let asked = Instant::now();
        let next = self.renewed_lease(&self.lease)?;
        let written = match bounded(self.candidate.store.replace(&next)).await {
            Err(Failure::Kube(error)) if is_conflict(&error) || is_gone(&error) => self.recover().await?,
            other => other,
        };
        match written {
            Ok(lease) => {
                self.lease = lease;
                self.renewed = asked;
                Ok(())
            }
            Err(error) => {
                warn!("Failed to renew the lease, trying again: {error}");
                Err(None)
            }
        }
    }

    /// Somebody wrote in between: reads again and goes on only if the lease is still this process's.
    async fn recover(&mut self) -> Result<Result<Lease, Failure>, Option<Lost>> {
        let observed = match bounded(self.candidate.store.get()).await {
            Ok(observed) => observed,
            Err(error) => return Ok(Err(error)),
        };
        match observed {
            Some(lease) => {
                let next = self.renewed_lease(&lease)?;
                Ok(bounded(self.candidate.store.replace(&next)).await)
            }
            // Somebody deleted it. Of all who create it anew one succeeds; the others then see its holder.
            None => {
                let anew = Lease { spec: self.lease.spec.clone(), ..Lease::default() };
                Ok(bounded(self.candidate.store.create(&anew)).await)
            }
        }
    }

    fn renewed_lease(&self, observed: &Lease) -> Result<Lease, Option<Lost>> {
        let held = self.lease.spec.clone().unwrap_or_default();
        let seen = observed.spec.clone().unwrap_or_default();
        match plan::renewal(&seen, &held, Timestamp::now()) {
            Some(spec) => Ok(Lease { spec: Some(spec), ..observed.clone() }),
            None => Err(Some(lost_to(&seen))),
        }
    }

    /// Gives the lease back, so that a successor need not wait for its expiry. Best effort.
    pub(crate) async fn release(self) {
        let held = self.lease.spec.clone().unwrap_or_default();
        let give_back = async {
            let mut lease = self.lease.clone();
            // A renewal cut short by stopping may have gone through: then once more on what is there.
            for _ in 0..2 {
                lease.spec = Some(plan::released(&held, Timestamp::now()));
                match self.candidate.store.replace(&lease).await {
                    Ok(_) => return true,
                    Err(error) if is_conflict(&error) => {}
                    Err(_) => return false,
                }
                let Ok(Some(now)) = self.candidate.store.get().await else { return false };
                let seen = now.spec.clone().unwrap_or_default();
                if plan::renewal(&seen, &held, Timestamp::now()).is_none() {
                    return false;
                }
                lease = now;
            }
            false
        };
        if timeout(RELEASE, give_back).await == Ok(true) {
            info!("Released the lease: a successor may take over at once");
        } else {
            warn!("Failed to release the lease: a successor waits for its expiry");
        }
    }
}

fn lost_to(seen: &LeaseSpec) -> Lost {
    match seen.holder_identity.as_deref() {
        Some(holder) if !holder.is_empty() => Lost::Taken(holder.to_owned()),
        _ => Lost::Released,
    }
}
