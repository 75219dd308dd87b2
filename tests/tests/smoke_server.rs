//! Who signs in to `outboard server` sees what Kubernetes lets them see, in a browser and in a terminal, and changes nothing else.

use std::time::Duration;

use anyhow::{Result, anyhow};
use api::Exit;
use serde_json::{Value, json};
use stories::{Server, Terminal, contains, light, rights, same, story, until};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_viewer_signs_in_looks_on_and_is_refused_what_changes_something() -> Result<()> {
    story(async |world| {
        let shop = |spec: &mut Value| {
            *spec = light();
            spec["access"] = json!({"viewer": {"users": ["oidc:vera@example.com"]}});
        };
        world.apply(shop).await?;
        let rights = rights(world).await?;
        let server = Server::start(world, |_| json!({"issuers": []}).to_string()).await?;
        let told = async {
            let signed = server.sign_in("vera").await?;
            let cookie = signed.map_err(|page| anyhow!("vera did not come in: {page:?}"))?;
            let page = server.see("/environments", &cookie).await?;
            same("her page", &page.status, &200)?;
            contains(&server.see("/who", &cookie).await?.body, "oidc:vera@example.com")?;

            let vera = Terminal::of(world, &server, "vera").await?;
            until("her rights are bound", SOON, async || {
                Ok((vera.outboard(&["env", "list"]).await?.code == 0).then_some(()))
            })
            .await?;
            let refused = vera.outboard(&["env", "create", "qa"]).await?.ended(Exit::Forbidden)?;
            contains(&refused.stderr, "oidc:vera@example.com")
        };
        let told = told.await;
        server.end().await?;
        rights.withdraw().await?;
        told
    })
    .await
}
