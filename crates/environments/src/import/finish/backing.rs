//! Which containers are backing services that outboard runs itself.

use serde_json::{Map, Value, json};

use super::super::draft::{Draft, Part};
use super::super::known::{self, Backing};
use super::super::note::Kind;
use super::super::rewrite::{self, Server};

/// Takes them out of the parts and makes them services.
pub fn take(draft: &mut Draft) -> Vec<Server> {
    let mut servers = Vec::new();
    let (mut kept, mut taken) = (Vec::new(), Vec::new());
    for part in std::mem::take(&mut draft.parts) {
        match known::backing(&part.component.image) {
            Some(kind) if !part.built && !part.once => taken.push((kind, part)),
            _ => kept.push(part),
        }
    }
    for (kind, part) in taken {
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
            note(Kind::Todo, message, "try it, and use an external MySQL where it matters");
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
