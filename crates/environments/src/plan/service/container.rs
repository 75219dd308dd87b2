//! A `container` service: one server of any image, with a user and a password drawn for it.

use api::Role;
use api::project::{Port, ServiceSettings, seconds};
use api::revision::{Part, SecretPiece};
use serde_json::{Value, json};

use super::server;
use super::{Address, Rendered, credentials, text};
use crate::plan::render::{self, EnvironmentVariables, Place};
use crate::plan::{pod, probes, standard};

const USER: &str = "app";
/// Seconds a start may take where the file does not say.
const START_SECONDS: u32 = 120;

/// `port` where there is but one, `port.NAME` for each.
pub fn fields(settings: &ServiceSettings) -> Vec<String> {
    let mut fields: Vec<String> = ["host", "user", "password"].map(str::to_owned).into();
    if settings.ports.len() == 1 {
        fields.push("port".to_owned());
    }
    fields.extend(settings.ports.keys().map(|port| format!("port.{port}")));
    fields
}

pub fn render(place: &Place<'_>, name: &str, settings: &ServiceSettings) -> Rendered {
    let image = super::image(&api::project::Service {
        r#type: api::project::ServiceType::Container,
        settings: settings.clone(),
    })
    .unwrap_or_default();
    let ports: Vec<(&str, Port)> =
        settings.ports.iter().map(|(port, number)| (port.as_str(), *number)).collect();
    let storage = settings.storage.as_deref();
    let variables = EnvironmentVariables::resolve(place, &settings.env);
    let mut container = json!({
        "name": name,
        "image": place.pinned(&image),
        "ports": server::container_ports(&ports),
        "resources": server::resources(settings.resources.as_ref(), "64Mi"),
        "securityContext": {"allowPrivilegeEscalation": false},
    });
    let env = pod::environment(name, &variables);
    for (key, value) in [
        ("env", (!env.is_empty()).then(|| json!(env))),
        ("command", (!settings.command.is_empty()).then(|| json!(pod::words(place, &settings.command)))),
        ("args", (!settings.args.is_empty()).then(|| json!(pod::words(place, &settings.args)))),
        (
            "volumeMounts",
            storage.and(settings.mount.as_ref()).map(|mount| json!([{"name": "data", "mountPath": mount}])),
        ),
    ] {
        if let Some(value) = value {
            container[key] = value;
        }
    }
    probed(settings, &mut container);
    let mut pod = server::pod(&container, 60);
    standard::tighten(place.class.pod_security, &mut pod);
    let objects =
        vec![server::address(place, name, &ports), server::stateful_set(place, name, &pod, storage)];
    let start = settings.health.as_ref().and_then(|health| health.start.as_deref()).and_then(seconds);
    let part = Part {
        version: settings.version.clone(),
        digest: place.digests.get(&image).cloned(),
        start_seconds: Some(start.unwrap_or(START_SECONDS)),
        replicas: Some(1),
        ..render::part(name, Role::Service, objects)
    };
    let values = [("host", name.to_owned()), ("user", USER.to_owned())];
    let secrets = [credentials(name, &values, storage.is_some())];
    Rendered { part, secrets: secrets.into_iter().chain(variables.recipe(name)).collect() }
}

/// As the file says, else when the first port takes connections.
fn probed(settings: &ServiceSettings, container: &mut Value) {
    let asks = settings.health.as_ref().is_some_and(|health| health.ready.is_some());
    if let Value::Object(container) = container {
        if !asks {
            let port = settings.ports.keys().next();
            let probe = json!({"tcpSocket": {"port": port}, "periodSeconds": 2, "timeoutSeconds": 2, "successThreshold": 1, "failureThreshold": 3});
            container.insert("readinessProbe".to_owned(), probe);
        }
        probes::insert(settings.health.as_ref(), &settings.ports, container);
    }
}

/// What `${name.field}` stands for.
pub fn field(at: &Address, settings: &ServiceSettings, field: &str) -> Vec<SecretPiece> {
    vec![match field {
        "password" => at.password(),
        "user" => text(&USER),
        "host" => text(&at.host),
        _ => {
            let named = field.strip_prefix("port.").and_then(|port| settings.ports.get(port));
            text(named.or_else(|| settings.ports.values().next()).unwrap_or(&0))
        }
    }]
}
