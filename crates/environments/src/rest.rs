//! Remembers that a look at an environment found nothing to do: a look that sees the same again asks nobody.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::revision::SecretRecipe;
use api::{Environment, marks};
use apply::View;
use kube::ResourceExt;

/// Secrets are no part of what is watched: the operator may not list them. They are looked at this often.
const SECRETS: Duration = Duration::from_secs(600);
/// Those that are copied from what others keep: a changed value arrives within this time.
const SOURCES: Duration = Duration::from_secs(55);

/// Everything that a look depends on, as one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight(u64);

impl Sight {
    /// `newest` is the project's newest revision.
    pub fn of(environment: &Environment, view: &View, frozen: bool, newest: Option<&str>) -> Self {
        let mut hasher = DefaultHasher::new();
        environment.metadata.generation.hash(&mut hasher);
        environment.metadata.deletion_timestamp.is_some().hash(&mut hasher);
        environment.finalizers().hash(&mut hasher);
        environment.annotations().get(marks::FREEZE_UNTIL).hash(&mut hasher);
        // Somebody may have written to it.
        serde_json::to_string(&environment.status).unwrap_or_default().hash(&mut hasher);
        view.hash(&mut hasher);
        (frozen, newest).hash(&mut hasher);
        Self(hasher.finish())
    }
}

struct Resting {
    sight: Sight,
    since: Instant,
    /// When something has to be looked at that no watch shows.
    at_most: Option<Duration>,
}

/// What was last seen of environments that needed nothing, by the UID of the Environment.
#[derive(Default)]
pub struct Rest {
    known: Mutex<HashMap<String, Resting>>,
}

impl Rest {
    /// For how long yet nothing has to be done, if nothing has changed since a look found nothing to do.
    pub fn lasts(&self, environment: &Environment, sight: Sight) -> Option<Duration> {
        let known = self.lock();
        let resting = environment.metadata.uid.as_ref().and_then(|uid| known.get(uid))?;
        let left = match resting.at_most {
            Some(at_most) => at_most.checked_sub(resting.since.elapsed())?,
            None => Duration::MAX,
        };
        (resting.sight == sight && !left.is_zero()).then_some(left)
    }

    /// A look that saw `sight` found nothing to do, the Secrets that `recipes` make included.
    pub fn begin(&self, environment: &Environment, sight: Sight, recipes: &[SecretRecipe]) {
        let at_most = if recipes.iter().any(|recipe| recipe.sources().next().is_some()) {
            Some(SOURCES)
        } else {
            (!recipes.is_empty()).then_some(SECRETS)
        };
        if let Some(uid) = environment.uid() {
            self.lock().insert(uid, Resting { sight, since: Instant::now(), at_most });
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

    #[test]
    fn rest_ends_with_whatever_a_look_depends_on() {
        let mut environment = Environment::new("qa", EnvironmentSpec::default());
        environment.metadata.uid = Some("u".to_owned());
        let rest = Rest::default();
        let sight = |environment: &Environment, frozen, newest| {
            Sight::of(environment, &View::default(), frozen, newest)
        };
        rest.begin(&environment, sight(&environment, false, Some("p-1")), &[]);
        assert!(rest.lasts(&environment, sight(&environment, false, Some("p-1"))).is_some());
        assert!(rest.lasts(&environment, sight(&environment, true, Some("p-1"))).is_none());
        assert!(rest.lasts(&environment, sight(&environment, false, Some("p-2"))).is_none());
        environment.status = Some(EnvironmentStatus { revision: Some(1), ..EnvironmentStatus::default() });
        assert!(rest.lasts(&environment, sight(&environment, false, Some("p-1"))).is_none());
    }

    #[test]
    fn what_others_keep_is_looked_at_within_a_minute() {
        let mut environment = Environment::new("qa", EnvironmentSpec::default());
        environment.metadata.uid = Some("u".to_owned());
        let sight = Sight::of(&environment, &View::default(), false, None);
        let rest = Rest::default();
        let left = |keys: serde_json::Value| {
            let recipe =
                serde_json::from_value(serde_json::json!({"name": "s", "part": "web", "keys": keys}));
            rest.begin(&environment, sight, &[recipe.unwrap()]);
            rest.lasts(&environment, sight).unwrap()
        };
        let source = serde_json::json!({"fromSource": {"source": {"kubernetes": "payments"}, "key": "k"}});
        assert!(left(serde_json::json!({"K": [source]})) <= Duration::from_secs(60));
        assert!(left(serde_json::json!({"K": ["generated"]})) > Duration::from_secs(60));
    }
}
