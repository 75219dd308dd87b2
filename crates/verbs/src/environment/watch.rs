//! Waits until an environment is ready, or cannot become so, telling every step.

use std::time::Duration;

use api::{Environment, EnvironmentStatus};

use super::outlook::{Outlook, outlook, pending};
use super::progress::changes;
use super::read;
use crate::wait::{Look, Wait};
use crate::{Cluster, Error, Result, Sink};

/// Ends as soon as the newest settings are ready, or a verdict says that they can't become so.
pub async fn watch(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    timeout: Option<Duration>,
    events: Sink<'_>,
) -> Result<Environment> {
    let mut seen = EnvironmentStatus::default();
    let mut last: Option<Environment> = None;
    let wait = Wait {
        cluster,
        api: read::api(cluster, namespace),
        name,
        what: format!("environment {name}"),
        timeout,
    };
    let ended = wait
        .until(events, |environment, events| {
            let destroyed = || Error::Destroyed { environment: name.to_owned() };
            let environment = environment.ok_or_else(destroyed)?;
            for event in changes(&seen, &environment) {
                events(event);
            }
            let look = match outlook(&environment) {
                Outlook::Ready => Look::Done(environment.clone()),
                Outlook::Pending => Look::Wait,
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
