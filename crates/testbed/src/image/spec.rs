//! What an image is, as a value: a base, files, users and how it starts. Builds nothing.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use serde_json::{Map, Value, json};

use super::debian::Debian;

/// Repository and tag, `library/redis:7`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub repository: String,
    pub tag: String,
}

impl Name {
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let (repository, tag) = text
            .split_once(':')
            .with_context(|| format!("image name `{text}` has no tag; write name:tag"))?;
        let part = |part: &str, extra: &str| {
            !part.is_empty()
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
        };
        let lower = !repository.contains(|c: char| c.is_ascii_uppercase());
        ensure!(
            lower && repository.split('/').all(|name| part(name, "._-")) && part(tag, "._-"),
            "image name `{text}` is not lower-case path parts, a colon and a tag"
        );
        Ok(Self { repository: repository.to_owned(), tag: tag.to_owned() })
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

/// Where a file of an image comes from.
#[derive(Clone, Debug)]
pub enum Source {
    Bytes(Arc<[u8]>),
    Path(PathBuf),
    /// A program of this workspace, built and stripped first.
    Cargo {
        package: &'static str,
        bin: &'static str,
    },
}

impl From<&str> for Source {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().into())
    }
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

#[derive(Clone, Debug)]
pub(super) enum Item {
    File { source: Source, mode: u32 },
    Symlink(String),
    Dir { mode: u32, owner: u32 },
}

#[derive(Clone, Debug)]
pub(super) struct User {
    pub name: String,
    pub id: u32,
    pub home: String,
}

/// An image to be. Start with [`ImageSpec::scratch`] or [`ImageSpec::from_debian`] and add to it.
#[derive(Clone, Debug)]
pub struct ImageSpec {
    name: String,
    pub(super) base: Option<Debian>,
    pub(super) items: Vec<(String, Item)>,
    pub(super) users: Vec<User>,
    config: Map<String, Value>,
    env: Vec<String>,
}

impl ImageSpec {
    /// An image with nothing in it but what is added.
    pub fn scratch(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            base: None,
            items: Vec::new(),
            users: Vec::new(),
            config: Map::new(),
            env: vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()],
        }
    }

    /// An image over these Debian packages and what they depend on, without their documentation and tools.
    pub fn from_debian(name: &str, packages: &[&str]) -> Self {
        Self { base: Some(Debian::of(packages)), ..Self::scratch(name) }
    }

    /// Packages of another suite of Debian than everything else is made of.
    #[must_use]
    pub fn suite(mut self, suite: &'static str) -> Self {
        self.base = self.base.map(|base| base.suite(suite));
        self
    }

    /// Of the base's programs (`bin`, `sbin`, `usr/bin`, `usr/sbin`) only these stay; each must be there.
    #[must_use]
    pub fn programs(mut self, names: &[&str]) -> Self {
        self.base = self.base.map(|base| base.programs(names));
        self
    }

    /// Leaves more of the base out: path patterns from the root, `*` within one name; a folder goes whole.
    #[must_use]
    pub fn without(mut self, patterns: &[&str]) -> Self {
        self.base = self.base.map(|base| base.without(patterns));
        self
    }

    #[must_use]
    pub fn file(mut self, path: &str, source: impl Into<Source>, mode: u32) -> Self {
        self.items.push((path.to_owned(), Item::File { source: source.into(), mode }));
        self
    }

    #[must_use]
    pub fn symlink(mut self, path: &str, target: &str) -> Self {
        self.items.push((path.to_owned(), Item::Symlink(target.to_owned())));
        self
    }

    #[must_use]
    pub fn dir(mut self, path: &str, mode: u32, owner: u32) -> Self {
        self.items.push((path.to_owned(), Item::Dir { mode, owner }));
        self
    }

    /// Adds a user and a group of the same name and number to /etc/passwd and /etc/group.
    #[must_use]
    pub fn user(mut self, name: &str, id: u32, home: &str) -> Self {
        self.users.push(User { name: name.to_owned(), id, home: home.to_owned() });
        self
    }

    #[must_use]
    pub fn entrypoint(self, words: &[&str]) -> Self {
        self.set("Entrypoint", json!(words))
    }

    #[must_use]
    pub fn cmd(self, words: &[&str]) -> Self {
        self.set("Cmd", json!(words))
    }

    #[must_use]
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.push(format!("{key}={value}"));
        self
    }

    /// The user the container runs as: a number, or `number:number`, so that Kubernetes can tell it is not root.
    #[must_use]
    pub fn run_as(self, user: &str) -> Self {
        self.set("User", json!(user))
    }

    #[must_use]
    pub fn workdir(self, path: &str) -> Self {
        self.set("WorkingDir", json!(path))
    }

    /// Notes a port as `6379/tcp`.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        self.under("ExposedPorts", &format!("{port}/tcp"), json!({}))
    }

    #[must_use]
    pub fn label(self, key: &str, value: &str) -> Self {
        self.under("Labels", key, json!(value))
    }

    pub fn name(&self) -> anyhow::Result<Name> {
        Name::parse(&self.name)
    }

    /// The `config` object of the image configuration, keys sorted.
    pub(super) fn config(&self) -> Value {
        let mut config = self.config.clone();
        config.insert("Env".to_owned(), json!(self.env));
        config.sort_keys();
        Value::Object(config)
    }

    fn set(mut self, key: &str, value: Value) -> Self {
        self.config.insert(key.to_owned(), value);
        self
    }

    fn under(mut self, key: &str, inner: &str, value: Value) -> Self {
        let map = self.config.entry(key).or_insert_with(|| json!({}));
        if let Value::Object(map) = map {
            map.insert(inner.to_owned(), value);
            map.sort_keys();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_repository_and_tag() {
        let name = Name::parse("shop/web:1").unwrap();
        assert_eq!((name.repository.as_str(), name.tag.as_str()), ("shop/web", "1"));
        for bad in ["web", "Web:1", "/web:1", "web:", "a//b:1", "web:1:2", "../web:1"] {
            assert!(Name::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_configuration_does_not_depend_on_the_order_of_calls() {
        let one = ImageSpec::scratch("a:1").port(1).port(2).cmd(&["x"]).entrypoint(&["y"]).label("k", "v");
        let two = ImageSpec::scratch("a:1").label("k", "v").entrypoint(&["y"]).cmd(&["x"]).port(2).port(1);
        assert_eq!(one.config().to_string(), two.config().to_string());
    }
}
