//! What every handler has at hand: the cluster as whoever asks sees it, what is known of its environments, the plans that were
//! shown.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{DataCopy, Environment, Project};
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use tokio::sync::{Mutex, OnceCell, Semaphore, SemaphorePermit};
use verbs::access::Deed;
use verbs::clusters::Folder;
use verbs::logs::served::{Archives, Asker};
use verbs::{Cluster, Error, Watched, environment, hostname, project};

use crate::actor::Actor;
use crate::ask::Ask;
use crate::desk::{Desk, Sheet};
use crate::door::Door;
use crate::door::limit::Room;
use crate::door::site::Site;
use crate::drawn::Drawn;
use crate::failure::Failure;
use crate::pages::Place;
use crate::sight::{Looking, Reviews, Scope};
use crate::token;

pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// So many reviews and lists of namespaces are asked for at the same time.
const AT_ONCE: usize = 8;
/// Whatever goes on ends so soon after its session.
const LOOK: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct App {
    inside: Arc<Inside>,
    /// As whoever this is done for sees it.
    pub cluster: Cluster,
    /// Who that is; none: whoever started this, and nobody else comes in.
    pub actor: Option<Arc<Actor>>,
}

pub struct Inside {
    /// As this process sees it: what it watches for all.
    pub own: Cluster,
    /// The control namespace that is shown; none: all of them.
    pub namespace: Option<String>,
    /// Who the cluster says we are.
    pub who: Option<String>,
    pub watched: Watched<Environment>,
    /// What is known of copies of data, once somebody asked for them and might.
    pub copies: OnceCell<Watched<DataCopy>>,
    /// Where projects are: asked for only where people may look into some namespaces and not into all.
    pub projects: OnceCell<Watched<Project>>,
    /// Where files of clusters lie.
    pub clusters: Option<PathBuf>,
    /// What was learned of them, and when.
    pub kept: Mutex<Option<(Instant, Folder)>>,
    pub reviews: Reviews,
    /// Tables that hundreds look at.
    pub drawn: Drawn,
    pub desk: Desk,
    /// What is read for others of archives of logs; none: whoever started this reads as themselves.
    pub archives: Option<Arc<Archives>>,
    pub door: Door,
}

impl App {
    pub fn new(inside: Inside) -> Self {
        let cluster = inside.own.clone();
        Self { inside: Arc::new(inside), cluster, actor: None }
    }

    /// The same for somebody who came in: from here on everything is done as they.
    pub fn acting(&self, actor: Arc<Actor>) -> Result<Self> {
        let person = &actor.person;
        let cluster =
            self.own.acting_as(person.name(), person.groups()).map_err(|error| Failure::ours(&error))?;
        Ok(Self { inside: self.inside.clone(), cluster, actor: Some(actor) })
    }

    fn now(&self) -> Timestamp {
        self.door.site().map_or_else(Timestamp::now, Site::now)
    }

    /// Whether their session or token has ended since.
    pub fn is_over(&self) -> bool {
        let Some(actor) = &self.actor else { return false };
        let ended = actor.session.as_ref().zip(self.door.site()).is_some_and(|(id, site)| site.was_ended(id));
        ended || actor.until.is_some_and(|until| until <= self.now())
    }

    /// Once it has.
    pub fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        let app = self.clone();
        async move {
            if app.actor.is_none() {
                return std::future::pending().await;
            }
            while !app.is_over() {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    /// Longer no connection goes on for one request.
    pub fn longest(&self) -> Duration {
        let lasts = self.door.site().map(|site| site.lasts.unsigned_abs());
        lasts.unwrap_or(Duration::MAX)
    }

    /// Once there is room for a large body of theirs, and then for one among all.
    pub async fn room_for_large(&self, all: &'static Semaphore) -> Option<(Room, SemaphorePermit<'static>)> {
        let own = self.door.site()?.limits.large(self.actor.as_ref()?).await?;
        Some((own, all.acquire().await.ok()?))
    }

    /// Who this is done for, as pages say it.
    pub fn who(&self) -> Option<String> {
        match &self.actor {
            Some(actor) => Some(actor.person.name().to_owned()),
            None => self.inside.who.clone(),
        }
    }

    /// An environment as it is known; one that was made a moment ago may have to be asked for.
    pub async fn environment(&self, namespace: &str, name: &str) -> Result<Arc<Environment>> {
        self.within(namespace)?;
        match self.known(namespace, name).await? {
            Some(known) => Ok(known),
            None => Ok(Arc::new(environment::get(&self.cluster, namespace, name).await?)),
        }
    }

    /// The same for those who look on: that there is none is no error.
    pub async fn find(&self, namespace: &str, name: &str) -> Result<Option<Arc<Environment>>> {
        match self.known(namespace, name).await? {
            Some(known) => Ok(Some(known)),
            None => Ok(environment::find(&self.cluster, namespace, name).await?.map(Arc::new)),
        }
    }

    /// What the shared watch knows, if they may know it; else Kubernetes says why not.
    async fn known(&self, namespace: &str, name: &str) -> Result<Option<Arc<Environment>>> {
        match self.watched.find(namespace, name) {
            Some(known) if self.may("get", "environments", Some(namespace)).await? => Ok(Some(known)),
            _ => Ok(None),
        }
    }

    /// Those that may be seen.
    pub async fn environments(&self) -> Result<Looking<'_, Environment>> {
        let scope = self.scope("environments", || self.watched.namespaces()).await?;
        Ok(Looking { watched: &self.inside.watched, scope })
    }

    /// Begun with the first who asks. What fails is tried again with the next: a right may be given, an outage may end.
    pub async fn copies(&self) -> Result<Looking<'_, DataCopy>> {
        let begin = || Watched::begin(&self.own, self.namespace.as_deref());
        let watched = self.inside.copies.get_or_try_init(begin).await?;
        let scope = self.scope("datacopies", || watched.namespaces()).await?;
        Ok(Looking { watched, scope })
    }

    /// The namespaces in which something is listed as they: one that stands for all of them, or each by itself.
    pub async fn places(&self, resource: &'static str) -> Result<Vec<Option<String>>> {
        if self.actor.is_none() || self.namespace.is_some() {
            return Ok(vec![self.namespace.clone()]);
        }
        if self.may("list", resource, None).await? {
            return Ok(vec![None]);
        }
        let begin = || Watched::begin(&self.own, None);
        let projects = self.projects.get_or_try_init(begin).await?;
        let mut all = projects.namespaces();
        all.extend(self.watched.namespaces());
        match self.allowed(resource, all).await? {
            Scope::Everything => Ok(vec![None]),
            Scope::Namespaces(some) => Ok(some.into_iter().map(Some).collect()),
        }
    }

    async fn scope(&self, resource: &'static str, known: impl Fn() -> BTreeSet<String>) -> Result<Scope> {
        if self.actor.is_none() || self.may("list", resource, None).await? {
            return Ok(Scope::Everything);
        }
        self.allowed(resource, known()).await
    }

    async fn allowed(&self, resource: &'static str, all: BTreeSet<String>) -> Result<Scope> {
        let asked = stream::iter(all).map(|namespace| async move {
            let may = self.may("list", resource, Some(&namespace)).await?;
            Ok::<_, Failure>(may.then_some(namespace))
        });
        let allowed: Vec<Result<Option<String>>> = asked.buffer_unordered(AT_ONCE).collect().await;
        let allowed: Result<Vec<Option<String>>> = allowed.into_iter().collect();
        Ok(Scope::Namespaces(allowed?.into_iter().flatten().collect()))
    }

    async fn may(&self, verb: &'static str, resource: &'static str, namespace: Option<&str>) -> Result<bool> {
        match &self.actor {
            None => Ok(true),
            Some(actor) => self.reviews.may(&self.cluster, &actor.key, verb, resource, namespace).await,
        }
    }

    /// Whether they may do all that a deed takes of outboard's kinds in a control namespace. Without an answer they may try.
    pub async fn may_do(&self, namespace: &str, deed: &Deed) -> bool {
        for need in deed.needs(false) {
            if matches!(self.may(need.verb, need.resource, Some(namespace)).await, Ok(false)) {
                return false;
            }
        }
        true
    }

    /// Works out what a change would do; the plan is for whoever asked.
    pub async fn plan(&self, namespace: &str, ask: Ask, key: Option<&str>) -> Result<Arc<Sheet>> {
        self.desk.plan(&self.cluster, self.key(), namespace, ask, key).await
    }

    pub fn sheet(&self, id: &str) -> Result<Arc<Sheet>> {
        self.desk.find(id, self.key())
    }

    /// The plan by which an environment is what it is asked to be, if whoever looks carried it out a moment ago.
    pub fn carried(&self, place: &Place, environment: &Environment) -> Option<Arc<Sheet>> {
        let change = environment.spec.change.as_ref()?;
        self.desk.carried(self.key(), place, change.plan.as_deref())
    }

    /// What nobody else's request is called, of what they call this one. What is called so outlives this process: where nobody
    /// comes in, several people have one each.
    pub fn called(&self, key: &str) -> String {
        let own = || self.inside.who.as_deref().unwrap_or_default();
        called(self.actor.as_ref().map_or_else(own, |actor| actor.key.as_str()), key)
    }

    /// For whom logs are searched, if that is somebody else than this process.
    pub fn asker(&self) -> Option<Asker> {
        let archives = self.inside.archives.clone()?;
        Some(Asker { archives, who: self.actor.as_ref()?.key.clone() })
    }

    fn key(&self) -> &str {
        self.actor.as_ref().map_or("", |actor| actor.key.as_str())
    }

    pub async fn listed_projects(&self) -> Result<Vec<project::Summary>> {
        let mut all = vec![];
        for place in self.places("projects").await? {
            all.extend(project::list(&self.cluster, place.as_deref()).await?);
        }
        Ok(all)
    }

    pub async fn listed_hosts(&self) -> Result<Vec<hostname::Summary>> {
        let mut all = vec![];
        for place in self.places("hostnames").await? {
            all.extend(hostname::list(&self.cluster, place.as_deref()).await?);
        }
        Ok(all)
    }

    /// Says what a request does, for whoever keeps record of it.
    pub fn note(&self, what: String) {
        if let Some(actor) = &self.actor {
            actor.note(what);
        }
    }

    /// Says what a plan does, and what differs afterwards.
    pub fn note_plan(&self, sheet: &Sheet) {
        if let Some(actor) = &self.actor {
            actor.differs(sheet.differs());
            actor.note(sheet.what());
        }
    }

    /// Says which fields a request changes.
    pub fn differs(&self, diff: Option<String>) {
        if let Some(actor) = &self.actor {
            actor.differs(diff);
        }
    }

    /// Says what became of one of several things that a request does: each has a line, also if nobody waits any more.
    pub fn tell(&self, what: String, diff: Option<String>, status: StatusCode) {
        let Some((actor, site)) = self.actor.as_ref().zip(self.door.site()) else { return };
        if let Some(asked) = &actor.asked {
            actor.told();
            site.audit.keep(Some(asked.record(actor, Some(what), diff, status)));
        }
    }

    /// Whether what a program asks Kubernetes for is within what is shown here: the control namespace, and where its environments run.
    /// What is the whole cluster's, and asked for by its name, Kubernetes decides about; and everybody may look whether the operator is there.
    pub fn shows(&self, asked: &verbs::proxy::Asked) -> bool {
        let Some(shown) = &self.namespace else { return true };
        let within = |namespace: &str| namespace == shown || self.runs_in(namespace);
        match (asked.namespace.as_deref(), asked.resource.as_str(), asked.name.as_deref()) {
            (Some(namespace), ..) => within(namespace) || asked.looks_for_the_operator(),
            // A namespace is one's own place; that of a first project is made.
            (None, "namespaces", Some(name)) => within(name),
            (None, "namespaces", None) => asked.verb == "create",
            // A list would show what others have, and hosts of others are not taken away here.
            (None, resource, _) => {
                asked.is_of_the_cluster() && asked.verb == "get" || resource.starts_with("selfsubject")
            }
        }
    }

    fn runs_in(&self, namespace: &str) -> bool {
        self.watched.all().iter().any(|environment| {
            environment.status.as_ref().and_then(|status| status.namespace.as_deref()) == Some(namespace)
        })
    }

    /// Whether that namespace is shown here at all.
    pub fn within(&self, namespace: &str) -> Result<()> {
        match &self.namespace {
            Some(shown) if shown != namespace => Err(Failure::from(Error::NotFound {
                kind: "namespace",
                name: namespace.to_owned(),
                place: "what is shown here".to_owned(),
                known: vec![shown.clone()],
                nearest: None,
            })),
            _ => Ok(()),
        }
    }
}

impl std::ops::Deref for App {
    type Target = Inside;

    fn deref(&self) -> &Inside {
        &self.inside
    }
}

fn called(who: &str, key: &str) -> String {
    token::name(format!("{who} {key}").as_bytes())
}

/// The application as whoever sent this request sees it. Where people sign in, nobody is nobody: never this process itself.
pub struct Mine(pub App);

impl FromRequestParts<App> for Mine {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        match parts.extensions.get::<Arc<Actor>>() {
            Some(actor) => app.acting(actor.clone()).map(Self),
            None if app.door.is_local() => Ok(Self(app.clone())),
            None => Err(Failure::strange()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_people_call_a_request_is_two() {
        assert_ne!(called("ann", "rotate-1"), called("bob", "rotate-1"));
        assert_eq!(called("ann", "rotate-1"), called("ann", "rotate-1"));
    }
}
