//! The one way in which an environment is changed: a plan is asked for, and what is written carries its hash.

use api::environment::Change as Provenance;
use api::{Environment, EnvironmentSpec, Plan, PlanSpec, PlanStatus, marks};
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Resource, ResourceExt};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::create::{differences, same};
use super::wish::Wish;
use super::{drift, read};
use crate::admitted::admitted;
use crate::question::{Question, ask};
use crate::{Change, Cluster, Error, Event, Result, Sink};

/// The status of an object is written often; more often than this in one moment it is a fight.
const ATTEMPTS: usize = 10;

/// A change, and what the operator says that it would do.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    pub environment: String,
    pub action: String,
    #[serde(flatten)]
    pub status: PlanStatus,
    #[serde(skip)]
    wish: Wish,
}

impl Planned {
    /// Whether there is nothing to do: neither the objects nor the settings would be others.
    pub fn is_idle(&self) -> bool {
        let Some(base) = &self.wish.base else { return false };
        let have = |spec: &EnvironmentSpec| {
            let (revision, overrides) = (spec.project_revision.clone(), spec.overrides.clone());
            let restarts = spec.restarts.clone();
            (revision, spec.versions.clone(), overrides, spec.restores, restarts, spec.owner.clone())
        };
        self.status.verdict.is_none()
            && self.status.changes.is_empty()
            && have(&base.spec) == have(&self.wish.wanted)
    }
}

/// Asks the operator what a change would do. What it refuses is an error; what it would hold is not.
pub async fn plan(cluster: &Cluster, namespace: &str, wish: Wish, events: Sink<'_>) -> Result<Planned> {
    let plans = Api::<Plan>::namespaced(cluster.client.clone(), namespace);
    let mut object = Plan::new(
        "",
        PlanSpec {
            environment: wish.environment.clone(),
            wanted: wish.wanted.clone(),
            refresh: wish.refresh.clone(),
            promotes: wish.promotes.clone(),
        },
    );
    object.metadata.name = None;
    object.metadata.generate_name = Some(format!("{}-", wish.environment));
    let what = format!("the plan for {}", wish.environment);
    let question = Question { api: &plans, object: &object, what, timeout: None };
    let mut status = ask(cluster, question, |plan| plan.status, events).await?;
    status.notes.extend(wish.notes.iter().cloned());
    match &status.verdict {
        Some(verdict) if !verdict.holds => Err(Error::PlanRefused {
            environment: wish.environment.clone(),
            verdict: Box::new(verdict.clone()),
        }),
        _ => Ok(Planned { environment: wish.environment.clone(), action: wish.action.clone(), status, wish }),
    }
}

/// Writes what was planned, and only if nobody changed the environment since.
pub async fn carry_out(
    cluster: &Cluster,
    namespace: &str,
    planned: Planned,
    events: Sink<'_>,
) -> Result<(Environment, Change)> {
    let idle = planned.is_idle();
    let Planned { environment, action, status, wish } = planned;
    if let Some(base) = wish.base.clone().filter(|_| idle) {
        if wish.thaws {
            let thawed = drift::thaw(cluster, namespace, &environment).await?;
            return Ok(told(thawed, namespace, Change::Updated, events));
        }
        return Ok(told(*base, namespace, Change::Unchanged, events));
    }
    let mut spec = wish.wanted.clone();
    // Without a hash the change waits for an image, and its bytes are not known yet.
    if status.hash.is_some() {
        spec.digests = status.digests;
    }
    spec.change = Some(Provenance { by: cluster.user().await, action, plan: status.hash });
    match &wish.base {
        None => {
            let mut object = Environment::new(&environment, spec);
            if let Some(subject) = wish.previews {
                object.annotations_mut().insert(marks::PREVIEW.to_owned(), subject);
            }
            create(cluster, namespace, &object, events).await
        }
        Some(base) => {
            let written = update(cluster, namespace, base, &spec, wish.thaws).await?;
            Ok(told(written, namespace, Change::Updated, events))
        }
    }
}

async fn create(
    cluster: &Cluster,
    namespace: &str,
    object: &Environment,
    events: Sink<'_>,
) -> Result<(Environment, Change)> {
    let api = read::api(cluster, namespace);
    let params = PostParams::default();
    let created = admitted(cluster, events, || api.create(&params, object)).await;
    match created {
        Ok(environment) => Ok(told(environment, namespace, Change::Created, events)),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let existing = read::get(cluster, namespace, &object.name_any()).await?;
            same(&existing, &object.spec)?;
            Ok(told(existing, namespace, Change::Unchanged, events))
        }
        Err(error) => Err(cluster.explain(error)),
    }
}

async fn update(
    cluster: &Cluster,
    namespace: &str,
    base: &Environment,
    wanted: &EnvironmentSpec,
    thaws: bool,
) -> Result<Environment> {
    let name = base.name_any();
    for _ in 0..ATTEMPTS {
        let current = read::get(cluster, namespace, &name).await?;
        if current.meta().deletion_timestamp.is_some() {
            return Err(Error::BeingDestroyed { environment: name });
        }
        // Written by a try whose answer was lost.
        if current.uid() == base.uid() && current.spec.same_settings(wanted) {
            return Ok(current);
        }
        if !current.spec.same_settings(&base.spec) || current.uid() != base.uid() {
            return Err(Error::Raced {
                environment: name,
                by: current.spec.change.as_ref().and_then(|change| change.by.clone()),
                theirs: differences(&base.spec, &current.spec),
                mine: differences(&base.spec, wanted),
            });
        }
        let patch = patch(&current, wanted, thaws);
        let api = read::api(cluster, namespace);
        match api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await {
            Ok(environment) => return Ok(environment),
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(cluster.explain(error)),
        }
    }
    Err(Error::Changed { what: format!("environment `{name}`") })
}

/// A merge patch with the resourceVersion: fields of others stay, a change in between is a conflict.
fn patch(current: &Environment, wanted: &EnvironmentSpec, thaws: bool) -> Value {
    // Those of others, who may have written them since.
    let (overlays, rotations) = (current.spec.overlays.clone(), current.spec.rotations.clone());
    let wanted = EnvironmentSpec { overlays, rotations, ..wanted.clone() };
    let mut patch = json!({
        "metadata": {"resourceVersion": current.resource_version()},
        "spec": difference(&json!(current.spec), &json!(wanted)),
    });
    if thaws {
        patch["metadata"]["annotations"] = json!({(marks::FREEZE_UNTIL): null});
    }
    patch
}

/// The merge patch that makes `have` into `want`: what is no longer there has to be named as null.
fn difference(have: &Value, want: &Value) -> Value {
    let (Value::Object(have), Value::Object(want)) = (have, want) else { return want.clone() };
    let mut patch = serde_json::Map::new();
    for (key, value) in want {
        match have.get(key) {
            Some(old) if old == value => {}
            Some(old) => drop(patch.insert(key.clone(), difference(old, value))),
            None => drop(patch.insert(key.clone(), value.clone())),
        }
    }
    for key in have.keys().filter(|key| !want.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Value::Object(patch)
}

fn told(
    environment: Environment,
    namespace: &str,
    change: Change,
    events: Sink<'_>,
) -> (Environment, Change) {
    let name = environment.name_any();
    events(Event::EnvironmentStored { environment: name, namespace: namespace.to_owned(), change });
    (environment, change)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(version: &str) -> Environment {
        let spec =
            json!({"project": "shop", "projectRevision": "p-1", "class": "qa", "versions": {"web": version}});
        let object = json!({"apiVersion": "outboard.dev/v1alpha1", "kind": "Environment", "spec": spec,
            "metadata": {"name": "qa", "namespace": "shop", "uid": "1", "resourceVersion": "7"}});
        serde_json::from_value(object).unwrap()
    }

    #[tokio::test]
    async fn a_change_whose_answer_was_lost_is_no_race_when_it_is_asked_for_again() {
        let stands = |version| {
            let there = json!(environment(version));
            // It is read, and nothing is written.
            crate::fake::cluster(move |asked, _| (asked == 0).then(|| (200, there.clone())))
        };
        let (base, wanted) = (environment("1"), environment("2").spec);
        let again = update(&stands("2"), "shop", &base, &wanted, false).await;
        assert!(again.is_ok_and(|there| there.spec == wanted));
        let raced = update(&stands("3"), "shop", &base, &wanted, false).await;
        assert!(matches!(raced, Err(Error::Raced { .. })));
    }

    #[tokio::test]
    async fn passwords_that_somebody_asked_for_meanwhile_are_no_race_and_stay_asked_for() {
        let mut base = environment("1");
        base.spec.rotations.insert("db".into(), "1".into());
        let mut there = base.clone();
        there.spec.rotations.insert("db".into(), "2".into());
        let sent = std::sync::Arc::new(std::sync::Mutex::new(0));
        let sends = patch(
            &there,
            &EnvironmentSpec { rotations: base.spec.rotations.clone(), ..environment("2").spec },
            false,
        );
        assert_eq!(sends, json!({"metadata": {"resourceVersion": "7"}, "spec": {"versions": {"web": "2"}}}));
        let (count, there) = (sent.clone(), json!(there));
        let cluster = crate::fake::cluster(move |asked, _| {
            *count.lock().unwrap() = asked + 1;
            Some((200, there.clone()))
        });
        let wanted = EnvironmentSpec { rotations: base.spec.rotations.clone(), ..environment("2").spec };
        assert!(update(&cluster, "shop", &base, &wanted, false).await.is_ok());
        assert_eq!(*sent.lock().unwrap(), 2);
    }

    #[test]
    fn what_is_no_longer_wanted_is_named_as_null() {
        let have = json!({"versions": {"web": "1", "worker": "2"}, "restores": 3, "class": "qa"});
        let want = json!({"versions": {"web": "2"}, "class": "qa"});
        assert_eq!(
            difference(&have, &want),
            json!({"versions": {"web": "2", "worker": null}, "restores": null})
        );
    }
}
