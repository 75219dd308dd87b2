//! Tries out what a plan would change, as dry runs in a namespace that exists: what Kubernetes or a policy of the
//! cluster refuses is known before anything is changed.

use api::Verdict;
use api::plan::{Action, ObjectChange};
use api::revision::EnvironmentRevision;
use apply::trial::{Answer, trial};
use futures::{StreamExt, stream};
use kube::core::DynamicObject;
use serde_json::Value;

use crate::context::Context;
use crate::plan::refusal;

/// So many at once: a plan is no reason to keep an API server busy.
const AT_ONCE: usize = 4;

/// What came of it.
#[derive(Default)]
pub struct Tried {
    pub verdict: Option<Verdict>,
    /// What could not be tried, in one sentence.
    pub note: Option<String>,
}

/// Tries every object that is made or changed.
pub async fn all(
    environment: &str,
    namespace: &str,
    revision: &EnvironmentRevision,
    changes: &[ObjectChange],
    context: &Context,
) -> Tried {
    let made: Vec<&ObjectChange> = changes.iter().filter(|change| change.action != Action::Delete).collect();
    let objects = made.iter().enumerate().filter_map(|(index, change)| {
        let object =
            revision.parts.iter().flat_map(|part| &part.objects).find(|object| is(object, change))?;
        Some((index, serde_json::from_value::<DynamicObject>(object.clone()).ok()?))
    });
    let answers: Vec<(usize, Answer)> = stream::iter(objects.collect::<Vec<_>>())
        .map(|(index, object)| {
            let (client, namespace) = (context.client.clone(), namespace.to_owned());
            async move { (index, trial(&client, &namespace, &object).await) }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let (mut refused, mut untried) = (Vec::new(), Vec::new());
    for (index, answer) in answers {
        let change = made[index];
        match answer {
            Answer::Fine => {}
            Answer::Refused(reason) => refused.push((change, reason)),
            Answer::Untried(why) => untried.push(format!("{} ({why})", change.object)),
        }
    }
    Tried {
        verdict: refusal::verdict(environment, &refused),
        note: (!untried.is_empty())
            .then(|| format!("whether Kubernetes takes this could not be tried: {}", untried.join(", "))),
    }
}

/// Secrets are no objects of a revision: they are put together when they are made.
fn is(object: &Value, change: &ObjectChange) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    change.object == format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}
