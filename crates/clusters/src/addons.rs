//! Add-ons of a cluster that runs: how they stand, and carried out in their order, each waited for.

mod apply;
mod files;
mod look;
mod wait;

use std::path::PathBuf;

use ::apply::Bundle;
use ::apply::error::is_status;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use kube::core::DynamicObject;
use kube::{Api, Client};
use serde_json::Value;

pub use apply::{Report, apply};
pub use look::{Look, State, look};

use crate::plan::addons::versions::Versions;
use crate::plan::addons::{Addon, By, Chosen, chosen, manifests};
use crate::plan::names::Identity;
use crate::plan::spec::ClusterFile;
use crate::work::{Places, Wanted};
use crate::{Error, Result};

/// Field manager of what add-ons are made of.
const MANAGER: &str = "outboard-addons";

/// What a cluster is to have.
pub struct Wish {
    pub(crate) file: ClusterFile,
    pub(crate) identity: Identity,
    pub(crate) chosen: Vec<Chosen>,
    /// Of outboard itself, as its installation has them, with the name of that installation.
    outboard: (String, Vec<Value>),
    /// Where files of other projects lie that are otherwise fetched.
    from: Option<PathBuf>,
}

impl Wish {
    /// `outboard`: the installation's name and its objects; `from`: a folder that holds what would be fetched.
    pub async fn of(wanted: &Wanted, outboard: (String, Vec<Value>), from: Option<PathBuf>) -> Result<Self> {
        let file = wanted.file.clone();
        let chosen = chosen(&file);
        let spec = &file.spec;
        let bucket = spec.state.as_ref().map(|state| state.bucket.as_str());
        let identity = match &spec.account {
            Some(account) => Identity::of(&file.metadata.name, account, &spec.region, bucket),
            // Nobody has to be asked whose cluster it is for what is the same in all of them.
            None if chosen.iter().any(|one| one.addon.is_of_our_modules()) => {
                Places::of_file(&file).await?.identity
            }
            None => Identity::of(&file.metadata.name, "", &spec.region, bucket),
        };
        Ok(Self { file, identity, chosen, outboard, from })
    }

    pub fn is_empty(&self) -> bool {
        self.chosen.is_empty()
    }

    /// What is applied of one add-on; none of what others bring.
    async fn bundle(&self, client: &Client, one: Chosen) -> Result<Bundle> {
        if one.addon == Addon::Outboard {
            let (install, objects) = &self.outboard;
            // How it is installed is said to `outboard install`: defaults of this file would take that back.
            let objects = if is_installed(client).await? { &Vec::new() } else { objects };
            return Ok(Bundle {
                manager: "outboard-install".to_owned(),
                mark: (api::marks::INSTALL.to_owned(), install.clone()),
                objects: read(objects.clone())?,
                may_add: Vec::new(),
                by_mark_alone: true,
                // Its mark is on everything that it has made for environments.
                prunes: false,
            });
        }
        let mut objects = Vec::new();
        if matches!(one.by, By::Outboard | By::EksAndOutboard) {
            for pinned in Versions::table().of(one.addon).files {
                objects.extend(definitions(one.addon, &files::read(&pinned, self.from.as_deref()).await?)?);
            }
            let own = manifests::objects(&self.file, &self.identity, one);
            objects.extend(own.map_err(|why| Error::Addon { addon: one.addon, why })?);
        }
        Ok(Bundle {
            manager: MANAGER.to_owned(),
            mark: (api::marks::ADDON.to_owned(), one.addon.word().to_owned()),
            objects: read(objects)?,
            // They write authorities and finalizers onto what is there.
            may_add: vec![
                "cainjector".to_owned(),
                "cert-manager-cainjector".to_owned(),
                "envoy-gateway".to_owned(),
            ],
            by_mark_alone: false,
            prunes: matches!(one.by, By::Outboard | By::EksAndOutboard),
        })
    }
}

/// Says that the installation of outboard was begun as an add-on and has not come up yet: until then it is written again.
const BEGUN: &str = "outboard-installation-begun";

/// Whether an operator is there that others have installed, or that has come up once.
async fn is_installed(client: &Client) -> Result<bool> {
    let found = async {
        let operators = Api::<Deployment>::namespaced(client.clone(), "outboard-system");
        let operator = operators.get_opt("outboard-operator").await?;
        Ok(operator.is_some() && begun(client).get_opt(BEGUN).await?.is_none())
    };
    found.await.map_err(|error: kube::Error| Error::of_addon(Addon::Outboard, error.into()))
}

fn begun(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), "kube-system")
}

/// Notes down that outboard's installation is begun, if nobody has installed it.
async fn begin_installation(client: &Client) -> Result<()> {
    if is_installed(client).await? {
        return Ok(());
    }
    let metadata = ObjectMeta { name: Some(BEGUN.to_owned()), ..ObjectMeta::default() };
    let mark = ConfigMap { metadata, ..ConfigMap::default() };
    match begun(client).create(&PostParams::default(), &mark).await {
        Err(error) if !is_status(&error, 409) => Err(Error::of_addon(Addon::Outboard, error.into())),
        _ => Ok(()),
    }
}

async fn end_installation(client: &Client) -> Result<()> {
    match begun(client).delete(BEGUN, &DeleteParams::default()).await {
        Err(error) if !is_status(&error, 404) => Err(Error::of_addon(Addon::Outboard, error.into())),
        _ => Ok(()),
    }
}

fn read(objects: Vec<Value>) -> Result<Vec<DynamicObject>> {
    let read: std::result::Result<Vec<DynamicObject>, _> =
        objects.into_iter().map(serde_json::from_value).collect();
    read.map_err(|error| Error::Unreadable {
        what: "an add-on's manifest".to_owned(),
        why: error.to_string(),
    })
}

/// The definitions in a file of another project, as ours.
fn definitions(addon: Addon, text: &str) -> Result<Vec<Value>> {
    // What is inside is known by its checksum: no limit has to guard against it.
    let options = serde_saphyr::options! { budget: None };
    let read: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| Error::Addon { addon, why: error.to_string() })?;
    let mut all = Vec::new();
    for mut object in read.into_iter().filter(Value::is_object) {
        if object["kind"] != "CustomResourceDefinition" {
            let why = format!("a file of definitions holds a {}", object["kind"]);
            return Err(Error::Addon { addon, why });
        }
        if let Some(fields) = object.as_object_mut() {
            fields.remove("status");
        }
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("creationTimestamp");
        }
        object["metadata"]["labels"][api::marks::ADDON] = addon.word().into();
        all.push(object);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_of_others_become_ours_and_nothing_else_of_them_is_taken() {
        let text = "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
            metadata: {name: a.example.org, creationTimestamp: null}\nspec: {group: example.org}\nstatus: {a: b}\n---\n";
        let all = definitions(Addon::Gateway, text).unwrap();
        let expected = serde_json::json!([{
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "a.example.org", "labels": {"outboard.dev/addon": "gateway"}},
            "spec": {"group": "example.org"}}]);
        assert_eq!(Value::from(all), expected);
        let other = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n";
        assert!(matches!(definitions(Addon::Gateway, other), Err(Error::Addon { .. })));
    }
}
