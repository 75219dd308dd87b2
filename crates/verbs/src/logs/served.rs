//! Archives that a server reads for others, as itself: those that whoever runs it has named, one search of a person at a time.
//! Who may read the lines Kubernetes says, never this.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::names::ProjectName;
use api::project::LogArchive;
use aws::{Aws, BucketPlace, Failure};
use logs::archive::{self, Archive, Estimate, Fields};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// So many searches are under way at once, whoever asks: each unpacks what it reads.
const AT_ONCE: usize = 2;
/// So long somebody waits until their search before has ended: it goes on for a moment after its page was left.
const WAITS: Duration = Duration::from_secs(5);

/// The archive of one project, and where it lies. Whoever writes the project chooses neither.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Served {
    namespace: String,
    project: String,
    bucket: String,
    prefix: String,
    region: Option<String>,
    endpoint: Option<String>,
}

impl Served {
    /// `NAMESPACE/PROJECT=s3://BUCKET/PREFIX?region=REGION&endpoint=URL`; prefix, region and endpoint may be left out.
    pub fn parse(text: &str) -> Option<Self> {
        let (whose, place) = text.split_once('=')?;
        let (namespace, project) = whose.split_once('/')?;
        let place = place.strip_prefix("s3://")?;
        let (place, more) = place.split_once('?').unwrap_or((place, ""));
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let plain = |text: &str, more: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.as_bytes().contains(&byte))
        };
        let (mut region, mut endpoint) = (None, None);
        for said in more.split('&').filter(|said| !said.is_empty()) {
            match said.split_once('=')? {
                ("region", value) if plain(value, "-") => region = Some(value.to_owned()),
                ("endpoint", value) if value.starts_with("https://") || value.starts_with("http://") => {
                    endpoint = Some(value.to_owned());
                }
                _ => return None,
            }
        }
        let good = plain(namespace, "-")
            && ProjectName::parse(project).is_ok()
            && (3..=63).contains(&bucket.len())
            && plain(bucket, "-.");
        good.then(|| Self {
            namespace: namespace.to_owned(),
            project: project.to_owned(),
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            region,
            endpoint,
        })
    }

    /// No record would tell the lines of one from those of the other.
    pub fn is_mixed_with(&self, other: &Self) -> bool {
        self.namespace != other.namespace
            && self.project == other.project
            && self.bucket == other.bucket
            && bare(&self.prefix) == bare(&other.prefix)
    }

    fn is_of(&self, namespace: &str, project: &str, named: &LogArchive) -> bool {
        self.namespace == namespace
            && self.project == project
            && self.bucket == named.bucket
            && bare(&self.prefix) == bare(named.prefix.as_deref().unwrap_or_default())
            && (named.endpoint.is_none() || named.endpoint == self.endpoint)
    }
}

/// Why these cannot be read side by side.
pub fn mixed(all: &[Served]) -> Option<&'static str> {
    let with_others = |one: &Served| all.iter().any(|other| one.is_mixed_with(other));
    all.iter()
        .any(with_others)
        .then_some("one archive is named for projects of the same name in two namespaces")
}

fn bare(prefix: &str) -> &str {
    prefix.trim_end_matches('/')
}

/// What a server reads for others.
pub struct Archives {
    served: Vec<Served>,
    pub(super) aws: Aws,
    each: Mutex<HashMap<String, Arc<Semaphore>>>,
    all: Arc<Semaphore>,
}

impl Archives {
    pub fn new(served: Vec<Served>) -> Self {
        let all = Arc::new(Semaphore::new(AT_ONCE));
        Self { served, aws: Aws::default(), each: Mutex::default(), all }
    }

    /// Asked elsewhere than at AWS.
    #[cfg(test)]
    pub(super) fn at(self, endpoint: &str) -> Self {
        Self { aws: Aws::at(endpoint), ..self }
    }

    /// Where a project's archive is read.
    pub(super) fn of(&self, namespace: &str, project: &str, named: &LogArchive) -> Result<Archive, Unread> {
        let Some(served) = self.served.iter().find(|served| served.is_of(namespace, project, named)) else {
            return Err(Unread::unserved(namespace, project, named));
        };
        let (archive, usual) = (Archive::of(named), Fields::default());
        // Whose a line is stands in its record: who chose the names of these fields could choose the lines of others.
        if archive.fields.project != usual.project || archive.fields.environment != usual.environment {
            return Err(Unread::OwnMarks);
        }
        let place =
            BucketPlace { region: served.region.clone(), endpoint: served.endpoint.clone(), ..archive.place };
        Ok(Archive { place, ..archive })
    }

    /// Once whoever it is searches nothing else and there is room for one more, unless that takes too long.
    pub(super) async fn turn(&self, who: &str) -> Result<Turn, Unread> {
        let own = {
            let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
            // Of those whom nobody waits for, and who search nothing, nothing is kept.
            each.retain(|_, held| Arc::strong_count(held) > 1);
            each.entry(who.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(1))).clone()
        };
        let until = Instant::now() + WAITS;
        let own = place(own, until).await.ok_or(Unread::Busy)?;
        let all = place(self.all.clone(), until).await.ok_or(Unread::Crowded)?;
        Ok(Turn { _own: own, _all: all })
    }
}

async fn place(room: Arc<Semaphore>, until: Instant) -> Option<OwnedSemaphorePermit> {
    timeout_at(until, room.acquire_owned()).await.ok()?.ok()
}

impl fmt::Debug for Archives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Archives").field(&self.served).finish()
    }
}

/// One search that is under way.
#[derive(Debug)]
pub(super) struct Turn {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

/// For whom a search is made, where that is somebody else than this process.
#[derive(Clone, Debug)]
pub struct Asker {
    pub archives: Arc<Archives>,
    /// What tells them from others.
    pub who: String,
}

/// Why an archive was not read, or not to its end, though there is one.
#[derive(Clone, Debug, PartialEq)]
pub enum Unread {
    /// This process acts for others, and nobody said that it may read that archive for them.
    Unserved {
        namespace: String,
        project: String,
        bucket: String,
    },
    /// Its records say whose they are under names of the project's own.
    OwnMarks,
    /// Whoever asks may read no logs there.
    Forbidden {
        namespace: String,
    },
    /// They search already.
    Busy,
    /// Others do.
    Crowded,
    /// More would have to be read than is read here.
    Big(Estimate),
    /// Its time was over.
    Late {
        seconds: u64,
    },
    Failed(archive::Error),
}

impl Unread {
    pub(super) fn unserved(namespace: &str, project: &str, named: &LogArchive) -> Self {
        Self::Unserved {
            namespace: namespace.to_owned(),
            project: project.to_owned(),
            bucket: named.bucket.clone(),
        }
    }
}

fn plain(failure: &Failure) -> &'static str {
    match failure {
        Failure::Missing => "it does not exist",
        Failure::Denied(_) => "access is denied",
        Failure::Throttled(_) => "it is asked too often",
        Failure::NoCredentials(_) => "there are no AWS credentials for it",
        Failure::NoRegion => "nobody says in which region it is",
        Failure::Unreachable(_) => "it cannot be reached",
        _ => "S3 refuses, and the log says why",
    }
}

/// As a part of a sentence, after a colon.
impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unserved { namespace, project, bucket } => {
                write!(f, "this server reads no archive of `{namespace}/{project}` in bucket `{bucket}`")
            }
            Self::OwnMarks => f.write_str(
                "a server reads only archives whose records say `Project` and `Env`, and `logs.archive.fields` names others",
            ),
            Self::Forbidden { namespace } => write!(f, "you may not read logs in namespace `{namespace}`"),
            Self::Busy => f.write_str("you search an archive already"),
            Self::Crowded => f.write_str("others search archives, and there is no room for one more search"),
            Self::Big(estimate) => write!(
                f,
                "that time takes at least {} requests and {} MiB, which is more than is read for a page",
                estimate.list_requests + estimate.get_requests,
                estimate.bytes.div_ceil(1 << 20)
            ),
            Self::Late { seconds } => write!(f, "it was not read to its end within {seconds} s"),
            // AWS speaks to whoever this process is: its own words stand in the log.
            Self::Failed(archive::Error::Bucket { bucket, doing, failure }) => {
                write!(f, "failed to {doing} bucket `{bucket}`: {}", plain(failure))
            }
            Self::Failed(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(archive: serde_json::Value) -> LogArchive {
        serde_json::from_value(archive).unwrap()
    }

    #[test]
    fn an_archive_is_named_for_one_project_of_one_namespace() {
        let served = Served::parse("shop/shop=s3://shop-logs/fals/?region=eu-west-1").unwrap();
        assert_eq!((served.prefix.as_str(), served.region.as_deref()), ("fals/", Some("eu-west-1")));
        let local = Served::parse("shop/shop=s3://logs?endpoint=http://127.0.0.1:9000").unwrap();
        assert_eq!((local.prefix.as_str(), local.endpoint.as_deref()), ("", Some("http://127.0.0.1:9000")));
        for wrong in [
            "s3://shop-logs",
            "shop=s3://shop-logs",
            "shop/=s3://shop-logs",
            "/shop=s3://shop-logs",
            "shop/shop=shop-logs",
            "shop/shop=s3://a",
            "shop/shop=s3://shop-logs?region=",
            "shop/shop=s3://shop-logs?endpoint=file:///etc",
            "shop/shop=s3://shop-logs?color=red",
        ] {
            assert_eq!(Served::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn projects_of_one_name_in_two_namespaces_share_no_archive() {
        let served = |text: &str| Served::parse(text).unwrap();
        let one = served("shop/shop=s3://logs/fals/");
        assert!(one.is_mixed_with(&served("team/shop=s3://logs/fals")));
        for other in [
            "team/web=s3://logs/fals",
            "team/shop=s3://logs/team",
            "team/shop=s3://other-logs/fals",
            "shop/shop=s3://logs/fals",
        ] {
            assert!(!one.is_mixed_with(&served(other)), "{other}");
        }
    }

    #[test]
    fn no_project_leads_a_server_to_what_nobody_named_for_it() {
        let archives = Archives::new(vec![Served::parse("shop/shop=s3://shop-logs/fals").unwrap()]);
        let usual = serde_json::json!({"bucket": "shop-logs", "prefix": "fals/", "region": "eu-west-1"});
        let read = archives.of("shop", "shop", &named(usual.clone())).unwrap();
        // Without one that was named for it, the server's own counts.
        assert_eq!((read.prefix.as_str(), read.place.region, read.place.endpoint), ("fals/", None, None));
        let unread = |namespace: &str, project: &str, field: &str, value: serde_json::Value| {
            let mut other = usual.clone();
            other[field] = value;
            archives.of(namespace, project, &named(other)).unwrap_err()
        };
        let same = || serde_json::json!("shop-logs");
        for unserved in [
            unread("evil", "shop", "bucket", same()),
            unread("shop", "other", "bucket", same()),
            unread("shop", "shop", "bucket", "audit-logs".into()),
            unread("shop", "shop", "prefix", "".into()),
            unread("shop", "shop", "endpoint", "http://169.254.169.254".into()),
        ] {
            assert!(matches!(unserved, Unread::Unserved { .. }), "{unserved}");
        }
        for field in ["project", "environment"] {
            let fields = serde_json::json!({field: "Component"});
            assert_eq!(unread("shop", "shop", "fields", fields), Unread::OwnMarks);
        }
        let harmless =
            serde_json::json!({"bucket": "shop-logs", "prefix": "fals/", "fields": {"text": "log"}});
        assert!(archives.of("shop", "shop", &named(harmless)).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_search_of_a_person_is_under_way_and_a_few_of_all() {
        let archives = Archives::new(vec![]);
        let first = archives.turn("ann").await;
        assert!(first.is_ok() && matches!(archives.turn("ann").await, Err(Unread::Busy)));
        let _bob = archives.turn("bob").await.unwrap();
        assert!(matches!(archives.turn("eve").await, Err(Unread::Crowded)), "there is room for no more");
        drop(first);
        assert!(archives.turn("ann").await.is_ok());
        assert!(archives.each.lock().unwrap().len() <= 5);
    }

    #[test]
    fn what_aws_says_to_the_server_is_told_to_nobody_else() {
        let said = "arn:aws:sts::123456789012:assumed-role/outboard is not authorized".to_owned();
        for failure in
            [Failure::Denied(said.clone()), Failure::Refused(said.clone()), Failure::NoCredentials(said)]
        {
            let error =
                archive::Error::Bucket { bucket: "shop-logs".into(), doing: archive::Doing::Read, failure };
            let told = Unread::Failed(error).to_string();
            assert!(told.contains("`shop-logs`") && !told.contains("arn:"), "{told}");
        }
    }
}
