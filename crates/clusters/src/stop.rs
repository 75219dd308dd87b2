//! What becomes of work when somebody presses Ctrl-C. Runs that change things look after that themselves (`run`).

use crate::{Error, Result};

/// What nothing has to be finished of ends at once.
pub async fn unless<T>(
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        outcome = work => outcome,
        () = interrupted => Err(Error::Stopped { done: 0, total: 0 }),
    }
}

/// What has to be finished once it is begun looks here between its steps.
pub async fn between(interrupted: &mut (impl Future<Output = ()> + Unpin)) -> Result<()> {
    tokio::select! {
        biased;
        () = interrupted => Err(Error::Stopped { done: 0, total: 0 }),
        () = std::future::ready(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn work_ends_with_the_interruption_or_with_its_own_outcome() {
        assert!(matches!(unless(&mut ready(()), pending::<Result<()>>()).await, Err(Error::Stopped { .. })));
        assert!(matches!(unless(&mut pending(), ready(Ok(3))).await, Ok(3)));
        assert!(between(&mut pending()).await.is_ok());
        assert!(matches!(between(&mut ready(())).await, Err(Error::Stopped { .. })));
    }
}
