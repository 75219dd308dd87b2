//! Hostnames in a zone that others use, too: answered and verified, given back without a trace, and never somebody else's.

use anyhow::{Context, Result, ensure};
use api::{Exit, HostClaim, Hostname, condition};
use kube::api::Api;
use serde_json::{Value, json};
use stories::dns::{self, Record, SOON, hostname, named, with_zone};
use stories::{World, contains, leftovers, light, same, story, until};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_host_answers_over_tls_and_goes_with_its_environment_while_what_others_have_stays() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = light()).await?;
        with_zone(world, &[], async || {
            let theirs = named(world, "theirs");
            let foreign = [
                Record::new(&theirs, "A", "192.0.2.7"),
                Record::new(&format!("a-{theirs}"), "TXT", "\"heritage=external-dns,external-dns/owner=default\""),
            ];
            dns::create(&foreign).await?;
            world.create("qa", &[]).await?;

            // Every environment is served by one wildcard, which is no environment's own.
            let by_name = format!("web-qa-{}.{}", world.name, testbed::dns::DOMAIN);
            until("the wildcard answering", SOON, async || {
                Ok((!dns::resolve(&by_name).await?.is_empty()).then_some(()))
            })
            .await?;
            same("by its name", &dns::https(&by_name, "/version").await?.status, &200)?;
            dns_ready(world, "qa").await?;
            same("records of its own", &dns::held(&by_name).await?, &Vec::<String>::new())?;

            // Somebody else's host is told as that, and nothing happens to it.
            let refused = world.outboard(&["hostname", "claim", &theirs, "--env", "qa"]).await?.ended(Exit::Conflict)?;
            contains(&refused.stderr, "belongs to owner `default` of external-dns")?;
            world.outboard(&["hostname", "release", &theirs, "--yes"]).await?.ended(Exit::Success)?;

            let www = named(world, "www");
            let planned = hostname(world, &["plan", &www, "--env", "qa"]).await?;
            same("planned", &outcome(&planned, &www), &json!("create"))?;
            world.outboard(&["hostname", "claim", &www, "--env", "qa"]).await?.ended(Exit::Success)?;
            same("by its own name", &dns::https(&www, "/version").await?.status, &200)?;
            let txt = format!("a-{www} TXT [testbed/{www} 100]");
            let held = dns::held(&www).await?;
            ensure!(held.len() == 2 && held.iter().any(|record| record.starts_with(&txt.replacen(' ', ". ", 1))), "{held:?}");

            // The journal tells what became of the plan.
            let journal = hostname(world, &["journal", &www]).await?;
            let entry = journal.as_array().and_then(|all| all.last()).context("no batch")?;
            ensure!(entry["inSync"].is_string() && entry["state"]["accepted"]["change"].is_string(), "{entry:#}");
            let of_plan = |host: &Value| host["changes"].clone();
            let host = entry["hosts"].as_array().and_then(|all| all.iter().find(|host| host["host"] == json!(www)));
            let before = planned[0]["hosts"].as_array().and_then(|all| all.iter().find(|host| host["name"] == json!(www)));
            same("planned and done", &host.map(of_plan), &before.map(of_plan))?;

            // What nobody asks for any more is found, and nothing else.
            let orphan = named(world, "orphan");
            let text = "\"heritage=external-dns,external-dns/outboard-cluster=testbed,external-dns/owner=outboard/outboard,\
                        external-dns/resource=environment/gone/gone\"";
            let planted = |record: Record| record.weighted(&format!("testbed/{orphan}"), 100);
            dns::create(&[
                planted(Record::new(&orphan, "A", "192.0.2.9")),
                planted(Record::new(&format!("a-{orphan}"), "TXT", text)),
            ])
            .await?;
            let found = hostname(world, &["gc"]).await?;
            same("orphans", &names(&found[0]["orphans"]), &vec![orphan.clone()])?;
            hostname(world, &["gc", "--yes"]).await?;
            same("the orphan", &dns::held(&orphan).await?, &Vec::<String>::new())?;
            same("the host that is claimed", &dns::held(&www).await?.len(), &2)?;

            world.outboard(&["env", "destroy", "qa", "--yes"]).await?.ended(Exit::Success)?;
            same("its records", &dns::held(&www).await?, &Vec::<String>::new())?;
            same("what others have", &dns::held(&theirs).await?.len(), &2)?;
            ensure!(Api::<Hostname>::namespaced(world.client.clone(), &world.name).get_opt(&www).await?.is_none());
            ensure!(Api::<HostClaim>::all(world.client.clone()).get_opt(&www).await?.is_none());
            same("what is left", &leftovers(world).await?, &vec![])?;
            dns::delete(&foreign).await
        })
        .await
    })
    .await
}

async fn dns_ready(world: &World, environment: &str) -> Result<()> {
    until("DNSReady", SOON, async || {
        let found = world.environments().get(environment).await?.status.unwrap_or_default();
        let ready = condition::find(&found.conditions, condition::DNS_READY);
        Ok(ready.is_some_and(api::Condition::is_true).then_some(()))
    })
    .await
}

fn outcome(plans: &Value, host: &str) -> Value {
    let hosts = plans[0]["hosts"].as_array().cloned().unwrap_or_default();
    hosts
        .into_iter()
        .find(|found| found["name"] == json!(host))
        .map(|found| found["outcome"].clone())
        .unwrap_or_default()
}

fn names(hosts: &Value) -> Vec<String> {
    let all = hosts.as_array().cloned().unwrap_or_default();
    all.iter().filter_map(|host| host["name"].as_str().map(str::to_owned)).collect()
}
