//! Records in a bucket, too. What is stored is an object of Kubernetes' that is whole: once, by its own name, so that neither two
//! servers nor one that starts anew ever write over what there is. What cannot be stored now lies in the cluster and is stored later.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use aws::{Aws, BucketPlace, Failure};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::json;

use super::{BEGIN, LABEL};
use crate::operator::NAMESPACE;
use crate::{Cluster, Result};

/// What was stored has this.
const STORED: &str = "outboard.dev/audit-stored";
/// A server adds nothing to an object any more so long after its first line.
pub(super) const CLOSED: SignedDuration = SignedDuration::from_hours(1);
/// Another server's is whole then, though its clock be another.
const WHOLE: SignedDuration = SignedDuration::from_mins(75);
/// So many are read at once: 64 kB each.
const PAGE: u32 = 20;

/// A bucket, and what names in it begin with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shelf {
    bucket: String,
    prefix: String,
    region: Option<String>,
}

impl Shelf {
    /// `s3://BUCKET/PREFIX?region=REGION`; both latter may be left out.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, query) = match text.strip_prefix("s3://")?.split_once('?') {
            Some((rest, query)) => (rest, Some(query.strip_prefix("region=")?)),
            None => (text.strip_prefix("s3://")?, None),
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |text: &str, more: &str| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.as_bytes().contains(&byte))
        };
        let good = (3..=63).contains(&bucket.len())
            && plain(bucket, "-.")
            && plain(prefix, "-._/=")
            && prefix.len() <= 500
            && query.is_none_or(|region| !region.is_empty() && plain(region, "-"));
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        good.then(|| Self { bucket: bucket.to_owned(), prefix, region: query.map(str::to_owned) })
    }

    /// By day, so that whoever looks for one finds it.
    fn key(&self, day: &str, name: &str) -> Option<String> {
        let (year, rest) = day.split_at_checked(4)?;
        let (month, day) = rest.split_at_checked(2)?;
        Some(format!("{}{year}/{month}/{day}/{name}.jsonl", self.prefix))
    }
}

impl std::fmt::Display for Shelf {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "s3://{}/{}", self.bucket, self.prefix)
    }
}

/// The name of the object that a journal writes to; empty: of none. Said before the object is there, so nobody who sees one takes
/// it for whole.
#[derive(Clone, Debug, Default)]
pub struct Open(Arc<Mutex<String>>);

impl Open {
    /// Whether it is another than before.
    pub(super) fn tell(&self, name: &str) -> bool {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let other = *open != name;
        name.clone_into(&mut open);
        other
    }

    /// Whether the server of that mark adds nothing more to one of its own objects.
    pub(super) fn is_whole(&self, name: &str, mark: &str) -> bool {
        is_of(name, mark) && *self.0.lock().unwrap_or_else(PoisonError::into_inner) != name
    }
}

fn is_of(name: &str, mark: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(before, _)| before.ends_with(&format!("-{mark}")))
}

pub(super) fn is_stored(metadata: &ObjectMeta) -> bool {
    metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(STORED))
}

/// What brings records there.
pub struct Store {
    shelf: Shelf,
    aws: Aws,
    mark: String,
    open: Open,
    /// A server that was there before us may write on for a while.
    begun: Timestamp,
    /// Those that were added to after they were stored.
    grown: Mutex<BTreeSet<String>>,
}

impl Store {
    /// For the journal of that mark, which has to close its objects.
    pub fn new(shelf: Shelf, mark: &str, open: Open) -> Self {
        let (mark, begun) = (mark.to_owned(), Timestamp::now());
        Self { shelf, aws: Aws::default(), mark, open, begun, grown: Mutex::default() }
    }

    /// After how long a journal closes what it writes to.
    pub const CLOSED: SignedDuration = CLOSED;

    /// Stores what is whole and was not stored yet, whichever server wrote it; how many. What is not stored waits where it is.
    pub async fn sweep(&self, cluster: &Cluster, now: Timestamp) -> Result<Result<usize, Unstored>> {
        let api = Api::<ConfigMap>::namespaced(cluster.client.clone(), NAMESPACE);
        let (mut stored, mut next) = (0, None);
        loop {
            let mut asked = ListParams::default().labels(&format!("{LABEL},!{STORED}")).limit(PAGE);
            asked.continue_token = next;
            let page = api.list(&asked).await.map_err(|error| cluster.explain(error))?;
            for object in page.items.iter().filter(|object| self.is_whole(object, now)) {
                let name = object.name_any();
                let Some((key, lines)) = self.record(object) else {
                    tracing::warn!(target: "audit", name, "{name} is no record, and is not stored in the bucket");
                    continue;
                };
                if let Err(failure) = self.put(&key, lines).await {
                    return Ok(Err(Unstored { shelf: self.shelf.to_string(), stored, failure }));
                }
                let label = Patch::Merge(json!({"metadata": {
                    "labels": {STORED: "true"}, "resourceVersion": object.metadata.resource_version,
                }}));
                match api.patch_metadata(&name, &PatchParams::default(), &label).await {
                    Ok(_) => stored += 1,
                    // Old enough to have been deleted meanwhile.
                    Err(kube::Error::Api(status)) if status.code == 404 => stored += 1,
                    // Something was added to it: looked at again with the next sweep.
                    Err(kube::Error::Api(status)) if status.code == 409 => {
                        self.grown.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
                    }
                    Err(error) => return Err(cluster.explain(error)),
                }
            }
            next = page.metadata.continue_.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(Ok(stored));
            }
        }
    }

    fn is_whole(&self, object: &ConfigMap, now: Timestamp) -> bool {
        let name = object.name_any();
        if !name.starts_with(BEGIN) {
            return false;
        }
        if is_of(&name, &self.mark) {
            return self.open.is_whole(&name, &self.mark);
        }
        // One that is told to end a moment after we began still writes its last lines.
        now.duration_since(self.begun) >= WHOLE
            && object.creation_timestamp().is_some_and(|made| now.duration_since(made.0) >= WHOLE)
    }

    /// Under which key it is stored, and what. None: it is no record.
    fn record(&self, object: &ConfigMap) -> Option<(String, String)> {
        let mut name = object.name_any();
        let day = object.labels().get(LABEL).filter(|day| super::is_day(day));
        let lines = object.data.as_ref().and_then(|data| data.get("lines"))?;
        // Nothing is written over: with what was added it is stored beside what there is.
        if self.grown.lock().unwrap_or_else(PoisonError::into_inner).contains(&name) {
            name = format!("{name}-{}", object.resource_version().unwrap_or_default());
        }
        Some((self.shelf.key(day?, &name)?, lines.clone()))
    }

    async fn put(&self, key: &str, lines: String) -> Result<(), Failure> {
        let place = BucketPlace {
            name: self.shelf.bucket.clone(),
            region: self.shelf.region.clone(),
            endpoint: None,
        };
        // One that is there already is this very one: nothing was added to it since.
        self.aws.bucket(&place).await?.put_new(key, lines.into_bytes()).await.map(drop)
    }
}

/// Why something waits to be stored.
#[derive(Debug)]
pub struct Unstored {
    shelf: String,
    /// So many were, before.
    pub stored: usize,
    failure: Failure,
}

impl std::fmt::Display for Unstored {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { shelf, failure, .. } = self;
        write!(out, "records cannot be stored in {shelf} and wait in the cluster: ")?;
        match failure {
            Failure::Missing => out.write_str("there is no such bucket"),
            Failure::NoRegion => out.write_str("no region is said: write ?region=… or set AWS_REGION"),
            Failure::NoCredentials(why) => write!(out, "there are no credentials: {why}"),
            Failure::Denied(why) => write!(out, "AWS refuses, s3:PutObject is needed: {why}"),
            Failure::Throttled(why) | Failure::Unreachable(why) | Failure::Refused(why) => out.write_str(why),
            Failure::Going | Failure::Empty | Failure::TooMany(_) => write!(out, "{failure:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_said_with_a_prefix_and_a_region_or_without() {
        let key = |text: &str| Shelf::parse(text).and_then(|shelf| shelf.key("20261126", "outboard-audit-x"));
        let wanted = |prefix: &str| Some(format!("{prefix}2026/11/26/outboard-audit-x.jsonl"));
        assert_eq!(key("s3://shop-audit"), wanted(""));
        assert_eq!(key("s3://shop-audit/"), wanted(""));
        assert_eq!(key("s3://shop-audit/a/b/"), wanted("a/b/"));
        assert_eq!(key("s3://shop-audit/a?region=eu-west-1"), wanted("a/"));
        for wrong in [
            "shop-audit",
            "s3://",
            "s3://a",
            "s3://a b c/x",
            "s3://abc/x?y=1",
            "s3://abc/?region=",
            "https://abc",
        ] {
            assert_eq!(Shelf::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_what_nothing_is_added_to_any_more_is_stored() {
        let open = Open::default();
        let mut store = Store::new(Shelf::parse("s3://abc").unwrap(), "mine", open.clone());
        let now = Timestamp::from_second(1_000_000).unwrap();
        store.begun = now - WHOLE;
        let object = |name: &str, age: SignedDuration| {
            ConfigMap {
            metadata: serde_json::from_value(
                json!({"name": format!("{BEGIN}19700112-{name}"), "creationTimestamp": (now - age).to_string()}),
            )
            .unwrap(),
            ..ConfigMap::default()
        }
        };
        let moment = SignedDuration::from_secs(1);
        assert!(open.tell(&format!("{BEGIN}19700112-mine-2")));
        assert!(store.is_whole(&object("mine-1", moment), now));
        assert!(!store.is_whole(&object("mine-2", WHOLE), now), "it is written to");
        open.tell("");
        assert!(store.is_whole(&object("mine-2", moment), now), "it was closed");
        assert!(!store.is_whole(&object("other-1", CLOSED), now));
        assert!(store.is_whole(&object("other-1", WHOLE), now));
        store.begun = now - CLOSED;
        assert!(!store.is_whole(&object("other-1", WHOLE), now), "whoever wrote it may write on");
        store.begun = now - WHOLE;
        let other = ConfigMap {
            metadata: ObjectMeta { name: Some("outboard-dns".into()), ..ObjectMeta::default() },
            ..object("x-1", WHOLE)
        };
        assert!(!store.is_whole(&other, now));
    }

    #[tokio::test]
    async fn a_bucket_that_cannot_be_reached_leaves_everything_where_it_is() {
        let (seen, made) = (Arc::new(Mutex::new(vec![])), Timestamp::UNIX_EPOCH.to_string());
        let told = seen.clone();
        let cluster = crate::fake::cluster(move |_, path| {
            told.lock().unwrap().push(path.to_owned());
            let item = json!({"metadata": {"name": format!("{BEGIN}19700101-old-1"), "creationTimestamp": made,
                "labels": {LABEL: "19700101"}}, "data": {"lines": "{}\n"}});
            Some((200, json!({"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {}, "items": [item]})))
        });
        let shelf = Shelf::parse("s3://abc").unwrap();
        let mut store = Store::new(shelf, "mine", Open::default());
        store.begun = Timestamp::UNIX_EPOCH;
        store.aws = Aws::at("http://127.0.0.1:1");
        let swept = store.sweep(&cluster, Timestamp::now()).await.unwrap();
        let told = swept.map_err(|unstored| unstored.to_string()).unwrap_err();
        assert!(told.contains("s3://abc/ and wait in the cluster"), "{told}");
        assert_eq!(seen.lock().unwrap().len(), 1, "nothing was marked as stored");
    }
}
