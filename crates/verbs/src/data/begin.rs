//! Asks for a copy, after everything that can be told without the operator.

use std::collections::BTreeMap;

use api::datacopy::{CopyKeys, CopyLimits, DataCopy, DataCopySpec, DeniedChoice, MaskChoice, SnapshotChoice};
use api::project::{ProjectSpec, ServiceType};
use api::revision::short_hash;
use api::{Environment, EnvironmentSpec};
use jiff::Timestamp;
use kube::api::{Api, PostParams};

use crate::environment::get;
use crate::suggest::nearest;
use crate::{Cluster, Error, Event, Result, Sink, project};

/// The copy that somebody wants.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub name: String,
    pub from: String,
    pub to: String,
    /// None: every MariaDB, Redis and S3 that both have.
    pub services: Vec<String>,
    /// Which keys, and which objects, by service.
    pub keys: BTreeMap<String, CopyKeys>,
    pub delete_up_to: Option<u32>,
    pub denied: DeniedChoice,
    pub snapshot: SnapshotChoice,
    /// Pods that copy the objects of a bucket together.
    pub workers: Option<u32>,
    pub masks: MaskChoice,
    pub limits: CopyLimits,
    pub dry_run: bool,
    /// Only look for what looks like personal data.
    pub scan: bool,
    pub quiesce: bool,
    pub protected: bool,
    pub backing: Backing,
}

/// What a copy has to do with backups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Backing {
    #[default]
    None,
    /// It makes one, of `from`.
    Made,
    /// This one is what comes into `to`; `from` is the environment that it was made of.
    From(String),
}

impl Wanted {
    /// A copy as it is when nothing else is said.
    pub fn between(name: String, from: &str, to: &str) -> Self {
        Self {
            name,
            from: from.to_owned(),
            to: to.to_owned(),
            services: vec![],
            keys: BTreeMap::new(),
            delete_up_to: None,
            denied: DeniedChoice::Fail,
            snapshot: SnapshotChoice::Auto,
            workers: None,
            masks: MaskChoice::Project,
            limits: CopyLimits::default(),
            dry_run: false,
            scan: false,
            quiesce: true,
            protected: false,
            backing: Backing::None,
        }
    }

    fn spec(&self, user: Option<String>) -> DataCopySpec {
        let mut between = DataCopySpec::between(&self.from, &self.to);
        match &self.backing {
            Backing::None => {}
            Backing::Made => between.backup = true,
            Backing::From(backup) => between.from.backup = Some(backup.clone()),
        }
        DataCopySpec {
            services: self.services.clone(),
            keys: self.keys.clone(),
            delete_up_to: self.delete_up_to,
            denied: self.denied,
            snapshot: self.snapshot,
            workers: self.workers,
            masks: self.masks,
            limits: self.limits,
            dry_run: self.dry_run,
            scan: self.scan,
            quiesce: self.quiesce,
            protected: self.protected,
            requested_by: user,
            ..between
        }
    }
}

/// A copy of all that `from` has into an environment that is made for it.
pub fn into_new(from: &str, to: &str, now: Timestamp) -> Wanted {
    Wanted::between(fresh_name(to, now), from, to)
}

/// A name for a copy into `to`, which no other has.
pub fn fresh_name(to: &str, now: Timestamp) -> String {
    // A cluster's clock may tell whole seconds: of two within one, ours tells them apart.
    let times = [now, Timestamp::now()].map(|time| time.as_nanosecond().to_string());
    marked(to, &short_hash(&(to, times), 5))
}

/// The name of the copy into `to` that somebody's request of that name begins: the same, however often it is made.
pub fn named(to: &str, request: &str) -> String {
    marked(to, &short_hash(&(to, request), 10))
}

fn marked(to: &str, mark: &str) -> String {
    const LONGEST: usize = 40;
    let kept: String = to.chars().take(LONGEST - 1 - mark.len()).collect();
    format!("{}-{mark}", kept.trim_end_matches('-'))
}

/// Checks what is asked for, and writes it down.
pub async fn begin(
    cluster: &Cluster,
    namespace: &str,
    wanted: &Wanted,
    events: Sink<'_>,
) -> Result<DataCopy> {
    judge(cluster, namespace, wanted).await?;
    write(cluster, namespace, wanted, events).await
}

/// The same, but that nothing is written: whatever would refuse it does.
pub async fn rehearse(cluster: &Cluster, namespace: &str, wanted: &Wanted) -> Result<()> {
    judge(cluster, namespace, wanted).await?;
    try_out(cluster, namespace, wanted).await
}

/// What Kubernetes, roles and policies would say to it; its environment need not be there yet.
pub async fn try_out(cluster: &Cluster, namespace: &str, wanted: &Wanted) -> Result<()> {
    create(cluster, namespace, wanted, &PostParams { dry_run: true, ..PostParams::default() }).await.map(drop)
}

async fn judge(cluster: &Cluster, namespace: &str, wanted: &Wanted) -> Result<()> {
    if let Backing::From(_) = wanted.backing {
        // Of its own environment nothing has to be there any more.
        let to = standing(cluster, namespace, &wanted.to).await?;
        return services(cluster, namespace, &to.spec, &wanted.services).await;
    }
    let from = standing(cluster, namespace, &wanted.from).await?;
    if !wanted.scan && wanted.backing == Backing::None {
        if wanted.from == wanted.to {
            return Err(Error::CopyToItself { environment: wanted.to.clone() });
        }
        let to = standing(cluster, namespace, &wanted.to).await?;
        if from.spec.project != to.spec.project {
            return Err(Error::OtherProject {
                from: wanted.from.clone(),
                from_project: from.spec.project,
                to: wanted.to.clone(),
                to_project: to.spec.project,
            });
        }
    }
    services(cluster, namespace, &from.spec, &wanted.services).await
}

pub(super) async fn standing(cluster: &Cluster, namespace: &str, name: &str) -> Result<Environment> {
    let environment = get(cluster, namespace, name).await?;
    match environment.metadata.deletion_timestamp {
        Some(_) => Err(Error::BeingDestroyed { environment: name.to_owned() }),
        None => Ok(environment),
    }
}

async fn services(cluster: &Cluster, namespace: &str, of: &EnvironmentSpec, wanted: &[String]) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let spec = project::revision(cluster, namespace, &of.project, &of.project_revision).await?.spec;
    check(&of.project, &spec, wanted)
}

/// Whether these are services of the project, and may be copied.
fn check(project: &str, spec: &ProjectSpec, wanted: &[String]) -> Result<()> {
    let is_copied = |name: &str| {
        let of_classes = spec.classes.values().filter_map(|class| class.services.get(name)?.r#type);
        let own = spec.services.get(name).map(|service| service.r#type);
        own.into_iter().chain(of_classes).any(|kind| {
            use ServiceType::{External, Mariadb, Mysql, Redis, S3};
            matches!(kind, Mariadb | Mysql | Redis | S3 | External)
        })
    };
    for name in wanted {
        if !spec.services.contains_key(name) {
            let known: Vec<String> = spec.services.keys().filter(|name| is_copied(name)).cloned().collect();
            return Err(Error::NotFound {
                kind: "service",
                name: name.clone(),
                place: format!("project `{project}`"),
                nearest: nearest(name, known.iter().map(String::as_str)),
                known,
            });
        }
        if !is_copied(name) {
            let kind = spec.services.get(name).map_or("", |service| service.r#type.as_str());
            return Err(Error::NotCopied { service: name.clone(), kind });
        }
    }
    Ok(())
}

pub(super) async fn write(
    cluster: &Cluster,
    namespace: &str,
    wanted: &Wanted,
    events: Sink<'_>,
) -> Result<DataCopy> {
    let copy = create(cluster, namespace, wanted, &PostParams::default()).await?;
    events(Event::CopyStored {
        copy: wanted.name.clone(),
        namespace: namespace.to_owned(),
        from: wanted.from.clone(),
        to: wanted.to.clone(),
        backup: match &wanted.backing {
            Backing::None => None,
            Backing::Made => Some(wanted.name.clone()),
            Backing::From(backup) => Some(backup.clone()),
        },
    });
    Ok(copy)
}

async fn create(cluster: &Cluster, namespace: &str, wanted: &Wanted, how: &PostParams) -> Result<DataCopy> {
    let object = DataCopy::new(&wanted.name, wanted.spec(cluster.user().await));
    let api = Api::<DataCopy>::namespaced(cluster.client.clone(), namespace);
    match api.create(how, &object).await {
        Ok(copy) => Ok(copy),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            Err(Error::CopyExists { copy: wanted.name.clone() })
        }
        Err(error) => Err(cluster.explain(error)),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;

    fn spec() -> ProjectSpec {
        serde_json::from_value(json!({
            "components": {},
            "services": {"db": {"type": "mariadb"}, "cache": {"type": "redis"}, "uploads": {"type": "s3"}, "queue": {"type": "container", "image": "q"}, "stock": {"type": "container", "image": "s"}},
            "classes": {"production": {"services": {"stock": {"type": "external", "host": "db.example.com"}}}},
        }))
        .unwrap()
    }

    #[test]
    fn a_service_that_is_none_is_told_with_the_nearest_and_one_that_is_not_copied_with_its_type() {
        let wanted = |name: &str| check("shop", &spec(), &[name.to_owned()]);
        assert!(["db", "cache", "uploads", "stock"].iter().all(|name| wanted(name).is_ok()));
        assert!(
            matches!(wanted("dv"), Err(Error::NotFound { nearest: Some(near), known, .. }) if near == "db" && known == ["cache", "db", "stock", "uploads"])
        );
        assert!(matches!(wanted("queue"), Err(Error::NotCopied { kind: "container", .. })));
    }

    #[tokio::test]
    async fn what_is_only_tried_out_is_refused_as_the_copy_would_be_and_written_nowhere() {
        let wanted = Wanted::between("c1".into(), "live", "qa");
        let tried = |refuses: bool| {
            crate::fake::cluster(move |_, address| match address.contains("/datacopies?") {
                true if !address.contains("dryRun=All") => {
                    crate::fake::status(500, "written", "InternalError")
                }
                true if !refuses => {
                    let copy = DataCopy::new("c1", DataCopySpec::between("live", "qa"));
                    Some((201, serde_json::to_value(copy).unwrap()))
                }
                _ => crate::fake::status(403, "datacopies.outboard.dev is forbidden", "Forbidden"),
            })
        };
        assert!(try_out(&tried(false), "shop", &wanted).await.is_ok());
        let told = try_out(&tried(true), "shop", &wanted).await;
        assert!(matches!(told, Err(Error::Forbidden(_))), "{told:?}");
    }

    #[test]
    fn a_copys_name_begins_with_its_target_and_fits() {
        let now = Timestamp::UNIX_EPOCH;
        let name = fresh_name("qa-42", now);
        assert!(name.starts_with("qa-42-") && name.len() == 11, "{name}");
        assert_eq!(fresh_name(&"e".repeat(38), now).len(), 40);
        assert_ne!(name, fresh_name("qa-42", now + SignedDuration::from_nanos(1)));
        assert_eq!(named("qa-42", "build 1001"), named("qa-42", "build 1001"));
        assert_ne!(named("qa-42", "build 1001"), named("qa-42", "build 1002"));
        assert_eq!(named(&"e".repeat(38), "build 1001").len(), 40);
        // A hyphen that is cut at stays no end.
        assert!(!fresh_name(&format!("{}-x", "e".repeat(33)), now).contains("--"));
    }
}
