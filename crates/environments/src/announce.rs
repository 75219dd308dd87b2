//! Announces verdicts, and backups that failed, to the webhook of this installation. Level-triggered: what it took stands at the
//! environment, what it did not take is tried again, and what has changed meanwhile is told as it is then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::condition::{self, ANNOUNCED, BACKUP_ANNOUNCED};
use api::{Condition, Environment, marks};
use futures::StreamExt;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Client, Resource, ResourceExt};
use serde_json::json;
use tracing::{error, warn};

use crate::context::Context;
use crate::error::Error;
use crate::plan::announce::{Act, act};
use crate::plan::backoff;
use crate::streaks::Streaks;
use crate::watch::lean;
use crate::webhook::{Sender, Webhook};

/// So many are told at once.
const CONCURRENCY: u16 = 4;
const WHAT: &str = "announce";
/// How often it is said that a webhook cannot be used.
const REMINDER: Duration = Duration::from_secs(60);

/// All that is told, for whoever counts failures of the receiver.
const RECEIVER: &str = "";

struct Announcer {
    client: Client,
    sender: Sender,
    /// By environment, and of the receiver as a whole: while it is away not everybody asks.
    failures: Streaks<String>,
    /// What was taken by environment, as long as that could not be written down.
    taken: Mutex<HashMap<String, String>>,
    context: Arc<Context>,
}

/// Ends with the process. One that cannot be used is told again and again, and everything else goes on.
pub async fn run(webhook: Result<Webhook, String>, context: Arc<Context>) {
    let sender = match webhook.and_then(|webhook| Sender::new(webhook).map_err(|error| error.to_string())) {
        Ok(sender) => sender,
        Err(why) => loop {
            error!(
                "nothing is announced: {why}; correct the Secret that OUTBOARD_WEBHOOK_URL and _KEY are from"
            );
            context.observer.announced(false);
            tokio::time::sleep(REMINDER).await;
        },
    };
    let client = context.client.clone();
    let announcer = Announcer {
        client: client.clone(),
        sender,
        failures: Streaks::new(backoff::ANNOUNCE),
        taken: Mutex::default(),
        context: context.clone(),
    };
    let (all, store) = reflector::store();
    let changed = lean(watcher(Api::<Environment>::all(client), watcher::Config::default().timeout(200)));
    Controller::for_stream(changed.reflect(store).applied_objects(), all)
        .trigger_backoff(apply::watch::Retry::default())
        .with_config(Config::default().concurrency(CONCURRENCY))
        .run(
            |environment, announcer: Arc<Announcer>| async move {
                let look = announcer.look(&environment);
                announcer.context.look(WHAT, environment.as_ref(), look).await
            },
            |environment, error, announcer| announcer.context.failed(WHAT, environment.as_ref(), error),
            Arc::new(announcer),
        )
        .for_each(|_| std::future::ready(()))
        .await;
}

impl Announcer {
    async fn look(&self, environment: &Environment) -> Result<Action, Error> {
        let key = environment.uid().unwrap_or_default();
        let now = Timestamp::now();
        match act(environment, now) {
            Act::Nothing => return Ok(Action::await_change()),
            Act::Wait(seconds) => return Ok(Action::requeue(Duration::from_secs(seconds))),
            Act::Tell(_) => {}
        }
        let waits = [&key, RECEIVER].map(|key| self.failures.until(&key.to_owned(), now));
        if let Some(until) = waits.into_iter().flatten().max() {
            return Ok(Action::requeue(until.duration_since(now).unsigned_abs()));
        }
        // What was last seen may be older than what was last told.
        let control = environment.namespace().unwrap_or_default();
        let api = Api::<Environment>::namespaced(self.client.clone(), &control);
        let Some(environment) = api.get_opt(&environment.name_any()).await? else {
            return Ok(Action::await_change());
        };
        let Act::Tell(message) = act(&environment, now) else {
            return Ok(Action::requeue(Duration::from_secs(1)));
        };
        if self.lock().get(&key) != Some(&message.id) {
            let told = self.sender.send(&message, now).await;
            self.context.observer.announced(told.is_ok());
            if let Err(why) = told {
                let waits = [&key, RECEIVER].map(|key| self.failures.count(key.to_owned(), now));
                let wait = waits.into_iter().max().unwrap_or_default();
                let name = environment.name_any();
                warn!(%name, "cannot announce what is to be told of {control}/{name}, trying again in {} s: {why}", wait.as_secs());
                return Ok(Action::requeue(wait));
            }
            self.failures.reset(&key);
            self.failures.reset(&RECEIVER.to_owned());
            self.lock().insert(key.clone(), message.id.clone());
        }
        // This manager's other word stays: what it does not say again is taken for withdrawn.
        let said = environment.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        let ours = [ANNOUNCED, BACKUP_ANNOUNCED].into_iter();
        let others = ours.filter(|kind| *kind != message.taken.r#type);
        let mut conditions: Vec<&Condition> = others.filter_map(|kind| condition::find(said, kind)).collect();
        conditions.push(&message.taken);
        let taken = json!({
            "apiVersion": Environment::api_version(&()),
            "kind": Environment::kind(&()),
            // A fence against a namesake made meanwhile.
            "metadata": {"name": environment.name_any(), "uid": environment.uid()},
            "status": {"conditions": conditions},
        });
        let params = PatchParams::apply(marks::MANAGER_ANNOUNCE).force();
        api.patch_status(&environment.name_any(), &params, &Patch::Apply(&taken)).await?;
        self.lock().remove(&key);
        Ok(Action::await_change())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
