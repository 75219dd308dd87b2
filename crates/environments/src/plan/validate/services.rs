//! What can be wrong with a backing service, in the project and in a class.

use api::Problem;
use api::names::PortName;
use api::problem::pointer;
use api::project::{ProjectSpec, ServiceSettings, ServiceType};

use super::{references, running, suggest};
use crate::plan::service::{REDIS_RESERVED, SQL_RESERVED};

/// Every key that only some types have.
type Keys = Vec<&'static str>;

pub fn check(spec: &ProjectSpec, problems: &mut Vec<Problem>) {
    for (name, service) in &spec.services {
        let at = pointer("/spec/services", name);
        one(spec, name, service.r#type, &service.settings, &at, problems);
    }
    for (class, settings) in &spec.classes {
        let at = format!("{}/services", pointer("/spec/classes", class));
        for (name, change) in &settings.services {
            let at = pointer(&at, name);
            let Some(service) = spec.services.get(name) else {
                problems.push(
                    Problem::new(at, format!("there is no service `{name}`"))
                        .hint(suggest(name, spec.services.keys().map(String::as_str))),
                );
                continue;
            };
            match change.r#type {
                Some(r#type) => one(spec, name, r#type, &change.settings, &at, problems),
                None => changed(name, service.r#type, &change.settings, &at, problems),
            }
        }
    }
}

/// Everything wrong with one service, whose place in the document is `at`.
fn one(
    spec: &ProjectSpec,
    name: &str,
    r#type: ServiceType,
    settings: &ServiceSettings,
    at: &str,
    problems: &mut Vec<Problem>,
) {
    let has = allowed(r#type);
    for key in given(settings).into_iter().filter(|key| !has.contains(key)) {
        problems.push(
            Problem::new(
                format!("{at}/{key}"),
                format!("`{key}` means nothing for a service of type {}", r#type.as_str()),
            )
            .hint(format!("it has {}", has.join(", "))),
        );
    }
    match r#type {
        ServiceType::Mariadb | ServiceType::Mysql => config(settings, &SQL_RESERVED, at, problems),
        ServiceType::Redis => config(settings, &REDIS_RESERVED, at, problems),
        ServiceType::S3 => {}
        ServiceType::Container => container(spec, name, settings, at, problems),
        ServiceType::External => external(settings, at, problems),
    }
}

/// A class that names no type changes what an environment may have more or less of, nothing else.
fn changed(
    name: &str,
    r#type: ServiceType,
    settings: &ServiceSettings,
    at: &str,
    problems: &mut Vec<Problem>,
) {
    const CHANGES: [&str; 4] = ["storage", "config", "resources", "from"];
    let has: Keys = allowed(r#type).into_iter().filter(|key| CHANGES.contains(key)).collect();
    for key in given(settings).into_iter().filter(|key| !has.contains(key)) {
        let hint = format!(
            "with `type` the class replaces `{name}` altogether; without, it changes {}",
            has.join(", ")
        );
        problems.push(
            Problem::new(format!("{at}/{key}"), format!("a class cannot change `{key}` of a service"))
                .hint(hint),
        );
    }
    match r#type {
        ServiceType::Mariadb | ServiceType::Mysql => config(settings, &SQL_RESERVED, at, problems),
        ServiceType::Redis => config(settings, &REDIS_RESERVED, at, problems),
        ServiceType::S3 | ServiceType::Container | ServiceType::External => {}
    }
}

fn allowed(r#type: ServiceType) -> Keys {
    match r#type {
        ServiceType::Mariadb | ServiceType::Mysql | ServiceType::Redis => {
            vec!["image", "version", "storage", "config", "resources", "from"]
        }
        ServiceType::S3 => vec!["image", "version", "storage", "resources", "from"],
        ServiceType::Container => vec![
            "image",
            "version",
            "ports",
            "env",
            "command",
            "args",
            "storage",
            "mount",
            "health",
            "resources",
            "from",
        ],
        ServiceType::External => vec!["host", "port", "fields", "secret"],
    }
}

/// The keys that the file gives.
fn given(settings: &ServiceSettings) -> Keys {
    let ServiceSettings {
        image,
        version,
        storage,
        mount,
        config,
        ports,
        env,
        command,
        args,
        health,
        resources,
        host,
        port,
        fields,
        secret,
        from,
    } = settings;
    let all = [
        ("image", image.is_some()),
        ("version", version.is_some()),
        ("storage", storage.is_some()),
        ("mount", mount.is_some()),
        ("config", !config.is_empty()),
        ("ports", !ports.is_empty()),
        ("env", !env.is_empty()),
        ("command", !command.is_empty()),
        ("args", !args.is_empty()),
        ("health", health.is_some()),
        ("resources", resources.is_some()),
        ("host", host.is_some()),
        ("port", port.is_some()),
        ("fields", !fields.is_empty()),
        ("secret", secret.is_some()),
        ("from", from.is_some()),
    ];
    all.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect()
}

fn config(settings: &ServiceSettings, reserved: &[&str], at: &str, problems: &mut Vec<Problem>) {
    for (key, value) in &settings.config {
        let at = pointer(&format!("{at}/config"), key);
        let name = key.to_ascii_lowercase().replace('_', "-");
        if reserved.contains(&name.as_str()) {
            problems.push(
                Problem::new(at.clone(), format!("outboard sets `{key}` itself"))
                    .hint("it decides where the data lies and who gets in; leave it out"),
            );
        } else if !name.starts_with(|c: char| c.is_ascii_lowercase())
            || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        {
            problems.push(Problem::new(at.clone(), format!("`{key}` cannot be the name of a setting")));
        }
        if value.contains(char::is_control) {
            problems.push(Problem::new(at, "a setting is one line"));
        }
    }
}

fn container(
    spec: &ProjectSpec,
    name: &str,
    settings: &ServiceSettings,
    at: &str,
    problems: &mut Vec<Problem>,
) {
    for (key, missing, hint) in [
        ("image", settings.image.is_none(), "the repository of its image, without tag"),
        ("version", settings.version.is_none(), "the tag or digest of its image"),
        ("ports", settings.ports.is_empty(), "a service is there to be reached: `ports: {amqp: 5672}`"),
    ] {
        if missing {
            problems.push(Problem::new(at, format!("a container needs `{key}`")).hint(hint));
        }
    }
    match (&settings.storage, &settings.mount) {
        (Some(_), None) => problems.push(
            Problem::new(format!("{at}/storage"), format!("`{name}` has storage and no place for it"))
                .hint("say where its image keeps data: `mount: /var/lib/…`"),
        ),
        (None, Some(_)) => problems.push(
            Problem::new(format!("{at}/mount"), format!("`{name}` has nothing to mount"))
                .hint("give it a size: `storage: 1Gi`"),
        ),
        _ => {}
    }
    for (port, number) in &settings.ports {
        let at = pointer(&format!("{at}/ports"), port);
        if let Err(error) = PortName::parse(port) {
            problems.push(Problem::new(at.clone(), error.to_string()));
        }
        if *number == 0 || settings.ports.values().filter(|other| *other == number).count() > 1 {
            let what =
                if *number == 0 { "a port is between 1 and 65535" } else { "this port is listed twice" };
            problems.push(Problem::new(at, what));
        }
    }
    if let Some(health) = &settings.health {
        running::health(name, health, &settings.ports, at, problems);
    }
    for (variable, value) in &settings.env {
        references::check_in_service(spec, value, &pointer(&format!("{at}/env"), variable), problems);
    }
    for (key, words) in [("command", &settings.command), ("args", &settings.args)] {
        for (index, word) in words.iter().enumerate() {
            references::check_argument(spec, None, word, &format!("{at}/{key}/{index}"), problems);
        }
    }
}

fn external(settings: &ServiceSettings, at: &str, problems: &mut Vec<Problem>) {
    if settings.host.is_none() {
        problems.push(
            Problem::new(at, "an external service needs `host`").hint("the name or address it answers at"),
        );
    }
    if let Some(place) = &settings.secret {
        super::settings::check_place(place, &format!("{at}/secret"), problems);
    }
    if settings.port == Some(0) {
        problems.push(Problem::new(format!("{at}/port"), "a port is between 1 and 65535"));
    }
    for (field, value) in &settings.fields {
        let at = pointer(&format!("{at}/fields"), field);
        if matches!(field.as_str(), "host" | "port") {
            problems.push(Problem::new(at.clone(), format!("`{field}` has a key of its own")));
        }
        if value.contains("${") {
            problems.push(
                Problem::new(at, "`${…}` is not replaced here").hint("write it where the value is used"),
            );
        }
    }
}
