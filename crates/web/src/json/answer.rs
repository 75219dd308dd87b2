//! What answers look like: JSON that browsers and programs need not load twice, or a problem (RFC 9457).

use api::Verdict;
use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use verbs::environment;

use crate::app::{App, Result};
use crate::begun::Told;
use crate::failure::Failure;
use crate::pages::Place;
use crate::token::digest;

/// Why a request was not done.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Always `about:blank`: `exit` tells kinds apart.
    pub r#type: &'static str,
    /// The kind, in words.
    pub title: &'static str,
    pub status: u16,
    /// What is wrong.
    pub detail: String,
    pub details: Vec<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// With which exit code the command line ends for the same reason.
    pub exit: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

pub fn problem(failure: &Failure) -> Response {
    let words = &failure.words;
    let problem = Problem {
        r#type: "about:blank",
        title: words.exit.meaning(),
        status: failure.status.as_u16(),
        detail: words.sentence.clone(),
        details: words.details.clone(),
        hint: words.hint.clone(),
        exit: words.exit.code(),
        verdict: failure.verdict.clone(),
    };
    let mut response = (failure.status, Json(problem)).into_response();
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    failure.mark(response.headers_mut());
    response
}

/// A failure of a route of the API.
pub struct Refused(Failure);

impl<E: Into<Failure>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        problem(&self.0)
    }
}

pub type Answer = Result<Response, Refused>;

/// What is sent, and a name of it.
fn named(value: &impl Serialize) -> Result<(Vec<u8>, String)> {
    let body = serde_json::to_vec(value).map_err(|error| Failure::ours(&error))?;
    let tag = format!("\"{}\"", digest(&body));
    Ok((body, tag))
}

/// JSON with a name of its content; whoever has that already gets the name only.
pub fn tagged(headers: &HeaderMap, value: &impl Serialize) -> Answer {
    let (body, tag) = named(value)?;
    let known = headers.get(header::IF_NONE_MATCH).and_then(|said| said.to_str().ok()).unwrap_or_default();
    let known = known
        .split(',')
        .map(|said| said.trim().trim_start_matches("W/"))
        .any(|said| said == tag || said == "*");
    let cache = (header::CACHE_CONTROL, "no-cache".to_owned());
    if known {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag), cache]).into_response());
    }
    let kind = (header::CONTENT_TYPE, "application/json".to_owned());
    Ok(([(header::ETAG, tag), cache, kind], body).into_response())
}

/// What is not looked at is not accepted: whoever says a condition relies on it.
pub fn unconditional(headers: &HeaderMap) -> Result<()> {
    refused(headers, &[header::IF_MATCH, header::IF_UNMODIFIED_SINCE])
}

fn refused(headers: &HeaderMap, conditions: &[HeaderName]) -> Result<()> {
    match conditions.iter().find(|name| headers.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(Failure::said(format!("`{name}` is not looked at here"), "leave it out")),
    }
}

/// Whether a change is of what somebody saw only. What they saw is read for that, and for nothing else.
pub fn is_of_what_was_seen(headers: &HeaderMap) -> Result<bool> {
    refused(headers, &[header::IF_UNMODIFIED_SINCE])?;
    Ok(headers.contains_key(header::IF_MATCH))
}

/// Refuses a change of what is not any more as `If-Match` says. `value`: what there is now, if there is any.
pub fn unmoved(headers: &HeaderMap, what: &str, value: Option<&impl Serialize>) -> Result<()> {
    let Some(value) = value else { return Err(Failure::moved(what)) };
    let (_, tag) = named(value)?;
    let said = headers.get_all(header::IF_MATCH).iter().filter_map(|said| said.to_str().ok());
    // A weak name says that it is much the same, which is not enough here.
    let same = said.flat_map(|said| said.split(',')).map(str::trim).any(|said| said == tag || said == "*");
    if same { Ok(()) } else { Err(Failure::moved(what)) }
}

/// The same for an environment, read anew: which one it is, if that was asked for.
pub async fn as_seen(app: &App, headers: &HeaderMap, place: &Place) -> Result<Option<String>> {
    if !is_of_what_was_seen(headers)? {
        return Ok(None);
    }
    let found = environment::find(&app.cluster, &place.namespace, &place.name).await?;
    let detail = match &found {
        Some(found) => Some(environment::detail(&app.cluster, found).await),
        None => None,
    };
    unmoved(headers, &format!("environment `{}`", place.name), detail.as_ref())?;
    Ok(found.and_then(|found| found.metadata.uid))
}

/// What the asker calls this request.
pub fn key(headers: &HeaderMap) -> Result<Option<&str>> {
    match headers.get("idempotency-key").map(|key| key.to_str()) {
        None => Ok(None),
        Some(Ok(key)) if (1..=64).contains(&key.len()) => Ok(Some(key)),
        Some(_) => {
            let hint = "a key has 1 to 64 characters, such as a UUID";
            Err(Failure::said("this Idempotency-Key cannot be used", hint))
        }
    }
}

/// Begins something once for each `Idempotency-Key`, and finishes it though whoever asked has left. `asked`: all that was said.
pub async fn once(
    app: &App,
    headers: &HeaderMap,
    asked: String,
    begin: impl Future<Output = Result<Told>> + Send + 'static,
) -> Answer {
    let Some(key) = key(headers)?.map(str::to_owned) else {
        return Ok(app.desk.finish(begin).await?.into_response());
    };
    let by = app.actor.as_ref().map(|actor| actor.key.clone()).unwrap_or_default();
    let within = app.clone();
    let begun = async move { within.desk.begun.once((by.as_str(), key.as_str()), asked, begin).await };
    Ok(app.desk.finish(begun).await?.into_response())
}

/// A body of JSON.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refused> {
        match Json::<T>::from_request(request, app).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => {
                let hint = "say it as application/json, with the keys that /api/v1/openapi.json names";
                Err(Refused(Failure::said(rejection.body_text(), hint).with(rejection.status())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_it_already_gets_the_name_only() {
        let first = tagged(&HeaderMap::new(), &["a"]).unwrap_or_else(IntoResponse::into_response);
        let tag = first.headers()[header::ETAG].clone();
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, tag);
        let again = tagged(&headers, &["a"]).unwrap_or_else(IntoResponse::into_response);
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let other = tagged(&headers, &["b"]).unwrap_or_else(IntoResponse::into_response);
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[test]
    fn a_change_of_what_was_seen_is_refused_once_it_is_another() {
        let headers = |said: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, said.parse().unwrap());
            headers
        };
        let (_, tag) = named(&["a"]).unwrap();
        for said in [tag.clone(), format!("\"0\", {tag}"), "*".to_owned()] {
            assert!(unmoved(&headers(&said), "it", Some(&["a"])).is_ok(), "{said}");
        }
        for (said, there) in
            [(tag.clone(), Some(&["b"])), (format!("W/{tag}"), Some(&["a"])), ("*".to_owned(), None)]
        {
            let moved = unmoved(&headers(&said), "it", there).unwrap_err();
            assert_eq!(moved.status, StatusCode::PRECONDITION_FAILED, "{said}");
        }
        assert!(!is_of_what_was_seen(&HeaderMap::new()).unwrap());
    }

    #[test]
    fn a_problem_says_its_kind_in_its_header_too() {
        let response = problem(&Failure::nowhere());
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}
