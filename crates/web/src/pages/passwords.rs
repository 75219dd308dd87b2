//! Other passwords of an environment's services: what that would mean, asking for it, and how far it is.

use askama::Template;
use axum::Extension;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use verbs::environment::{self, Turning};
use verbs::{Error, Event};

use super::revision::number;
use super::{Place, Said, Shell, html};
use crate::app::{App, Mine, Result};
use crate::door::Guest;
use crate::failure::Failure;
use crate::view::passwords::{Passwords, Turns};
use crate::{command, live};

#[derive(Template)]
#[template(path = "passwords.html")]
struct Page {
    shell: Shell,
    place: Place,
    tab: &'static str,
    passwords: Passwords,
    turns: Option<Turns>,
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
    let shell = shell.command(command::rotate(&place.namespace, &place.name, &[]));
    let passwords = standing(&environment);
    html(&Page { shell, place, tab: "/change", passwords, turns, trouble })
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

/// Asks for it, if the environment still is as it was when its meaning was shown.
pub async fn ask(app: &App, place: &Place, services: &[String], seen: Option<i64>) -> Result<Turning> {
    let Place { namespace, name } = place;
    app.note(command::rotate(namespace, name, services));
    let turning = environment::turning(&app.cluster, namespace, name, services).await?;
    if seen.is_some() && seen != turning.revision {
        return Err(Error::Changed { what: format!("environment `{name}`") }.into());
    }
    let (cluster, turn, place) = (app.cluster.clone(), turning.clone(), namespace.clone());
    app.desk
        .finish(Box::pin(async move {
            let written = environment::rotate(&cluster, &place, &turn, &mut |_: Event| {}).await;
            written.map(|_| ()).map_err(Failure::from)
        }))
        .await?;
    Ok(turning)
}

pub async fn rotate(
    Mine(app): Mine,
    place: Place,
    Said(fields): Said<Vec<(String, String)>>,
) -> Result<Response> {
    let (services, seen) = asked(&place, &fields)?;
    ask(&app, &place, &services, seen).await?;
    Ok(Redirect::to(&format!("{}/passwords", place.path())).into_response())
}

fn asked(place: &Place, fields: &[(String, String)]) -> Result<(Vec<String>, Option<i64>)> {
    let of = |name: &'static str| fields.iter().filter(move |(field, _)| field == name);
    let services: Vec<String> = of("service").map(|(_, value)| value.clone()).collect();
    if services.is_empty() {
        let sentence = format!("the passwords of {} stay as they are: no service was chosen", place.name);
        return Err(Failure::said(sentence, "go back and tick those that are changed"));
    }
    let seen = of("revision").next().map(|(_, value)| number(value)).transpose()?;
    Ok((services, seen))
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
        assert!(asked(&place, &fields(&[("revision", "3")])).is_err());
        assert!(asked(&place, &fields(&[("service", "db"), ("revision", "x")])).is_err());
        let said = asked(&place, &fields(&[("service", "db"), ("service", "cache"), ("revision", "3")]));
        assert_eq!(said.unwrap(), (vec!["db".to_owned(), "cache".to_owned()], Some(3)));
    }
}
