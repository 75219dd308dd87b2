//! Who names whom in which value: ports that have to be there, names that changed, references to services.

use super::super::draft::{Draft, escaped};
use super::super::known;
use super::super::note::Kind;
use super::super::rewrite::{self, Server};

/// Ports that nobody published and others use all the same.
pub fn ports(draft: &mut Draft) {
    let values: Vec<String> = draft
        .parts
        .iter()
        .flat_map(|part| {
            part.component.env.values().chain(&part.component.args).chain(&part.component.command)
        })
        .cloned()
        .collect();
    for part in &mut draft.parts {
        for port in known::ports(&part.component.image) {
            if part.component.ports.is_empty() || *port != 80 && *port != 8080 {
                part.port(*port, None);
            }
        }
        for host in part.hosts.clone() {
            for value in &values {
                for mention in rewrite::mentions(value, &host) {
                    let http = value[..mention.start].ends_with("http://");
                    if let Some(port) = mention.port.or(http.then_some(80)) {
                        let port = part.forwards.get(&port).copied().unwrap_or(port);
                        if http {
                            part.http.push(port);
                        }
                        // Without a number, any port that it has is meant.
                        if mention.port.is_some() || part.component.ports.is_empty() {
                            part.port(port, None);
                        }
                    }
                }
            }
        }
    }
}

/// Puts names and references into values; who needs what follows from that.
pub fn write(draft: &mut Draft, servers: &[Server]) {
    let renamed: Vec<(Vec<String>, String)> =
        draft.parts.iter().map(|part| (part.hosts.clone(), part.name.clone())).collect();
    let forwarded: Vec<_> = draft
        .parts
        .iter()
        .filter(|part| !part.forwards.is_empty())
        .map(|part| (part.hosts.clone(), part.name.clone(), part.forwards.clone()))
        .collect();
    let urls = public_urls(draft);
    let mut parts = std::mem::take(&mut draft.parts);
    for part in &mut parts {
        let own = part.hosts.clone();
        let change = |value: &str| {
            let mut value = escaped(value);
            for (hosts, name) in &renamed {
                value = rewrite::renamed(&value, hosts, name);
                // A bare name is a host where nothing else has that name.
                let bare = hosts.contains(&value) && value != *name && value.contains(['_', '.']);
                if bare && *hosts != own {
                    value.clone_from(name);
                }
            }
            for (hosts, name, forwards) in &forwarded {
                value = rewrite::forwarded(&value, hosts, name, forwards);
            }
            for (local, reference) in &urls {
                value = replaced(&value, local, reference);
            }
            value
        };
        let words = part.component.args.iter_mut().chain(&mut part.component.command);
        let mut exposed = false;
        for word in words {
            *word = change(word);
            for server in servers {
                let addressed = rewrite::addressed(word, server);
                if addressed.contains(&format!("${{{}.password}}", server.name)) {
                    exposed = true;
                } else {
                    *word = addressed;
                }
            }
        }
        if exposed {
            let message = "a password stands in its arguments, where whoever lists processes reads it: it is not the one it will have";
            draft.note(
                Kind::Todo,
                Some(&part.name),
                &part.place,
                message,
                "let the program read it from `env`",
            );
        }
        let env = std::mem::take(&mut part.component.env);
        for (variable, value) in env {
            let mut value = change(&value);
            let mut variable = variable;
            for server in servers {
                value = rewrite::addressed(&value, server);
            }
            // Several servers of one kind are told apart by who is needed.
            let used = |server: &&Server| uses(part, &value, server);
            let candidates: Vec<&Server> = servers.iter().filter(used).collect();
            let nearest = candidates.iter().find_map(|server| rewrite::named(&variable, &value, server));
            if let Some(reference) = nearest {
                value = reference;
            } else if let Some(plain) = variable.strip_suffix("_FILE")
                && let Some(server) = candidates.iter().find(|server| server.kind != known::Backing::Redis)
                && known::is_secret_name(plain)
                && value.starts_with("/run/secrets/")
                && plain.contains("DB")
            {
                let message =
                    format!("`{variable}` named a file with the database's password; `{plain}` holds it");
                draft.note(Kind::Changed, Some(&part.name), &part.place, message, "");
                variable = plain.to_owned();
                value = format!("${{{}.password}}", server.name);
            }
            part.component.env.insert(variable, value);
        }
    }
    draft.parts = parts;
}

fn uses(part: &super::super::draft::Part, value: &str, server: &Server) -> bool {
    let needed = part.needs.iter().any(|need| server.hosts.contains(&need.host));
    let reference = format!("${{{}.", server.name);
    let known = server.hosts.iter().any(|host| {
        value == host
            || part
                .component
                .env
                .values()
                .any(|other| other == host || !rewrite::mentions(other, host).is_empty())
    });
    needed || known || part.component.env.values().any(|other| other.contains(&reference))
}

/// What `http://localhost:8080` meant to a browser is the URL of a route.
fn public_urls(draft: &Draft) -> Vec<(String, String)> {
    let mut urls = Vec::new();
    for route in draft.routes.iter().filter(|route| route.path.is_none()) {
        let Some(part) = draft.parts.iter().find(|part| part.name == route.to) else { continue };
        for (_, published) in part.published.iter().filter(|(target, _)| part.speaks_http(*target)) {
            for host in ["localhost", "127.0.0.1"] {
                for scheme in ["http", "https"] {
                    let port = match published {
                        Some(80) if scheme == "http" => String::new(),
                        Some(port) => format!(":{port}"),
                        None => continue,
                    };
                    urls.push((format!("{scheme}://{host}{port}"), format!("${{url.{}}}", route.host)));
                }
            }
        }
    }
    urls
}

/// Every `from` that is a whole address, and not the beginning of a longer one.
fn replaced(value: &str, from: &str, to: &str) -> String {
    let (mut written, mut rest) = (String::new(), value);
    while let Some(start) = rest.find(from) {
        let after = &rest[start + from.len()..];
        let whole = after.chars().next().is_none_or(|c| "/,;?# \"'|".contains(c));
        written.push_str(&rest[..start]);
        written.push_str(if whole { to } else { from });
        rest = after;
    }
    written + rest
}

/// Tells where a name that nothing has any more is still written: only a person knows whether it is a host there.
pub fn left_over(draft: &mut Draft, servers: &[Server]) {
    let parts = draft.parts.iter().map(|part| (part.hosts.clone(), part.name.clone()));
    let all = parts.chain(servers.iter().map(|server| (server.hosts.clone(), server.name.clone())));
    let changed: Vec<(String, String)> = all
        .flat_map(|(hosts, name)| hosts.into_iter().map(move |host| (host, name.clone())))
        .filter(|(host, name)| host != name)
        .collect();
    let mut notes = Vec::new();
    for part in &draft.parts {
        let component = &part.component;
        let words = component.args.iter().chain(&component.command).map(|text| ("its arguments", text));
        let values = component.env.iter().map(|(variable, value)| (variable.as_str(), value));
        let files = component.files.values().filter_map(|name| {
            Some((name.as_str(), draft.read.get(name).or_else(|| draft.files.get(name))?))
        });
        for (place, text) in words.chain(values).chain(files) {
            for (host, name) in
                changed.iter().filter(|(host, name)| *name != part.name && has_word(text, host))
            {
                notes.push((
                    part.name.clone(),
                    part.place.clone(),
                    place.to_owned(),
                    host.clone(),
                    name.clone(),
                ));
            }
        }
    }
    for (part, at, place, host, name) in notes {
        let message = format!("`{host}` stands in {place}");
        draft.note(Kind::Todo, Some(&part), &at, message, &format!("write `{name}` if the host is meant"));
    }
}

fn has_word(text: &str, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.match_indices(word).any(|(start, _)| {
        let after = text[start + word.len()..].chars().next();
        !text[..start].chars().next_back().is_some_and(inside) && !after.is_some_and(inside)
    })
}
