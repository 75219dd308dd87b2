//! The pages in a real browser: an environment's whole life, examined and photographed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use stories::{Ui, browse, shots, story};

/// Creating, changing, going back and destroying, with pictures of each.
const WHOLE_LIFE: Duration = Duration::from_secs(900);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed, and testbed tools browser"]
async fn an_environment_lives_its_whole_life_in_a_browser() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        let mut ui = Ui::begin(world).await?;
        let entrance = ui.entrance(None).await?;
        let shots = shots()?;
        let folder = shots.to_str().context("a path that is no text")?;
        println!("pictures: {folder}");
        let variables = [("ENTRANCE", entrance.as_str()), ("NAMESPACE", &world.name), ("SHOTS", folder)];
        browse("pages.cjs", &variables, WHOLE_LIFE).await?;
        for gone in ["qa-42", "qa-43"] {
            ensure!(world.environments().get_opt(gone).await?.is_none(), "{gone} was not destroyed");
        }
        ui.end().await
    })
    .await
}
