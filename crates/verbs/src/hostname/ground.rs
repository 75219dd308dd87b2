//! What planning, checking and tidying stand on: how the operator is installed, who claims which host, and the zones
//! themselves as whoever asks may see them.

use std::collections::BTreeSet;

use ::hostnames::{
    Aws, Claimed, Gone, Ground as Shared, Kept, Limits, Memory, Name, Owner, Plan, Policy, Present, Question,
    Scheduler, Settings, Stands, Target, Wanted, Which, Zone, find, plan, read_all, target, wanted, zone_of,
};
use api::{Cause, HostClaim, Hostname, marks};
use aws::Access;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use crate::operator::{DEPLOYMENT, NAMESPACE};
use crate::{Cluster, Error, Result};

pub struct Ground {
    pub settings: Settings,
    pub owner: Owner,
    pub route53: Aws,
    pub scheduler: Scheduler,
    pub kept: Kept,
    pub zones: Vec<Zone>,
    /// Where hosts lead to; an error: why that is not known.
    pub target: Result<Target, String>,
    pub claims: Vec<Claimed>,
    served: Vec<Name>,
}

impl Ground {
    /// Everything that a plan stands on. What can't be seen is an error: who knows too little plans nothing.
    pub async fn gather(cluster: &Cluster) -> Result<Self> {
        let settings = settings(cluster).await?;
        let owner = Owner::new(&settings.install, &settings.cluster)
            .map_err(|error| Error::DnsSettings { reason: error.to_string() })?;
        let everything = ListParams::default();
        let named = Api::<Hostname>::all(cluster.client.clone()).list(&everything).await;
        let claims = named.map_err(|error| cluster.explain(error))?.iter().filter_map(claimed).collect();
        let served = Api::<HostClaim>::all(cluster.client.clone()).list(&everything).await;
        let of_slice = |claim: &&HostClaim| {
            claim.labels().get(marks::SLICE).is_none_or(|slice| slice == marks::SLICE_ENVIRONMENTS)
        };
        let served = served.map_err(|error| cluster.explain(error))?;
        let served = served.iter().filter(of_slice).filter_map(|claim| Name::host(&claim.name_any()).ok());
        let served = served.collect();
        let target = target(&cluster.client, &settings).await.map_err(|error| cluster.explain(error))?;
        let route53 = Aws::reach(&Access::default()).await?;
        let scheduler = Scheduler::default();
        let mut zones = vec![];
        for id in &settings.zones {
            let zone = find(&route53, &scheduler, &Which::Id(id)).await;
            zones.push(zone.map_err(|error| Error::DnsSettings { reason: error.to_string() })?);
        }
        let kept = Kept::new(&cluster.client, &settings.home, &settings.install);
        Ok(Self { settings, owner, route53, scheduler, kept, zones, target, claims, served })
    }

    /// What a zone is to hold, and which hosts are to go.
    pub fn wanted(&self, zone: &Zone) -> (Wanted, BTreeSet<Name>) {
        let names = || self.zones.iter().map(|zone| &zone.name);
        let lies_here = |host: &Name| zone_of(host, names()) == Some(&zone.name);
        let domain = Name::host(&self.settings.domain).ok().filter(lies_here);
        let here: Vec<Claimed> = self.claims.iter().filter(|claim| lies_here(&claim.host)).cloned().collect();
        let shared = Shared {
            cluster: &self.settings.cluster,
            domain: domain.as_ref(),
            target: self.target.as_ref().ok(),
            served: &self.served,
        };
        wanted(&shared, &here)
    }

    /// All that a zone holds, and which of it was last seen to be ours.
    pub async fn read(&self, cluster: &Cluster, zone: &Zone) -> Result<(Present, Memory)> {
        let present = read_all(&self.route53, &self.scheduler, &zone.id).await?;
        let memory = self.kept.memory(&zone.id).await.map_err(|error| cluster.explain(error))?;
        Ok((present, memory))
    }

    pub fn plan(
        &self,
        zone: &Zone,
        wanted: &Wanted,
        (present, memory): (&Present, &Memory),
        (policy, limits): (Policy, Limits),
        gone: Gone<'_>,
    ) -> Plan {
        plan(&Question {
            zone: &zone.name,
            owner: &self.owner,
            formats: &[],
            wanted,
            present,
            memory,
            policy,
            limits,
            gone,
        })
    }
}

fn claimed(hostname: &Hostname) -> Option<Claimed> {
    let waits = hostname.status.as_ref().and_then(|status| status.verdict.as_ref()).is_some_and(|verdict| {
        matches!(verdict.cause, Cause::HostTaken | Cause::HostnameInvalid | Cause::EnvironmentNotFound)
    });
    Some(Claimed {
        host: Name::host(&hostname.name_any()).ok()?,
        namespace: hostname.namespace().unwrap_or_default(),
        environment: hostname.spec.environment.clone(),
        weight: hostname.spec.weight,
        health_check: hostname.spec.health_check.clone(),
        stands: match hostname.metadata.deletion_timestamp {
            Some(_) => Stands::Going,
            None if waits => Stands::Waits,
            None => Stands::Wanted,
        },
    })
}

/// How the operator keeps records: its own arguments say so, which everybody may read.
async fn settings(cluster: &Cluster) -> Result<Settings> {
    let deployments: Api<Deployment> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let found = deployments.get_opt(DEPLOYMENT).await.map_err(|error| cluster.explain(error))?;
    let pod = found.and_then(|found| found.spec?.template.spec);
    let operator = pod.and_then(|pod| pod.containers.into_iter().next());
    let Some(operator) = operator else {
        return Err(Error::NotInstalled { server: cluster.server.clone() });
    };
    let settings = of_arguments(&operator.args.unwrap_or_default());
    if settings.zones.is_empty() { Err(Error::NoZones) } else { Ok(settings) }
}

fn of_arguments(arguments: &[String]) -> Settings {
    let all = |name: &str| {
        let prefix = format!("--{name}=");
        let of = move |argument: &String| argument.strip_prefix(&prefix).map(str::to_owned);
        arguments.iter().filter_map(of).collect::<Vec<String>>()
    };
    let one = |name: &str| all(name).pop();
    let mut settings =
        Settings { zones: all("hosted-zone"), home: NAMESPACE.to_owned(), ..Settings::default() };
    settings.install = one("install").unwrap_or(settings.install);
    settings.cluster = one("cluster").unwrap_or_else(|| settings.install.clone());
    settings.domain = one("domain").unwrap_or(settings.domain);
    settings.policy = one("dns-policy").and_then(|text| Policy::parse(&text)).unwrap_or_default();
    settings.at_once = one("dns-at-once").and_then(|text| text.parse().ok()).unwrap_or(settings.at_once);
    settings.https = one("url-scheme").is_some_and(|scheme| scheme == "https");
    settings.issuer = one("certificate-issuer");
    if let Some((namespace, name)) = one("gateway").as_deref().and_then(|text| text.split_once('/')) {
        settings.gateway_namespace = namespace.to_owned();
        settings.gateway_name = name.to_owned();
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::{Options, manifests};

    #[test]
    fn the_operators_arguments_say_again_what_was_installed() {
        let hostnames = Settings {
            install: "main".into(),
            cluster: "eu-1".into(),
            domain: "apps.example.com".into(),
            zones: vec!["Z1".into(), "Z2".into()],
            policy: Policy::UpsertOnly,
            at_once: 80,
            gateway_namespace: "gateways".into(),
            gateway_name: "outside".into(),
            https: true,
            issuer: Some("letsencrypt".into()),
            home: NAMESPACE.into(),
        };
        let mut options = Options { hostnames: hostnames.clone(), ..Options::default() };
        options.settings.install = "main".into();
        options.settings.url_scheme = "https".into();
        options.settings.domain = "apps.example.com".into();
        options.settings.gateway_namespace = "gateways".into();
        options.settings.gateway_name = "outside".into();
        let all = manifests(&options);
        let operator = all
            .iter()
            .find(|object| object["kind"] == "Deployment" && object["metadata"]["name"] == DEPLOYMENT);
        let arguments = &operator.unwrap()["spec"]["template"]["spec"]["containers"][0]["args"];
        let arguments: Vec<String> = serde_json::from_value(arguments.clone()).unwrap();
        assert_eq!(of_arguments(&arguments), hostnames);
    }
}
