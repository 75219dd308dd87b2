//! One service of a Compose file, key by key.

use api::problem::pointer;
use serde_json::{Map, Value};

use super::super::draft::{Need, Part};
use super::super::note::Kind;
use super::super::quantity::{self, word};
use super::super::{image, known};
use super::{Reader, directories, elsewhere, health, network, scale, settings};

/// A service that is being read.
pub struct Service<'r, 'a> {
    pub reader: &'r mut Reader<'a>,
    pub part: Part,
    pub at: String,
}

pub fn read(reader: &mut Reader<'_>, name: &str, value: &Value) {
    let at = pointer("/services", name);
    let Value::Object(map) = value else {
        reader.wrong(&at, format!("service `{name}` is a map"), "it has `image:` or `build:`");
        return;
    };
    let mut part = Part { name: reader.draft.free_name(name), place: reader.place(&at), ..Part::default() };
    part.hosts.push(name.to_owned());
    let mut service = Service { reader, part, at: at.clone() };
    if service.part.name != name {
        let message = format!("`{name}` is called `{}`: a name is part of hostnames", service.part.name);
        service.changed(&at, message, "");
    }
    service.image(map);
    // Files first: what the service says itself counts more.
    let (files, others): (Vec<_>, Vec<_>) = map.iter().partition(|(key, _)| *key == "env_file");
    for (key, value) in files.into_iter().chain(others) {
        service.key(key, value);
    }
    service.once(map);
    let part = service.part;
    reader.draft.parts.push(part);
}

impl Service<'_, '_> {
    pub fn changed(&mut self, at: &str, message: impl Into<String>, instead: &str) {
        self.reader.note(Kind::Changed, Some(&self.part.name), at, message, instead);
    }

    pub fn left(&mut self, at: &str, message: impl Into<String>, instead: &str) {
        self.reader.note(Kind::Left, Some(&self.part.name), at, message, instead);
    }

    pub fn todo(&mut self, at: &str, message: impl Into<String>, instead: &str) {
        self.reader.note(Kind::Todo, Some(&self.part.name), at, message, instead);
    }

    pub fn wrong(&mut self, at: &str, message: impl Into<String>) {
        self.reader.wrong(at, message, "");
    }

    fn key(&mut self, key: &str, value: &Value) {
        let at = pointer(&self.at, key);
        // An empty key says nothing.
        if value.is_null() {
            return;
        }
        match key {
            "image" | "build" => {}
            "command" => self.part.component.args = self.words(value, &at),
            "entrypoint" => self.part.component.command = self.words(value, &at),
            "environment" => settings::environment(self, value, &at),
            "env_file" => settings::files(self, value, &at),
            "ports" => network::ports(self, value, &at),
            "expose" => network::expose(self, value, &at),
            "networks" => network::networks(self, value, &at),
            "depends_on" => self.depends_on(value, &at),
            "links" => network::links(self, value, &at),
            "container_name" | "hostname" => self.part.hosts.extend(word(value)),
            "volumes" => directories::volumes(self, value, &at),
            "tmpfs" => directories::tmpfs(self, value, &at),
            "configs" => directories::configs(self, value, &at),
            "secrets" => directories::secrets(self, value, &at),
            "healthcheck" => health::read(self, value, &at),
            "deploy" => scale::deploy(self, value, &at),
            "scale" => scale::replicas(self, value, &at),
            "cpus" | "cpu_count" | "mem_limit" | "mem_reservation" => scale::limit(self, key, value, &at),
            "user" => self.user(value, &at),
            "working_dir" => self.directory(value, &at),
            "stop_grace_period" => self.grace(value, &at),
            "restart" => {}
            "extends" => self.reader.wrong(
                &at,
                "`extends` takes from another service or file, which is not read",
                "write one whole file first: `docker compose config > resolved.yaml`",
            ),
            key if key.starts_with("x-") => {}
            key => {
                let (message, instead) = elsewhere::reason(key, &self.part.name);
                self.left(&at, message, &instead);
            }
        }
    }

    fn image(&mut self, map: &Map<String, Value>) {
        let built = map.get("build").filter(|build| !build.is_null());
        let said = map.get("image").and_then(word).filter(|image| !image.is_empty());
        let (name, at) =
            (self.part.name.clone(), pointer(&self.at, if built.is_some() { "build" } else { "image" }));
        self.part.built = built.is_some();
        match (&said, built) {
            (Some(image), None) => {
                let (repository, version) = image::split(image);
                if version.is_none() && known::backing(&repository).is_none() {
                    let message =
                        format!("`{image}` says no version: it is `latest`, whatever that is on the day");
                    self.todo(&at, message, "choose one, so that environments are alike");
                }
                self.part.component.image = repository;
                self.part.component.version = Some(version.unwrap_or_else(|| "latest".to_owned()));
            }
            (_, Some(build)) => {
                let project = &self.reader.draft.project;
                let mut place = format!("registry.example.com/{project}/{name}");
                if let Some(image) = &said {
                    let (repository, version) = image::split(image);
                    place = repository;
                    self.part.component.version = version;
                }
                let context = build.get("context").unwrap_or(build);
                let context = word(context).unwrap_or_else(|| ".".to_owned());
                let message = format!("outboard builds nothing: the image is made from `{context}`");
                let instead = format!(
                    "let CI build and push it to the `image` below, with a tag for each build (`docker build -t \
                     {place}:TAG {context}`), and choose it with `--set {name}=TAG`"
                );
                self.todo(&at, message, &instead);
                self.part.component.image = place;
            }
            (None, None) => {
                let at = self.at.clone();
                self.reader.wrong(&at, format!("service `{name}` has neither `image` nor `build`"), "");
            }
        }
        let schema = self
            .part
            .component
            .image
            .starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && self.part.component.image.chars().all(|c| c.is_ascii_alphanumeric() || "._:/-".contains(c));
        let version = self.part.component.version.as_deref();
        if !schema && said.is_some()
            || version.is_some_and(|version| api::names::Version::parse(version).is_err())
        {
            let message = format!("`{}` is no image", said.unwrap_or_default());
            self.reader.wrong(&pointer(&self.at, "image"), message, "it is written REPOSITORY:TAG");
        }
    }

    /// A list, or a text that is split as a shell would.
    pub fn words(&mut self, value: &Value, at: &str) -> Vec<String> {
        let words = match value {
            Value::Array(list) => list.iter().map(word).collect::<Option<Vec<String>>>(),
            Value::String(text) => match shlex::split(text) {
                Some(words) => Some(words),
                None => {
                    self.wrong(at, "a quote in it is not closed");
                    return vec![];
                }
            },
            other => word(other).map(|word| vec![word]),
        };
        words.unwrap_or_else(|| {
            self.wrong(at, "it is a text or a list of words");
            vec![]
        })
    }

    fn depends_on(&mut self, value: &Value, at: &str) {
        match value {
            Value::Array(list) => {
                let hosts = list.iter().filter_map(word);
                self.part.needs.extend(hosts.map(|host| Need { host, done: false }));
            }
            Value::Object(map) => {
                for (host, how) in map {
                    let done = how.get("condition").and_then(Value::as_str)
                        == Some("service_completed_successfully");
                    self.part.needs.push(Need { host: host.clone(), done });
                }
            }
            _ => self.wrong(at, "it is a list of services, or a map of them"),
        }
    }

    /// Whether it runs to completion, as far as it says so itself.
    fn once(&mut self, map: &Map<String, Value>) {
        let restart = map.get("restart").map(|restart| match restart {
            Value::Bool(false) => "no".to_owned(),
            other => word(other).unwrap_or_default(),
        });
        let policy = map.get("deploy").and_then(|deploy| deploy.pointer("/restart_policy/condition"));
        let ends = restart.as_deref() == Some("no")
            || restart.is_some_and(|restart| restart.starts_with("on-failure"))
                && known::migrates(&[&self.part.component.command[..], &self.part.component.args].concat())
            || matches!(policy.and_then(Value::as_str), Some("none"));
        self.part.once = ends && self.part.published.is_empty() && self.part.component.health.is_none();
    }

    fn user(&mut self, value: &Value, at: &str) {
        let text = word(value).unwrap_or_default();
        let number = |id: &str| {
            id.len() <= 10 && !id.starts_with('0') && id.bytes().all(|b| b.is_ascii_digit()) && !id.is_empty()
        };
        if text.split(':').count() <= 2 && text.split(':').all(number) {
            self.part.component.user = Some(text);
        } else if text.starts_with('0') || text.starts_with("root") {
            self.left(
                at,
                "a component that says its `user` is never root",
                "without it, the image decides as whom it runs",
            );
        } else {
            let message = format!("`{text}` is a name, which only the image knows: outboard takes numbers");
            self.todo(at, message, "look it up with `id` in the image, and write `user: \"1000:1000\"`");
        }
    }

    fn directory(&mut self, value: &Value, at: &str) {
        let text = word(value).unwrap_or_default();
        if text.starts_with('/') && !text.contains(char::is_whitespace) {
            self.part.component.workdir = Some(text);
        } else {
            self.left(at, format!("`{text}` is no path from the root"), "");
        }
    }

    fn grace(&mut self, value: &Value, at: &str) {
        match quantity::seconds(value) {
            Some(seconds @ 1..) => {
                let stop = self.part.component.stop.get_or_insert_default();
                stop.grace = Some(quantity::duration(seconds));
                if seconds <= 5 {
                    stop.drain = Some("0s".to_owned());
                }
            }
            _ => self.left(at, "it is no duration such as `30s` or `1m30s`", ""),
        }
    }
}
