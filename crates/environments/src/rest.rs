//! Remembers that a look at an environment found nothing to do: a look that sees the same again asks nobody.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::{Environment, marks};
use apply::View;
use kube::ResourceExt;

/// Secrets are no part of what is watched: the operator may not list them. They are looked at this often.
const SECRETS: Duration = Duration::from_secs(600);

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
    has_secrets: bool,
}

/// What was last seen of environments that needed nothing, by the UID of the Environment.
#[derive(Default)]
pub struct Rest {
    known: Mutex<HashMap<String, Resting>>,
}

impl Rest {
    /// Whether nothing has changed since a look found nothing to do.
    pub fn lasts(&self, environment: &Environment, sight: Sight) -> bool {
        let known = self.lock();
        let resting = environment.metadata.uid.as_ref().and_then(|uid| known.get(uid));
        resting.is_some_and(|resting| {
            resting.sight == sight && !(resting.has_secrets && resting.since.elapsed() >= SECRETS)
        })
    }

    /// A look that saw `sight` found nothing to do.
    pub fn begin(&self, environment: &Environment, sight: Sight, has_secrets: bool) {
        if let Some(uid) = environment.uid() {
            self.lock().insert(uid, Resting { sight, since: Instant::now(), has_secrets });
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
        rest.begin(&environment, sight(&environment, false, Some("p-1")), true);
        assert!(rest.lasts(&environment, sight(&environment, false, Some("p-1"))));
        assert!(!rest.lasts(&environment, sight(&environment, true, Some("p-1"))));
        assert!(!rest.lasts(&environment, sight(&environment, false, Some("p-2"))));
        environment.status = Some(EnvironmentStatus { revision: Some(1), ..EnvironmentStatus::default() });
        assert!(!rest.lasts(&environment, sight(&environment, false, Some("p-1"))));
    }
}
