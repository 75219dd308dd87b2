//! Backing services: what each type renders, which fields `${…}` may name of it, and what they stand for.
//!
//! One file a type. Never decides which components may use a service: that is `uses`, checked by `validate`.

use std::collections::BTreeMap;

use api::names::{self, EnvironmentName, Version};
use api::project::{Service, ServiceSettings, ServiceType};
use api::revision::{Part, Rotates, SecretPiece, SecretRecipe, Source, credentials_name};

use super::render::Place;

mod container;
mod elsewhere;
mod external;
mod mariadb;
mod mysql;
mod redis;
mod s3;
mod server;
mod sql;

pub use redis::RESERVED as REDIS_RESERVED;
pub use sql::RESERVED as SQL_RESERVED;

use mariadb::MARIADB;
use mysql::MYSQL;

/// A service as it is rendered: its part, and the Secrets that it needs.
pub struct Rendered {
    pub part: Part,
    pub secrets: Vec<SecretRecipe>,
}

pub fn render(place: &Place<'_>, name: &str, service: &Service) -> Rendered {
    let settings = &service.settings;
    if let Some(environment) = &settings.from {
        return Rendered { part: elsewhere::part(place, name, environment), secrets: vec![] };
    }
    match service.r#type {
        ServiceType::Mariadb => sql::render(place, name, settings, &MARIADB),
        ServiceType::Mysql => sql::render(place, name, settings, &MYSQL),
        ServiceType::Redis => redis::render(place, name, settings),
        ServiceType::S3 => s3::render(place, name, settings),
        ServiceType::Container => container::render(place, name, settings),
        ServiceType::External => Rendered { part: external::part(place, name, settings), secrets: vec![] },
    }
}

/// What is run in the server's own container, with `ask` or `take` as its only argument: no password is in the command, nor in
/// what it says.
pub fn rotate(rotates: Rotates) -> &'static str {
    match rotates {
        Rotates::Mariadb => MARIADB.rotate,
        Rotates::Mysql => MYSQL.rotate,
        Rotates::Redis => redis::ROTATE,
    }
}

/// Whether the service has a volume where it runs.
pub fn has_volume(service: &Service) -> bool {
    match service.r#type {
        ServiceType::Mariadb | ServiceType::Mysql | ServiceType::S3 => true,
        ServiceType::Redis | ServiceType::Container => service.settings.storage.is_some(),
        ServiceType::External => false,
    }
}

/// The image that the service runs here, if it runs one.
pub fn image(service: &Service) -> Option<String> {
    let settings = &service.settings;
    if settings.from.is_some() {
        return None;
    }
    let of = |image: &str, version: &str| {
        let repository = settings.image.as_deref().unwrap_or(image);
        Some(reference(repository, settings.version.as_deref().unwrap_or(version)))
    };
    match service.r#type {
        ServiceType::Mariadb => of(MARIADB.image, MARIADB.version),
        ServiceType::Mysql => of(MYSQL.image, MYSQL.version),
        ServiceType::Redis => of(redis::IMAGE, redis::VERSION),
        ServiceType::S3 => of(s3::IMAGE, s3::VERSION),
        ServiceType::Container => settings.image.as_ref().and(of("", "latest")),
        ServiceType::External => None,
    }
}

fn reference(repository: &str, version: &str) -> String {
    // Checked by the schema; what slipped through stands as it is, and the registry refuses it.
    Version::parse(version)
        .map_or_else(|_| format!("{repository}:{version}"), |version| version.image(repository))
}

/// What `${…}` may name of a service.
#[derive(Debug, PartialEq, Eq)]
pub struct Fields {
    pub known: Vec<String>,
    /// Keys of a Secret that only the cluster knows: any other name may be one.
    pub open: bool,
}

impl Fields {
    pub fn has(&self, field: &str) -> bool {
        self.open || self.known.iter().any(|known| known == field)
    }
}

pub fn fields(service: &Service) -> Fields {
    let settings = &service.settings;
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    match service.r#type {
        ServiceType::Mariadb | ServiceType::Mysql => Fields { known: named(&sql::FIELDS), open: false },
        ServiceType::Redis => Fields { known: named(&redis::FIELDS), open: false },
        ServiceType::S3 => Fields { known: named(&s3::FIELDS), open: false },
        ServiceType::Container => Fields { known: container::fields(settings), open: false },
        ServiceType::External => {
            Fields { known: external::fields(settings), open: settings.secret.is_some() }
        }
    }
}

/// Whether the field's value is a secret: then it must not stand where people look.
pub fn is_secret(service: &Service, field: &str) -> bool {
    match service.r#type {
        ServiceType::External => !external::fields(&service.settings).iter().any(|known| known == field),
        _ => matches!(field, "password" | "secret_key" | "url"),
    }
}

/// What `${name.field}` stands for.
pub fn field(place: &Place<'_>, name: &str, service: &Service, field: &str) -> Vec<SecretPiece> {
    let at = Address::of(place, name, &service.settings);
    match service.r#type {
        ServiceType::Mariadb | ServiceType::Mysql => sql::field(&at, field),
        ServiceType::Redis => redis::field(&at, field),
        ServiceType::S3 => s3::field(&at, field),
        ServiceType::Container => container::field(&at, &service.settings, field),
        ServiceType::External => external::field(&service.settings, field),
    }
}

/// Where a service that outboard runs answers, and who keeps its password.
struct Address {
    name: String,
    host: String,
    /// The environment that runs it, if it is another.
    environment: Option<String>,
}

impl Address {
    fn of(place: &Place<'_>, name: &str, settings: &ServiceSettings) -> Self {
        let host = match &settings.from {
            Some(environment) => host_in(place, name, environment),
            None => name.to_owned(),
        };
        Self { name: name.to_owned(), host, environment: settings.from.clone() }
    }

    fn password(&self) -> SecretPiece {
        let key = "password".to_owned();
        match &self.environment {
            None => SecretPiece::FromSecret { secret: credentials_name(&self.name), key },
            Some(environment) => SecretPiece::FromSource {
                source: Source::Service { environment: environment.clone(), service: self.name.clone() },
                key,
            },
        }
    }
}

/// Where a service of another environment of this project answers.
fn host_in(place: &Place<'_>, name: &str, environment: &str) -> String {
    let namespace = EnvironmentName::parse(environment).map_or_else(
        |_| format!("{}-{environment}", place.validated.project),
        |environment| names::namespace(&place.validated.project, &environment),
    );
    format!("{name}.{namespace}.svc")
}

/// The generated credentials of a service: drawn once, beside the values that go with them.
fn credentials(name: &str, values: &[(&str, String)], storage: bool) -> SecretRecipe {
    let mut keys: BTreeMap<String, Vec<SecretPiece>> =
        values.iter().map(|(key, value)| ((*key).to_owned(), vec![text(value)])).collect();
    keys.insert("password".to_owned(), vec![SecretPiece::Generated]);
    SecretRecipe {
        name: credentials_name(name),
        part: name.to_owned(),
        keys,
        guards_claim: storage.then(|| format!("data-{name}-0")),
        r#type: None,
    }
}

fn text(value: &impl ToString) -> SecretPiece {
    SecretPiece::Text(value.to_string())
}

#[cfg(test)]
mod tests;
