//! outboard and external-dns in one hosted zone of moto: neither touches what the other has, each knows whose it is.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hostnames::{
    Done, Entry, Gone, Journal, Limits, Memory, Name, Outcome, Owner, Policy, Present, Question, Scheduler,
    Share, Target, Wanted, WantedHost, Which, Who, Zone, carry_out, find, plan, read_all,
};
use serde_json::{Value, json};
use stories::{Cloud, contains, same};

const ZONE: &str = "example.com";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto and external-dns"]
async fn external_dns_leaves_what_is_ours_and_we_leave_what_is_its() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let cloud = Cloud::alone(directory.path()).await?;
    let id = cloud.hosted_zone(ZONE).await?;
    let outboard = Outboard::of(&cloud, &id).await?;
    let external = ExternalDns { cloud: &cloud, directory: directory.path() };

    // Ours first: simple, by weight, a wildcard, and one at the end of the zone.
    let hosts = [
        wanted("simple.example.com", Share::All)?,
        wanted("shared.example.com", Share::Weight(100))?,
        wanted("*.apps.example.com", Share::All)?,
        wanted("example.com", Share::All)?,
    ];
    same("written", &outboard.write(&hosts).await?, &hosts.len())?;
    let before = outboard.present().await?;

    // It wants some of the same hosts elsewhere and others not at all, and one of its own.
    let want = |name: &str| json!({"dnsName": name, "targets": ["192.0.2.99"], "recordType": "A"});
    let mut all = ["simple.example.com", "shared.example.com", "example.com", "theirs.example.com"].map(want);
    // The very share that is ours: another sort of record at that name would be refused by Route 53, which moto does not do.
    all[1]["setIdentifier"] = json!("eu-1/shared.example.com");
    all[1]["providerSpecific"] = json!([{"name": "aws/weight", "value": "200"}]);
    let changes = external.sync(&all)?;
    let made: Vec<&str> = changes["create"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|made| made["dnsName"].as_str())
        .collect();
    same("what external-dns makes", &made, &vec!["theirs.example.com"])?;
    ensure!(changes["delete"].is_null() && changes["updateNew"].is_null(), "{changes:#}");
    let after = outboard.present().await?;
    for set in before.all() {
        ensure!(after.all().any(|found| found == set), "{set} is gone");
    }

    // Now we want what is its.
    let planned = outboard.plan(&[wanted("theirs.example.com", Share::All)?], &after);
    let host = planned.host(&Name::host("theirs.example.com")?).context("no plan of it")?;
    let Outcome::Conflict(conflicts) = &host.outcome else { anyhow::bail!("{host:?}") };
    contains(&conflicts[0].to_string(), "belongs to owner `default` of external-dns")?;

    // And when it wants nothing any more, only its own goes.
    external.sync(&[])?;
    let left = outboard.present().await?;
    same("what is left", &left.all().count(), &before.all().count())?;
    // Ours are still known as ours, and nothing is to be done.
    let planned = outboard.plan(&hosts, &left);
    ensure!(planned.hosts.iter().all(|host| host.outcome == Outcome::Nothing), "{:#?}", planned.hosts);
    Ok(())
}

fn wanted(name: &str, share: Share) -> Result<WantedHost> {
    Ok(WantedHost {
        name: Name::host(name)?,
        share,
        target: Target::Addresses { v4: ["192.0.2.1".parse()?].into(), v6: [].into(), ttl: 60 },
        resource: "environment/team/production".to_owned(),
        health_check: None,
    })
}

struct Outboard {
    route53: hostnames::Aws,
    scheduler: Scheduler,
    zone: Zone,
    owner: Owner,
}

impl Outboard {
    async fn of(cloud: &Cloud, id: &str) -> Result<Self> {
        let route53 = hostnames::Aws::reach(&aws::Access::at(&cloud.endpoint())).await?;
        let scheduler = Scheduler::default();
        let zone = find(&route53, &scheduler, &Which::Id(id)).await?;
        Ok(Self { route53, scheduler, zone, owner: Owner::new("outboard", "eu-1")? })
    }

    async fn present(&self) -> Result<Present> {
        Ok(read_all(&self.route53, &self.scheduler, &self.zone.id).await?)
    }

    fn plan(&self, hosts: &[WantedHost], present: &Present) -> hostnames::Plan {
        plan(&Question {
            zone: &self.zone.name,
            owner: &self.owner,
            formats: &[],
            wanted: &Wanted { hosts: hosts.to_vec(), served: vec![] },
            present,
            memory: &Memory::default(),
            policy: Policy::Sync,
            limits: Limits::default(),
            gone: Gone::All,
        })
    }

    /// How many hosts were written.
    async fn write(&self, hosts: &[WantedHost]) -> Result<usize> {
        let planned = self.plan(hosts, &self.present().await?);
        let who = Who { owner: self.owner.id(), by: "a story" };
        let done =
            carry_out(&self.route53, &self.scheduler, &self.zone, who, &planned.hosts, &mut Book).await;
        let refused = done.iter().find(|done| !matches!(done, Done::Accepted { .. }));
        ensure!(refused.is_none(), "{refused:?}");
        Ok(done.len())
    }
}

/// Nobody reads it.
struct Book;

impl Journal for Book {
    async fn keep(&mut self, _: &Entry) -> Result<(), String> {
        Ok(())
    }
}

struct ExternalDns<'a> {
    cloud: &'a Cloud,
    directory: &'a Path,
}

impl ExternalDns<'_> {
    /// One round of it; what it changed, in its own words.
    fn sync(&self, wanted: &[Value]) -> Result<Value> {
        let file = self.directory.join("endpoints.json");
        fs::write(&file, json!(wanted).to_string())?;
        let output = Command::new(testbed::tool("external-dns")?)
            .arg(&file)
            .args([
                "--source=fake",
                "--provider=aws",
                "--registry=txt",
                "--txt-owner-id=default",
                "--policy=sync",
            ])
            .envs([
                ("AWS_ACCESS_KEY_ID", "stories"),
                ("AWS_SECRET_ACCESS_KEY", "stories"),
                ("AWS_REGION", "us-east-1"),
            ])
            .env("AWS_ENDPOINT_URL", self.cloud.endpoint())
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{said}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}
