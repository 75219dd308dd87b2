//! One question for all who ask the same: an answer is remembered for a time, a failure as well, and one that goes on
//! is asked about later and later.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use crate::Failure;

/// The longest pause between two questions that fail.
const LONGEST: Duration = Duration::from_secs(60);
/// What was known holds for so long while AWS does not answer; after that it is told.
const HOLDS: Duration = Duration::from_secs(300);
/// What nobody asks for any more is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(900);

pub struct Memory<K, V> {
    entries: Mutex<HashMap<K, Arc<Slot<V>>>>,
}

struct Slot<V> {
    asked: Mutex<Instant>,
    /// Held while it is asked: the others wait for the answer.
    known: tokio::sync::Mutex<Known<V>>,
}

struct Known<V> {
    /// The last answer, and when it was asked for.
    answer: Option<(Instant, V)>,
    /// The failures since, and when the last of them was.
    failed: Option<(Instant, Failure, u32)>,
}

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self { entries: Mutex::default() }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Memory<K, V> {
    /// What is known, else what `read` finds; it gets the last answer. `holds` judges an answer of some age,
    /// `patience` is how long a failure is believed that waiting does not mend.
    pub async fn get<F: Future<Output = Result<V, Failure>>>(
        &self,
        key: &K,
        patience: Duration,
        holds: impl Fn(&V, Duration) -> bool,
        read: impl FnOnce(Option<V>) -> F,
    ) -> Result<V, Failure> {
        let slot = self.slot(key);
        let mut known = slot.known.lock().await;
        if let Some(answer) = known.now(patience, holds) {
            return answer;
        }
        let begun = Instant::now();
        let earlier = known.answer.as_ref().map(|(_, value)| value.clone());
        match read(earlier).await {
            Ok(value) => {
                *known = Known { answer: Some((begun, value.clone())), failed: None };
                Ok(value)
            }
            Err(failure) => known.fail(failure),
        }
    }

    pub async fn forget(&self, key: &K) {
        *self.slot(key).known.lock().await = Known::default();
    }

    fn slot(&self, key: &K) -> Arc<Slot<V>> {
        let now = Instant::now();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = entries.entry(key.clone()).or_insert_with(|| Arc::new(Slot::new(now))).clone();
        *slot.asked.lock().unwrap_or_else(PoisonError::into_inner) = now;
        entries.retain(|_, slot| {
            slot.asked.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < FORGOTTEN
        });
        slot
    }
}

impl<V> Slot<V> {
    fn new(now: Instant) -> Self {
        Self { asked: Mutex::new(now), known: tokio::sync::Mutex::default() }
    }
}

impl<V> Default for Known<V> {
    fn default() -> Self {
        Self { answer: None, failed: None }
    }
}

impl<V: Clone> Known<V> {
    /// What there is to say without asking.
    fn now(&self, patience: Duration, holds: impl Fn(&V, Duration) -> bool) -> Option<Result<V, Failure>> {
        if let Some((at, failure, times)) = &self.failed {
            let pause = if failure.passes() { pause(*times) } else { patience };
            return (at.elapsed() < pause).then(|| self.instead_of(failure));
        }
        let (at, value) = self.answer.as_ref()?;
        holds(value, at.elapsed()).then(|| Ok(value.clone()))
    }

    fn fail(&mut self, failure: Failure) -> Result<V, Failure> {
        let times = self.failed.as_ref().map_or(0, |(_, _, times)| *times) + 1;
        if times == 1 && failure.passes() {
            warn!(
                "AWS does not tell what it is asked for, asking again in {} s: {failure:?}",
                pause(times).as_secs()
            );
        }
        if !failure.passes() {
            // What was taken away is not given out any more.
            self.answer = None;
        }
        let answer = self.instead_of(&failure);
        self.failed = Some((Instant::now(), failure, times));
        answer
    }

    fn instead_of(&self, failure: &Failure) -> Result<V, Failure> {
        match &self.answer {
            Some((at, value)) if failure.passes() && at.elapsed() < HOLDS => Ok(value.clone()),
            _ => Err(failure.clone()),
        }
    }
}

/// The pause after so many failures in a row.
fn pause(times: u32) -> Duration {
    LONGEST.min(Duration::from_secs(2u64.saturating_pow(times.min(10))))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::advance;

    use super::*;

    const SHORT: Duration = Duration::from_secs(25);

    /// Answers one after the other, and how often it was asked.
    struct Source {
        asked: AtomicU32,
        answers: Mutex<Vec<Result<u32, Failure>>>,
    }

    impl Source {
        fn of(answers: Vec<Result<u32, Failure>>) -> Self {
            Self { asked: AtomicU32::new(0), answers: Mutex::new(answers) }
        }

        async fn ask(&self, memory: &Memory<&'static str, u32>) -> Result<u32, Failure> {
            let read = |_| async {
                self.asked.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(50)).await;
                self.answers.lock().unwrap().remove(0)
            };
            memory.get(&"a", SHORT, |_, age| age < SHORT, read).await
        }

        fn asked(&self) -> u32 {
            self.asked.load(Ordering::Relaxed)
        }
    }

    fn busy() -> Failure {
        Failure::Throttled("slow down".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_who_ask_at_once_are_one_question() {
        let (memory, source) = (Memory::default(), Source::of(vec![Ok(1), Ok(2)]));
        let all = futures::future::join_all((0..100).map(|_| source.ask(&memory))).await;
        assert!(all.iter().all(|answer| *answer == Ok(1)));
        assert_eq!(source.asked(), 1);
        advance(SHORT).await;
        assert_eq!(source.ask(&memory).await, Ok(2));
        assert_eq!(source.asked(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn while_aws_is_busy_it_is_asked_less_and_what_was_known_holds_for_a_time() {
        let mut answers = vec![Ok(1)];
        answers.resize(40, Err(busy()));
        let (memory, source) = (Memory::default(), Source::of(answers));
        assert_eq!(source.ask(&memory).await, Ok(1));
        let mut last = Ok(1);
        for second in 0..330 {
            last = source.ask(&memory).await;
            if second < 290 {
                assert_eq!(last, Ok(1), "after {second} s");
            }
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(last, Err(busy()));
        assert!(source.asked() <= 12, "asked {} times", source.asked());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_taken_away_is_not_given_out_any_more() {
        let answers = vec![Ok(1), Err(Failure::Missing), Err(busy()), Ok(2)];
        let (memory, source) = (Memory::default(), Source::of(answers));
        assert_eq!(source.ask(&memory).await, Ok(1));
        advance(SHORT).await;
        assert_eq!(source.ask(&memory).await, Err(Failure::Missing));
        advance(SHORT).await;
        assert_eq!(source.ask(&memory).await, Err(busy()));
        advance(SHORT).await;
        assert_eq!(source.ask(&memory).await, Ok(2));
    }

    #[test]
    fn pauses_grow_to_a_minute() {
        assert_eq!([1, 2, 3, 9, 99].map(|times| pause(times).as_secs()), [2, 4, 8, 60, 60]);
    }
}
