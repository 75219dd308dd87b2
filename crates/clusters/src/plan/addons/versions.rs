//! The one table of what is installed in which version, with the day on which it was looked through.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Addon;

const TABLE: &str = include_str!("versions.json");

#[derive(Clone, Debug, Deserialize)]
pub struct Versions {
    pub date: String,
    addons: BTreeMap<String, Version>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Version {
    pub version: String,
    #[serde(default)]
    images: BTreeMap<String, Image>,
    /// What is fetched, or taken from a folder.
    #[serde(default)]
    pub files: Vec<Pinned>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Image {
    Always(String),
    /// By minor version of Kubernetes.
    Of(BTreeMap<String, String>),
}

/// A file of another project: where it lies, and what it has to be.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Pinned {
    pub url: String,
    pub sha256: String,
}

impl Pinned {
    /// What it is called in a folder that it was brought along in.
    pub fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or(&self.url)
    }
}

impl Versions {
    pub fn table() -> Self {
        // It is part of the program, and a test reads it.
        serde_json::from_str(TABLE).unwrap_or(Self { date: String::new(), addons: BTreeMap::new() })
    }

    pub fn of(&self, addon: Addon) -> Version {
        self.addons.get(addon.word()).cloned().unwrap_or_default()
    }
}

impl Version {
    /// Images by name, for a version of Kubernetes such as 1.34 or 1.34.2; an error: the ones there are images for.
    pub fn images(&self, kubernetes: Option<&str>) -> Result<BTreeMap<String, String>, Vec<String>> {
        let minor: Option<String> =
            kubernetes.map(|version| version.splitn(3, '.').take(2).collect::<Vec<_>>().join("."));
        let mut found = BTreeMap::new();
        for (name, image) in &self.images {
            let image = match image {
                Image::Always(image) => image,
                Image::Of(all) => minor
                    .as_ref()
                    .and_then(|minor| all.get(minor))
                    .ok_or_else(|| all.keys().cloned().collect::<Vec<_>>())?,
            };
            found.insert(name.clone(), image.clone());
        }
        Ok(found)
    }
}
