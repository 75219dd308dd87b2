//! An `external` service: something that others run. Nothing of it is made but a name for it.

use std::net::IpAddr;

use api::Role;
use api::project::ServiceSettings;
use api::revision::{Part, SecretPiece, Source};

use super::{server, text};
use crate::plan::render::{self, Place};

/// The fields that are no secret.
pub fn fields(settings: &ServiceSettings) -> Vec<String> {
    let own = [("host", settings.host.is_some()), ("port", settings.port.is_some())];
    let own = own.into_iter().filter(|(_, given)| *given).map(|(name, _)| name.to_owned());
    own.chain(settings.fields.keys().cloned()).collect()
}

/// So that its name leads to it: where it has one itself. An address is reached by `${name.host}`.
pub fn part(place: &Place<'_>, name: &str, settings: &ServiceSettings) -> Part {
    let host = settings.host.as_deref().filter(|host| host.parse::<IpAddr>().is_err());
    let objects = host.map(|host| server::alias(place, name, host, settings.port));
    render::part(name, Role::Service, objects.into_iter().collect())
}

/// What `${name.field}` stands for: what the file says, else a key of the Secret.
pub fn field(settings: &ServiceSettings, field: &str) -> Vec<SecretPiece> {
    let own = match field {
        "host" => settings.host.clone(),
        "port" => settings.port.map(|port| port.to_string()),
        _ => settings.fields.get(field).cloned(),
    };
    vec![match (own, &settings.secret) {
        (Some(value), _) => text(&value),
        (None, Some(place)) => SecretPiece::FromSource { source: Source::from(place), key: field.to_owned() },
        // Refused by `validate`.
        (None, None) => text(&""),
    }]
}
