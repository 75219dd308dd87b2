//! Waits until an environment is ready, or cannot become so, telling every step.

use std::time::Duration;

use api::{Environment, EnvironmentStatus};

use super::outlook::{Outlook, outlook, pending};
use super::progress::changes;
use super::read;
use crate::wait::{Look, Wait};
use crate::{Cluster, Error, Result, Sink};

/// How long to wait, and for what.
#[derive(Clone, Debug, Default)]
pub struct Until {
    pub timeout: Option<Duration>,
    /// How long to wait for an image that does not exist yet.
    pub hold: Option<Duration>,
    /// The environment as we wrote it: later settings are somebody else's, and supersede it.
    pub written: Option<Box<Environment>>,
}

/// Whether somebody asked for other settings since; what is different for a time changes none.
fn supersedes(now: &Environment, mine: &Environment) -> bool {
    now.metadata.generation > mine.metadata.generation && !now.spec.same_settings(&mine.spec)
}

/// Ends as soon as the newest settings are ready, or a verdict says that they can't become so.
pub async fn watch(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    until: Until,
    events: Sink<'_>,
) -> Result<Environment> {
    let mut seen = EnvironmentStatus::default();
    let mut last: Option<Environment> = None;
    let wait = Wait {
        cluster,
        api: read::api(cluster, namespace),
        name,
        what: format!("environment {name}"),
        timeout: until.timeout,
    };
    let begun = tokio::time::Instant::now();
    let ended = wait
        .until(events, |environment, events| {
            let destroyed = || Error::Destroyed { environment: name.to_owned() };
            let environment = environment.ok_or_else(destroyed)?;
            for event in changes(&seen, &environment) {
                events(event);
            }
            if until.written.as_ref().is_some_and(|mine| supersedes(&environment, mine)) {
                return Err(Error::Superseded {
                    environment: name.to_owned(),
                    change: environment.spec.change.clone().unwrap_or_default(),
                });
            }
            let patient = until.hold.is_some_and(|hold| begun.elapsed() < hold);
            let look = match outlook(&environment) {
                Outlook::Ready => Look::Done(environment.clone()),
                Outlook::Pending => Look::Wait,
                Outlook::Failed(verdict) if verdict.holds && patient => Look::Wait,
                Outlook::Unseen => Look::Lagging,
                Outlook::BeingDestroyed => {
                    return Err(Error::BeingDestroyed { environment: name.to_owned() });
                }
                Outlook::Failed(verdict) => {
                    return Err(Error::Verdict { environment: name.to_owned(), verdict });
                }
            };
            if !matches!(look, Look::Lagging) {
                seen = environment.status.clone().unwrap_or_default();
            }
            last = Some(environment);
            Ok(look)
        })
        .await;
    match ended {
        Err(Error::Timeout { what, after, .. }) => {
            Err(Error::Timeout { what, after, pending: last.as_ref().map(pending).unwrap_or_default() })
        }
        ended => ended,
    }
}
