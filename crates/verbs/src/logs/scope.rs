//! What a search looks through: which environment, which time, which archive, and whether it is read for whoever asks.

use api::project::LogArchive;
use api::{Environment, Project};
use aws::{Aws, Bucket};
use jiff::{SignedDuration, Timestamp};
use kube::Api;
use logs::Query as Words;
use logs::archive::{self, Archive, Cursor, Estimate};
use tokio::time::timeout;

use super::search::{Bounds, Search};
use super::served::{Asker, Turn, Unread};
use super::{Filter, Moment, Query, check_parts, inside};
use crate::{Cluster, Error, Result, environment, project};

/// Without a word about it, this far into the past.
const SINCE: std::time::Duration = std::time::Duration::from_secs(3600);
/// More than this is read only if somebody says so.
const MOST_BYTES: u64 = 5 << 30;
const MOST_REQUESTS: u64 = 10_000;
/// Clocks of nodes may be ahead of the cluster's.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// Everything that has to be known before anything is read.
pub(super) struct Scope {
    pub environment: Option<Environment>,
    project: String,
    pub archive: Option<Archive>,
    /// Why it is not read, though there is one.
    pub unread: Option<Unread>,
    pub words: Words,
    /// The same, written down.
    asked: String,
    pub since: Timestamp,
    pub until: Timestamp,
    pub now: Timestamp,
}

impl Scope {
    pub fn complete_up_to(&self) -> Option<Timestamp> {
        let buffer = SignedDuration::try_from(self.archive.as_ref()?.buffer).unwrap_or_default();
        Some(self.now.checked_sub(buffer).unwrap_or(Timestamp::MIN).min(self.until))
    }

    /// What tells this search from others.
    pub fn marks<'a>(&'a self, search: &'a Search) -> [&'a str; 3] {
        [&self.project, &search.query.environment, &self.asked]
    }
}

pub(super) async fn scope(cluster: &Cluster, namespace: &str, search: &Search) -> Result<Scope> {
    let name = &search.query.environment;
    let environment = environment::find(cluster, namespace, name).await?;
    let project = match (&environment, &search.project) {
        (Some(environment), _) => environment.spec.project.clone(),
        (None, Some(project)) => project.clone(),
        (None, None) => project::choose(cluster, namespace).await?,
    };
    let projects: Api<Project> = Api::namespaced(cluster.client.clone(), namespace);
    let known = projects.get_opt(&project).await.map_err(|error| cluster.explain(error))?;
    let named = known.and_then(|project| project.spec.logs?.archive);
    let archive = match &named {
        None => None,
        Some(named) => {
            Some(readable(cluster, namespace, environment.as_ref(), &project, named, search).await?)
        }
    };
    let (archive, unread) = match archive {
        None => (None, None),
        Some(Ok(archive)) => (Some(archive), None),
        Some(Err(unread)) => (None, Some(unread)),
    };
    match (&environment, &archive, &unread) {
        (None, None, Some(why)) => {
            return Err(Error::Unread { environment: name.clone(), why: why.clone() });
        }
        (None, None, None) => return Err(Error::NoArchive { environment: name.clone(), project }),
        (Some(environment), ..) => check_parts(environment, &search.query.parts)?,
        (None, Some(_), _) => {}
    }
    let now = cluster.now().await;
    let at = |moment: &Moment| match moment {
        Moment::At(time) => *time,
        Moment::Ago(ago) => now.checked_sub(*ago).unwrap_or(Timestamp::MIN),
    };
    let since = at(&search.query.since.unwrap_or(Moment::Ago(SINCE)));
    let until = search.query.until.as_ref().map_or(now.checked_add(AHEAD).unwrap_or(now), at);
    let words = words(&search.query)?;
    let mut scope =
        Scope { environment, project, archive, unread, asked: words.to_string(), words, since, until, now };
    if let Some(token) = &search.cursor {
        let cursor = Cursor::parse(token, &scope.marks(search)).map_err(Error::Cursor)?;
        scope.since = cursor.since;
        scope.until = cursor.before.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN);
    }
    if scope.since > scope.until && search.cursor.is_none() {
        return Err(Error::Backwards { since: scope.since, until: scope.until });
    }
    Ok(scope)
}

/// Everything that is asked for, as a query.
fn words(query: &Query) -> Result<Words> {
    let Filter { grep, exclude, level, query: words } = &query.filter;
    let words = words.within(&query.parts, &query.containers);
    let words = words.with(grep.iter().map(ToString::to_string), exclude.iter().map(ToString::to_string));
    let words = words.map_err(Error::Pattern)?;
    Ok(level.map_or(words.clone(), |level| words.at_least(level)))
}

/// The archive, if it is read for whoever asks.
async fn readable(
    cluster: &Cluster,
    namespace: &str,
    environment: Option<&Environment>,
    project: &str,
    named: &LogArchive,
    search: &Search,
) -> Result<Result<Archive, Unread>> {
    // Who may read the bucket AWS knows, as long as this process is to AWS whoever asks.
    if !cluster.acting {
        return Ok(Ok(Archive::of(named)));
    }
    let Some(asker) = &search.asker else {
        return Ok(Err(Unread::unserved(namespace, project, named)));
    };
    let archive = match asker.archives.of(namespace, project, named) {
        Ok(archive) => archive,
        Err(unread) => return Ok(Err(unread)),
    };
    // In the control namespace, too: an archive has what was written under this name before this environment was made.
    let inside = environment.map(|environment| inside(environment, &search.query.environment));
    for place in inside.iter().map(String::as_str).chain([namespace]) {
        if !cluster.may_read_logs(place).await? {
            return Ok(Err(Unread::Forbidden { namespace: place.to_owned() }));
        }
    }
    Ok(Ok(archive))
}

/// What is to be read of the archive.
#[derive(Default)]
pub(super) struct Opened {
    pub prepared: Option<archive::Search<Bucket>>,
    /// Why nothing is, though there is one.
    pub unread: Option<Unread>,
    /// Held until it was read.
    pub turn: Option<Turn>,
}

/// Looks what there is in the archive.
pub(super) async fn open(scope: &Scope, search: &Search) -> Result<Opened> {
    let mut opened = Opened { unread: scope.unread.clone(), ..Opened::default() };
    let Some(archive) = &scope.archive else { return Ok(opened) };
    let looked = async {
        if let Some(asker) = &search.asker {
            match asker.archives.turn(&asker.who).await {
                Ok(turn) => opened.turn = Some(turn),
                Err(busy) => return Ok(Err(busy)),
            }
        }
        match within(search.bounds, Box::pin(prepare(scope, archive, search))).await {
            Ok(Ok(prepared)) => Ok(Ok(prepared)),
            Ok(Err(error)) => instead(search, error).map(Err),
            Err(late) => Ok(Err(late)),
        }
    };
    match looked.await? {
        Ok(prepared) => opened.prepared = Some(prepared),
        // Of what is gone there is nothing else to show.
        Err(why) if scope.environment.is_none() => {
            return Err(Error::Unread { environment: search.query.environment.clone(), why });
        }
        Err(why) => opened.unread = Some(why),
    }
    Ok(opened)
}

/// For so long as a search may take, if that is bounded.
pub(super) async fn within<T>(bounds: Option<Bounds>, doing: impl Future<Output = T>) -> Result<T, Unread> {
    match bounds {
        None => Ok(doing.await),
        Some(Bounds { time, .. }) => {
            timeout(time, doing).await.map_err(|_| Unread::Late { seconds: time.as_secs() })
        }
    }
}

/// What is said in place of the archive's lines, where the others are shown all the same.
pub(super) fn instead(search: &Search, error: Error) -> Result<Unread> {
    match error {
        Error::Archive(archive::Error::TooMuch(estimate)) if search.bounds.is_some() => {
            Ok(Unread::Big(estimate))
        }
        Error::Archive(error) if search.bounds.is_some() => {
            tracing::warn!(%error, "an archive of logs was not read");
            Ok(Unread::Failed(error))
        }
        other => Err(other),
    }
}

async fn prepare(scope: &Scope, archive: &Archive, search: &Search) -> Result<archive::Search<Bucket>> {
    let bucket = reach(archive, search.asker.as_ref()).await?;
    let wanted = archive::Wanted {
        project: scope.project.clone(),
        environment: search.query.environment.clone(),
        query: scope.words.clone(),
        since: scope.since,
        until: scope.until,
        limit: search.limit,
    };
    let most = search.bounds.map(|bounds| archive::Most {
        bytes: bounds.bytes,
        requests: bounds.requests,
        memory: bounds.part(),
    });
    let prepared = archive::prepare(bucket, archive, wanted, most).await?;
    let Estimate { bytes, list_requests, get_requests, .. } = prepared.estimate;
    let much = bytes > MOST_BYTES || list_requests + get_requests > MOST_REQUESTS;
    if much && most.is_none() && !search.whatever_it_takes {
        return Err(Error::BigSearch { estimate: prepared.estimate });
    }
    Ok(prepared)
}

/// As whoever this process is.
async fn reach(archive: &Archive, asker: Option<&Asker>) -> Result<Bucket, archive::Error> {
    let reached = match asker {
        Some(asker) => asker.archives.aws.bucket(&archive.place).await,
        None => Aws::default().bucket(&archive.place).await,
    };
    reached.map_err(|failure| archive::Error::Bucket {
        bucket: archive.place.name.clone(),
        doing: archive::Doing::Reach,
        failure,
    })
}
