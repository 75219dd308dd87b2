//! Ships the files of an old fals' configuration, which is read anew when it has changed or when SIGHUP asks for it.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::Error;
use crate::config::{self, Config};
use crate::engine::{self, Orders, Running, Stream, Supply, Target};
use crate::gather::Gatherer;
use crate::metrics::Metrics;
use crate::plan::cut::Format;
use crate::plan::rotation::is_rotated;
use crate::record::{Origin, Template};
use crate::shape::Shape;
use crate::tail::source::Wanted;

/// How often patterns and the configuration are looked at.
const OFTEN: Duration = Duration::from_secs(2);

/// How the command was called.
#[derive(Clone, Debug)]
pub struct Options {
    pub config: PathBuf,
    pub state: PathBuf,
    pub spool: u64,
    pub drain: Duration,
    pub metrics: Option<SocketAddr>,
}

pub async fn run(options: &Options) -> Result<(), Error> {
    let config = read(&options.config)?;
    let metrics = Metrics::default();
    if let Some(address) = options.metrics {
        metrics.serve(address).await?;
    }
    tell(&config);
    let target = target(&config);
    let host = Host {
        path: options.config.clone(),
        changed: changed(&options.config),
        config,
        looked: None,
        metrics: metrics.clone(),
    };
    let running = Running { state: &options.state, spool: options.spool, drain: options.drain };
    engine::run(&running, target, &metrics, host).await
}

/// Reads a configuration. Everything that is wrong with it is told at once.
pub fn read(path: &Path) -> Result<Config, Error> {
    let bytes = fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(config::parse(path, text.trim_start_matches('\u{feff}'))?)
}

fn tell(config: &Config) {
    for note in &config.notes {
        tracing::warn!("{note}");
    }
    tracing::info!("Shipping {} components to stream {}", config.components.len(), config.stream);
}

fn target(config: &Config) -> Target {
    Target::Firehose(Stream {
        name: config.stream.clone(),
        region: config.region.clone(),
        key: config.key.clone(),
    })
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

struct Host {
    path: PathBuf,
    changed: Option<SystemTime>,
    config: Config,
    looked: Option<Instant>,
    metrics: Metrics,
}

impl Supply for Host {
    fn orders(&mut self, gatherer: &mut Gatherer, asked: bool) -> Option<Orders> {
        let first = self.looked.is_none();
        if !asked && self.looked.is_some_and(|looked| looked.elapsed() < OFTEN) {
            return None;
        }
        self.looked = Some(Instant::now());
        let changed = changed(&self.path);
        let anew = asked || (changed.is_some() && changed != self.changed);
        self.changed = changed.or(self.changed);
        if anew {
            match read(&self.path) {
                Ok(config) => {
                    self.metrics.reloads.inc();
                    tell(&config);
                    self.config = config;
                }
                Err(error) => {
                    let lines = if let Error::Config(broken) = &error { broken.lines() } else { vec![] };
                    tracing::error!("Going on as before: {error}: {}", lines.join("; "));
                }
            }
        }
        Some(Orders {
            wanted: self.wanted(gatherer),
            target: (anew && !first).then(|| target(&self.config)),
            interval: Some(self.config.interval),
        })
    }
}

impl Host {
    fn wanted(&self, gatherer: &Gatherer) -> Vec<Wanted> {
        let mut wanted = BTreeMap::new();
        for component in &self.config.components {
            let origin = Origin {
                project: self.config.project.clone(),
                env: self.config.env.clone(),
                component: component.name.clone(),
                ..Origin::default()
            };
            let shape = Shape::Object(Template::of(&origin));
            let prefix = format!("{}:", component.name);
            // Those that have lost their name, and are not shipped yet.
            let left = gatherer.open_places().filter_map(|place| place.source.strip_prefix(&prefix));
            for path in files(&component.file, left.map(PathBuf::from)) {
                let key = format!("{prefix}{}", path.display());
                let format = Format::Lines;
                let shape = shape.clone();
                wanted.insert(key.clone(), Wanted { key, path, format, shape, origin: None });
            }
        }
        wanted.into_values().collect()
    }
}

/// A file, or all files of a pattern but those that rotations made of others.
fn files(file: &Path, left: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let pattern = file.to_string_lossy();
    if !pattern.contains(['*', '?', '[']) || file.exists() {
        return vec![file.to_owned()];
    }
    let Ok(compiled) = glob::Pattern::new(&pattern) else { return vec![file.to_owned()] };
    let found = glob::glob(&pattern).into_iter().flatten().flatten().filter(|path| path.is_file());
    let mut all: Vec<PathBuf> = found.chain(left.filter(|path| compiled.matches_path(path))).collect();
    all.sort();
    all.dedup();
    let name =
        |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_made = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "gz")
            || all
                .iter()
                .any(|other| other.parent() == path.parent() && is_rotated(&name(other), &name(path)))
    };
    all.iter().filter(|path| !is_made(path)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_logs_and_not_what_rotations_made_of_them() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.log", "a.log.1", "a.log.2.gz", "b.log-20260101", "c.log", "c.log.json"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let found = files(&folder.path().join("*.log*"), std::iter::empty());
        let names: Vec<_> = found.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        assert_eq!(names, ["a.log", "b.log-20260101", "c.log", "c.log.json"]);
        let literal = folder.path().join("[x].log");
        fs::write(&literal, "").unwrap();
        assert_eq!(files(&literal, std::iter::empty()), [literal]);
    }
}
