//! A host that several clusters share by weights.

use anyhow::{Result, ensure};
use api::Exit;
use stories::dns::{self, Record, hostname, named, with_zone};
use stories::{contains, light, same, story};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn two_clusters_share_a_host_by_weights_and_never_are_both_at_0() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = light()).await?;
        with_zone(world, &[], async || {
            world.create("production", &[]).await?;
            let www = named(world, "shared");
            let text = "\"heritage=external-dns,external-dns/outboard-cluster=other,external-dns/owner=outboard/outboard,\
                        external-dns/resource=environment/team/production\"";
            let of_other = |weight| {
                let identifier = format!("other/{www}");
                [
                    Record::new(&www, "A", "192.0.2.7").weighted(&identifier, weight),
                    Record::new(&format!("a-{www}"), "TXT", text).weighted(&identifier, weight),
                ]
            };
            dns::create(&of_other(0)).await?;
            let claim = async |weight: &str, exit| {
                let arguments = ["hostname", "claim", &www, "--env", "production", "--weight", weight];
                world.outboard(&arguments).await?.ended(exit)
            };
            claim("10", Exit::Success).await?;
            same("records", &dns::held(&www).await?.len(), &4)?;

            // The other one is at 0, so this one can neither go to 0 nor go.
            let refused = claim("0", Exit::Conflict).await?;
            contains(&refused.stderr, "raise another one first")?;
            claim("20", Exit::Success).await?;
            dns::delete(&of_other(0)).await?;
            dns::create(&of_other(5)).await?;
            claim("0", Exit::Success).await?;
            ensure!(dns::resolve(&www).await? == ["192.0.2.7".parse::<std::net::Ipv4Addr>()?], "not all at the other");

            world.outboard(&["hostname", "release", &www, "--yes"]).await?.ended(Exit::Success)?;
            let left = dns::held(&www).await?;
            ensure!(left.len() == 2 && left.iter().all(|record| record.contains("[other/")), "{left:?}");

            // The other one is no more: what it had is found from here, and goes when somebody says so.
            let found = hostname(world, &["gc", "--of-cluster", "other"]).await?;
            same("what it has", &found[0]["orphans"].as_array().map(Vec::len), &Some(1))?;
            same("before somebody says so", &dns::held(&www).await?.len(), &2)?;
            hostname(world, &["gc", "--of-cluster", "other", "--yes"]).await?;
            same("what is left of it", &dns::held(&www).await?, &Vec::<String>::new())?;
            Ok(())
        })
        .await
    })
    .await
}
