//! What requests say: names of places, and forms. What makes no sense is answered in our words.

use api::names::{EnvironmentName, PartName, ProjectName};
use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::Deserialize;
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

/// A copy of data, as a path names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CopyPlace {
    pub namespace: String,
    pub name: String,
}

impl CopyPlace {
    /// The longest that its definition allows.
    const LONGEST: usize = 40;

    pub fn parse(namespace: &str, name: &str) -> Result<Self> {
        let namespace = self::namespace(namespace)?;
        let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins || name.len() > Self::LONGEST || self::namespace(name).is_err() {
            let sentence = format!("`{}` is no name of a copy", name.escape_debug());
            return Err(Failure::said(sentence, "choose one of the list of copies"));
        }
        Ok(Self { namespace, name: name.to_owned() })
    }

    pub fn path(&self) -> String {
        format!("/copies/{}/{}", self.namespace, self.name)
    }
}

impl FromRequestParts<App> for CopyPlace {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let path = Path::<(String, String)>::from_request_parts(parts, app).await;
        let Path((namespace, name)) = path.map_err(|_| Failure::nowhere())?;
        let place = Self::parse(&namespace, &name)?;
        app.within(&place.namespace)?;
        Ok(place)
    }
}

/// A component of a project, as a path names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ComponentPlace {
    pub namespace: String,
    pub project: String,
    pub component: String,
}

impl ComponentPlace {
    pub fn parse(namespace: &str, project: &str, component: &str) -> Result<Self> {
        let project = ProjectName::parse(project).map_err(verbs::Error::from)?.to_string();
        let component = PartName::parse(component).map_err(verbs::Error::from)?.to_string();
        Ok(Self { namespace: self::namespace(namespace)?, project, component })
    }

    /// Where its versions are told.
    pub fn path(&self) -> String {
        format!("/projects/{}/{}/components/{}/versions", self.namespace, self.project, self.component)
    }
}

impl FromRequestParts<App> for ComponentPlace {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let path = Path::<(String, String, String)>::from_request_parts(parts, app).await;
        let Path((namespace, project, component)) = path.map_err(|_| Failure::nowhere())?;
        let place = Self::parse(&namespace, &project, &component)?;
        app.within(&place.namespace)?;
        Ok(place)
    }
}

/// A form.
pub struct Said<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Said<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        match Form::<T>::from_request(request, app).await {
            Ok(Form(said)) => Ok(Self(said)),
            Err(rejection) => {
                let hint = "fill in the form once more";
                Err(Failure::said(rejection.body_text(), hint).with(rejection.status()))
            }
        }
    }
}

/// The id of a plan, as a path has it.
pub struct PlanId(pub String);

impl FromRequestParts<App> for PlanId {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        path.map(|Path(id)| Self(id)).map_err(|_| Failure::nowhere())
    }
}

/// What stands in an address after its question mark.
pub struct Address<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Address<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        match Query::<T>::from_request_parts(parts, app).await {
            Ok(Query(said)) => Ok(Self(said)),
            Err(rejection) => Err(Failure::said(rejection.body_text(), "leave out what is not known")),
        }
    }
}

/// Where nothing may stand there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

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
        for name in ["../x", "", "0-qa", "qa-", &"q".repeat(41)] {
            assert!(CopyPlace::parse("shop", name).is_err(), "{name}");
        }
        for (project, component) in
            [("..", "web"), ("shop", "../x"), ("shop", "web?x"), ("", "web"), ("shop", "")]
        {
            assert!(ComponentPlace::parse("shop", project, component).is_err(), "{project}/{component}");
        }
        assert_eq!(
            CopyPlace::parse("shop", &"q".repeat(40)).unwrap().path().len(),
            "/copies/shop/".len() + 40
        );
    }
}
