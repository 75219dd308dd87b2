//! Whether a backup may be made, or brought back, and of which services.

use api::datacopy::{BackupPlace, CopyPhase, CopyStore, MaskChoice};
use api::project::{Backups, ServiceType};
use api::{Cause, Verdict};

use super::{
    Admitted, Ask, Pair, Place, Problem, Side, lost, others, place, protection, readiness, together,
};
use crate::plan::between::verdict::{refusal, waits};

const CAN: &str = "mariadb, redis and s3 can, where an environment runs them itself";

/// A backup of an environment's services.
pub fn made(ask: &Ask<'_>) -> Result<Admitted, Verdict> {
    if let Some(verdict) = lost(ask.from.name, ask.from.environment) {
        return Err(verdict);
    }
    revision(&ask.from)?;
    let backups = where_to(ask)?;
    if ask.from.protected(ask.project) && !ask.spec.protected {
        return Err(refusal(
            Cause::Protected,
            "backup".to_owned(),
            format!("{} is of a protected class, and its data would be stored", ask.from.name),
            "let somebody ask for it who may release environments (outboard env backup --protected)"
                .to_owned(),
        ));
    }
    let (found, notes) = services(ask, &ask.from, |store, service| Pair {
        service: service.to_owned(),
        store,
        from: own(&ask.from, service),
        to: Place::Backup,
    })?;
    if let Some(verdict) = others(ask).or_else(|| readiness(ask, &found)) {
        return Err(verdict);
    }
    let environment = ask.from.environment.map(|found| found.spec.clone()).unwrap_or_default();
    let of = (ask.control_namespace, environment.project.as_str());
    let backup = BackupPlace {
        folder: BackupPlace::folder(backups, ask.install, of, (ask.from.name, ask.name, ask.uid)),
        place: backups.clone(),
        project: environment.project.clone(),
        class: environment.class,
        project_revision: environment.project_revision,
        protected: ask.from.protected(ask.project),
    };
    Ok(Admitted { pairs: found, notes, backup: Some(backup), masked: false })
}

/// What a backup has, into the environment that it was made of, or another.
pub fn brought_back(ask: &Ask<'_>) -> Result<Admitted, Verdict> {
    if let Some(verdict) = lost(ask.to.name, ask.to.environment) {
        return Err(verdict);
    }
    revision(&ask.to)?;
    let backup = recorded(ask)?;
    let (mut found, mut notes) = services(ask, &ask.to, |store, service| Pair {
        service: service.to_owned(),
        store,
        from: Place::Backup,
        to: own(&ask.to, service),
    })?;
    let done = |pair: &Pair| {
        let services = ask.record.and_then(|record| record.status.as_ref()).map(|status| &status.services);
        services.is_none_or(|services| services.iter().any(|one| one.name == pair.service))
    };
    if ask.spec.services.is_empty() {
        let lacks = found.iter().filter(|pair| !done(pair));
        notes.extend(lacks.map(|pair| format!("left out: the backup has no {}", pair.service)));
        found.retain(done);
    }
    let mut problems: Vec<Problem> = found
        .iter()
        .filter(|pair| !done(pair))
        .map(|pair| {
            let message = format!("the backup {} has no {}", backup_name(ask), pair.service);
            (Cause::ServiceNotFound, message, "name services that it has".to_owned())
        })
        .collect();
    if found.is_empty() {
        let message = format!("the backup {} has no service that {} has", backup_name(ask), ask.to.name);
        problems.push((
            Cause::ServiceNotFound,
            message,
            "restore it into an environment of its project".to_owned(),
        ));
    }
    let masked = masked(ask, &backup);
    // What comes back to where it was is no more open than before.
    problems.extend(protection(ask, &found, backup.protected && !home(ask, &backup)));
    if masked {
        problems.extend(strange_images(ask, &found));
    }
    if let Some(verdict) = together(problems) {
        return Err(verdict);
    }
    if let Some(verdict) = others(ask).or_else(|| readiness(ask, &found)) {
        return Err(verdict);
    }
    Ok(Admitted { pairs: found, notes, backup: Some(backup), masked })
}

/// The same environment, still of that class, and as protected as it was.
fn home(ask: &Ask<'_>, backup: &BackupPlace) -> bool {
    let class = ask.to.environment.map(|found| found.spec.class.as_str());
    ask.spec.from.environment == ask.to.name
        && class == Some(backup.class.as_str())
        && (!backup.protected || ask.to.protected(ask.project))
}

fn masked(ask: &Ask<'_>, backup: &BackupPlace) -> bool {
    ask.spec.masks == MaskChoice::Project && !home(ask, backup)
}

fn backup_name<'a>(ask: &'a Ask<'_>) -> &'a str {
    ask.spec.from.backup.as_deref().unwrap_or_default()
}

fn revision(side: &Side<'_>) -> Result<(), Verdict> {
    match side.revision {
        Some(_) => Ok(()),
        None => Err(waits(
            Cause::RevisionNotFound,
            format!("environment {}", side.name),
            format!("the project revision that {} runs is not there", side.name),
            format!("outboard env show {} says what it waits for", side.name),
        )),
    }
}

/// As the project says now.
fn where_to<'a>(ask: &Ask<'a>) -> Result<&'a Backups, Verdict> {
    ask.project.and_then(|project| project.backups.as_ref()).ok_or_else(|| {
        refusal(
            Cause::Invalid,
            "backup".to_owned(),
            "the project does not say where backups lie".to_owned(),
            "write `backups: {bucket: NAME, region: REGION, secret: {kubernetes: SECRET}}` into outboard.yaml and apply it"
                .to_owned(),
        )
    })
}

/// Where it lies, as it says of itself.
fn recorded(ask: &Ask<'_>) -> Result<BackupPlace, Verdict> {
    let (backup, about) = (backup_name(ask), format!("backup {}", backup_name(ask)));
    let project = ask.to.environment.map(|found| found.spec.project.clone()).unwrap_or_default();
    let refused = |message: String| {
        let fix = "outboard env backups says which there are".to_owned();
        Err(refusal(Cause::Invalid, about.clone(), message, fix))
    };
    let of = &ask.spec.from.environment;
    let Some(record) = ask.record else { return refused(format!("there is no backup {backup}")) };
    let status = record.status.clone().unwrap_or_default();
    let place = status.backup.filter(|_| record.spec.backup && record.spec.from.environment == *of);
    let Some(place) = place else { return refused(format!("{backup} is no backup of {of}")) };
    match status.phase {
        _ if record.spec.forget => return refused(format!("the backup {backup} is being removed")),
        CopyPhase::Done => {}
        phase if phase.is_final() => {
            return refused(format!(
                "the backup {backup} has {}: there is nothing whole in it",
                phase.as_str()
            ));
        }
        phase => {
            let message = format!("the backup {backup} is still being made ({})", phase.as_str());
            let fix = "this begins once it is done".to_owned();
            return Err(waits(Cause::CopyUnderWay, about, message, fix));
        }
    }
    if place.project != project {
        return refused(format!(
            "the backup {backup} is of project {}, and {} of {project}",
            place.project, ask.to.name
        ));
    }
    // What the project says is protected by now is so all the same.
    let protects =
        ask.project.and_then(|project| project.class(&place.class)).is_some_and(|class| class.protected);
    Ok(BackupPlace { protected: place.protected || protects, ..place })
}

/// What is not masked yet is read by images of which nobody but their makers has a say: not by one that the target's class chose.
fn strange_images(ask: &Ask<'_>, found: &[Pair]) -> Vec<Problem> {
    let has = ask.to.services();
    let chosen = |pair: &&Pair| {
        let image = has.get(&pair.service).and_then(|service| service.settings.image.as_ref());
        pair.store != CopyStore::S3 && image.is_some()
    };
    let told = |pair: &Pair| {
        let message = format!(
            "{} of {} runs an image of its own, which would read the data before it is masked",
            pair.service, ask.to.name
        );
        (Cause::Protected, message, "restore it into an environment that runs the usual image".to_owned())
    };
    found.iter().filter(chosen).map(told).collect()
}

fn own(side: &Side<'_>, service: &str) -> Place {
    side.services().get(service).map_or(Place::Backup, |found| place(side, found))
}

/// Those that are named, or all that can be; and a word about the others.
fn services(
    ask: &Ask<'_>,
    side: &Side<'_>,
    pair: impl Fn(CopyStore, &str) -> Pair,
) -> Result<(Vec<Pair>, Vec<String>), Verdict> {
    let (has, named) = (side.services(), &ask.spec.services);
    let (mut found, mut left_out, mut problems) = (vec![], vec![], vec![]);
    let listed: Vec<&String> = if named.is_empty() { has.keys().collect() } else { named.iter().collect() };
    for name in listed {
        let Some(service) = has.get(name) else {
            let known: Vec<&str> = has.keys().map(String::as_str).collect();
            let message = format!("{} has no service {name}", side.name);
            problems.push((Cause::ServiceNotFound, message, format!("it has {}", known.join(", "))));
            continue;
        };
        let store = match service.r#type {
            _ if service.settings.from.is_some() => {
                let of = service.settings.from.as_deref().unwrap_or_default();
                Err((format!("{name} of {} is that of {of}", side.name), format!("back up {of}")))
            }
            ServiceType::Mariadb => Ok(CopyStore::Mariadb),
            ServiceType::Redis => Ok(CopyStore::Redis),
            ServiceType::S3 => Ok(CopyStore::S3),
            ServiceType::External => Err((
                format!("{name} of {} is run by others", side.name),
                "whoever runs it makes its backups".to_owned(),
            )),
            other => Err((format!("{name} of {} is {}", side.name, other.as_str()), CAN.to_owned())),
        };
        match store {
            Ok(store) => found.push(pair(store, name)),
            Err((message, fix)) if !named.is_empty() => problems.push((Cause::Invalid, message, fix)),
            Err((message, _)) => left_out.push(format!("left out: {message}")),
        }
    }
    if found.is_empty() && problems.is_empty() {
        let message = format!("{} has no service of which there can be a backup", side.name);
        problems.push((Cause::ServiceNotFound, message, CAN.to_owned()));
    }
    match together(problems) {
        Some(verdict) => Err(verdict),
        None => Ok((found, left_out)),
    }
}

#[cfg(test)]
mod tests;
