//! A cluster that others made becomes one of those that are listed, gets an environment, and runs on when it is struck off.

use anyhow::{Result, ensure};
use api::Exit;
use stories::{Cloud, contains, light, story};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_cluster_that_others_made_is_listed_and_gets_an_environment() -> Result<()> {
    story(async |world| {
        let cloud = Cloud::alone(world.directory()).await?;
        let endpoint = cloud.endpoint();
        let variables = [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", "AKIASTORYSTORYSTORY0"),
            ("AWS_SECRET_ACCESS_KEY", "nothing"),
            ("AWS_REGION", "eu-west-1"),
        ];
        let cluster = async |arguments: &[&str]| {
            world.outboard_with(&variables, &[&["cluster"], arguments].concat()).await
        };
        let refused = cluster(&["adopt", "Testbed"]).await?.ended(Exit::Invalid)?;
        contains(&refused.stderr, "cannot be a cluster's name")?;
        let adopted = cluster(&["adopt", "testbed"]).await?.ended(Exit::Success)?;
        contains(&adopted.stdout, "testbed is listed: Kubernetes v")?;
        let all = cluster(&["list", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
        ensure!(all[0]["name"] == "testbed" && all[0]["phase"] == "adopted", "{all}");
        ensure!(
            all[0]["adopted"]["endpoint"].as_str().is_some_and(|url| url.starts_with("https://")),
            "{all}"
        );

        world.apply(|spec| *spec = light()).await?;
        let created = world.create("qa-44", &[]).await?;
        contains(&created.stdout, "qa-44 is ready")?;

        cluster(&["forget", "testbed"]).await?.ended(Exit::Success)?;
        cluster(&["forget", "testbed"]).await?.ended(Exit::NotFound)?;
        let all = cluster(&["list", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
        ensure!(all == serde_json::json!([]), "{all}");
        ensure!(world.get("qa-44", "/version").await?.status == 200, "it does not run on");
        Ok(())
    })
    .await
}
