//! The data of an environment: the copies it had, and replacing it by that of another.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::project::ServiceType;
use api::{DataCopy, Environment};
use askama::Template;
use axum::Extension;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use verbs::data::{CopyLimits, DeniedChoice, MaskChoice, SnapshotChoice, Wanted};
use verbs::{Error, Event, data};
use words::time::age_at;

use super::barred::Forms;
use super::data_now::{self, Now};
use super::destroy::class_of;
use super::filled::{self, BACKUP, Fields};
use super::restore::back_up;
use super::{Address, CopyPlace, Place, Said, Shell, html};
use crate::app::{App, Mine, Result};
use crate::command;
use crate::door::Guest;
use crate::failure::Failure;
use crate::sight::Looking;
use crate::view::masks::Masked;

#[derive(Template)]
#[template(path = "data.html")]
struct Data {
    shell: Shell,
    place: Place,
    tab: &'static str,
    /// Its copies and backups.
    now: Now,
    /// When this page was drawn: a backup is called by it, so that a form that is sent twice makes one.
    at: String,
    /// Environments whose data can be had, production first.
    origins: Vec<String>,
    from: String,
    /// With whether it was chosen.
    services: Vec<(String, &'static str, bool)>,
    /// Personal data comes as it is.
    bare: bool,
    /// What is masked otherwise.
    masks: Masked,
    /// Why none of it can be chosen.
    trouble: Option<Failure>,
    /// Its class, or that of one whose data can be had, says that this must be said once more.
    protected: bool,
    /// What the copy will be called, so that a form that is sent twice makes one copy.
    fresh: String,
    /// What it got its data of last, and can again.
    last: Option<Last>,
}

/// Where data came from.
struct Last {
    /// As the form says it, so that nothing else comes than what was shown.
    source: String,
    said: String,
    /// It comes as it is there now.
    lives: bool,
    bare: bool,
    /// As the form says it, as the source.
    masks: &'static str,
    age: String,
}

impl Last {
    fn of(copy: &DataCopy, now: Timestamp) -> Self {
        let finished = copy.status.as_ref().and_then(|status| status.finished.as_ref());
        let said = match &copy.spec.from.backup {
            Some(backup) => format!("backup {backup} of {}", copy.spec.from.environment),
            None => copy.spec.from.environment.clone(),
        };
        Self {
            source: source(&copy.spec.from.environment, copy.spec.from.backup.as_deref()),
            said,
            lives: copy.spec.from.backup.is_none(),
            bare: copy.spec.masks == MaskChoice::None,
            masks: masks(copy.spec.masks),
            age: age_at(finished.map(|time| time.0.to_string()).as_deref(), now),
        }
    }
}

/// Whether a reset would be taken: where it came from is there, and nobody named databases.
fn can_come_again(copy: &DataCopy, all: &[Arc<DataCopy>], origins: &[String]) -> bool {
    let from = &copy.spec.from;
    let is_there = match &from.backup {
        Some(backup) => all.iter().any(|one| {
            one.spec.backup
                && !one.spec.forget
                && one.metadata.name.as_ref() == Some(backup)
                && one.metadata.namespace == copy.metadata.namespace
        }),
        None => origins.contains(&from.environment),
    };
    is_there && copy.spec.databases.is_empty()
}

fn source(environment: &str, backup: Option<&str>) -> String {
    backup.map_or_else(|| environment.to_owned(), |backup| format!("{BACKUP}{backup}"))
}

/// As a form says it.
fn masks(chosen: MaskChoice) -> &'static str {
    match chosen {
        MaskChoice::Project => "project",
        MaskChoice::None => "none",
    }
}

/// With fields of a form that was filled in before.
pub async fn page(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    place: Place,
    Address(fields): Address<Fields>,
) -> Result<Response> {
    let environment = app.environment(&place.namespace, &place.name).await?;
    let (services, trouble) = match services(&app, &environment).await {
        Ok(services) => (services, None),
        Err(failure) => (vec![], Some(failure)),
    };
    let seen = app.environments().await?;
    let origins = others(&seen, &environment);
    let protected = protected(&app, &seen, &environment, &origins).await;
    let said = |name: &str, value: &String| fields.iter().any(|(field, said)| field == name && said == value);
    let from = origins.iter().find(|origin| said("from", origin)).or(origins.first()).cloned();
    let from = from.unwrap_or_default();
    let services: Vec<(String, &str, bool)> = services
        .into_iter()
        .map(|(name, kind)| {
            let ticked = said("service", &name);
            (name, kind, ticked)
        })
        .collect();
    let bare = said("masks", &"none".to_owned());
    let masks = match verbs::project::get(&app.cluster, &place.namespace, &environment.spec.project).await {
        Ok(project) => Masked::of(&project.spec.masks),
        Err(_) => Masked::unknown(),
    };
    let now = Timestamp::now();
    let fresh = data::fresh_name(&place.name, now);
    let last = match app.copies().await {
        Ok(watched) => {
            let all = watched.all();
            let here = all
                .iter()
                .map(Arc::as_ref)
                .filter(|copy| copy.metadata.namespace == environment.metadata.namespace);
            let last = data::last(here, &environment).filter(|copy| can_come_again(copy, &all, &origins));
            last.map(|copy| Last::of(copy, now))
        }
        // Those of before are an aside.
        Err(_) => None,
    };
    let mut stands: Fields = vec![("copy".to_owned(), fresh.clone()), ("from".to_owned(), from.clone())];
    stands.extend(fields.into_iter().filter(|(field, _)| field == "service" || field == "masks"));
    let shell = Shell::new(&app, &guest, format!("Data of {}", place.name), "environments");
    let shell = shell.with(&app, &place.namespace, Forms::Copy).await;
    let shell = shell.does(Some(does(&place, stands)));
    html(&Data {
        now: data_now::now(&app, &place, &environment, now).await?,
        at: now.to_string(),
        shell,
        tab: "/data",
        origins,
        from,
        services,
        bare,
        masks,
        trouble,
        protected,
        fresh,
        last,
        place,
    })
}

/// The command that does what a form of this page does as it stands; whoever types it is asked to confirm nothing.
fn does(place: &Place, mut fields: Fields) -> String {
    let action = fields.iter().find(|(field, _)| field == "action").map(|(_, action)| action.as_str());
    if action == Some("backup") {
        let made = data::back_up(&place.name, vec![], CopyLimits::default(), Timestamp::UNIX_EPOCH);
        let protected = fields.iter().any(|(field, _)| field == "protected");
        return command::asked(&place.namespace, &Wanted { protected, ..made });
    }
    if action == Some("reset") {
        return command::reset(place, fields.iter().any(|(field, _)| field == "protected"));
    }
    if action.is_none() {
        fields.push(("action".to_owned(), "copy".to_owned()));
    }
    fields.push(("sure".to_owned(), "1".to_owned()));
    wanted(place, &fields).map(|wanted| command::unnamed(&place.namespace, &wanted)).unwrap_or_default()
}

pub async fn command(Mine(_): Mine, place: Place, Address(fields): Address<Fields>) -> String {
    does(&place, fields)
}

/// Backups of its namespace and project that are known, the newest last.
pub fn backups(
    copies: &[Arc<DataCopy>],
    seen: &Looking<'_, Environment>,
    environment: &Environment,
) -> Vec<data::Backup> {
    let environments = seen.all();
    let here = |of: &Option<String>| *of == environment.metadata.namespace;
    let environments = environments.iter().filter(|one| here(&one.metadata.namespace));
    let there = environments.filter_map(|one| one.metadata.name.clone()).collect();
    let copies = copies.iter().map(Arc::as_ref).filter(|copy| here(&copy.metadata.namespace));
    data::among(copies.filter(|copy| is_of_its_project(copy, environment)), &there)
}

/// The operator brings no backup into an environment of another project. Before it says where one lies, it says no project.
fn is_of_its_project(copy: &DataCopy, environment: &Environment) -> bool {
    match copy.status.as_ref().and_then(|status| status.backup.as_ref()) {
        Some(made) => made.project == environment.spec.project,
        None => environment.metadata.name.as_ref() == Some(&copy.spec.from.environment),
    }
}

/// Copies from or to it; backups of it stand by themselves.
pub fn of(all: &[Arc<DataCopy>], place: &Place) -> Vec<data::Summary> {
    all.iter()
        .map(|copy| data::summary(copy))
        .filter(|copy| {
            let theirs = copy.from == place.name || copy.to == place.name;
            copy.namespace == place.namespace && theirs && !copy.makes_backup
        })
        .collect()
}

/// Those of its project, production first.
pub fn others(seen: &Looking<'_, Environment>, environment: &Environment) -> Vec<String> {
    let all = seen.all();
    let others = all.iter().filter(|other| {
        other.metadata.namespace == environment.metadata.namespace
            && other.metadata.name != environment.metadata.name
            && other.spec.project == environment.spec.project
            && other.metadata.deletion_timestamp.is_none()
    });
    let mut origins: Vec<_> = others
        .map(|other| (other.spec.class != "production", other.metadata.name.clone().unwrap_or_default()))
        .collect();
    origins.sort();
    origins.into_iter().map(|(_, name)| name).collect()
}

/// Whether one of both may be protected: the data of such an environment goes unmasked only if that is said, too.
async fn protected(
    app: &App,
    seen: &Looking<'_, Environment>,
    environment: &Environment,
    origins: &[String],
) -> bool {
    let namespace = environment.metadata.namespace.as_deref().unwrap_or_default();
    let others = origins.iter().filter_map(|origin| seen.find(namespace, origin));
    // One of each class is enough.
    let mut classes = BTreeMap::from([(environment.spec.class.clone(), Arc::new(environment.clone()))]);
    for other in others {
        classes.entry(other.spec.class.clone()).or_insert(other);
    }
    for one in classes.values() {
        if class_of(app, one).await.is_none_or(|class| class.protected) {
            return true;
        }
    }
    false
}

/// Services of it that hold data which is copied.
pub async fn services(app: &App, environment: &Environment) -> Result<Vec<(String, &'static str)>> {
    let (spec, namespace) =
        (&environment.spec, environment.metadata.namespace.as_deref().unwrap_or_default());
    let revision = verbs::project::revision(&app.cluster, namespace, &spec.project, &spec.project_revision);
    let project = revision.await?.spec;
    let class = project.class(&spec.class).unwrap_or_default();
    let typed = project.services.iter().map(|(name, service)| {
        let of_class = class.services.get(name).and_then(|service| service.r#type);
        (name.clone(), of_class.unwrap_or(service.r#type))
    });
    use ServiceType::{External, Mariadb, Mysql, Redis, S3};
    let copied = typed.filter(|(_, kind)| matches!(kind, Mariadb | Mysql | Redis | S3 | External));
    Ok(copied.map(|(name, kind)| (name, kind.as_str())).collect())
}

/// A form that is sent twice makes one copy. One that asks for something else by then is told so.
pub async fn copy(Mine(app): Mine, place: Place, Said(fields): Said<Fields>) -> Result<Response> {
    let back = filled::form(&format!("{}/data", place.path()), &fields);
    let begun = Box::pin(begin(&app, place, &fields)).await;
    begun.map_err(|failure| failure.back(back))
}

async fn begin(app: &App, place: Place, fields: &[(String, String)]) -> Result<Response> {
    if fields.iter().any(|(field, value)| field == "action" && value == "backup") {
        return back_up(app, &place, fields).await;
    }
    if fields.iter().any(|(field, value)| field == "action" && value == "reset") {
        let wanted = again(app, &place, fields).await?;
        app.note(command::asked(&place.namespace, &wanted));
        return write(app, place, wanted).await;
    }
    let wanted = wanted(&place, fields)?;
    app.note(command::asked(&place.namespace, &wanted));
    write(app, place, wanted).await
}

/// What it got last, if that is what was shown.
async fn again(app: &App, place: &Place, fields: &[(String, String)]) -> Result<Wanted> {
    let said = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.trim());
    if said("sure").is_none() {
        return Err(unconfirmed(place));
    }
    let name = CopyPlace::parse(&place.namespace, said("copy").unwrap_or_default())?.name;
    let last = data::reset(&app.cluster, &place.namespace, &place.name).await?;
    let backup = match &last.backing {
        data::Backing::From(backup) => Some(backup.as_str()),
        data::Backing::None | data::Backing::Made => None,
    };
    let shown = (said("source"), said("was-masks"));
    if shown != (Some(source(&last.from, backup).as_str()), Some(masks(last.masks))) {
        let sentence =
            format!("{} got its data otherwise since this page was shown; nothing was done", place.name);
        return Err(Failure::said(sentence, "look at the page of its data again").with(StatusCode::CONFLICT));
    }
    Ok(Wanted { name, protected: said("protected").is_some(), ..last })
}

fn unconfirmed(place: &Place) -> Failure {
    Failure::said(
        format!("the data of {} stays as it is: it was not confirmed that it goes", place.name),
        "tick that it is replaced",
    )
}

async fn write(app: &App, place: Place, wanted: Wanted) -> Result<Response> {
    match data::begin(&app.cluster, &place.namespace, &wanted, &mut |_: Event| {}).await {
        Ok(_) => {}
        Err(Error::CopyExists { copy }) => {
            let there = data::show(&app.cluster, &place.namespace, &copy).await?;
            if !is_of(&there, &wanted) {
                return Err(Error::CopyExists { copy }.into());
            }
        }
        Err(error) => return Err(error.into()),
    }
    let copy = CopyPlace { namespace: place.namespace, name: wanted.name };
    Ok(Redirect::to(&copy.path()).into_response())
}

/// Whether a copy is what this form asks for.
fn is_of(there: &data::Detail, wanted: &Wanted) -> bool {
    let summary = &there.summary;
    let backup = match &wanted.backing {
        data::Backing::From(backup) => Some(backup),
        data::Backing::None | data::Backing::Made => None,
    };
    (&summary.from, &summary.to, &summary.services) == (&wanted.from, &wanted.to, &wanted.services)
        && summary.backup.as_ref() == backup
        && (summary.dry_run, summary.scan, there.masks) == (wanted.dry_run, wanted.scan, wanted.masks)
}

fn wanted(place: &Place, fields: &[(String, String)]) -> Result<Wanted> {
    let said = |name: &str| {
        let value = fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.trim());
        value.filter(|value| !value.is_empty())
    };
    let dry_run = match said("action") {
        Some("look") => true,
        Some("copy") if said("sure").is_some() => false,
        Some("copy") => return Err(unconfirmed(place)),
        _ => return Err(Failure::said("it is not said what is to be done", "choose one of the buttons")),
    };
    let Some(from) = said("from") else {
        return Err(Failure::said("it is not said whose data it is to get", "choose an environment"));
    };
    let name = said("copy").unwrap_or_default();
    // Neither name leads elsewhere.
    let from = Place::parse(&place.namespace, from)?.name;
    let name = CopyPlace::parse(&place.namespace, name)?.name;
    let services = fields.iter().filter(|(field, _)| field == "service").map(|(_, value)| value.clone());
    Ok(Wanted {
        name,
        from,
        to: place.name.clone(),
        services: services.collect(),
        masks: if said("masks") == Some("none") { MaskChoice::None } else { MaskChoice::Project },
        keys: BTreeMap::new(),
        delete_up_to: None,
        denied: DeniedChoice::Fail,
        snapshot: SnapshotChoice::Auto,
        workers: None,
        limits: CopyLimits::default(),
        dry_run,
        scan: false,
        quiesce: true,
        protected: said("protected").is_some(),
        backing: data::Backing::None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn place() -> Place {
        Place { namespace: "shop".into(), name: "qa-42".into() }
    }

    #[test]
    fn a_reset_is_offered_only_if_it_would_be_taken() {
        let copy = |name: &str, spec: api::DataCopySpec| {
            let mut copy = DataCopy::new(name, spec);
            copy.metadata.namespace = Some("shop".to_owned());
            copy
        };
        let mut of_backup = copy("qa-2", api::DataCopySpec::between("live", "qa"));
        of_backup.spec.from.backup = Some("live-1".to_owned());
        let mut backup = copy("live-1", api::DataCopySpec::between("live", "live"));
        backup.spec.backup = true;
        let mut plain = copy("qa-1", api::DataCopySpec::between("live", "qa"));
        let origins = ["live".to_owned()];
        assert!(can_come_again(&plain, &[], &origins) && !can_come_again(&plain, &[], &[]));
        // A backup may be of an environment that is gone; a copy of its name is none.
        assert!(can_come_again(&of_backup, &[Arc::new(backup.clone())], &[]));
        backup.spec.backup = false;
        assert!(!can_come_again(&of_backup, &[Arc::new(backup)], &origins));
        plain.spec.databases.insert("db".to_owned(), vec!["shop".to_owned()]);
        assert!(!can_come_again(&plain, &[], &origins));
    }

    #[test]
    fn data_goes_only_if_that_was_confirmed() {
        let said = [("copy", "qa-42-x7k2p"), ("from", "production"), ("service", "db")];
        let with = |more: &[(&str, &str)]| wanted(&place(), &fields(&[&said[..], more].concat()));
        let look = with(&[("action", "look")]).unwrap();
        assert!(look.dry_run && look.services == ["db"] && look.masks == MaskChoice::Project);
        assert!(with(&[("action", "copy")]).is_err());
        let copy = with(&[("action", "copy"), ("sure", "1")]).unwrap();
        assert!(!copy.dry_run && !copy.protected && copy.quiesce);
    }

    #[test]
    fn the_command_is_that_of_the_form_as_it_stands() {
        let does = |all: &[(&str, &str)]| {
            let said = [("copy", "qa-42-x7k2p"), ("from", "production")];
            does(&place(), fields(&[&said[..], all].concat()))
        };
        let copy = "outboard -n shop data copy --from production --to qa-42";
        assert_eq!(does(&[]), copy);
        assert_eq!(does(&[("service", "db"), ("masks", "none")]), format!("{copy} --only db --mask none"));
        assert_eq!(does(&[("action", "look")]), format!("{copy} --dry-run"));
        assert_eq!(
            does(&[("action", "backup"), ("protected", "1")]),
            "outboard -n shop env backup qa-42 --protected"
        );
        assert_eq!(super::does(&place(), vec![]), "");
    }

    #[test]
    fn a_copy_of_that_name_is_done_only_if_it_is_the_same() {
        let there = crate::view::sample::copies().remove(0);
        let wanted = |more: &[(&str, &str)]| {
            let said = [("copy", "qa-42-x7k2p"), ("from", "production")];
            wanted(&place(), &fields(&[&said[..], more].concat())).unwrap()
        };
        let copy = [("action", "copy"), ("sure", "1")];
        assert!(is_of(&there, &wanted(&copy)));
        assert!(!is_of(&there, &wanted(&[("action", "look")])));
        assert!(!is_of(&there, &wanted(&[&copy[..], &[("masks", "none")]].concat())));
        assert!(!is_of(&there, &wanted(&[&copy[..], &[("service", "db")]].concat())));
    }

    #[test]
    fn backups_of_other_projects_are_not_offered() {
        let mut environment = Environment::new("qa-42", api::EnvironmentSpec::default());
        environment.spec.project = "shop".into();
        let copy = |of: &str, project: Option<&str>| {
            let mut copy = DataCopy::new("b", api::datacopy::DataCopySpec::between(of, of));
            let backup = project
                .map(|project| api::datacopy::BackupPlace { project: project.into(), ..Default::default() });
            copy.status = Some(api::datacopy::DataCopyStatus { backup, ..Default::default() });
            is_of_its_project(&copy, &environment)
        };
        assert!(copy("qa-42", Some("shop")) && copy("gone", Some("shop")) && copy("qa-42", None));
        assert!(!copy("qa-42", Some("blog")) && !copy("other", Some("blog")) && !copy("other", None));
    }

    #[test]
    fn names_of_a_form_lead_nowhere_else() {
        for (name, from) in
            [("../x", "production"), ("qa-42-x", "../production"), ("", "production"), ("a", "")]
        {
            let said = fields(&[("action", "look"), ("copy", name), ("from", from)]);
            assert!(wanted(&place(), &said).is_err(), "{name} {from}");
        }
    }
}
