//! The file that a team without anything begins with: what its Dockerfiles say, and the most wanted keys as comments.

use std::collections::BTreeMap;

use api::project::{Port, Probe};
use serde::Serialize;
use serde_json::json;

use super::compose::{Question, interpolated, question};
use super::draft::Part;
use super::write::{flow, scalar};
use super::{known, names};

/// A Dockerfile and the directory it is in, as seen from the project's.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    pub directory: String,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Starter {
    pub project: String,
    pub components: Vec<String>,
    #[serde(skip)]
    pub text: String,
}

/// What the last stage of a Dockerfile says about the image that is run.
#[derive(Debug, Default, PartialEq)]
struct Image {
    ports: Vec<Port>,
    user: Option<String>,
    health: Option<Question>,
    starts: Option<String>,
}

/// A project of one component for each Dockerfile, or of one to be filled in.
pub fn starter(directory: &str, dockerfiles: &[Dockerfile]) -> Starter {
    let project = names::project(directory);
    let mut text = format!(
        "# What {project} ships: each component is one image, each service is made anew for every environment.\n\
         # `outboard check` tells what is wrong with this file, `outboard project apply` stores it, and\n\
         # `outboard env create try` makes an environment of it.\n\
         apiVersion: outboard.dev/v1alpha1\nkind: Project\nmetadata: {{name: {}}}\nspec:\n  components:\n",
        scalar(&project)
    );
    let (mut components, mut routes) = (Vec::<String>::new(), Vec::new());
    for file in dockerfiles {
        let image = read(&file.text);
        let http = image.ports.iter().find(|port| known::speaks_http(**port));
        let place = file.directory.trim_matches(['.', '/']);
        let wanted = match (place.rsplit('/').next().filter(|name| !name.is_empty()), http) {
            (Some(name), _) => name,
            (None, Some(_)) => "web",
            (None, None) => "app",
        };
        let name = names::free(&names::part(wanted), api::names::PartName::MAX, |name| {
            components.iter().any(|c| c == name)
        });
        text.push_str(&component(&project, &name, place, &image));
        if let Some(port) = http {
            routes.push((name.clone(), *port, image.ports.len()));
        }
        components.push(name);
    }
    if components.is_empty() {
        text.push_str(&component(&project, "web", "", &Image { ports: vec![8080], ..Image::default() }));
        routes.push(("web".to_owned(), 8080, 1));
        components.push("web".to_owned());
    }
    text.push_str(
        "    # A job runs to completion before components change, when it has changed itself:\n\
         \x20   # migrate: {image: registry.example.com/PROJECT/web, args: [migrate], job: before, uses: [db]}\n\
         \x20 # services:\n\
         \x20 #   db: {type: mariadb, version: \"10.11\", storage: 1Gi}\n",
    );
    if routes.is_empty() {
        text.push_str(
            "  # routes:\n  #   - {host: web, to: web}   # https://web-ENVIRONMENT-PROJECT.DOMAIN\n",
        );
    } else {
        text.push_str("  routes:   # https://HOST-ENVIRONMENT-PROJECT.DOMAIN\n");
    }
    for (name, port, several) in routes {
        let port = if several > 1 { format!(", port: {}", port_names(port)) } else { String::new() };
        text.push_str(&format!("    - {{host: {name}, to: {name}{port}}}\n"));
    }
    text.push_str(
        "  # classes:   # stages, in what they differ\n\
         \x20 #   qa: {}\n\
         \x20 #   production: {scale: {web: {min: 3}}, services: {db: {storage: 20Gi}}}\n",
    );
    Starter { text: text.replace("PROJECT/web", &format!("{project}/web")), project, components }
}

/// Every HTTP port but the first has its number in its name, as everywhere.
fn port_names(port: Port) -> String {
    known::port_name(port, false)
}

fn component(project: &str, name: &str, place: &str, image: &Image) -> String {
    let from = if place.is_empty() { "Dockerfile".to_owned() } else { format!("{place}/Dockerfile") };
    let mut part = Part::default();
    for port in &image.ports {
        part.port(*port, None);
    }
    let ready = match &image.health {
        Some(Question::Http(port, path)) => {
            let port = part.port(*port, None);
            Some(Probe { http: Some(path.clone()), port: Some(port), ..Probe::default() })
        }
        Some(Question::Tcp(port)) => Some(Probe { tcp: Some(part.port(*port, None)), ..Probe::default() }),
        Some(Question::Command(command)) => Some(Probe { command: command.clone(), ..Probe::default() }),
        None => None,
    };
    let mut text = format!(
        "    {}:\n      # {from}: CI builds it and pushes it here, with a tag for each build; `--set {name}=TAG` chooses one.\n      image: {}\n\
         \x20     # version: \"1.0\"   # the one that runs unless an environment chooses another\n",
        scalar(name),
        scalar(&format!("registry.example.com/{project}/{name}"))
    );
    if let Some(starts) = &image.starts {
        let plain: String = starts.chars().filter(|c| !c.is_control()).collect();
        text.push_str(&format!("      # args: […]   # the image starts {plain}\n"));
    }
    if !part.component.ports.is_empty() {
        text.push_str(&format!("      ports: {}\n", flow(&json!(part.component.ports))));
    }
    text.push_str(
        "      # uses: [db]   # what has to be there first, and what values may name:\n\
         \x20     # env: {DATABASE_URL: \"mysql://${db.user}:${db.password}@${db.host}:${db.port}/${db.name}\"}\n",
    );
    match ready {
        Some(ready) => text.push_str(&format!("      health: {{ready: {}}}\n", flow(&json!(ready)))),
        None => text.push_str(
            "      # health: {ready: {http: /healthz}, start: 60s}   # no traffic before it answers\n",
        ),
    }
    if let Some(user) = &image.user {
        text.push_str(&format!("      user: {}\n", scalar(user)));
    }
    text.push_str("      resources: {cpu: 100m, memory: 128Mi}\n      scale: {min: 1}\n");
    text
}

fn read(text: &str) -> Image {
    let joined = text.replace("\r\n", "\n").replace("\\\n", " ");
    let mut variables = BTreeMap::new();
    let mut image = Image::default();
    for line in joined.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match word.to_ascii_uppercase().as_str() {
            // What earlier stages say is not about this image; arguments stay.
            "FROM" => image = Image::default(),
            "ARG" | "ENV" => {
                for pair in shlex::split(rest).unwrap_or_default() {
                    if let Some((name, value)) = pair.split_once('=') {
                        let value = interpolated(value, &variables);
                        variables.insert(name.to_owned(), value);
                    }
                }
            }
            "EXPOSE" => {
                let ports = interpolated(rest, &variables);
                let numbers =
                    ports.split_whitespace().filter_map(|port| port.trim_end_matches("/tcp").parse().ok());
                for port in numbers.filter(|port| *port > 0) {
                    if !image.ports.contains(&port) {
                        image.ports.push(port);
                    }
                }
            }
            "USER" => {
                let user = interpolated(rest, &variables);
                let number = |id: &str| {
                    !id.is_empty()
                        && id.len() < 10
                        && !id.starts_with('0')
                        && id.bytes().all(|b| b.is_ascii_digit())
                };
                image.user = (user.split(':').count() <= 2 && user.split(':').all(number)).then_some(user);
            }
            "HEALTHCHECK" => {
                let command = rest.split_once("CMD").map(|(_, command)| command.trim());
                image.health = command.map(|command| question(&words(command)));
            }
            "CMD" | "ENTRYPOINT" => {
                let words = serde_json::from_str::<Vec<String>>(rest);
                let plain = words.map_or_else(|_| rest.to_owned(), |words| words.join(" "));
                image.starts = Some(plain).filter(|plain| plain.len() < 60);
            }
            _ => {}
        }
    }
    image
}

/// In brackets they are words, else a text for a shell.
fn words(text: &str) -> Vec<String> {
    serde_json::from_str::<Vec<String>>(text)
        .unwrap_or_else(|_| vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(starter: &Starter) {
        let read = crate::file::read(&starter.text, |_| Err("there is none".to_owned()));
        assert!(read.is_ok(), "{read:?}\n{}", starter.text);
    }

    #[test]
    fn a_directory_without_anything_gets_a_file_to_be_filled_in() {
        let starter = starter("My Shop", &[]);
        checked(&starter);
        insta::assert_snapshot!(starter.text);
    }

    #[test]
    fn each_dockerfile_becomes_a_component_with_what_it_says() {
        let file =
            |directory: &str, text: &str| Dockerfile { directory: directory.into(), text: text.into() };
        let starter = starter(
            "shop",
            &[
                file(
                    ".",
                    "FROM rust AS build\nEXPOSE 1\nARG PORT=8080\nFROM debian\nENV PORT=${PORT}\nEXPOSE $PORT 9100/tcp \\\n  53/udp\n\
                     USER 1000:1000\nHEALTHCHECK --interval=5s CMD curl -f http://localhost:8080/healthz || exit 1\nCMD [\"serve\", \"--all\"]\n",
                ),
                file("services/worker", "FROM debian\nUSER app\nCMD exec worker\n"),
                file("worker", "FROM debian\nEXPOSE 80 8080\n"),
            ],
        );
        checked(&starter);
        insta::assert_snapshot!(starter.text);
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_dockerfile_says_the_file_is_right(
            name in "\\PC{0,20}",
            text in "((FROM|EXPOSE|USER|ENV|ARG|CMD|HEALTHCHECK CMD|ENTRYPOINT) (\\PC{0,20}|[0-9 ]{0,12}|\\[\"a\"\\])\n){0,8}",
        ) {
            checked(&starter(&name, &[Dockerfile { directory: name.clone(), text: text.clone() }, Dockerfile { directory: ".".into(), text }]));
        }
    }
}
