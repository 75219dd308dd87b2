//! Questions to the operator: an object is written, its status read, and it is taken back.

use std::fmt::Debug;
use std::time::Duration;

use kube::ResourceExt;
use kube::api::{Api, DeleteParams, PostParams};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use crate::admitted::admitted;
use crate::error::is_outage;
use crate::wait::{Look, Wait};
use crate::{Cluster, Error, Result, Sink};

/// So long an API server that is away is waited for to take a question back.
const TIDYING: Duration = Duration::from_secs(20);
const AGAIN: Duration = Duration::from_millis(500);

/// A question, and for how long its answer is of use.
pub(crate) struct Question<'a, K> {
    pub api: &'a Api<K>,
    pub object: &'a K,
    /// For people: `the plan for qa-42`.
    pub what: String,
    pub timeout: Option<Duration>,
}

/// Asks, and waits until the operator has answered. Nothing else was changed by that, whatever goes wrong.
pub(crate) async fn ask<K, T>(
    cluster: &Cluster,
    question: Question<'_, K>,
    answer: impl Fn(K) -> Option<T>,
    events: Sink<'_>,
) -> Result<T>
where
    K: ResourceExt + Clone + DeserializeOwned + Serialize + Debug + Send + 'static,
{
    let Question { api, object, what, timeout } = question;
    let create = || async { api.create(&PostParams::default(), object).await };
    let created = admitted(cluster, events, create).await.map_err(|error| cluster.explain(error))?;
    let name = created.name_any();
    let answer = Wait { cluster, api: api.clone(), name: &name, what: what.clone(), timeout }
        .until(events, |found, _| match found {
            Some(found) => Ok(answer(found).map_or(Look::Lagging, Look::Done)),
            None => Err(Error::Changed { what: what.clone() }),
        })
        .await;
    tidy(api, &name).await;
    answer.map_err(|error| match error {
        Error::NoOperator { reason } => Error::NoPlan { reason },
        other => other,
    })
}

/// Deletes what has been answered. An API server that is away for a moment is waited for; should it stay away, the operator
/// sweeps it later.
async fn tidy<K>(api: &Api<K>, name: &str)
where
    K: Clone + DeserializeOwned + Debug,
{
    let deadline = Instant::now() + TIDYING;
    while let Err(error) = api.delete(name, &DeleteParams::default()).await {
        if !is_outage(&error) || Instant::now() > deadline {
            return;
        }
        sleep(AGAIN).await;
    }
}
