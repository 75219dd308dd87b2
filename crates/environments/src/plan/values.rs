//! What `${…}` stands for: the pieces of a value, some of which only the operator ever sees.

use api::revision::{SecretPiece, Source};

use super::render::Place;
use super::service;
use super::template::{self, Piece, Reference};

/// The first words of a `${…}` that name no service or component.
pub const WORDS: [&str; 3] = ["url", "vary", "secret"];

/// A value with every `${…}` replaced by what it stands for.
pub fn pieces(place: &Place<'_>, value: &str) -> Vec<SecretPiece> {
    // Checked by `validate`; a value that could not be parsed stands as it is.
    let parsed = template::parse(value).unwrap_or_else(|_| vec![Piece::Text(value.to_owned())]);
    let each = parsed.into_iter().flat_map(|piece| match piece {
        Piece::Text(text) => vec![SecretPiece::Text(text)],
        Piece::Reference(reference) => one(place, &reference),
    });
    each.collect()
}

/// The text of `pieces`, unless there is a secret among them.
pub fn text(pieces: &[SecretPiece]) -> Option<String> {
    let texts = pieces.iter().map(|piece| match piece {
        SecretPiece::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// A name and a key of `${secret.NAME.KEY}`.
pub fn secret_key(field: &str) -> (&str, &str) {
    field.split_once('.').unwrap_or((field, ""))
}

fn one(place: &Place<'_>, reference: &Reference) -> Vec<SecretPiece> {
    let (name, field) = (reference.name.as_str(), reference.field.as_str());
    let class = place.validated.class.as_str();
    match name {
        "url" => return vec![SecretPiece::Text(place.url(field))],
        "vary" => {
            let value = place.spec().vary.get(field).and_then(|values| in_class(values, class));
            return vec![SecretPiece::Text(value.cloned().unwrap_or_default())];
        }
        "secret" => {
            let (name, key) = secret_key(field);
            let place = place.spec().secrets.get(name).and_then(|places| in_class(places, class));
            // Checked by `validate`: there is one in every class.
            let source = place.map_or_else(|| Source::Kubernetes(String::new()), Source::from);
            return vec![SecretPiece::FromSource { source, key: key.to_owned() }];
        }
        _ => {}
    }
    if let Some(service) = place.spec().services.get(name) {
        return service::field(place, name, service, field);
    }
    let ports = place.spec().components.get(name).map(|used| &used.ports);
    let port = match field.strip_prefix("port.") {
        Some(named) => ports.and_then(|ports| ports.get(named)),
        None => ports.and_then(|ports| ports.values().next()),
    };
    vec![SecretPiece::Text(match field {
        "host" => name.to_owned(),
        _ => port.map(ToString::to_string).unwrap_or_default(),
    })]
}

/// What holds in a class: its own word, else the default.
pub fn in_class<'a, T>(by_class: &'a std::collections::BTreeMap<String, T>, class: &str) -> Option<&'a T> {
    by_class.get(class).or_else(|| by_class.get(api::project::DEFAULT_CLASS))
}
