//! Add-ons of a cluster: planned, carried out, looked at, and their images listed.

use std::path::PathBuf;

/// How single objects of an add-on stand.
pub mod objects {
    pub use apply::bundle::{Compared, Standing};
}

pub use ::clusters::addons::{Look as AddonLook, Report as AddonReport, State as AddonState};
pub use ::clusters::plan::addons::images::mirrored;
pub use ::clusters::plan::addons::manifests::Image;
pub use ::clusters::plan::addons::{Addon, By};

use ::clusters::addons::Wish;
use ::clusters::plan::addons::{chosen, manifests};
use ::clusters::plan::spec::AddonsSpec;
use ::clusters::unless;
use kube::Client;
use serde::Serialize;

use super::{Error, Result, Sink, Wanted};
use crate::install::{self, Logs, Options};
use crate::{Cluster, install::Settings};

/// How the cluster's API is reached.
pub enum Way {
    /// As the context says that somebody named: nobody else is asked.
    Context(Box<Cluster>),
    /// With the cluster's own kubeconfig.
    Own,
}

/// Everything that has to be in a registry, and every file that has to be in a folder, where nothing can be fetched.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Needed {
    /// When the versions were looked through.
    pub date: String,
    pub images: Vec<Image>,
    pub files: Vec<File>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    pub addon: Addon,
    pub name: String,
    pub url: String,
    pub sha256: String,
}

pub async fn look(
    wanted: &Wanted,
    way: Way,
    from: Option<PathBuf>,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
) -> Result<Vec<AddonLook>> {
    let wish = Box::pin(wish(wanted, from)).await?;
    if wish.is_empty() {
        return Ok(Vec::new());
    }
    let client = Box::pin(reached(wanted, way)).await?;
    unless(interrupted, Box::pin(::clusters::addons::look(&client, &wish))).await
}

pub async fn apply(
    wanted: &Wanted,
    way: Way,
    from: Option<PathBuf>,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<Vec<AddonReport>> {
    let wish = Box::pin(wish(wanted, from)).await?;
    if wish.is_empty() {
        return Ok(Vec::new());
    }
    let client = match way {
        Way::Own => {
            if !super::status(wanted).await?.destruction.is_empty() {
                return Err(Error::Doomed);
            }
            unless(interrupted, Box::pin(::clusters::answering(wanted, sink))).await?
        }
        way => Box::pin(reached(wanted, way)).await?,
    };
    Box::pin(::clusters::addons::apply(&client, &wish, interrupted, sink)).await
}

/// What a cluster is to have, in its order.
pub fn words(wanted: &Wanted) -> Vec<&'static str> {
    chosen(&wanted.file).iter().map(|one| one.addon.word()).collect()
}

/// Asks nobody.
pub fn needed(wanted: &Wanted) -> Result<Needed> {
    use ::clusters::plan::addons::versions::Versions;
    let file = &wanted.file;
    let chosen = chosen(file);
    let unknown = |why| Error::Unreadable { what: "the table of versions".to_owned(), why };
    let mut images = manifests::all_images(file, &chosen).map_err(unknown)?;
    if chosen.iter().any(|one| one.addon == Addon::Outboard) {
        let from =
            said(wanted).and_then(|said| said.image.clone()).unwrap_or_else(|| Settings::default().image);
        images.push(Image { addon: Addon::Outboard, image: options(wanted).settings.image, from });
    }
    let versions = Versions::table();
    let files = chosen.iter().flat_map(|one| {
        let pinned = versions.of(one.addon).files;
        pinned.into_iter().map(|file| File {
            addon: one.addon,
            name: file.name().to_owned(),
            url: file.url,
            sha256: file.sha256,
        })
    });
    Ok(Needed { date: versions.date.clone(), images, files: files.collect() })
}

async fn wish(wanted: &Wanted, from: Option<PathBuf>) -> Result<Wish> {
    let options = options(wanted);
    let install = options.settings.install.clone();
    Wish::of(wanted, (install, install::manifests(&options)), from).await
}

async fn reached(wanted: &Wanted, way: Way) -> Result<Client> {
    match way {
        Way::Context(cluster) => Ok(cluster.client),
        Way::Own => Ok(::clusters::client(wanted).await?.0),
    }
}

fn said(wanted: &Wanted) -> Option<&::clusters::plan::spec::OutboardSettings> {
    match &wanted.file.spec.addons {
        Some(AddonsSpec::Some(said)) => said.outboard.as_ref(),
        _ => None,
    }
}

/// How outboard itself is installed, as far as a Cluster file says it.
fn options(wanted: &Wanted) -> Options {
    let said = said(wanted).cloned().unwrap_or_default();
    let mut options = Options::default();
    // An image that somebody names is where they say.
    options.settings.image =
        said.image.unwrap_or_else(|| mirrored(&options.settings.image, manifests::registry(&wanted.file)));
    if let Some(domain) = said.domain {
        options.settings.domain = domain;
    }
    options.logs = said.log_stream.map(|stream| Logs {
        stream,
        region: Some(wanted.file.spec.region.clone()),
        role: None,
        pods: "/var/log/pods".to_owned(),
        env: Vec::new(),
        env_from: Vec::new(),
    });
    options.env.insert("AWS_REGION".to_owned(), wanted.file.spec.region.clone());
    options
}
