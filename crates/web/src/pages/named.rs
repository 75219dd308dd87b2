//! Hosts that an environment was given, as one page that goes on heard of them last: they are not listed at each of its draws.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::Environment;
use tokio::sync::Mutex;
use verbs::{Cluster, Result, hostname};

/// What is no older than this is told again. Without news a page is drawn about as often.
const FRESH: Duration = Duration::from_secs(15);

type Heard = (Instant, Vec<hostname::Summary>);

/// Of one page, so that nobody is told what another may read.
#[derive(Clone, Default)]
pub struct Named(Arc<Mutex<Option<Heard>>>);

impl Named {
    pub async fn of(&self, cluster: &Cluster, environment: &Environment) -> Result<Vec<hostname::Summary>> {
        let mut kept = self.0.lock().await;
        if let Some((_, named)) = kept.as_ref().filter(|(since, _)| since.elapsed() < FRESH) {
            return Ok(named.clone());
        }
        let named = hostname::named(cluster, environment).await?;
        *kept = Some((Instant::now(), named.clone()));
        Ok(named)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use api::EnvironmentSpec;

    use super::*;
    use crate::fake;

    #[tokio::test]
    async fn hosts_are_listed_once_for_many_draws_and_again_after_a_refusal() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let cluster = fake::cluster(move |_, _| {
            let before = count.fetch_add(1, Ordering::Relaxed);
            async move {
                match before {
                    0 => fake::refusal(403, "Forbidden"),
                    _ => (200, fake::list("Hostname", &[])),
                }
            }
        });
        let environment = Environment::new("qa", EnvironmentSpec::default());
        let named = Named::default();
        assert!(named.of(&cluster, &environment).await.is_err());
        for _ in 0..3 {
            assert!(named.of(&cluster, &environment).await.unwrap().is_empty());
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        // Another page asks for itself.
        assert!(Named::default().of(&cluster, &environment).await.is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }
}
