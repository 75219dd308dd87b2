//! Why a request was not done, in the words of `words`, with an HTTP status. One place turns it into a page; `json` turns the
//! same into a problem.

use api::{Exit, Verdict};
use axum::http::StatusCode;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use verbs::error::Forbidden;
use words::Words;

use crate::pages::trouble;

/// Boxed: most requests do not fail.
#[derive(Clone, Debug)]
pub struct Failure(Box<Inside>);

#[derive(Clone, Debug)]
pub struct Inside {
    pub status: StatusCode,
    pub words: Words,
    pub verdict: Option<Verdict>,
    /// Where whoever sees a page goes on by themselves.
    pub to: Option<String>,
    /// Signing in helps.
    pub signs_in: bool,
    /// After so many seconds they may come again.
    pub after: Option<u64>,
    /// The form that was refused, as it was filled in.
    pub back: Option<String>,
}

impl std::ops::Deref for Failure {
    type Target = Inside;

    fn deref(&self) -> &Inside {
        &self.0
    }
}

impl Failure {
    fn new(status: StatusCode, words: Words, verdict: Option<Verdict>) -> Self {
        Self(Box::new(Inside { status, words, verdict, to: None, signs_in: false, after: None, back: None }))
    }

    /// What is to be known besides.
    #[must_use]
    pub fn detail(mut self, detail: String) -> Self {
        self.0.words.details.push(detail);
        self
    }

    /// Of a form, which is found there as it was filled in.
    #[must_use]
    pub fn back(mut self, form: String) -> Self {
        self.0.back = Some(form);
        self
    }

    /// Of a status of its own.
    #[must_use]
    pub fn with(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// Somebody is not let in.
    pub fn door(status: StatusCode, sentence: &str, hint: String) -> Self {
        Self::new(status, Words::new(Exit::Forbidden, sentence).hint(hint), None)
    }

    /// Nobody is known to have sent this.
    pub fn strange() -> Self {
        let hint = "sign in, then ask again".to_owned();
        let mut failure = Self::door(StatusCode::UNAUTHORIZED, "you have not signed in", hint);
        failure.0.signs_in = true;
        failure
    }

    /// The same for people with a browser: they are led to where they sign in.
    pub fn elsewhere(to: String) -> Self {
        let mut failure = Self::strange();
        failure.0.to = Some(to);
        failure
    }

    /// A token lets nobody in, or the provider cannot be asked.
    pub fn of_token(refused: &identity::Refused) -> Self {
        let status = match refused {
            identity::Refused::Away(_) => StatusCode::SERVICE_UNAVAILABLE,
            identity::Refused::Nobody { .. } | identity::Refused::Required { .. } => StatusCode::FORBIDDEN,
            _ => StatusCode::UNAUTHORIZED,
        };
        let mut failure = Self::door(status, &refused.to_string(), refused.hint().to_owned());
        failure.0.signs_in = true;
        failure
    }

    /// Nobody waits that long.
    pub fn late() -> Self {
        let words = Words::new(Exit::Timeout, "it took too long").hint("look how it stands, then try again");
        Self::new(StatusCode::GATEWAY_TIMEOUT, words, None)
    }

    /// Too many, of one address or one person.
    pub fn often(seconds: u64) -> Self {
        let sentence = "too many requests have come from you";
        let mut failure =
            Self::door(StatusCode::TOO_MANY_REQUESTS, sentence, format!("wait {seconds} s, then go on"));
        failure.0.after = Some(seconds);
        failure
    }

    /// What was said makes no sense.
    pub fn said(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, Words::new(Exit::Usage, sentence).hint(hint), None)
    }

    /// There is nothing here.
    pub fn nowhere() -> Self {
        let words =
            Words::new(Exit::NotFound, "there is no such page").hint("begin at the list of environments");
        Self::new(StatusCode::NOT_FOUND, words, None)
    }

    /// There is something here, but not for that.
    pub fn otherwise() -> Self {
        let words = Words::new(Exit::Usage, "this cannot be done here")
            .hint("begin at the list of environments; /api/v1/openapi.json says what programs may ask");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, words, None)
    }

    /// A plan that was shown is kept for a while only.
    pub fn forgotten() -> Self {
        let words = Words::new(Exit::NotFound, "this plan is not known any more; this request changed nothing")
            .hint("the environment's revisions tell whether it was carried out before; else ask for the change again");
        Self::new(StatusCode::GONE, words, None)
    }

    /// It is not any more what whoever asks relies on.
    pub fn moved(what: &str) -> Self {
        let sentence = format!("{what} is not any more as `If-Match` says; nothing was changed");
        let words = Words::new(Exit::Conflict, sentence)
            .hint("read it again, and ask with its new ETag if that is still wanted");
        Self::new(StatusCode::PRECONDITION_FAILED, words, None)
    }

    /// What a failure says in headers, however it is told.
    pub fn mark(&self, headers: &mut HeaderMap) {
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }

    /// A mistake of ours.
    pub fn ours(error: &dyn std::error::Error) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Words::new(Exit::Failure, words::chain(error)), None)
    }
}

impl From<verbs::Error> for Failure {
    fn from(error: verbs::Error) -> Self {
        let mut words = words::of_verb(&error, None);
        if let verbs::Error::Forbidden(forbidden) = &error
            && let Some(sentence) = plainly(forbidden)
        {
            // In the words of Kubernetes for whoever is asked for the right.
            words.details.insert(0, std::mem::replace(&mut words.sentence, sentence));
        }
        // Whoever has come in cannot choose another cluster.
        if let verbs::Error::Unreachable { .. } = &error {
            words = words.hint("try again in a moment; if it stays so, tell whoever looks after the cluster");
        }
        let verdict = match error {
            verbs::Error::Verdict { verdict, .. } | verbs::Error::PlanRefused { verdict, .. } => {
                Some(*verdict)
            }
            _ => None,
        };
        Self::new(status(words.exit), words, verdict)
    }
}

/// What somebody may not do, without Kubernetes' names for it; none: there are no plainer words.
fn plainly(forbidden: &Forbidden) -> Option<String> {
    if forbidden.policy.is_some() {
        return None;
    }
    let (verb, resource) = (forbidden.verb.as_deref()?, forbidden.resource.as_deref()?);
    let what = match resource {
        // A change is planned before anything is written.
        "environments.outboard.dev" | "plans.outboard.dev" => "environments",
        "datacopies.outboard.dev" => "copies of data",
        "projects.outboard.dev" => "projects",
        "hostnames.outboard.dev" => "hosts",
        "controllerrevisions.apps" => "revisions",
        "pods/log" => "logs",
        _ => return None,
    };
    let deed = match (verb, resource) {
        (_, "plans.outboard.dev") => "make or change",
        ("get" | "list" | "watch", _) => "see",
        ("create", _) => "make",
        ("patch" | "update", _) => "change",
        ("delete", _) => "destroy",
        _ => return None,
    };
    let place = match &forbidden.namespace {
        Some(namespace) => format!("in namespace `{namespace}`"),
        None => "in the whole cluster".to_owned(),
    };
    Some(format!("you may not {deed} {what} {place}"))
}

/// The same distinctions as exit codes make, as far as HTTP knows them.
fn status(exit: Exit) -> StatusCode {
    match exit {
        Exit::Success => StatusCode::OK,
        Exit::Failure | Exit::Interrupted => StatusCode::INTERNAL_SERVER_ERROR,
        Exit::Forbidden => StatusCode::FORBIDDEN,
        Exit::NotFound => StatusCode::NOT_FOUND,
        Exit::Conflict | Exit::Superseded => StatusCode::CONFLICT,
        Exit::Unreachable | Exit::NoOperator => StatusCode::SERVICE_UNAVAILABLE,
        Exit::Timeout => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// The failure as a page.
pub fn answer(failure: &Failure) -> Response {
    if let Some(to) = &failure.to {
        return Redirect::to(to).into_response();
    }
    let mut response = (failure.status, trouble::page(failure)).into_response();
    failure.mark(response.headers_mut());
    response
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = answer(&self);
        // For whoever tells it in another way.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_has_a_status_that_is_an_error() {
        for exit in Exit::ALL.iter().filter(|exit| **exit != Exit::Success) {
            let status = status(*exit);
            assert!(status.is_client_error() || status.is_server_error(), "{exit:?}: {status}");
        }
    }

    #[test]
    fn a_refusal_is_said_without_the_names_that_kubernetes_has_for_things() {
        let told = |verb: &str, resource: &str| {
            let forbidden = Forbidden {
                user: Some("oidc:vera".into()),
                verb: Some(verb.into()),
                resource: Some(resource.into()),
                namespace: Some("shop".into()),
                role: Some("qa".into()),
                ..Forbidden::default()
            };
            Failure::from(verbs::Error::Forbidden(Box::new(forbidden)))
        };
        let plan = told("create", "plans.outboard.dev");
        assert_eq!(plan.words.sentence, "you may not make or change environments in namespace `shop`");
        assert!(plan.words.details[0].contains("`oidc:vera`, who may not create plans.outboard.dev"));
        assert!(plan.words.hint.as_ref().is_some_and(|hint| hint.contains("as qa or more")));
        assert_eq!(
            told("delete", "environments.outboard.dev").words.sentence.split(" in ").next(),
            Some("you may not destroy environments")
        );
        // Of what there are no plainer words for, nothing is kept back.
        assert!(told("list", "nodes").words.sentence.contains("may not list nodes"));
    }

    #[test]
    fn a_cluster_that_does_not_answer_is_nothing_that_whoever_asks_chose() {
        let away = verbs::Error::Unreachable { server: "https://here".into(), reason: "no answer".into() };
        let failure = Failure::from(away);
        assert_eq!(failure.status, StatusCode::SERVICE_UNAVAILABLE);
        let hint = failure.words.hint.clone().unwrap();
        assert!(hint.contains("try again") && !hint.contains("kubeconfig"), "{hint}");
    }

    #[test]
    fn what_somebody_else_changed_meanwhile_is_a_conflict() {
        let raced = verbs::Error::Raced {
            environment: "qa".into(),
            by: Some("ann".into()),
            theirs: vec![],
            mine: vec![],
        };
        let failure = Failure::from(raced);
        assert_eq!(failure.status, StatusCode::CONFLICT);
        assert!(
            failure.words.hint.as_ref().is_some_and(|hint| hint.contains("nothing of yours was written"))
        );
    }
}
