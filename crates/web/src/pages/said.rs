//! What requests say: names of places, and forms. What makes no sense is answered in our words.

use api::names::EnvironmentName;
use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::app::{App, Result};
use crate::failure::Failure;

/// An environment, as a path names it. Neither name can lead anywhere else.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    pub namespace: String,
    pub name: String,
}

impl Place {
    pub fn parse(namespace: &str, name: &str) -> Result<Self> {
        let name = EnvironmentName::parse(name).map_err(verbs::Error::from)?;
        Ok(Self { namespace: self::namespace(namespace)?, name: name.to_string() })
    }

    pub fn path(&self) -> String {
        format!("/environments/{}/{}", self.namespace, self.name)
    }
}

/// A namespace, by Kubernetes' own rules.
pub fn namespace(text: &str) -> Result<String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let outer = |c: Option<char>| c.is_some_and(|c| c != '-' && inner(c));
    let known = text.len() <= 63
        && text.chars().all(inner)
        && outer(text.chars().next())
        && outer(text.chars().last());
    if known {
        return Ok(text.to_owned());
    }
    let sentence = format!("`{}` is no namespace", text.escape_debug());
    Err(Failure::said(sentence, "a namespace has lower-case letters, digits and hyphens, at most 63 of them"))
}

impl FromRequestParts<App> for Place {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let path = Path::<(String, String)>::from_request_parts(parts, app).await;
        let Path((namespace, name)) = path.map_err(|_| Failure::nowhere())?;
        let place = Self::parse(&namespace, &name)?;
        app.within(&place.namespace)?;
        Ok(place)
    }
}

/// A form, or what stands in an address.
pub struct Said<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Said<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        match Form::<T>::from_request(request, app).await {
            Ok(Form(said)) => Ok(Self(said)),
            Err(rejection) => {
                Err(Failure::said(rejection.body_text(), "go back and fill in the form once more"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_path_lead_nowhere_else() {
        for (namespace, name) in [
            ("shop", "../../secrets"),
            ("shop", ".."),
            ("..", "qa"),
            ("shop/x", "qa"),
            ("shop", "qa?watch=1"),
            ("shop", "qa%2f"),
            ("", "qa"),
            ("-shop", "qa"),
            ("shop", ""),
        ] {
            assert!(Place::parse(namespace, name).is_err(), "{namespace}/{name}");
        }
        assert_eq!(Place::parse("0shop", "qa-42").unwrap().path(), "/environments/0shop/qa-42");
    }
}
