//! Which containers are backing services that outboard runs itself.

use serde_json::{Map, Value, json};

use super::super::draft::{Draft, Part, escaped};
use super::super::known::{self, Backing};
use super::super::note::Kind;
use super::super::rewrite::{self, Server};

/// Takes them out of the parts and makes them services.
pub fn take(draft: &mut Draft) -> Vec<Server> {
    let mut servers = Vec::new();
    let (mut kept, mut taken) = (Vec::new(), Vec::new());
    for part in std::mem::take(&mut draft.parts) {
        match known::backing(&part.component.image) {
            Some(Backing::Container) if !is_simple(&part) => kept.push(part),
            Some(kind) if !part.built && !part.once => taken.push((kind, part)),
            _ => kept.push(part),
        }
    }
    for (kind, mut part) in taken {
        if kind == Backing::Container {
            for port in known::ports(&part.component.image) {
                part.port(*port, None);
            }
            servers.push(server(kind, &part));
            let settings = container(draft, &part);
            draft.services.push((part.name, settings));
            continue;
        }
        if kind == Backing::Redis && !speaks_passwords(&kept, &part) {
            let message = "it stays a component: as a service it would have a password, and who uses it has no place for one";
            let instead = "let the application read a URL with a password, and make it `type: redis`";
            draft.note(Kind::Changed, Some(&part.name), &part.place, message, instead);
            kept.push(part);
            continue;
        }
        servers.push(server(kind, &part));
        let settings = settings(draft, kind, &part);
        draft.services.push((part.name, settings));
    }
    kept.sort_by_key(|part| (part.place.file.clone(), part.place.line));
    draft.parts = kept;
    servers
}

/// Whether everybody who uses a server has a place for its password.
fn speaks_passwords(parts: &[Part], server: &Part) -> bool {
    parts.iter().all(|part| {
        let names = |variable: &str| {
            let name = variable.to_ascii_uppercase();
            (name.contains("REDIS") || name.contains("CACHE")) && known::is_secret_name(variable)
        };
        let used = server.hosts.iter().any(|host| {
            part.needs.iter().any(|need| need.host == *host)
                || part
                    .component
                    .env
                    .values()
                    .any(|value| value == host || !rewrite::mentions(value, host).is_empty())
        });
        let address = part.component.env.values().any(|value| {
            value.contains("://")
                && server.hosts.iter().any(|host| !rewrite::mentions(value, host).is_empty())
        });
        !used || address || part.component.env.keys().any(|variable| names(variable))
    })
}

fn server(kind: Backing, part: &Part) -> Server {
    let value = |names: &[&str]| {
        let mut prefixed = names
            .iter()
            .flat_map(|name| [format!("MARIADB_{name}"), format!("MYSQL_{name}"), format!("REDIS_{name}")]);
        prefixed.find_map(|name| part.component.env.get(&name)).filter(|value| !value.is_empty()).cloned()
    };
    let mut passwords: Vec<String> =
        [value(&["PASSWORD"]), value(&["ROOT_PASSWORD"])].into_iter().flatten().collect();
    // `redis-server --requirepass secret`
    let words = [&part.component.command[..], &part.component.args].concat();
    let required =
        words.iter().position(|word| word == "--requirepass").and_then(|index| words.get(index + 1));
    passwords.extend(required.cloned());
    Server {
        name: part.name.clone(),
        hosts: part.hosts.clone(),
        kind,
        user: value(&["USER"]),
        passwords,
        database: value(&["DATABASE"]),
    }
}

/// Whether it has nothing that only a component may have.
fn is_simple(part: &Part) -> bool {
    let component = &part.component;
    let disks = component.volumes.values().filter(|volume| volume.storage.is_some()).count();
    let more = [
        component.user.is_some(),
        component.workdir.is_some(),
        component.scale.is_some(),
        component.identity.is_some(),
        component.pod.is_some(),
        component.container.is_some(),
        !component.files.is_empty(),
        component.health.as_ref().is_some_and(|health| health.live.is_some()),
        // A value that lies in a Secret.
        component.env.values().any(|value| value.contains('\u{1}')),
    ];
    !part.built && !part.once && disks == component.volumes.len() && disks <= 1 && !more.contains(&true)
}

/// A container as a service: it is there before jobs run.
fn container(draft: &mut Draft, part: &Part) -> Map<String, Value> {
    let mut component = part.component.clone();
    for word in component.args.iter_mut().chain(&mut component.command).chain(component.env.values_mut()) {
        *word = escaped(word);
    }
    let said = serde_json::to_value(&component).unwrap_or_default();
    let mut map = Map::new();
    map.insert("type".to_owned(), json!("container"));
    for key in ["image", "version", "command", "args", "ports", "env", "health", "resources"] {
        if let Some(value) = said.get(key) {
            map.insert(key.to_owned(), value.clone());
        }
    }
    let disk = component.volumes.iter().find_map(|(path, volume)| Some((path, volume.storage.as_ref()?)));
    if let Some((path, size)) = disk {
        map.insert("storage".to_owned(), json!(size));
        map.insert("mount".to_owned(), json!(path));
    }
    let held = component.env.iter().filter(|(name, value)| known::is_secret_name(name) && !value.is_empty());
    let secrets: Vec<&str> = held.map(|(name, _)| name.as_str()).collect();
    if !secrets.is_empty() {
        let message =
            format!("{}: the password stands here as plain text, and where it is used", secrets.join(", "));
        let name = &part.name;
        let instead = format!(
            "`${{{name}.user}}` and `${{{name}.password}}` are drawn for each environment: write them in both places"
        );
        draft.note(Kind::Todo, Some(name), &part.place, message, &instead);
    }
    if !part.published.is_empty() {
        let instead = format!("`outboard forward ENVIRONMENT {}` brings it to your machine", part.name);
        draft.note(Kind::Left, Some(&part.name), &part.place, "its ports are not published", &instead);
    }
    map
}

fn settings(draft: &mut Draft, kind: Backing, part: &Part) -> Map<String, Value> {
    let mut note = |kind: Kind, message: String, instead: &str| {
        draft.note(kind, Some(&part.name), &part.place, message, instead);
    };
    let mut map = Map::new();
    let word = if kind == Backing::Redis { "redis" } else { "mariadb" };
    map.insert("type".to_owned(), json!(word));
    let version = part.component.version.as_deref().filter(|version| *version != "latest");
    let image = &part.component.image;
    match (kind, version) {
        (Backing::Mysql, version) => {
            let was = version.map(|version| format!("{image}:{version}")).unwrap_or_else(|| image.clone());
            let message = format!(
                "`{was}` becomes MariaDB, which speaks the same protocol and differs in details (JSON, collations, plugins)"
            );
            note(Kind::Todo, message, "try it, or say `type: mysql` and its version");
        }
        (_, Some(version)) if version.starts_with(|c: char| c.is_ascii_digit()) => {
            // What comes after the number says how the image was made; outboard has its own way to start it.
            let number: String = version.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
            let number = number.trim_end_matches('.');
            if number != version {
                note(
                    Kind::Changed,
                    format!(
                        "version `{version}` is `{number}` here: the server, whatever its image is made from"
                    ),
                    "",
                );
            }
            map.insert("version".to_owned(), json!(number));
        }
        (_, other) => {
            let was = other.unwrap_or("latest");
            note(Kind::Changed, format!("`{was}` is no version: outboard's own default is taken"), "");
        }
    }
    if let Some(size) = part.component.volumes.values().find_map(|volume| volume.storage.as_ref()) {
        map.insert("storage".to_owned(), json!(size));
    }
    let secret = if kind == Backing::Redis { "a password" } else { "a database, a user and a password" };
    note(
        Kind::Changed,
        format!("outboard gives it {secret} of its own, drawn for each environment: who uses it names them"),
        "",
    );
    if !part.component.files.is_empty() {
        let files: Vec<&str> = part.component.files.values().map(String::as_str).collect();
        let message = format!("{} is not mounted there", files.join(", "));
        let instead = "what fills a new database is a component with `job: before`, `uses` and `files`; settings of the server have to do without";
        note(Kind::Left, message, instead);
    }
    let words = [&part.component.command[..], &part.component.args].concat();
    let (config, words) = config(&words);
    if !config.is_empty() {
        map.insert("config".to_owned(), Value::Object(config));
    }
    let words: Vec<&String> =
        words.iter().filter(|word| !word.ends_with("mysqld") && !word.ends_with("redis-server")).collect();
    if !words.is_empty() {
        let words: Vec<&str> = words.into_iter().map(String::as_str).collect();
        note(
            Kind::Left,
            format!("the server is started by outboard's own command, not with `{}`", words.join(" ")),
            "",
        );
    }
    if !part.published.is_empty() {
        let message = "its port is not published".to_owned();
        note(
            Kind::Left,
            message,
            &format!("`outboard forward ENVIRONMENT {}` brings it to your machine", part.name),
        );
    }
    map
}

/// Options that the service takes as settings, and the words that are left.
fn config(words: &[String]) -> (Map<String, Value>, Vec<String>) {
    let (mut config, mut left) = (Map::new(), Vec::new());
    if !known::has_config() {
        return (config, words.to_vec());
    }
    let mut rest = words.iter().peekable();
    while let Some(word) = rest.next() {
        let option = word.strip_prefix("--").unwrap_or_default();
        let (name, said) = option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
        let next = || rest.next_if(|next| !next.starts_with("--")).map(String::as_str);
        let value = if known::is_setting(name) { said.or_else(next) } else { None };
        match value {
            Some(value) => drop(config.insert(name.to_owned(), json!(value))),
            None => left.push(word.clone()),
        }
    }
    (config, left)
}
