//! Backups of an environment: making one now, and bringing one into an environment that is there, once that is confirmed.

use api::names::PartName;
use askama::Template;
use axum::Extension;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::{SignedDuration, Timestamp};
use verbs::data::{self, MaskChoice, Wanted};
use verbs::{Error, Event};

use super::barred::Forms;
use super::data::{backups, services};
use super::destroy::class_of;
use super::filled::{self, Fields};
use super::{Address, CopyPlace, Place, Said, Shell, html};
use crate::app::{App, Mine, Result};
use crate::command;
use crate::door::Guest;
use crate::failure::Failure;
use crate::view::backup::Row;

/// A backup is called by when its page was drawn, so that a form that is sent twice makes one. One that is older than this makes
/// none: its name would tell of another time.
const DRAWN: SignedDuration = SignedDuration::from_mins(30);

#[derive(Template)]
#[template(path = "restore.html")]
struct Restore {
    shell: Shell,
    place: Place,
    tab: &'static str,
    /// The whole ones of its project, the newest first.
    all: Vec<Row>,
    backup: String,
    /// With whether it was chosen.
    services: Vec<(String, &'static str, bool)>,
    /// Personal data comes as it is.
    bare: bool,
    /// This must be said once more.
    protected: bool,
    /// What the copy will be called, so that a form that is sent twice begins one.
    fresh: String,
}

fn said<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let value = fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.trim());
    value.filter(|value| !value.is_empty())
}

fn chosen(fields: &[(String, String)]) -> Vec<String> {
    let services = fields.iter().filter(|(field, _)| field == "service");
    services.map(|(_, value)| value.clone()).collect()
}

pub async fn page(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    place: Place,
    Address(fields): Address<Fields>,
) -> Result<Response> {
    let environment = app.environment(&place.namespace, &place.name).await?;
    let now = Timestamp::now();
    let all = backups(&app.copies().await?.all(), &app.environments().await?, &environment);
    let rows = all.into_iter().rev().map(|backup| Row::of(backup, now));
    let all: Vec<Row> = rows.filter(Row::is_whole).collect();
    let own = class_of(&app, &environment).await.is_none_or(|class| class.protected);
    let protected = own || all.iter().any(|row| row.backup.protected);
    let shell = Shell::new(&app, &guest, format!("Bring back data of {}", place.name), "environments");
    let shell = shell.with(&app, &place.namespace, Forms::Copy).await;
    let named = all.iter().find(|row| Some(row.backup.name.as_str()) == said(&fields, "backup"));
    let backup = named.or(all.first()).map(|row| row.backup.name.clone()).unwrap_or_default();
    let (ticked, bare) = (chosen(&fields), said(&fields, "masks") == Some("none"));
    let mut stands: Fields = vec![("backup".to_owned(), backup.clone())];
    stands.extend(fields.into_iter().filter(|(field, _)| field == "service" || field == "masks"));
    let shell = shell.does(Some(does(&place, &stands)));
    let services = services(&app, &environment).await?.into_iter().map(|(name, kind)| {
        let chosen = ticked.contains(&name);
        (name, kind, chosen)
    });
    html(&Restore {
        shell,
        tab: "/data",
        all,
        backup,
        services: services.collect(),
        bare,
        protected,
        fresh: data::fresh_name(&place.name, now),
        place,
    })
}

/// The command that does what the form does as it stands; whoever types it is asked to confirm.
fn does(place: &Place, fields: &[(String, String)]) -> String {
    let Some(backup) = said(fields, "backup") else { return String::new() };
    // An address says whatever somebody wrote into it.
    let is_name = |service: &String| PartName::parse(service).is_ok();
    if CopyPlace::parse(&place.namespace, backup).is_err() || !self::chosen(fields).iter().all(is_name) {
        return String::new();
    }
    // Of which environment it is, the command finds out itself.
    let chosen = data::Chosen { backup: backup.to_owned(), environment: String::new() };
    let wanted = Wanted {
        masks: masks(fields),
        protected: said(fields, "protected").is_some(),
        ..data::restore(&chosen, &place.name, self::chosen(fields), Timestamp::UNIX_EPOCH)
    };
    command::asked(&place.namespace, &wanted)
}

pub async fn command(Mine(_): Mine, place: Place, Address(fields): Address<Fields>) -> String {
    does(&place, &fields)
}

fn masks(fields: &[(String, String)]) -> MaskChoice {
    if said(fields, "masks") == Some("none") { MaskChoice::None } else { MaskChoice::Project }
}

/// What a form asks for.
struct Asked {
    name: String,
    backup: String,
    services: Vec<String>,
    masks: MaskChoice,
    protected: bool,
}

fn asked(place: &Place, fields: &[(String, String)]) -> Result<Asked> {
    if said(fields, "sure").is_none() {
        return Err(Failure::said(
            format!("the data of {} stays as it is: it was not confirmed that it goes", place.name),
            "tick that it is replaced",
        ));
    }
    let Some(backup) = said(fields, "backup") else {
        return Err(Failure::said("it is not said which backup is brought back", "choose one of the list"));
    };
    Ok(Asked {
        // Neither name leads elsewhere.
        name: CopyPlace::parse(&place.namespace, said(fields, "copy").unwrap_or_default())?.name,
        backup: CopyPlace::parse(&place.namespace, backup)?.name,
        services: chosen(fields),
        masks: masks(fields),
        protected: said(fields, "protected").is_some(),
    })
}

pub async fn restore(Mine(app): Mine, place: Place, Said(fields): Said<Fields>) -> Result<Response> {
    let back = filled::form(&format!("{}/restore", place.path()), &fields);
    Box::pin(brought(&app, &place, &fields)).await.map_err(|failure| failure.back(back))
}

async fn brought(app: &App, place: &Place, fields: &[(String, String)]) -> Result<Response> {
    let asked = asked(place, fields)?;
    let Place { namespace, name } = place;
    app.note(command::restored(namespace, name, &asked.backup, &asked.services));
    let chosen = (name.as_str(), asked.backup.as_str());
    let chosen = data::chosen(&app.cluster, namespace, chosen, &asked.services).await?;
    let now = app.cluster.now().await;
    let wanted = Wanted {
        name: asked.name,
        masks: asked.masks,
        protected: asked.protected,
        ..data::restore(&chosen, name, asked.services, now)
    };
    // Now it is known whole.
    app.note(command::asked(namespace, &wanted));
    begin(app, place, &wanted, Some(&chosen.backup)).await
}

/// Of all that it runs itself, as gently as the defaults are.
pub async fn back_up(app: &App, place: &Place, fields: &[(String, String)]) -> Result<Response> {
    let Some(drawn) = said(fields, "at").and_then(|text| text.parse::<Timestamp>().ok()) else {
        return Err(Failure::said(
            "this is no form of the page of its data",
            "open that page and send its form",
        ));
    };
    let made = data::back_up(&place.name, chosen(fields), data::CopyLimits::default(), drawn);
    let wanted = Wanted { protected: said(fields, "protected").is_some(), ..made };
    app.note(command::asked(&place.namespace, &wanted));
    let backup = wanted.name.clone();
    if is_old(drawn, Timestamp::now()) {
        return match data::show(&app.cluster, &place.namespace, &backup).await {
            Ok(_) => Ok(to(place, backup)),
            Err(Error::NotFound { .. }) => Err(Failure::said(
                "no backup was begun: the page was shown too long ago",
                format!("open the data of {} again, and begin it there", place.name),
            )),
            Err(error) => Err(error.into()),
        };
    }
    begin(app, place, &wanted, Some(&backup)).await
}

fn is_old(drawn: Timestamp, now: Timestamp) -> bool {
    now.duration_since(drawn).abs() > DRAWN
}

/// The page of a copy.
fn to(place: &Place, name: String) -> Response {
    let copy = CopyPlace { namespace: place.namespace.clone(), name };
    Redirect::to(&copy.path()).into_response()
}

/// Sent twice it is begun once. One that asks for something else by the same name is told so.
async fn begin(app: &App, place: &Place, wanted: &Wanted, backup: Option<&str>) -> Result<Response> {
    match data::begin(&app.cluster, &place.namespace, wanted, &mut |_: Event| {}).await {
        Ok(_) => {}
        Err(Error::CopyExists { copy }) => {
            let there = data::show(&app.cluster, &place.namespace, &copy).await?;
            let summary = &there.summary;
            let same = (summary.backup.as_deref(), &summary.to, &summary.services)
                == (backup, &wanted.to, &wanted.services);
            if !same || there.masks != wanted.masks {
                return Err(Error::CopyExists { copy }.into());
            }
        }
        Err(error) => return Err(error.into()),
    }
    Ok(to(place, wanted.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(all: &[(&str, &str)]) -> Fields {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_option_is_neither_a_backup_nor_a_service() {
        let place = Place { namespace: "shop".into(), name: "qa".into() };
        let told = |backup: &str, service: &str| {
            let fields = [("backup", backup), ("service", service)];
            does(&place, &fields.map(|(name, value)| (name.to_owned(), value.to_owned())))
        };
        assert!(told("live-1", "db").contains("live-1"));
        assert!(told("--yes", "db").is_empty() && told("live-1", "--yes").is_empty());
    }

    #[test]
    fn a_page_of_yesterday_makes_no_backup_that_is_called_by_yesterday() {
        let (drawn, at) = ("2026-11-26T03:00:00Z".parse().unwrap(), |text: &str| text.parse().unwrap());
        assert!(!is_old(drawn, at("2026-11-26T03:29:00Z")) && is_old(drawn, at("2026-11-27T03:00:00Z")));
        assert!(is_old(drawn, at("2026-11-26T02:00:00Z")), "nobody draws in the future");
    }

    #[test]
    fn the_command_is_that_of_the_form_as_it_stands() {
        let place = Place { namespace: "shop".into(), name: "qa-42".into() };
        let all = fields(&[("backup", "gold-1"), ("service", "db"), ("masks", "none")]);
        assert_eq!(does(&place, &all), "outboard -n shop env restore qa-42 db --backup gold-1 --mask none");
        assert_eq!(does(&place, &fields(&[])), "");
    }

    #[test]
    fn a_backup_comes_back_only_if_that_was_confirmed_and_names_lead_nowhere_else() {
        let place = Place { namespace: "shop".into(), name: "qa-42".into() };
        let good = [("copy", "qa-42-x7k2p"), ("backup", "qa-42-20261126t030000z"), ("service", "db")];
        let with = |more: &[(&str, &str)]| asked(&place, &fields(&[more, &good[..]].concat()));
        assert!(with(&[]).is_err());
        let wanted = with(&[("sure", "1")]).unwrap();
        assert_eq!((wanted.backup.as_str(), wanted.protected), ("qa-42-20261126t030000z", false));
        assert_eq!((wanted.services, wanted.masks), (vec!["db".to_owned()], MaskChoice::Project));
        for wrong in [("backup", "../x"), ("backup", "other/latest"), ("copy", "../x")] {
            assert!(with(&[("sure", "1"), wrong]).is_err(), "{wrong:?}");
        }
    }
}
