//! What pods of a backup are told besides: which bucket and folder, and what the engines see at that end.

use std::collections::BTreeMap;

use api::ObjectMask;
use serde_json::{Value, json};

use super::{Bucket, End, Material, What, own};
use crate::plan::backup::EXCHANGE;
use crate::plan::backup::manifest::{self, About};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Make,
    Bring,
}

#[derive(Clone)]
pub struct Errand {
    pub way: Way,
    pub shelf: Bucket,
    /// What keys of all objects of the backup begin with.
    pub folder: String,
    /// All that the backup is of.
    pub services: Vec<String>,
    pub about: About,
    /// Of MariaDB.
    pub database: Option<String>,
}

impl Errand {
    /// Secrets are named in it, never written.
    pub fn file(&self, service: &str, material: &Material) -> Value {
        let store = material.what.store();
        let mut said = json!({
            "shelf": End::Bucket(self.shelf.clone()).says("shelf"),
            "folder": self.folder,
            "service": service,
            "store": store,
            "services": self.services,
            "about": self.about,
            "exchange": EXCHANGE,
        });
        if let Some(database) = &self.database {
            said["database"] = json!(database);
        }
        if let (Way::Make, What::Keys { .. }) = (self.way, &material.what) {
            said["source"] = material.source.says("source");
        }
        said
    }

    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        End::Bucket(self.shelf.clone()).files("shelf")
    }

    /// Where the engine's job is another than that of a copy: of a backup only buckets are copied by an engine, into or out of its
    /// folder.
    pub fn job(&self, name: &str, material: &Material) -> Option<Value> {
        let store = material.what.store();
        let What::Objects { masks, delete_up_to, .. } = &material.what else {
            return (self.way == Way::Make).then(|| json!({"store": store}));
        };
        let below = |at: &str| format!("{}{at}", self.folder);
        let mut job = json!({
            "store": store,
            "source": material.source.says("source"),
            "target": material.target.says("target"),
            "limits": own(store, &material.limits, material.workers),
            "existing": "replace",
            "count": true,
        });
        match self.way {
            Way::Make => {
                job["prefixes"] = json!({"rename": {"": below(&manifest::objects(name))}});
                job["notes"] = json!(below(&manifest::notes(name)));
                // What an earlier start stored and is gone by now.
                job["deleteUpTo"] = json!(100_000);
            }
            Way::Bring => {
                let folder = below(&manifest::objects(name));
                let there = |(prefix, mask): (&String, &ObjectMask)| (format!("{folder}{prefix}"), *mask);
                let masks: BTreeMap<String, ObjectMask> = masks.iter().map(there).collect();
                job["prefixes"] = json!({"include": [folder], "rename": {folder: ""}});
                job["masks"] = json!({"prefixes": masks});
                if let Some(most) = delete_up_to {
                    job["deleteUpTo"] = json!(most);
                }
            }
        }
        Some(job)
    }
}
