//! Changes passwords of services on both sides: asks and tells the servers in their pods, looks who still has the old one, and writes
//! the Secret that all of it lies in. What comes next says `plan::rotation`.

use std::collections::BTreeMap;
use std::time::Duration;

use api::marks::Owner;
use api::revision::{Part, Rotates, credentials_name};
use api::{Environment, Role, Rotation, RotationPhase};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::json;
use tracing::info;

use crate::clients;
use crate::context::Context;
use crate::error::Error;
use crate::evidence;
use crate::exec::{self, Container};
use crate::plan::rotation::{
    self as plan, Act, Answer, Found, Keys, NEXT, Need, PASSWORD, PREVIOUS, STATE, Service, State,
};
use crate::plan::service;
use crate::revisions::Stored;
use crate::secrets;

/// Whose passwords are looked after.
pub struct Place<'a> {
    pub environment: &'a Environment,
    pub owner: &'a Owner,
    pub namespace: &'a str,
    pub stored: &'a Stored,
    /// That revision has been ready here.
    pub settled: bool,
    pub frozen: bool,
    /// Secret values that must not stand in what is told.
    pub hidden: &'a [String],
}

/// How far all of them are.
#[derive(Default)]
pub struct Rotating {
    pub told: BTreeMap<String, Rotation>,
    /// When to look again at what no event tells of.
    pub again: Option<Duration>,
}

/// One look. `credentials`: by service, as they are.
pub async fn step(
    place: &Place<'_>,
    credentials: &BTreeMap<String, Secret>,
    context: &Context,
) -> Result<Rotating, Error> {
    let wanted = &place.environment.spec.rotations;
    let mut rotating = Rotating::default();
    for (name, secret) in credentials {
        let Some((told, again)) = one(place, name, secret, context).await? else { continue };
        rotating.again = rotating.again.into_iter().chain(again).min();
        rotating.told.insert(name.clone(), told);
    }
    let others = wanted.iter().filter(|(name, _)| !credentials.contains_key(*name));
    rotating.told.extend(others.map(|(name, request)| {
        let message = format!("{name} has no password that outboard made for this environment");
        let phase = RotationPhase::Refused;
        (name.clone(), Rotation { request: request.clone(), phase, message, rotated_at: None })
    }));
    Ok(rotating)
}

async fn one(
    place: &Place<'_>,
    name: &str,
    secret: &Secret,
    context: &Context,
) -> Result<Option<(Rotation, Option<Duration>)>, Error> {
    let Place { environment, owner, stored, .. } = *place;
    let kept = secret.data.as_ref().and_then(|data| data.get(STATE));
    let state = kept.and_then(|kept| State::read(&kept.0));
    let wanted = environment.spec.rotations.get(name).map(String::as_str);
    if state.is_none() && wanted.is_none() {
        return Ok(None);
    }
    let part = stored.revision.parts_of(Role::Service).find(|part| part.name == name);
    let status = environment.status.as_ref();
    let service = Service {
        name,
        environment: &owner.environment,
        wanted,
        rotates: part.and_then(|part: &Part| part.rotates),
        unread: kept.is_some() && state.is_none(),
        state,
        told: status.and_then(|status| status.rotations.get(name)),
        hindered: (!place.settled).then_some("it begins once the environment is ready"),
        frozen: place.frozen,
    };
    let found = match (plan::need(&service), service.rotates) {
        (Need::Nothing, _) => Found::Nothing,
        (Need::Ask | Need::Take | Need::Clients, None) => Found::Server(Err(format!(
            "{name} cannot be told as it runs now: outboard env update brings it back"
        ))),
        (Need::Ask, Some(rotates)) => Found::Server(tell(place, name, rotates, "ask", context).await),
        (Need::Take, Some(rotates)) => Found::Server(tell(place, name, rotates, "take", context).await),
        (Need::Clients, Some(rotates)) => match tell(place, name, rotates, "take", context).await {
            Ok(answer) if plan::unsupported(rotates, &answer.version).is_none() => {
                Found::Clients(who_is_late(place, name, secret, context).await)
            }
            said => Found::Server(said),
        },
    };
    let mut act = plan::next(&service, &found, Timestamp::now());
    if let Act::Write(keys, state) = &act {
        match write(&context.client, place.namespace, secret, *keys, state).await {
            Ok(()) => {
                info!(environment = %owner.environment, service = %name, step = ?state.step, "the password of {name} comes further");
            }
            // Somebody's doing, and for good: it stops this alone.
            Err(error @ apply::Error::Refused { .. }) => {
                act = Act::Wait(evidence::line(&error.to_string(), place.hidden));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(plan::told(&service, &act).map(|told| (told, plan::again(&service, &act))))
}

async fn tell(
    place: &Place<'_>,
    name: &str,
    rotates: Rotates,
    what: &str,
    context: &Context,
) -> Result<Answer, String> {
    let pod = format!("{name}-0");
    let at = Container { namespace: place.namespace, pod: &pod, container: name };
    let command = ["/bin/sh", "-c", service::rotate(rotates), "rotate", what];
    let said = exec::run(&context.client, at, &command).await;
    let said = said.map_err(|why| evidence::line(&why, place.hidden))?;
    Answer::read(&said).ok_or_else(|| format!("pod {pod} did not say which password it has"))
}

/// What cannot be looked at is no proof that nobody is.
async fn who_is_late(place: &Place<'_>, name: &str, secret: &Secret, context: &Context) -> Vec<String> {
    let Some(password) = secret.data.as_ref().and_then(|data| data.get(PASSWORD)) else {
        return vec![format!("Secret {} has no password", credentials_name(name))];
    };
    let exchanged = clients::Exchanged { service: name, password: &password.0, at: clients::written(secret) };
    match clients::late(place, &exchanged, context).await {
        Ok(late) => late,
        Err(error) => vec![format!("cannot see who still has the old one: {error}")],
    }
}

async fn write(
    client: &Client,
    namespace: &str,
    secret: &Secret,
    keys: Keys,
    state: &State,
) -> Result<(), apply::Error> {
    let data = written(secret, keys, state);
    let patch = json!({"metadata": {"resourceVersion": secret.resource_version()}, "data": data});
    let params =
        PatchParams { field_manager: Some(api::marks::MANAGER.to_owned()), ..PatchParams::default() };
    let (api, name) = (Api::<Secret>::namespaced(client.clone(), namespace), secret.name_any());
    let written = api.patch(&name, &params, &Patch::Merge(&patch)).await;
    written.map(drop).map_err(|error| apply::Error::of_write(error, "Secret", namespace, &name))
}

/// What is written; none: it goes. Where something is missing that only a hand can have taken away, all begins anew.
fn written(secret: &Secret, keys: Keys, state: &State) -> BTreeMap<&'static str, Option<ByteString>> {
    let has = |key: &str| secret.data.as_ref().and_then(|data| data.get(key)).cloned();
    let state = Some(ByteString(state.text().into_bytes()));
    match (keys, has(PASSWORD), has(NEXT)) {
        (Keys::Draw, ..) => {
            let drawn = ByteString(secrets::drawn(secrets::PASSWORD_LENGTH).into_bytes());
            [(NEXT, Some(drawn)), (PREVIOUS, None), (STATE, state)].into()
        }
        (Keys::Exchange, Some(password), Some(next)) => {
            [(PASSWORD, Some(next)), (PREVIOUS, Some(password)), (NEXT, None), (STATE, state)].into()
        }
        (Keys::Exchange, ..) => [(NEXT, None), (STATE, None)].into(),
        (Keys::Forget, ..) => [(PREVIOUS, None), (STATE, state)].into(),
        (Keys::Stay, ..) => [(STATE, state)].into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::rotation::Step;

    fn after(secret: &Secret, keys: Keys, step: Step) -> Secret {
        let state = State { request: "r1".into(), step, at: None };
        let mut next = secret.clone();
        let data = next.data.get_or_insert_default();
        for (key, value) in written(secret, keys, &state) {
            match value {
                Some(value) => drop(data.insert(key.to_owned(), value)),
                None => drop(data.remove(key)),
            }
        }
        next
    }

    fn keys(secret: &Secret) -> Vec<&str> {
        secret.data.iter().flatten().map(|(key, _)| key.as_str()).collect()
    }

    #[tokio::test]
    async fn a_secret_that_takes_no_change_is_a_refusal_and_a_silent_api_server_is_not() {
        let answers = |code: u16| {
            let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
                "message": "data: field is immutable when `immutable` is set", "reason": "Invalid"});
            let answer = (axum::http::StatusCode::from_u16(code).unwrap(), status.to_string());
            let service = axum::Router::new().fallback(move || std::future::ready(answer.clone()));
            Client::new(service, "qa")
        };
        let state = State { request: "r1".into(), step: Step::Both, at: None };
        let mut secret = Secret::default();
        secret.metadata.name = Some("db-credentials".into());
        for (code, refused) in [(422, true), (403, true), (409, false), (500, false)] {
            let error = write(&answers(code), "qa", &secret, Keys::Draw, &state).await.unwrap_err();
            assert_eq!(matches!(error, apply::Error::Refused { .. }), refused, "{code}: {error}");
        }
    }

    #[test]
    fn no_password_is_gone_before_the_server_forgot_it() {
        let data = [("password", "old"), ("user", "app")];
        let data = data.map(|(key, value)| (key.to_owned(), ByteString(value.into()))).into();
        let begun = Secret { data: Some(data), ..Secret::default() };
        let both = after(&begun, Keys::Draw, Step::Both);
        assert_eq!(keys(&both), ["next", "password", "rotation", "user"]);
        let (old, new) =
            (both.data.as_ref().unwrap()["password"].clone(), both.data.as_ref().unwrap()["next"].clone());
        assert_eq!((old.0.as_slice(), new.0.len()), (&b"old"[..], 32));
        let exchanged = after(&both, Keys::Exchange, Step::Exchanged);
        assert_eq!(keys(&exchanged), ["password", "previous", "rotation", "user"]);
        let data = exchanged.data.as_ref().unwrap();
        assert_eq!((&data["password"], &data["previous"]), (&new, &old));
        let done = after(&after(&exchanged, Keys::Forget, Step::Forgetting), Keys::Stay, Step::Done);
        assert_eq!(keys(&done), ["password", "rotation", "user"]);
        assert_eq!(done.data.as_ref().unwrap()["password"], new);
        // Somebody took `next` away: the password stays what it was.
        let mut broken = both.clone();
        broken.data.as_mut().unwrap().remove("next");
        let anew = after(&broken, Keys::Exchange, Step::Exchanged);
        assert_eq!(keys(&anew), ["password", "user"]);
        assert_eq!(anew.data.as_ref().unwrap()["password"], old);
    }
}
