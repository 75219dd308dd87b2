//! Whoever runs a copy may ask it to stop: it lets go of what it holds, and what is done stands.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

use crate::error::{Error, Result};

/// Asked once, heard by all who have it.
#[derive(Clone, Debug)]
pub struct Halt(Arc<watch::Sender<bool>>);

impl Default for Halt {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Halt {
    pub fn ask(&self) {
        self.0.send_replace(true);
    }

    pub async fn asked(&self) {
        // It ends with an error only if nobody is left who could ask, and this one is.
        let _ = self.0.subscribe().wait_for(|asked| *asked).await;
    }

    /// Work that holds nothing but connections, which end with it.
    pub async fn unless<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.asked() => Err(Error::Stopped),
            done = work => done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_goes_on_until_it_is_asked_to_stop_and_is_not_begun_afterwards() {
        let halt = Halt::default();
        assert_eq!(halt.unless(async { Ok(1) }).await.unwrap(), 1);
        let waits = tokio::spawn({
            let halt = halt.clone();
            async move { halt.unless(std::future::pending::<Result<()>>()).await }
        });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        halt.ask();
        assert!(matches!(waits.await.unwrap(), Err(Error::Stopped)));
        assert!(matches!(halt.unless(async { Ok(1) }).await, Err(Error::Stopped)));
    }
}
