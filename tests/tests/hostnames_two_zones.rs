//! A public and a private hosted zone of one name, as companies have them: a host stands in both, and each is kept for itself.

use anyhow::{Result, ensure};
use api::Exit;
use stories::dns::{self, held_in, named, with_zone};
use stories::{light, same, story};
use testbed::dns::{PRIVATE_ZONE_ID, ZONE_ID};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_host_stands_in_the_public_and_the_private_zone_of_its_name_and_goes_from_both() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = light()).await?;
        let private = format!("--hosted-zone={PRIVATE_ZONE_ID}");
        with_zone(world, &[&private], async || {
            world.create("qa", &[]).await?;
            let www = named(world, "both");
            world.outboard(&["hostname", "claim", &www, "--env", "qa"]).await?.ended(Exit::Success)?;
            let (public, private) = (held_in(ZONE_ID, &www).await?, held_in(PRIVATE_ZONE_ID, &www).await?);
            same("records of both", &public, &private)?;
            ensure!(public.len() == 2, "an address and whose it is: {public:?}");
            same("by the public one", &dns::https(&www, "/version").await?.status, &200)?;

            // In the private zone somebody else has a name; the public one is not held up by it.
            let theirs = named(world, "theirs");
            let record = dns::Record::new(&theirs, "A", "192.0.2.7");
            dns::create_in(PRIVATE_ZONE_ID, std::slice::from_ref(&record)).await?;
            world.outboard(&["hostname", "claim", &theirs, "--env", "qa"]).await?.ended(Exit::Conflict)?;
            same("what others have", &held_in(PRIVATE_ZONE_ID, &theirs).await?.len(), &1)?;
            world.outboard(&["hostname", "release", &theirs, "--yes"]).await?.ended(Exit::Success)?;
            same("what others have still", &held_in(PRIVATE_ZONE_ID, &theirs).await?.len(), &1)?;
            dns::delete_in(PRIVATE_ZONE_ID, std::slice::from_ref(&record)).await?;

            world.outboard(&["hostname", "release", &www, "--yes"]).await?.ended(Exit::Success)?;
            for zone in [ZONE_ID, PRIVATE_ZONE_ID] {
                same("after its release", &held_in(zone, &www).await?, &Vec::<String>::new())?;
                same("of the other host", &held_in(zone, &theirs).await?, &Vec::<String>::new())?;
            }
            Ok(())
        })
        .await
    })
    .await
}
