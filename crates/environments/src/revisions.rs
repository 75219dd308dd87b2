//! Where revisions are kept: `ControllerRevision`s in the control namespace, whose data Kubernetes keeps immutable.

use std::collections::BTreeSet;

use api::kept::VOLUMES;
use api::project::PodSecurity;
use api::revision::{EnvironmentRevision, ProjectRevision};
use api::{Given, Project, marks};
use apply::error::is_status;
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::{Client, ResourceExt};

use crate::error::Error;

/// How many revisions of an environment are kept.
pub const KEPT: i64 = 20;
/// How many completed jobs a revision inherits the memory of.
const REMEMBERED_JOBS: usize = 200;

/// An environment revision as it is stored.
#[derive(Clone, Debug)]
pub struct Stored {
    pub number: i64,
    pub revision: EnvironmentRevision,
    /// Jobs that have completed for it; they are not run again even if their object is gone.
    pub completed_jobs: Vec<String>,
    /// Whether it has ever been ready.
    pub ready: bool,
    /// It is of an environment that was destroyed, and on its way out.
    pub retired: bool,
    /// The verdicts that were given on it.
    pub verdicts: Vec<Given>,
}

impl Stored {
    fn from_object(object: &ControllerRevision) -> Option<Self> {
        let completed =
            object.annotations().get(marks::COMPLETED_JOBS).map(String::as_str).unwrap_or_default();
        Some(Self {
            number: object.revision,
            revision: EnvironmentRevision::from_object(object)?,
            ready: object.annotations().contains_key(marks::READY_SINCE),
            retired: object.annotations().contains_key(marks::KEPT_UNTIL),
            verdicts: Given::noted(object.annotations()),
            completed_jobs: completed.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        })
    }
}

/// What is stored for an environment.
pub struct Newest {
    /// The highest number that was ever given.
    pub number: i64,
    /// The newest revision that can be read.
    pub stored: Option<Stored>,
}

/// The revisions of one control namespace.
pub struct Revisions {
    api: Api<ControllerRevision>,
    install: String,
}

impl Revisions {
    pub fn new(client: &Client, control_namespace: &str, install: &str) -> Self {
        Self { api: Api::namespaced(client.clone(), control_namespace), install: install.to_owned() }
    }

    /// The newest revision of an environment; `hint` saves the list when it is still there.
    pub async fn newest(&self, project: &str, environment: &str, hint: Option<i64>) -> Result<Newest, Error> {
        if let Some(number) = hint
            && let Some(found) =
                self.api.get_opt(&EnvironmentRevision::object_name(environment, number)).await?
            && let Some(stored) =
                Stored::from_object(&found).filter(|stored| stored.revision.project == project)
        {
            return Ok(Newest { number, stored: Some(stored) });
        }
        // Whatever its project, and readable or not: a number that was given once is never given again.
        let selector = format!("{}=environment,{}={environment}", marks::REVISION_OF, marks::ENVIRONMENT);
        let found = self.api.list(&ListParams::default().labels(&selector)).await?;
        let number = found.iter().map(|object| object.revision).max().unwrap_or(0).max(hint.unwrap_or(0));
        let readable = found.iter().filter_map(Stored::from_object);
        let stored =
            readable.filter(|stored| stored.revision.project == project).max_by_key(|stored| stored.number);
        Ok(Newest { number, stored })
    }

    /// One revision of an environment.
    pub async fn get(&self, environment: &str, number: i64) -> Result<Option<Stored>, Error> {
        let found = self.api.get_opt(&EnvironmentRevision::object_name(environment, number)).await?;
        Ok(found.as_ref().and_then(Stored::from_object))
    }

    /// By which standard pods are judged that serve as long as `stored` has not settled; none: it has, or nothing serves,
    /// or it is of no account since `stored` is not the stricter one.
    pub async fn standard_that_serves(
        &self,
        environment: &str,
        stored: &Stored,
        settled: Option<i64>,
    ) -> Result<Option<PodSecurity>, Error> {
        let Some(settled) = settled.filter(|settled| *settled != stored.number) else { return Ok(None) };
        if stored.revision.pod_security.is_baseline() {
            return Ok(None);
        }
        // One that is no longer kept may have been the laxer one.
        let found = self.get(environment, settled).await?;
        Ok(Some(found.map(|found| found.revision.pod_security).unwrap_or_default()))
    }

    /// Stores `revision` as the one after `newest`. Losing a race is no error: the next run reads what won.
    pub async fn store(
        &self,
        project: &Project,
        environment: &str,
        newest: &Newest,
        revision: EnvironmentRevision,
    ) -> Result<Stored, Error> {
        let number = newest.number + 1;
        let mut object = revision.to_object(environment, number, project, &self.install);
        // What has run in this namespace has run, whichever revision asked for it.
        let done = newest.stored.as_ref().map(|stored| stored.completed_jobs.as_slice()).unwrap_or_default();
        let done = done[done.len().saturating_sub(REMEMBERED_JOBS)..].to_vec();
        if !done.is_empty() {
            object.annotations_mut().insert(marks::COMPLETED_JOBS.to_owned(), done.join(","));
        }
        self.api.create(&PostParams::default(), &object).await?;
        Ok(Stored { number, revision, completed_jobs: done, ready: false, retired: false, verdicts: vec![] })
    }

    /// Records that a revision has been ready: from now on it may be promoted and rolled back to.
    pub async fn mark_ready(&self, environment: &str, stored: &Stored, now: Timestamp) -> Result<(), Error> {
        let name = EnvironmentRevision::object_name(environment, stored.number);
        let mut object = self.api.get(&name).await?;
        object.annotations_mut().insert(marks::READY_SINCE.to_owned(), now.to_string());
        self.api.replace(&name, &PostParams::default(), &object).await?;
        Ok(())
    }

    /// Deletes what is older than the newest revisions that are kept. Of those that have been ready the last one is
    /// always kept: it is what a rollback goes to.
    pub async fn expire(&self, environment: &str, newest: i64, settled: Option<i64>) -> Result<(), Error> {
        if newest <= KEPT {
            return Ok(());
        }
        let selector = format!("{}=environment,{}={environment}", marks::REVISION_OF, marks::ENVIRONMENT);
        let found = self.api.list(&ListParams::default().labels(&selector)).await?;
        let old = found
            .iter()
            .filter(|object| object.revision <= newest - KEPT && Some(object.revision) != settled);
        let old: Vec<_> = old.collect();
        if old.is_empty() {
            return Ok(());
        }
        // What an environment had last whose volumes are kept: without it nobody could give them back.
        let selector = format!("{}={VOLUMES},{}={environment}", marks::REVISION_OF, marks::ENVIRONMENT);
        let records = self.api.list(&ListParams::default().labels(&selector)).await?;
        let kept: BTreeSet<i64> = records.iter().map(|record| record.revision).collect();
        for object in old.into_iter().filter(|object| !kept.contains(&object.revision)) {
            match self.api.delete(&object.name_any(), &DeleteParams::default()).await {
                Err(error) if !is_status(&error, 404) => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Records that a job has completed, so that it never runs again for this revision.
    ///
    /// By PUT of what was read: a patch would make the API server write the data anew, with its keys in another
    /// order, and then refuse it as changed.
    pub async fn complete_job(&self, environment: &str, stored: &Stored, job: &str) -> Result<(), Error> {
        let name = EnvironmentRevision::object_name(environment, stored.number);
        let mut object = self.api.get(&name).await?;
        let before = object.annotations().get(marks::COMPLETED_JOBS).filter(|jobs| !jobs.is_empty());
        let completed = before.map_or_else(|| job.to_owned(), |jobs| format!("{jobs},{job}"));
        object.annotations_mut().insert(marks::COMPLETED_JOBS.to_owned(), completed);
        self.api.replace(&name, &PostParams::default(), &object).await?;
        Ok(())
    }

    /// Notes the verdicts that were given on a revision. By PUT of what was read, as above.
    pub async fn note_verdicts(
        &self,
        environment: &str,
        number: i64,
        verdicts: &[Given],
    ) -> Result<(), Error> {
        let name = EnvironmentRevision::object_name(environment, number);
        let mut object = self.api.get(&name).await?;
        let text = serde_json::to_string(verdicts).map_err(kube::Error::SerdeError)?;
        object.annotations_mut().insert(marks::VERDICTS.to_owned(), text);
        self.api.replace(&name, &PostParams::default(), &object).await?;
        Ok(())
    }

    /// A project revision by name.
    pub async fn project(&self, name: &str) -> Result<Option<ProjectRevision>, Error> {
        Ok(self.api.get_opt(name).await?.as_ref().and_then(ProjectRevision::from_object))
    }

    /// Stores a project revision; equal content is the same revision.
    pub async fn store_project(
        &self,
        project: &Project,
        revision: &ProjectRevision,
    ) -> Result<String, Error> {
        let object = revision.to_object(project, &self.install);
        match self.api.create(&PostParams::default(), &object).await {
            Err(error) if !is_status(&error, 409) => Err(error.into()),
            _ => Ok(revision.name()),
        }
    }
}
