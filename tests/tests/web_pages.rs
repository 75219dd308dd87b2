//! The pages in a real browser: an environment's whole life, examined and photographed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use stories::{Ui, browse, kubectl, light, shots, story};

/// Creating, changing, going back and destroying, with pictures of each.
const WHOLE_LIFE: Duration = Duration::from_secs(1200);

/// A cluster that nobody has made: what it would cost is known all the same.
const CLUSTER: &str = "apiVersion: outboard.dev/v1alpha1
kind: Cluster
metadata: {name: qa}
spec:
  region: eu-west-1
  topology: kubeadm
  kubernetes: 1.34.2
  image: ami-0abcdef1234567890
  network: {cidr: 10.20.0.0/16, zones: [eu-west-1a, eu-west-1b, eu-west-1c], nat: single}
  api: {allow: [203.0.113.0/24]}
  controlPlane: {nodes: 3, instance: t3.medium}
  workers: {general: {instances: [m6i.large], min: 2, max: 6}}
";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed, and testbed tools browser"]
async fn an_environment_lives_its_whole_life_in_a_browser() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        let other = format!("{}-two", world.name);
        let mut spec = light();
        spec["classes"] = json!({"qa": {}, "stage": {}});
        world.apply_another(&other, &spec).await?;
        let clusters = world.directory().join("clusters");
        std::fs::create_dir(&clusters)?;
        std::fs::write(clusters.join("qa.yaml"), CLUSTER)?;
        let clusters = clusters.to_str().context("a path that is no text")?;
        let mut ui = Ui::with(world, &["--clusters", clusters]).await?;
        let entrance = ui.entrance(None).await?;
        let shots = shots()?;
        let folder = shots.to_str().context("a path that is no text")?;
        println!("pictures: {folder}");
        let kubectl = kubectl()?.display().to_string();
        let variables = [
            ("ENTRANCE", entrance.as_str()),
            ("KUBECTL", &kubectl),
            ("NAMESPACE", &world.name),
            ("OTHER", &other),
            ("SHOTS", folder),
        ];
        browse("pages.cjs", &variables, WHOLE_LIFE).await?;
        for gone in ["qa-42", "qa-43"] {
            ensure!(world.environments().get_opt(gone).await?.is_none(), "{gone} was not destroyed");
        }
        ui.end().await
    })
    .await
}
