//! Other passwords of an environment's services: what that would mean, asking for it, and how far it is.

use askama::Template;
use axum::Extension;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use verbs::environment::{self, Turning};
use verbs::{Error, Event};

use super::barred::Forms;
use super::revision::number;
use super::{Place, Said, Shell, html};
use crate::app::{App, Mine, Result};
use crate::door::Guest;
use crate::failure::Failure;
use crate::view::passwords::{Passwords, Turns};
use crate::{command, live, token};

#[derive(Template)]
#[template(path = "passwords.html")]
struct Page {
    shell: Shell,
    place: Place,
    tab: &'static str,
    passwords: Passwords,
    turns: Option<Turns>,
    /// What this form's request is called, so that one that is sent twice begins one change, …
    request: String,
    /// … and when it was drawn: what was changed since it does not know of.
    at: Timestamp,
    /// Why none of them can be changed now.
    trouble: Option<Failure>,
}

pub async fn page(Mine(app): Mine, Extension(guest): Extension<Guest>, place: Place) -> Result<Response> {
    let environment = app.environment(&place.namespace, &place.name).await?;
    let turning = environment::turning(&app.cluster, &place.namespace, &place.name, &[]).await;
    let (turns, trouble) = match turning {
        Ok(turning) => (Some(Turns::of(turning)), None),
        Err(error) => (None, Some(Failure::from(error))),
    };
    let shell = Shell::new(&app, &guest, format!("Passwords of {}", place.name), "environments");
    let shell = shell.with(&app, &place.namespace, Forms::Change).await;
    let shell = shell.does(Some(command::rotate(&place.namespace, &place.name, &[])));
    let passwords = standing(&environment);
    let (request, at) = (token::draw()[..32].to_owned(), app.cluster.now().await);
    html(&Page { shell, place, tab: "/change", passwords, turns, request, at, trouble })
}

fn standing(environment: &api::Environment) -> Passwords {
    Passwords::of(&environment.status.as_ref().map(|status| status.rotations.clone()).unwrap_or_default())
}

/// How far it is. What it would mean is not worked out again: that reads other environments, too.
pub async fn live(Mine(app): Mine, headers: HeaderMap, place: Place) -> Response {
    live::of(app.clone(), app.watched.news(), &headers, move |app| {
        let place = place.clone();
        async move {
            let environment = app.environment(&place.namespace, &place.name).await?;
            standing(&environment).render().map_err(|error| Failure::ours(&error))
        }
    })
    .into_response()
}

/// What somebody asks for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Asked {
    /// None: all whose password can be changed.
    pub services: Vec<String>,
    /// What the request is called: made again, it begins nothing.
    pub request: Option<String>,
    /// The revision of which its meaning was shown, …
    pub seen: Option<i64>,
    /// … and when.
    pub at: Option<Timestamp>,
}

/// Asks for it, if the environment still is as it was when its meaning was shown. What was asked for before is not asked for again.
/// To be finished by the desk.
pub async fn ask(app: &App, place: &Place, asked: &Asked) -> Result<Turning> {
    let Place { namespace, name } = place;
    let Asked { services, seen, .. } = asked;
    app.note(command::rotate(namespace, name, services));
    let request = asked.request.as_deref();
    let turning = environment::turning_as(&app.cluster, namespace, name, services, request).await?;
    if turning.services.iter().all(|turn| turn.joins) {
        return Ok(turning);
    }
    if seen.is_some() && *seen != turning.revision {
        return Err(Error::Changed { what: format!("environment `{name}`") }.into());
    }
    if let Some(at) = asked.at {
        let environment = environment::get(&app.cluster, namespace, name).await?;
        if let Some(service) = changed_since(&environment, &turning, at) {
            return Err(Failure::said(
                format!("the password of {service} was changed since this page was shown"),
                format!(
                    "look at the passwords of {name} again; if another change is wanted, ask for it there"
                ),
            )
            .with(StatusCode::CONFLICT));
        }
    }
    environment::rotate(&app.cluster, namespace, &turning, &mut |_: Event| {}).await?;
    Ok(turning)
}

pub async fn rotate(
    Mine(app): Mine,
    place: Place,
    Said(fields): Said<Vec<(String, String)>>,
) -> Result<Response> {
    let page = format!("{}/passwords", place.path());
    let begun = match asked(&place, &fields) {
        Ok(asked) => {
            let within = app.clone();
            app.desk.finish(Box::pin(async move { ask(&within, &place, &asked).await })).await
        }
        Err(failure) => Err(failure),
    };
    begun.map_err(|failure| failure.back(page.clone()))?;
    Ok(Redirect::to(&page).into_response())
}

/// A service of which something is to begin, though it was done after that moment: the form may have been sent before, or somebody
/// else was faster.
fn changed_since<'a>(environment: &api::Environment, turning: &'a Turning, at: Timestamp) -> Option<&'a str> {
    let told = &environment.status.as_ref()?.rotations;
    let done = |service: &str| told.get(service)?.rotated_at.as_ref().map(|time| time.0);
    let begins = turning.services.iter().filter(|turn| !turn.joins);
    begins.map(|turn| turn.service.as_str()).find(|service| done(service).is_some_and(|done| done > at))
}

fn asked(place: &Place, fields: &[(String, String)]) -> Result<Asked> {
    let of = |name: &'static str| fields.iter().filter(move |(field, _)| field == name);
    let services: Vec<String> = of("service").map(|(_, value)| value.clone()).collect();
    if services.is_empty() {
        let sentence = format!("the passwords of {} stay as they are: no service was chosen", place.name);
        return Err(Failure::said(sentence, "tick those that are changed"));
    }
    let seen = of("revision").next().map(|(_, value)| number(value)).transpose()?;
    let one = |name: &'static str| of(name).next().map(|(_, value)| value.trim());
    let request = one("request").filter(|name| {
        (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    let at = one("at").and_then(|text| text.parse::<Timestamp>().ok());
    let (Some(request), Some(at)) = (request, at) else {
        return Err(Failure::said(
            format!("the passwords of {} stay as they are: this is no form of its page", place.name),
            "open the page anew and send its form",
        ));
    };
    Ok(Asked { services, request: Some(request.to_owned()), seen, at: Some(at) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_changed_of_which_nobody_ticked_anything() {
        let place = Place { namespace: "shop".into(), name: "qa".into() };
        let fields = |all: &[(&str, &str)]| -> Vec<(String, String)> {
            all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let drawn = [("request", "0a1b"), ("at", "2026-11-27T03:00:00Z")];
        let said = |more: &[(&str, &str)]| asked(&place, &fields(&[more, &drawn[..]].concat()));
        assert!(said(&[("revision", "3")]).is_err());
        assert!(said(&[("service", "db"), ("revision", "x")]).is_err());
        let both = said(&[("service", "db"), ("service", "cache"), ("revision", "3")]).unwrap();
        assert_eq!((both.services, both.seen), (vec!["db".to_owned(), "cache".to_owned()], Some(3)));
        assert_eq!(both.request.as_deref(), Some("0a1b"));
        // Without its name it would begin another change whenever it is sent.
        for wrong in [("request", ""), ("request", "../x"), ("at", "yesterday")] {
            assert!(said(&[wrong, ("service", "db")]).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_was_changed_since_a_form_was_shown_is_not_changed_by_it_again() {
        let mut environment = api::Environment::new("qa", api::EnvironmentSpec::default());
        let rotated = serde_json::from_value(serde_json::json!({
            "db": {"request": "1", "phase": "Done", "rotatedAt": "2026-11-27T03:00:00Z"},
        }));
        let rotations = rotated.unwrap();
        environment.status = Some(api::EnvironmentStatus { rotations, ..Default::default() });
        let turn = |joins| environment::Turn {
            service: "db".into(),
            request: "2".into(),
            joins,
            restarts: vec![],
            elsewhere: std::collections::BTreeMap::new(),
        };
        let turning = |joins| Turning {
            environment: "qa".into(),
            services: vec![turn(joins)],
            left_out: vec![],
            revision: Some(1),
        };
        let found = |joins, at: &str| {
            let (turning, at) = (turning(joins), at.parse().unwrap());
            changed_since(&environment, &turning, at).map(str::to_owned)
        };
        assert_eq!(found(false, "2026-11-27T02:59:00Z").as_deref(), Some("db"));
        assert_eq!(found(false, "2026-11-27T03:01:00Z"), None);
        assert_eq!(found(true, "2026-11-27T02:59:00Z"), None);
    }
}
