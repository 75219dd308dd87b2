//! Whether a copy may be made, and of which services. Everything that speaks against it is told at once.

mod before;
mod chosen;
mod kept;

use std::collections::BTreeMap;

use api::datacopy::{BackupPlace, CopyStore, DataCopySpec, MaskChoice};
use api::names::{self, EnvironmentName, ProjectName};
use api::project::{ProjectSpec, Resources, Service, ServiceMasks, ServiceSettings, ServiceType};
use api::{Cause, DataCopy, Environment, Verdict};

use super::verdict::{refusal, waits};
pub use before::ahead;
use before::{others, readiness};

/// What a copy asks for, and everything that decides about it.
pub struct Ask<'a> {
    pub name: &'a str,
    pub spec: &'a DataCopySpec,
    /// As it is now.
    pub project: Option<&'a ProjectSpec>,
    pub from: Side<'a>,
    pub to: Side<'a>,
    /// Copies that this one waits for where it meets them: see [`ahead`].
    pub before: &'a [DataCopy],
    /// The backup that is brought back, as it says of itself, if it still does.
    pub record: Option<&'a DataCopy>,
    /// The copy's own: of two of one name.
    pub uid: &'a str,
    /// Of this installation.
    pub install: &'a str,
    pub control_namespace: &'a str,
}

/// An environment, and the project revision it runs.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub name: &'a str,
    pub environment: Option<&'a Environment>,
    pub revision: Option<&'a ProjectSpec>,
}

/// A service that is copied, and where it is on both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    pub service: String,
    pub store: CopyStore,
    pub from: Place,
    pub to: Place,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// An environment's own server.
    Ours {
        environment: String,
        namespace: String,
        /// In bytes, if it has no more.
        memory: Option<u64>,
    },
    /// One that others run, for environments of this class.
    External { class: String, settings: Box<ServiceSettings> },
    /// In the backup that the copy makes, or that it is made from.
    Backup,
}

impl Pair {
    /// How many objects that only the target has may be removed. A bucket that others run may hold what is theirs.
    pub fn delete_up_to(&self, spec: &DataCopySpec) -> Option<u32> {
        let usual = if matches!(self.to, Place::Ours { .. }) { OF_OURS } else { 0 };
        Some(spec.delete_up_to.unwrap_or(usual)).filter(|most| *most > 0)
    }
}

/// All that the engine removes at once.
const OF_OURS: u32 = 100_000;
const CAN: &str = "mariadb, redis and s3 can";

#[derive(Debug, PartialEq)]
pub struct Admitted {
    pub pairs: Vec<Pair>,
    pub notes: Vec<String>,
    /// Where the backup lies, if it is about one.
    pub backup: Option<BackupPlace>,
    /// Whether the project's masks count.
    pub masked: bool,
}

impl Side<'_> {
    fn services(&self) -> BTreeMap<String, Service> {
        let class = self.environment.map(|found| found.spec.class.as_str()).unwrap_or_default();
        self.revision.map(|spec| spec.services_in(class, self.name)).unwrap_or_default()
    }

    /// By what it runs, or by what the project says now: an old revision opens no door.
    fn protected(&self, project: Option<&ProjectSpec>) -> bool {
        let Some(environment) = self.environment else { return false };
        let protects =
            |spec: &ProjectSpec| spec.class(&environment.spec.class).is_some_and(|class| class.protected);
        self.revision.is_some_and(protects) || project.is_some_and(protects)
    }
}

pub fn admit(ask: &Ask<'_>) -> Result<Admitted, Verdict> {
    if ask.spec.backup {
        return kept::made(ask);
    }
    if ask.spec.from.backup.is_some() {
        return kept::brought_back(ask);
    }
    present(ask)?;
    let (found, mut notes, mut problems) = pairs(ask);
    problems.extend(protection(ask, &found, ask.from.protected(ask.project)));
    if let Some(verdict) = together(problems) {
        return Err(verdict);
    }
    if let Some(verdict) = others(ask).or_else(|| readiness(ask, &found)) {
        return Err(verdict);
    }
    if found.len() > 1 && !ask.spec.scan {
        notes.push("each service is copied as of a moment of its own".to_owned());
    }
    let masked = ask.spec.masks == MaskChoice::Project;
    Ok(Admitted { pairs: found, notes, backup: None, masked })
}

/// Both environments are there, of one project, and stay.
fn present(ask: &Ask<'_>) -> Result<(), Verdict> {
    if let Some(verdict) =
        lost(ask.from.name, ask.from.environment).or_else(|| lost(ask.to.name, ask.to.environment))
    {
        return Err(verdict);
    }
    let project =
        |side: &Side<'_>| side.environment.map(|found| found.spec.project.clone()).unwrap_or_default();
    let (from, to) = (project(&ask.from), project(&ask.to));
    if from != to {
        return Err(refusal(
            Cause::Invalid,
            format!("environment {}", ask.to.name),
            format!(
                "{} is of project {from} and {} of project {to}: their services are not the same",
                ask.from.name, ask.to.name
            ),
            "copy between environments of one project".to_owned(),
        ));
    }
    match [&ask.from, &ask.to].into_iter().find(|side| side.revision.is_none()) {
        None => Ok(()),
        Some(side) => Err(waits(
            Cause::RevisionNotFound,
            format!("environment {}", side.name),
            format!("the project revision that {} runs is not there", side.name),
            format!("outboard env show {} says what it waits for", side.name),
        )),
    }
}

/// Why there is nothing to copy from or to any more.
pub fn lost(name: &str, environment: Option<&Environment>) -> Option<Verdict> {
    let message = match environment {
        None => format!("there is no environment {name}"),
        Some(found) if found.metadata.deletion_timestamp.is_some() => {
            format!("environment {name} is being destroyed")
        }
        Some(_) => return None,
    };
    let fix = "outboard env list says which there are".to_owned();
    Some(refusal(Cause::EnvironmentNotFound, format!("environment {name}"), message, fix))
}

type Problem = (Cause, String, String);

/// What can be copied; of services that somebody named, why not.
fn pairs(ask: &Ask<'_>) -> (Vec<Pair>, Vec<String>, Vec<Problem>) {
    let (from, to) = (ask.from.services(), ask.to.services());
    let (mut found, mut left_out, mut problems) = (vec![], vec![], vec![]);
    let named = &ask.spec.services;
    let listed: Vec<&String> = if named.is_empty() { from.keys().collect() } else { named.iter().collect() };
    for service in listed {
        match (from.get(service), to.get(service)) {
            (Some(source), Some(target)) => match pair(ask, service, source, target) {
                Ok(Some(pair)) => found.push(pair),
                Ok(None) => {}
                Err(problem) if !named.is_empty() => problems.push(problem),
                Err(problem) => left_out.push(problem),
            },
            _ if named.is_empty() => {}
            (source, _) => {
                let (side, has) = if source.is_none() { (&ask.from, &from) } else { (&ask.to, &to) };
                let has: Vec<&str> = has.keys().map(String::as_str).collect();
                let message = format!("{} has no service {service}", side.name);
                problems.push((Cause::ServiceNotFound, message, format!("it has {}", has.join(", "))));
            }
        }
    }
    if problems.is_empty() {
        problems.extend(chosen::of_others(ask.spec, &found));
    }
    problems.extend(chosen::problems(ask.spec, &found));
    if found.is_empty() && problems.is_empty() {
        problems.append(&mut left_out);
    }
    if found.is_empty() && problems.is_empty() {
        let message =
            format!("{} and {} have no MariaDB, Redis or S3 service in common", ask.from.name, ask.to.name);
        problems.push((Cause::ServiceNotFound, message, "name the services to copy".to_owned()));
    }
    let notes = left_out.into_iter().map(|(_, message, _)| format!("left out: {message}")).collect();
    (found, notes, problems)
}

/// None: nobody asked for it, and it is nothing that is copied.
fn pair(ask: &Ask<'_>, name: &str, source: &Service, target: &Service) -> Result<Option<Pair>, Problem> {
    let Some(store) = store(ask, name, source, target)? else { return Ok(None) };
    // What protects data is the class of the environment that it lies in.
    if let Some(other) = &source.settings.from {
        let message = format!("{name} of {} is that of {other}", ask.from.name);
        return Err((Cause::Invalid, message, format!("copy from {other}")));
    }
    if let Some(other) = target.settings.from.as_ref().filter(|_| !ask.spec.scan) {
        let message = format!("{name} of {} is that of {other}, which others use too", ask.to.name);
        return Err((Cause::Invalid, message, format!("copy to {other}")));
    }
    let (from, to) = (place(&ask.from, source), place(&ask.to, target));
    Ok(Some(Pair { service: name.to_owned(), store, from, to }))
}

/// What both sides keep in it.
fn store(
    ask: &Ask<'_>,
    name: &str,
    source: &Service,
    target: &Service,
) -> Result<Option<CopyStore>, Problem> {
    let asked = !ask.spec.services.is_empty();
    let mut stores = vec![];
    for (side, service) in [(&ask.from, source), (&ask.to, target)] {
        match service.r#type {
            ServiceType::Mariadb => stores.push(CopyStore::Mariadb),
            ServiceType::Redis => stores.push(CopyStore::Redis),
            ServiceType::S3 => stores.push(CopyStore::S3),
            ServiceType::External => {}
            ServiceType::Mysql => {
                let message = format!("{name} of {} is mysql, which cannot be copied yet", side.name);
                return Err((Cause::Invalid, message, CAN.to_owned()));
            }
            other if asked => {
                let message =
                    format!("{name} of {} is {}, which cannot be copied", side.name, other.as_str());
                return Err((Cause::Invalid, message, CAN.to_owned()));
            }
            _ => return Ok(None),
        }
    }
    let store = match stores.as_slice() {
        // What others run may be anything, unless the other side says what it is.
        [] if !asked => return Ok(None),
        [] => elsewhere(ask, name),
        [one, other] if one != other => {
            let (from, to) = (ask.from.name, ask.to.name);
            let message = format!("{name} is {} in {from} and {} in {to}", one.as_str(), other.as_str());
            return Err((Cause::Invalid, message, "a copy is between services of one type".to_owned()));
        }
        [store, ..] => *store,
    };
    let by_hand = match store {
        CopyStore::Redis => "write rules below `masks` by hand: keys, field and mask",
        CopyStore::S3 => "write below `masks` by hand which `prefixes` are dropped or replaced",
        CopyStore::Mariadb => return Ok(Some(store)),
    };
    match (ask.spec.scan, asked) {
        (false, _) => Ok(Some(store)),
        (true, false) => Ok(None),
        (true, true) => {
            let message = format!("{name} is {}, for which no masks are proposed", store.as_str());
            Err((Cause::Invalid, message, by_hand.to_owned()))
        }
    }
}

/// What others run on both sides is what the project says of it in any other class.
fn elsewhere(ask: &Ask<'_>, name: &str) -> CopyStore {
    let Some(project) = ask.from.revision.or(ask.project) else { return CopyStore::Mariadb };
    let of_classes = project.classes.values().filter_map(|class| class.services.get(name)?.r#type);
    let own = project.services.get(name).map(|service| service.r#type);
    let known = |kind| match kind {
        ServiceType::Redis => Some(CopyStore::Redis),
        ServiceType::S3 => Some(CopyStore::S3),
        _ => None,
    };
    own.into_iter().chain(of_classes).find_map(known).unwrap_or_default()
}

fn place(side: &Side<'_>, service: &Service) -> Place {
    let (class, project) = side
        .environment
        .map(|found| (found.spec.class.clone(), found.spec.project.clone()))
        .unwrap_or_default();
    if service.r#type == ServiceType::External {
        return Place::External { class, settings: Box::new(service.settings.clone()) };
    }
    let environment = side.name.to_owned();
    // Names that a namespace could not have were refused when they were written.
    let namespace = match (ProjectName::parse(&project), EnvironmentName::parse(&environment)) {
        (Ok(project), Ok(environment)) => names::namespace(&project, &environment),
        _ => String::new(),
    };
    let memory = service.settings.resources.as_ref().and_then(Resources::memory_bytes);
    Place::Ours { environment, namespace, memory }
}

/// What a protected class forbids, unless somebody with the right says otherwise.
fn protection(ask: &Ask<'_>, pairs: &[Pair], source: bool) -> Vec<Problem> {
    let spec = ask.spec;
    let mut problems = vec![];
    if spec.dry_run || spec.scan || spec.protected {
        return problems;
    }
    let allow = "let somebody ask for it who may release environments (outboard data copy --protected)";
    if ask.to.protected(ask.project) {
        let message = format!("{} is of a protected class, and its data would be replaced", ask.to.name);
        problems.push((Cause::Protected, message, allow.to_owned()));
    }
    if !source {
        return problems;
    }
    if spec.masks == MaskChoice::None {
        let message =
            format!("{} is of a protected class, and its data would be copied unmasked", ask.from.name);
        problems.push((Cause::Protected, message, allow.to_owned()));
        return problems;
    }
    let masks = ask.project.map(|project| &project.masks);
    for Pair { service, store, .. } in pairs {
        let masked = |of: &ServiceMasks| match store {
            CopyStore::Mariadb => of.deny || !of.columns.is_empty(),
            CopyStore::Redis => of.deny || !of.values.is_empty(),
            CopyStore::S3 => of.deny || !of.prefixes.is_empty(),
        };
        if !masks.and_then(|masks| masks.get(service)).is_some_and(masked) {
            let message = format!(
                "{} is of a protected class, and the project has no masks for its {service}",
                ask.from.name
            );
            let deny = format!("write `masks: {{{service}: {{deny: true}}}}` into outboard.yaml and name");
            let fix = match store {
                CopyStore::Mariadb => format!(
                    "{deny} the columns to keep or to mask; outboard data scan {} proposes them",
                    ask.from.name
                ),
                CopyStore::Redis => format!("{deny} the keys to keep or to mask below its `values`"),
                CopyStore::S3 => format!("{deny} what is kept, or replaced, below its `prefixes`"),
            };
            problems.push((Cause::MasksInvalid, message, fix));
        }
    }
    problems
}

fn together(problems: Vec<Problem>) -> Option<Verdict> {
    let mut problems = problems.into_iter();
    let (cause, message, fix) = problems.next()?;
    let more = problems.map(|(_, message, fix)| format!("also: {message}: {fix}")).collect();
    Some(Verdict { evidence: more, ..refusal(cause, "copy".to_owned(), message, fix) })
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;
