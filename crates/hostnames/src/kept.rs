//! What outlives the process: the journal, one ConfigMap a batch, and which records were last seen to be ours, one a zone.
//! In the operator's own namespace; decides nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use api::marks;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::json;
use tracing::warn;

use crate::journal::{Entry, Journal, State};
use crate::plan::{Memory, RecordSet};

const ENTRY: &str = "entry";
const RECORDS: &str = "records";
/// So long batches are kept, and at least as many as that.
const RETENTION: Duration = Duration::from_secs(90 * 24 * 3600);
const AT_LEAST: usize = 200;

#[derive(Clone)]
pub struct Kept {
    api: Api<ConfigMap>,
    install: String,
}

impl Kept {
    pub fn new(client: &Client, home: &str, install: &str) -> Self {
        Self { api: Api::namespaced(client.clone(), home), install: install.to_owned() }
    }

    fn labels(&self, zone: &str) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("app.kubernetes.io/managed-by", "outboard".to_owned()),
            (marks::INSTALL, self.install.clone()),
            (marks::SLICE, marks::SLICE_HOSTNAMES.to_owned()),
            (marks::ZONE, zone.to_owned()),
        ])
    }

    async fn write(
        &self,
        name: &str,
        labels: BTreeMap<&'static str, String>,
        data: serde_json::Value,
    ) -> kube::Result<()> {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "labels": labels},
            "data": data,
        });
        let params = PatchParams::apply(marks::MANAGER_HOSTNAMES).force();
        self.api.patch(name, &params, &Patch::Apply(&object)).await?;
        Ok(())
    }

    /// The records of a zone that were last seen to be ours.
    pub async fn memory(&self, zone: &str) -> kube::Result<Memory> {
        let found = self.api.get_opt(&memory_of(zone)).await?;
        let text = found.and_then(|found| found.data?.remove(RECORDS)).unwrap_or_default();
        if text.is_empty() {
            return Ok(Memory::default());
        }
        match serde_json::from_str::<Vec<RecordSet>>(&text) {
            Ok(records) => Ok(records.into_iter().collect()),
            Err(error) => {
                // Without it only records whose TXT somebody deleted are not known again.
                warn!(zone, %error, "cannot read which records of zone {zone} were ours");
                Ok(Memory::default())
            }
        }
    }

    pub async fn remember(&self, zone: &str, memory: &Memory) -> kube::Result<()> {
        let records: Vec<&RecordSet> = memory.records().collect();
        self.write(&memory_of(zone), self.labels(zone), json!({RECORDS: json!(records).to_string()})).await
    }

    /// Batches of a zone that are on their way, the oldest first.
    pub async fn pending(&self, zone: &str) -> kube::Result<Vec<Entry>> {
        let labels = format!("{},{}={zone},{}=true", self.selector(), marks::ZONE, marks::PENDING);
        entries(&self.api, &labels).await
    }

    fn selector(&self) -> String {
        format!("{}={},{}={}", marks::INSTALL, self.install, marks::SLICE, marks::SLICE_HOSTNAMES)
    }

    /// Forgets batches whose time is up.
    pub async fn sweep(&self, now: Timestamp) -> kube::Result<()> {
        let labels = format!("{},{}=false", self.selector(), marks::PENDING);
        let old = entries(&self.api, &labels).await?;
        let spare = old.len().saturating_sub(AT_LEAST);
        for entry in &old[..spare] {
            if now.duration_since(entry.intended).unsigned_abs() < RETENTION {
                break;
            }
            match self.api.delete(&name_of(entry), &DeleteParams::default()).await {
                Err(error) if !apply::error::is_status(&error, 404) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Every batch that the journal has, the oldest first.
pub async fn journal(client: &Client, home: &str) -> kube::Result<Vec<Entry>> {
    let api = Api::<ConfigMap>::namespaced(client.clone(), home);
    entries(&api, &format!("{}={},{}", marks::SLICE, marks::SLICE_HOSTNAMES, marks::PENDING)).await
}

async fn entries(api: &Api<ConfigMap>, labels: &str) -> kube::Result<Vec<Entry>> {
    let found = api.list(&ListParams::default().labels(labels)).await?;
    let read = |object: ConfigMap| {
        let name = object.name_any();
        let text = object.data?.remove(ENTRY)?;
        let entry: Result<Entry, _> = serde_json::from_str(&text);
        entry.inspect_err(|error| warn!(%name, %error, "cannot read {name} of the journal")).ok()
    };
    let mut entries: Vec<Entry> = found.items.into_iter().filter_map(read).collect();
    entries.sort_by_key(|entry| entry.intended);
    Ok(entries)
}

fn memory_of(zone: &str) -> String {
    format!("outboard-dns-{}", zone.to_lowercase())
}

fn name_of(entry: &Entry) -> String {
    format!("outboard-dns-batch-{}", entry.id)
}

impl Journal for Kept {
    async fn keep(&mut self, entry: &Entry) -> Result<(), String> {
        let on_its_way =
            matches!(entry.state, State::Intended | State::Accepted { .. }) && entry.in_sync.is_none();
        let mut labels = self.labels(&entry.zone.id);
        labels.insert(marks::PENDING, on_its_way.to_string());
        let text = serde_json::to_string(entry).map_err(|error| error.to_string())?;
        self.write(&name_of(entry), labels, json!({ENTRY: text})).await.map_err(|error| error.to_string())
    }
}
