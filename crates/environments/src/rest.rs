//! Remembers that a look at an environment found nothing to do: a look that sees the same again asks nobody.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::{Environment, marks};
use apply::View;
use aws::Aws;
use kube::{Client, ResourceExt};

use crate::error::Error;
use crate::plan::access::Bindings;
use crate::sources::{Glimpses, Versions};

/// Secrets are no part of what is watched: the operator may not list them. They are looked at this often.
const SECRETS: Duration = Duration::from_secs(600);
/// What others keep is glimpsed at this often.
const SOURCES: Duration = Duration::from_secs(30);

/// Everything that a look depends on, as one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight(u64);

impl Sight {
    /// `project` is its newest revision and who may do what, `hosts` those that the environment has.
    pub fn of(
        environment: &Environment,
        view: &View,
        frozen: bool,
        project: (Option<&str>, Option<&Bindings>),
        hosts: &BTreeSet<String>,
    ) -> Self {
        let mut hasher = DefaultHasher::new();
        environment.metadata.generation.hash(&mut hasher);
        environment.metadata.deletion_timestamp.is_some().hash(&mut hasher);
        environment.finalizers().hash(&mut hasher);
        environment.annotations().get(marks::FREEZE_UNTIL).hash(&mut hasher);
        // Somebody may have written to it.
        serde_json::to_string(&environment.status).unwrap_or_default().hash(&mut hasher);
        view.hash(&mut hasher);
        (frozen, project.0, hosts).hash(&mut hasher);
        for binding in project.1.into_iter().flat_map(|bindings| &bindings.wanted) {
            binding.to_string().hash(&mut hasher);
        }
        Self(hasher.finish())
    }
}

struct Resting {
    sight: Sight,
    /// When everything was looked at.
    since: Instant,
    has_secrets: bool,
    /// What others keep, as it was read, and when it was last found so.
    sources: Versions,
    glimpsed: Instant,
}

/// What was last seen of environments that needed nothing, by the UID of the Environment.
#[derive(Default)]
pub struct Rest {
    known: Mutex<HashMap<String, Resting>>,
    glimpses: Glimpses,
}

impl Resting {
    /// How long it lasts by itself; `glimpsed`: what others keep was found as it was.
    fn left(&self, sight: Sight) -> Option<Duration> {
        let whole = if self.has_secrets {
            SECRETS.checked_sub(self.since.elapsed()).filter(|left| !left.is_zero())?
        } else {
            Duration::MAX
        };
        (self.sight == sight).then_some(whole)
    }

    fn glimpse_in(&self) -> Duration {
        if self.sources.is_empty() { Duration::MAX } else { SOURCES.saturating_sub(self.glimpsed.elapsed()) }
    }
}

impl Rest {
    /// For how long yet nothing has to be done, if nothing has changed since a look found nothing to do.
    pub async fn lasts(
        &self,
        environment: &Environment,
        sight: Sight,
        client: &Client,
        aws: &Aws,
    ) -> Result<Option<Duration>, Error> {
        let Some(uid) = environment.metadata.uid.as_ref() else { return Ok(None) };
        let (left, glimpse_in, sources) = match self.lock().get(uid) {
            Some(resting) => match resting.left(sight) {
                Some(left) => (left, resting.glimpse_in(), resting.sources.clone()),
                None => return Ok(None),
            },
            None => return Ok(None),
        };
        if !glimpse_in.is_zero() {
            return Ok(Some(left.min(glimpse_in)));
        }
        if !self.glimpses.same(client, aws, &sources).await? {
            return Ok(None);
        }
        if let Some(resting) = self.lock().get_mut(uid) {
            resting.glimpsed = Instant::now();
        }
        Ok(Some(left.min(SOURCES)))
    }

    /// A look that saw `sight` found nothing to do. `sources`: what others keep, as it was read.
    pub fn begin(&self, environment: &Environment, sight: Sight, has_secrets: bool, sources: Versions) {
        if let Some(uid) = environment.uid() {
            let now = Instant::now();
            self.lock().insert(uid, Resting { sight, since: now, has_secrets, sources, glimpsed: now });
        }
    }

    pub fn end(&self, environment: &Environment) {
        if let Some(uid) = &environment.metadata.uid {
            self.lock().remove(uid);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Resting>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use api::{EnvironmentSpec, EnvironmentStatus};

    use super::*;
    use crate::sources::Place;

    fn resting(sight: Sight, sources: Versions) -> Resting {
        let now = Instant::now();
        Resting { sight, since: now, has_secrets: false, sources, glimpsed: now }
    }

    #[test]
    fn rest_ends_with_whatever_a_look_depends_on() {
        let mut environment = Environment::new("qa", EnvironmentSpec::default());
        let sight = |environment: &Environment, frozen, newest| {
            Sight::of(environment, &View::default(), frozen, (newest, None), &BTreeSet::new())
        };
        let resting = resting(sight(&environment, false, Some("p-1")), Versions::new());
        assert_eq!(resting.left(sight(&environment, false, Some("p-1"))), Some(Duration::MAX));
        assert_eq!(resting.left(sight(&environment, true, Some("p-1"))), None);
        assert_eq!(resting.left(sight(&environment, false, Some("p-2"))), None);
        let hosts = BTreeSet::from(["web-qa-shop.example.com".to_owned()]);
        let others = Sight::of(&environment, &View::default(), false, (Some("p-1"), None), &hosts);
        assert_eq!(resting.left(others), None);
        let people = Bindings { wanted: vec![serde_json::json!({"subjects": []})], known: vec![] };
        let project = (Some("p-1"), Some(&people));
        let other_people = Sight::of(&environment, &View::default(), false, project, &BTreeSet::new());
        assert_eq!(resting.left(other_people), None);
        environment.status = Some(EnvironmentStatus { revision: Some(1), ..EnvironmentStatus::default() });
        assert_eq!(resting.left(sight(&environment, false, Some("p-1"))), None);
    }

    #[test]
    fn what_others_keep_is_glimpsed_at_within_a_minute() {
        let environment = Environment::new("qa", EnvironmentSpec::default());
        let sight = Sight::of(&environment, &View::default(), false, (None, None), &BTreeSet::new());
        assert_eq!(resting(sight, Versions::new()).glimpse_in(), Duration::MAX);
        let place = Place::Secret { namespace: "shop".to_owned(), name: "payments".to_owned() };
        let sources = [(place, Some("1".to_owned()))].into();
        assert!(resting(sight, sources).glimpse_in() < Duration::from_secs(60));
    }
}
