//! Certificates of hosts, asked of cert-manager's own controllers: the wildcard's and a named host's, and a class that awaits
//! them.

use anyhow::{Context, Result, ensure};
use api::{Exit, condition};
use serde_json::json;
use stories::dns::{self, SOON, hostname, named, with_zone};
use stories::{CertManager, Metrics, contains, light, same, story, until};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed, and cert-manager"]
async fn hosts_show_certificates_of_the_issuer_and_a_class_that_awaits_them_is_ready_only_then() -> Result<()>
{
    story(async |world| {
        world
            .apply(|spec| {
                *spec = light();
                spec["classes"]["qa"]["awaitHosts"] = json!(true);
            })
            .await?;
        let cert_manager = CertManager::begin(world).await?;
        let authority = cert_manager.authority(world).await?;
        let told = with_zone(world, &["--certificate-issuer=stories"], async || {
            world.create("production", &[]).await?;
            let status = world.environments().get("production").await?.status.unwrap_or_default();
            for r#type in [condition::READY, condition::DNS_READY, condition::CERTIFICATE_READY] {
                let found = condition::find(&status.conditions, r#type);
                ensure!(found.is_some_and(api::Condition::is_true), "{type}: {found:?}");
            }
            // Ready, so it answers at once, and with the issuer's certificate.
            let by_name = format!("web-production-{}.{}", world.name, testbed::dns::DOMAIN);
            same("by its name", &dns::https_trusting(&authority, &by_name, "/version").await?.status, &200)?;

            let www = named(world, "www");
            world
                .outboard(&["hostname", "claim", &www, "--env", "production"])
                .await?
                .ended(Exit::Success)?;
            let answer = dns::https_trusting(&authority, &www, "/version").await?;
            same("by its own name", &answer.status, &200)?;
            let listed = hostname(world, &["list"]).await?;
            let of_www = listed.as_array().and_then(|all| all.iter().find(|host| host["host"] == json!(www)));
            let of_www = of_www.context("it is not listed")?;
            same("its certificate", &of_www["certificateReady"], &json!(true))?;
            contains(of_www["certificate"].as_str().unwrap_or_default(), "it holds until")?;
            let series = format!("outboard_certificate_not_after_timestamp_seconds{{host=\"{www}\"}}");
            let not_after =
                Metrics::of_operator(&world.client).await?.value(&series).context("no metric of it")?;
            let left = not_after - jiff::Timestamp::now().as_second() as f64;
            ensure!((80.0..=91.0).contains(&(left / 86_400.0)), "it holds for {left} s");

            // Given back, its certificate is asked for no more, and the wildcard's stays.
            world.outboard(&["hostname", "release", &www, "--yes"]).await?.ended(Exit::Success)?;
            until("its certificate gone", SOON, async || {
                // Beside those of hosts that others have here.
                let left = cert_manager.certificates(world).await?;
                let wildcard = format!("outboard.wildcard.{}", testbed::dns::DOMAIN);
                Ok((left.contains(&wildcard) && !left.contains(&format!("outboard.{www}"))).then_some(()))
            })
            .await?;
            let listeners = cert_manager.listeners(world).await?;
            ensure!(!listeners.contains(&format!("outboard.{www}")), "still listened for: {listeners:?}");
            same("by its name", &dns::https_trusting(&authority, &by_name, "/version").await?.status, &200)
        })
        .await;
        cert_manager.end(world).await?;
        told
    })
    .await
}
