//! Environments that are on their way: how soon each may be looked at again, and the revision it is brought to.
//!
//! Every pod that starts wakes its environment. One that is alone answers at once; of hundreds together each waits a
//! little, so that what they ask of the API server does not delay what they wait for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::Environment;
use kube::ResourceExt;

use crate::revisions::Stored;

/// For each environment that is on its way, one waits this much between two looks,
const EACH: Duration = Duration::from_millis(5);
/// and never more than this.
const MOST: Duration = Duration::from_secs(5);
/// Rendered objects are large: of more environments than this no revision is remembered.
const REMEMBERED: usize = 64;

/// An environment: its control namespace and its name.
type Place = (String, String);

struct Way {
    looked: Instant,
    generation: Option<i64>,
    /// Immutable but for the few marks whose writers call [`Underway::forget`].
    revision: Option<Stored>,
}

#[derive(Default)]
pub struct Underway(Mutex<HashMap<Place, Way>>);

impl Underway {
    /// For how long to wait before looking. A changed spec never waits.
    pub fn wait(&self, environment: &Environment) -> Option<Duration> {
        let all = self.lock();
        let gap = MOST.min(EACH * u32::try_from(all.len()).unwrap_or(u32::MAX));
        let way = all.get(&place(environment))?;
        let left = gap.saturating_sub(way.looked.elapsed());
        (way.generation == environment.metadata.generation && !left.is_zero()).then_some(left)
    }

    /// It is looked at now.
    pub fn begin(&self, environment: &Environment) {
        let (looked, generation) = (Instant::now(), environment.metadata.generation);
        let mut all = self.lock();
        let way = all.entry(place(environment)).or_insert(Way { looked, generation, revision: None });
        way.looked = looked;
        way.generation = generation;
    }

    /// It has arrived, or is going.
    pub fn end(&self, environment: &Environment) {
        self.lock().remove(&place(environment));
    }

    pub fn remember(&self, environment: &Environment, stored: &Stored) {
        let mut all = self.lock();
        let room = all.len() <= REMEMBERED;
        if let Some(way) = all.get_mut(&place(environment)) {
            way.revision = room.then(|| stored.clone());
        }
    }

    /// Revision `number` of an environment, if it is at hand.
    pub fn revision(&self, environment: &Environment, number: i64) -> Option<Stored> {
        let all = self.lock();
        let stored = all.get(&place(environment))?.revision.as_ref()?;
        (stored.number == number).then(|| stored.clone())
    }

    /// What is noted at a stored revision was changed.
    pub fn forget(&self, control_namespace: &str, environment: &str) {
        if let Some(way) = self.lock().get_mut(&(control_namespace.to_owned(), environment.to_owned())) {
            way.revision = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Way>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(environment: &Environment) -> Place {
    (environment.namespace().unwrap_or_default(), environment.name_any())
}

#[cfg(test)]
mod tests {
    use api::EnvironmentSpec;

    use super::*;

    fn environment(name: &str, generation: i64) -> Environment {
        let mut environment = Environment::new(name, EnvironmentSpec::default());
        environment.metadata.namespace = Some("shop".into());
        environment.metadata.generation = Some(generation);
        environment
    }

    #[test]
    fn of_many_each_waits_for_the_others_and_a_changed_one_does_not() {
        let underway = Underway::default();
        for number in 0..1000 {
            let qa = environment(&format!("qa-{number}"), 1);
            assert_eq!(underway.wait(&qa), None);
            underway.begin(&qa);
        }
        let wait = underway.wait(&environment("qa-7", 1)).expect("it was looked at just now");
        assert!(wait <= MOST && wait > MOST / 2, "{wait:?}");
        assert_eq!(underway.wait(&environment("qa-7", 2)), None);
    }

    #[test]
    fn one_alone_hardly_waits() {
        let underway = Underway::default();
        let qa = environment("qa", 1);
        underway.begin(&qa);
        assert!(underway.wait(&qa).is_none_or(|wait| wait <= EACH));
        underway.end(&qa);
        assert_eq!(underway.wait(&qa), None);
    }
}
