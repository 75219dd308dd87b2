//! A cluster of EKS, as far as moto goes: made, found as it should be, and destroyed. Needs no testbed.

use anyhow::{Context, Result, ensure};
use api::Exit;
use serde_json::json;
use stories::{Construction, NOT_IN_MOTO};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto, the provider and some minutes"]
async fn a_cluster_of_eks_is_made_and_destroyed_as_far_as_moto_goes() -> Result<()> {
    let site = Construction::begin().await?;
    site.write(&site.eks()?)?;
    for (part, why) in NOT_IN_MOTO {
        println!("not tried: {} ({why})", part.trim());
    }
    let made = site.cluster(&["create", "--yes", "-o", "json"]).await?.ended(Exit::Success)?;
    let created = made.last()?["result"].clone();
    let endpoint = created["endpoint"].as_str().context("an endpoint")?;
    ensure!(endpoint.contains(".eks.amazonaws.com") && created["auth"]["kind"] == "eks", "{created}");
    let again = site.cluster(&["plan", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(again["result"]["changes"] == json!([]), "a second plan would change: {again}");
    let kubeconfig = site.cluster(&["kubeconfig"]).await?.ended(Exit::Success)?.stdout;
    ensure!(kubeconfig.contains("get-token") && kubeconfig.contains(endpoint), "{kubeconfig}");
    let receipt = site.cluster(&["destroy", "--yes", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(receipt["result"]["left"] == 0, "{receipt}");
    let left = site.behind("left", created["id"].as_str().context("an id")?)?;
    ensure!(left.is_empty(), "left: {left:#?}");
    Ok(())
}
