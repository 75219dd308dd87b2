//! Whose turn it is to write to a target. Taken only when there is something to write, and renewed as long as that lasts;
//! whether its holder lives is seen by its renewals, so that no two clocks are compared.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::answer::Answer;
use super::end::End;
use super::ledger::{If, Ledger};
use super::report::Kind;
use crate::error::{Error, Result};
use crate::share::Share;

/// Renewed so often, and lost if it was not for so long.
const RENEW: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(500);

#[derive(Clone)]
pub struct Turn {
    end: End,
    ledger: Ledger,
    token: Arc<str>,
    /// The ETag of its note; none: not taken yet.
    held: Arc<Mutex<Option<String>>>,
    taken: Arc<AtomicBool>,
}

impl Turn {
    /// Processes of one start have it together.
    pub fn new(end: &End, ledger: &Ledger, share: Option<&Share>) -> Self {
        let now = jiff::Timestamp::now().as_nanosecond();
        let token =
            share.map_or_else(|| format!("{}-{now}", std::process::id()), |share| share.start.clone());
        Self {
            end: end.clone(),
            ledger: ledger.clone(),
            token: token.into(),
            held: Arc::default(),
            taken: Arc::default(),
        }
    }

    fn key(&self) -> String {
        self.ledger.turn_key()
    }

    /// No two notes are the same, not even of one holder.
    fn content(&self) -> Vec<u8> {
        format!("{} {}", self.token, jiff::Timestamp::now().as_nanosecond()).into_bytes()
    }

    fn is_ours(&self, content: &[u8]) -> bool {
        content.split(|byte| *byte == b' ').next() == Some(self.token.as_bytes())
    }

    /// Before anything is written; waits for whoever else does.
    pub async fn take(&self) -> Result<()> {
        if self.taken.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut held = self.held.lock().await;
        if held.is_some() {
            return Ok(());
        }
        let (begun, mut seen) = (Instant::now(), None::<String>);
        let etag = loop {
            match self.note(If::Nothing).await? {
                Some(etag) => break etag,
                None if begun.elapsed() > PATIENCE => {
                    let Some(seen) = &seen else { return Err(Error::Busy) };
                    // Nobody renewed it: whoever held it is gone. Who was quicker may be of our start.
                    if let Some(etag) = self.note(If::Still(seen)).await? {
                        break etag;
                    }
                }
                None => {}
            }
            let now = match self.end.get(&self.key(), None, None).await {
                Ok((facts, content)) if self.is_ours(&content) => break facts.etag,
                Ok((facts, _)) => facts.etag,
                Err(Answer::Missing) => continue,
                Err(answer) => return Err(self.end.error(answer, "asking whether it is alone")),
            };
            if seen.as_ref().is_some_and(|seen| *seen != now) {
                return Err(Error::Busy);
            }
            seen = Some(now);
            tokio::time::sleep(LOOK).await;
        };
        self.ledger.begin().await?;
        *held = Some(etag);
        self.taken.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// None: the condition does not hold.
    async fn note(&self, only: If<'_>) -> Result<Option<String>> {
        match self.end.note(&self.key(), self.content(), only).await {
            Ok(etag) => Ok(Some(etag)),
            Err(Answer::Changed | Answer::Missing) => Ok(None),
            Err(answer) => Err(self.end.error(answer, "asking whether it is alone")),
        }
    }

    /// As long as the copy lasts; ends when somebody else has taken it.
    pub async fn keep(&self) -> Result<()> {
        loop {
            tokio::time::sleep(RENEW).await;
            self.renew().await?;
        }
    }

    async fn renew(&self) -> Result<()> {
        let mut held = self.held.lock().await;
        let Some(etag) = held.as_ref() else { return Ok(()) };
        match self.note(If::Still(etag)).await {
            Ok(Some(etag)) => {
                *held = Some(etag);
                Ok(())
            }
            Ok(None) => self.taken_away(&mut held).await,
            // It is seen again as soon as it answers.
            Err(error) if error.passes() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// An answer that got lost makes our own note look like another's.
    async fn taken_away(&self, held: &mut Option<String>) -> Result<()> {
        match self.end.get(&self.key(), None, None).await {
            Ok((facts, content)) if self.is_ours(&content) => {
                *held = Some(facts.etag);
                Ok(())
            }
            Ok(_) => Err(Error::Busy),
            Err(Answer::Missing) => {
                *held = self.note(If::Nothing).await?;
                if held.is_some() { Ok(()) } else { Err(Error::Busy) }
            }
            Err(answer) if answer.passes() => Ok(()),
            Err(answer) => Err(self.end.error(answer, "asking whether it is alone")),
        }
    }

    pub async fn release(&self) {
        if self.held.lock().await.take().is_some() {
            // Else it ends by not being renewed.
            let _ = self.end.remove(&self.key(), Kind::Ledger).await;
        }
    }

    /// Others of this start still need it.
    pub async fn leave(&self) {
        self.held.lock().await.take();
    }

    /// Nobody of this start needs it any more, whoever has taken it.
    pub async fn release_all(&self) {
        self.leave().await;
        // Else it ends by not being renewed.
        if let Ok((_, content)) = self.end.get(&self.key(), None, None).await
            && self.is_ours(&content)
        {
            let _ = self.end.remove(&self.key(), Kind::Ledger).await;
        }
    }
}
