//! Kubeconfigs of administrators: drawn from the cluster's keys, or read where a module of one's own says. Needs no engine.

use aws::OwnParameters;
use serde_json::{Value, json};

use crate::status::of;
use crate::work::{Places, Wanted};
use crate::{Error, Result, pki};

/// A kubeconfig of an administrator.
#[derive(Clone, Eq, PartialEq)]
pub enum Kubeconfig {
    /// Its credentials end after so many hours, or are drawn anew for each call.
    Drawn(Value),
    /// As others keep it, where a module of one's own says.
    Kept { place: String, text: String },
}

pub async fn kubeconfig(wanted: &Wanted, hours: u32) -> Result<Kubeconfig> {
    let places = Places::of_file(&wanted.file).await?;
    let region = &wanted.file.spec.region;
    let status = of(&places.bucket, places.identity.clone()).await?;
    let none = || Error::NoCluster { name: status.name.clone(), bucket: status.bucket.clone() };
    let contract = status.contract.as_ref().ok_or_else(none)?;
    let text = |key: &str| contract.auth.get(key).and_then(Value::as_str).unwrap_or_default();
    let reach = || async {
        let store = OwnParameters::reach(region).await;
        store.map_err(|failure| Error::Aws { doing: "reach Parameter Store", failure })
    };
    match text("kind") {
        "ssm" if text("parameter") == format!("{}/pki/ca", pki::path(&places.identity)) => {
            pki::kubeconfig(&reach().await?, &places.identity, &contract.endpoint, hours)
                .await
                .map(Kubeconfig::Drawn)
        }
        "eks" => {
            let (name, cluster) = (&status.name, text("cluster"));
            let get_token =
                ["eks", "get-token", "--region", region, "--cluster-name", cluster, "--output", "json"];
            Ok(Kubeconfig::Drawn(json!({
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": name,
                "clusters": [{"name": name, "cluster": {
                    "server": contract.endpoint, "certificate-authority-data": contract.certificate_authority}}],
                "users": [{"name": name, "user": {"exec": {
                    "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
                    "command": "aws", "args": get_token}}}],
                "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            })))
        }
        "ssm" => {
            let name = text("parameter");
            let found = reach().await?.get(name).await;
            kept(format!("parameter {name}"), found)
        }
        _ => {
            let arn = text("arn");
            kept(format!("secret {arn}"), places.account.secret(arn).await)
        }
    }
}

fn kept(place: String, found: Result<Option<String>, aws::Failure>) -> Result<Kubeconfig> {
    let failed = |failure| Error::Aws { doing: "read the kubeconfig where the module says it is", failure };
    match found.map_err(failed)? {
        Some(text) => Ok(Kubeconfig::Kept { place, text }),
        None => Err(Error::NoKubeconfig { place }),
    }
}
