//! What an answer of Kubernetes means: the one place that reads its status texts.

use kube::core::Status;

use super::{Error, Forbidden};
use crate::access;
use crate::admitted::is_unready_policy;
use crate::cluster::Cluster;

/// Kubernetes answers so, with no object named, when it does not know the kind at all.
const NO_SUCH_KIND: &str = "the server could not find the requested resource";

impl Cluster {
    /// What a failed request means.
    pub fn explain(&self, error: kube::Error) -> Error {
        match error {
            kube::Error::Api(status) => self.explain_status(status),
            kube::Error::Service(_) | kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => {
                Error::Unreachable { server: self.server.clone(), reason: root_cause(&error) }
            }
            other => Error::Kubernetes(Box::new(other)),
        }
    }

    fn explain_status(&self, status: Box<Status>) -> Error {
        match status.code {
            401 => {
                // Kubernetes itself says nothing but `Unauthorized`.
                let says_more = status.message.contains(' ');
                Error::Unauthorized {
                    server: self.server.clone(),
                    reason: says_more.then(|| status.message.clone()),
                }
            }
            403 if !is_unready_policy(&status) => Error::Forbidden(Box::new(forbidden(&status.message))),
            404 if is_missing_kind(&status) => Error::NotInstalled { server: self.server.clone() },
            404 => not_found(&status),
            409 => Error::Changed { what: named(&status) },
            _ if is_unready_policy(&status) => {
                Error::Unreachable { server: self.server.clone(), reason: status.message }
            }
            400 | 422 => refused(&status),
            500.. => Error::Unreachable { server: self.server.clone(), reason: status.message },
            _ => Error::Kubernetes(Box::new(kube::Error::Api(status))),
        }
    }
}

/// Whether the API server does not know our kinds. It says so in plain text for a path it does not serve.
pub fn is_missing_kind(status: &Status) -> bool {
    let names_an_object = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
    status.code == 404
        && !names_an_object
        && (status.message.contains(NO_SUCH_KIND) || status.message.contains("404 page not found"))
}

/// Whether trying again later may help: nothing answered, or the server is starting or stopping.
pub fn is_outage(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code >= 500 || status.code == 429,
        kube::Error::Service(_) | kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => true,
        _ => false,
    }
}

/// The innermost reason, without the layers of HTTP client around it.
pub fn root_cause(error: &kube::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    in_plain_words(&cause.to_string())
}

/// `Connection refused (os error 111)`: the number helps nobody, nor does the address of a library's manual.
fn in_plain_words(reason: &str) -> String {
    let reason = reason.split(" (os error").next().unwrap_or(reason);
    reason.split(": https://docs.rs/").next().unwrap_or(reason).to_lowercase()
}

fn named(status: &Status) -> String {
    match &status.details {
        Some(details) if !details.name.is_empty() => {
            format!("{} `{}`", details.kind.trim_end_matches('s'), details.name)
        }
        _ => "the object".to_owned(),
    }
}

fn not_found(status: &Status) -> Error {
    let (kind, name) = match status.details.as_ref() {
        Some(details) if details.kind == "namespaces" => ("namespace", details.name.clone()),
        Some(details) if details.kind == "projects" => ("project", details.name.clone()),
        Some(details) if details.kind == "environments" => ("environment", details.name.clone()),
        Some(details) => ("object", format!("{} {}", details.kind, details.name)),
        None => ("object", status.message.clone()),
    };
    Error::NotFound { kind, name, place: "this cluster".to_owned(), known: vec![], nearest: None }
}

fn refused(status: &Status) -> Error {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let causes = causes
        .map(|cause| match cause.field.as_str() {
            "" | "<nil>" => cause.message.clone(),
            field => format!("{field}: {}", cause.message),
        })
        .collect();
    Error::Refused { message: status.message.clone(), causes }
}

/// Takes `User "ann" cannot create resource "environments" in API group "outboard.dev" in the namespace "shop"` apart.
pub fn forbidden(message: &str) -> Forbidden {
    let quoted = |before: &str| {
        let rest = &message[message.find(before)? + before.len()..];
        Some(rest[..rest.find('"')?].to_owned())
    };
    let verb = || {
        let rest = &message[message.find(" cannot ")? + " cannot ".len()..];
        Some(rest.split(' ').next()?.to_owned())
    };
    let resource = quoted("resource \"").map(|resource| match quoted("in API group \"") {
        Some(group) if !group.is_empty() => format!("{resource}.{group}"),
        _ => resource,
    });
    let (user, verb) = (quoted("User \""), verb());
    let plain = quoted("resource \"").unwrap_or_default();
    let group = quoted("in API group \"").unwrap_or_default();
    let role = verb.as_deref().and_then(|verb| access::role_with(&group, &plain, verb));
    Forbidden {
        message: message.to_owned(),
        policy: policy(message),
        role: role.map(|role| role.as_str().to_owned()),
        user,
        verb,
        resource,
        namespace: quoted("in the namespace \""),
    }
}

/// What one of outboard's own policies says, without who says it.
fn policy(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("ValidatingAdmissionPolicy 'outboard-")?;
    let (_, said) = rest.split_once("denied request: ")?;
    Some(said.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_who_may_not_do_what_where() {
        let told = forbidden(
            "environments.outboard.dev \"qa\" is forbidden: User \"ann\" cannot create resource \"environments\" \
             in API group \"outboard.dev\" in the namespace \"shop\"",
        );
        assert_eq!(told.user.as_deref(), Some("ann"));
        assert_eq!(told.verb.as_deref(), Some("create"));
        assert_eq!(told.resource.as_deref(), Some("environments.outboard.dev"));
        assert_eq!(told.namespace.as_deref(), Some("shop"));
    }

    #[test]
    fn a_refusal_of_a_policy_of_outboards_is_what_the_policy_says() {
        let message = "environments.outboard.dev \"production\" is forbidden: ValidatingAdmissionPolicy \
             'outboard-environments' with binding 'outboard-environments' denied request: only releasers may";
        assert_eq!(forbidden(message).policy.as_deref(), Some("only releasers may"));
        assert_eq!(forbidden(&message.replace("'outboard-", "'theirs-")).policy, None);
        let rbac = "User \"ann\" cannot create resource \"environments\" in API group \"outboard.dev\" in the namespace \"shop\"";
        assert_eq!(forbidden(rbac).role.as_deref(), Some("qa"));
        let inside = "User \"ann\" cannot create resource \"pods/exec\" in API group \"\" in the namespace \"shop-qa\"";
        assert_eq!(forbidden(inside).role.as_deref(), Some("qa"));
    }

    #[test]
    fn a_refusal_in_other_words_is_kept_as_it_is() {
        let told = forbidden("namespaces \"x\" is forbidden: exceeded quota");
        assert_eq!(told.user, None);
        assert!(told.message.contains("exceeded quota"));
    }

    #[test]
    fn a_reason_is_told_without_numbers_and_manuals() {
        assert_eq!(in_plain_words("Connection refused (os error 111)"), "connection refused");
        let closed =
            "peer closed connection: https://docs.rs/rustls/latest/rustls/manual/_03_howto/index.html";
        assert_eq!(in_plain_words(closed), "peer closed connection");
    }

    #[test]
    fn a_missing_kind_is_not_a_missing_object() {
        let kind = Status::failure(NO_SUCH_KIND, "NotFound").with_code(404);
        assert!(is_missing_kind(&kind));
        let object = Status::failure("environments.outboard.dev \"qa\" not found", "NotFound").with_code(404);
        assert!(!is_missing_kind(&object));
    }
}
