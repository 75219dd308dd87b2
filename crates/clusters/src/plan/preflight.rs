//! What has to be so before a cluster is made, from what AWS says of region and account. What AWS did not say is not judged.

use std::collections::{BTreeMap, BTreeSet};

use api::Problem;
use api::problem::pointer;
use aws::{Image, InstanceType, Network};

use super::cidr::Cidr;
use super::spec::{ClusterFile, ClusterSpec, Nat, Topology};

/// The device that launch templates give their encrypted volume to.
const ROOT: &str = "/dev/xvda";

/// Something that there may be so much of.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub what: &'static str,
    /// None: nobody says in one answer how many there are.
    pub used: Option<usize>,
    pub at_most: f64,
}

/// What AWS says; none of it if it did not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Which of the wanted instance types each zone offers.
    pub offered: Option<BTreeMap<String, BTreeSet<String>>>,
    pub types: Option<BTreeMap<String, InstanceType>>,
    /// None within: there is no such image.
    pub image: Option<Option<Image>>,
    pub networks: Option<Vec<Network>>,
    pub limits: Vec<Limit>,
    /// ARNs of what carries the cluster's tag, though there is no state of it.
    pub ownerless: Vec<String>,
}

/// What is counted, and how many of it a cluster wants.
pub const NETWORKS: &str = "VPCs";
pub const ADDRESSES: &str = "Elastic IP addresses";
pub const BALANCERS: &str = "Network Load Balancers";
pub const CPUS: &str = "virtual CPUs on demand";

/// Every instance type that the file names.
pub fn wanted_types(spec: &ClusterSpec) -> Vec<String> {
    let control = spec.control_plane.iter().map(|control| control.instance.clone());
    let workers = spec.workers.values().flat_map(|pool| pool.instances.iter().cloned());
    control.chain(workers).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Everything that stands against it, at once.
pub fn problems(file: &ClusterFile, seen: &Seen) -> Vec<Problem> {
    let spec = &file.spec;
    let mut found = Vec::new();
    if let Some(offered) = &seen.offered {
        offers(spec, offered, &mut found);
    }
    if let (Some(image), Some(wanted)) = (&seen.image, &spec.image) {
        fits(spec, wanted, image.as_ref(), seen.types.as_ref(), &mut found);
    }
    for limit in &seen.limits {
        let wanted = wanted(spec, limit.what, seen.types.as_ref());
        let all = (limit.used.unwrap_or_default() + wanted) as f64;
        if wanted > 0 && all > limit.at_most {
            let Limit { what, used, at_most } = limit;
            let used = used.map(|used| format!("{used} are there, ")).unwrap_or_default();
            let message = format!("{what}: {used}{wanted} more would be made, and at most {at_most} may be");
            let problem = Problem::new("/spec", message);
            found.push(problem.hint("ask for more in Service Quotas, or give back what nobody needs"));
        }
    }
    if !seen.ownerless.is_empty() {
        let message = format!(
            "there is no state of this cluster, and {} carries its tag: {}",
            if seen.ownerless.len() == 1 {
                "one thing".to_owned()
            } else {
                format!("{} things", seen.ownerless.len())
            },
            seen.ownerless.join(", ")
        );
        let problem = Problem::new("/metadata/name", message);
        found.push(problem.hint(
            "delete them, or bring back the state they belong to: the bucket keeps old versions of it; what was deleted just now may be listed for some minutes more",
        ));
    }
    found
}

/// What is worth knowing and stands against nothing. Networks of one account may well have the same addresses, as long as nobody wants
/// to join them.
pub fn remarks(file: &ClusterFile, seen: &Seen) -> Vec<String> {
    let Some(text) = file.spec.network.as_ref().map(|network| network.cidr.as_str()) else { return vec![] };
    let Ok(wanted) = text.parse::<Cidr>() else { return vec![] };
    let same = |network: &&Network| {
        network.blocks.iter().filter_map(|block| block.parse().ok()).any(|block: Cidr| block.overlaps(wanted))
    };
    let others: Vec<String> = seen
        .networks
        .iter()
        .flatten()
        .filter(same)
        .map(|network| {
            let blocks: Vec<&str> = network.blocks.iter().map(String::as_str).collect();
            format!("{} ({})", network.id, blocks.join(", "))
        })
        .collect();
    if others.is_empty() {
        return vec![];
    }
    vec![format!(
        "addresses {text} are in use by {}, too: peering and transit gateways cannot join the two",
        others.join(" and ")
    )]
}

fn offers(spec: &ClusterSpec, offered: &BTreeMap<String, BTreeSet<String>>, found: &mut Vec<Problem>) {
    let zones = spec.network.as_ref().map(|network| network.zones.as_slice()).unwrap_or_default();
    let lacking = |kind: &str, zones: &[String]| {
        let offers = |zone: &&String| !offered.get(*zone).is_some_and(|kinds| kinds.contains(kind));
        zones.iter().filter(offers).cloned().collect::<Vec<_>>()
    };
    if let Some(control) = &spec.control_plane {
        // One node in each of the first zones, and no other type in its place.
        let own = zones.get(..control.nodes as usize).unwrap_or(zones);
        let without = lacking(&control.instance, own);
        if !without.is_empty() {
            let message = format!("{} is not offered in {}", control.instance, without.join(", "));
            found.push(
                Problem::new("/spec/controlPlane/instance", message)
                    .hint("take another type, or other zones"),
            );
        }
    }
    for (name, pool) in &spec.workers {
        for (index, kind) in pool.instances.iter().enumerate() {
            if lacking(kind, zones).len() == zones.len() {
                let at = format!("{}/instances/{index}", pointer("/spec/workers", name));
                let problem = Problem::new(at, format!("{kind} is offered in none of the cluster's zones"));
                found.push(problem.hint("is it the type's name, and one of this region?"));
            }
        }
    }
}

fn fits(
    spec: &ClusterSpec,
    wanted: &str,
    image: Option<&Image>,
    types: Option<&BTreeMap<String, InstanceType>>,
    found: &mut Vec<Problem>,
) {
    let at = "/spec/image";
    let Some(image) = image else {
        let problem = Problem::new(at, format!("there is no image {wanted} in {}", spec.region));
        found.push(
            problem.hint("images have an id of their own in each region, and may be private to an account"),
        );
        return;
    };
    if image.state != "available" {
        found.push(Problem::new(at, format!("image {wanted} is {}, not available", image.state)));
    }
    if !image.root.is_empty() && image.root != ROOT {
        let problem =
            Problem::new(at, format!("the root volume of image {wanted} is {}, not {ROOT}", image.root));
        found.push(problem.hint(
            "nodes would start from a volume that is not encrypted: take an image of Debian, or make one",
        ));
    }
    for (kind, known) in types.into_iter().flatten() {
        let runs = known.architectures.contains(&image.architecture);
        if !known.architectures.is_empty() && !image.architecture.is_empty() && !runs {
            let message = format!(
                "{kind} runs {}, and image {wanted} is for {}",
                known.architectures.join(", "),
                image.architecture
            );
            found.push(Problem::new(at, message));
        }
    }
}

/// How many of something a cluster needs to begin with.
fn wanted(spec: &ClusterSpec, what: &str, types: Option<&BTreeMap<String, InstanceType>>) -> usize {
    let zones = spec.network.as_ref().map_or(0, |network| network.zones.len());
    let cpus = |kind: &str| types.and_then(|types| types.get(kind)).map_or(0, |kind| kind.cpus as usize);
    match what {
        NETWORKS => 1,
        ADDRESSES => match spec.network.as_ref().map(|network| network.nat) {
            Some(Nat::PerZone) => zones,
            Some(Nat::Single) => 1,
            Some(Nat::None) | None => 0,
        },
        BALANCERS => usize::from(spec.topology == Topology::Kubeadm),
        CPUS => {
            let control =
                spec.control_plane.iter().map(|control| control.nodes as usize * cpus(&control.instance));
            let workers = spec.workers.values().map(|pool| {
                let count = if pool.spot { pool.on_demand.min(pool.min) } else { pool.min };
                count as usize * pool.instances.first().map_or(0, |kind| cpus(kind))
            });
            control.chain(workers).sum()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::kubeadm;

    fn file() -> ClusterFile {
        serde_json::from_value(kubeadm()).unwrap()
    }

    fn told(seen: &Seen) -> Vec<String> {
        problems(&file(), seen)
            .into_iter()
            .map(|problem| format!("{}: {}", problem.pointer, problem.message))
            .collect()
    }

    #[test]
    fn what_aws_does_not_say_is_not_judged() {
        assert_eq!(told(&Seen::default()), Vec::<String>::new());
    }

    #[test]
    fn everything_that_stands_against_a_cluster_is_told_at_once() {
        let spec = file().spec;
        let types = wanted_types(&spec);
        let mut offered: BTreeMap<String, BTreeSet<String>> = spec
            .network
            .iter()
            .flat_map(|network| network.zones.clone())
            .map(|zone| (zone, types.iter().cloned().collect()))
            .collect();
        let control = spec.control_plane.unwrap().instance;
        if let Some(kinds) = offered.get_mut("eu-west-1b") {
            kinds.remove(&control);
        }
        let arm = |cpus| InstanceType { cpus, architectures: vec!["arm64".into()] };
        let image =
            Image { state: "available".into(), architecture: "x86_64".into(), root: "/dev/sda1".into() };
        let seen = Seen {
            offered: Some(offered),
            types: Some([(control, arm(2))].into()),
            image: Some(Some(image)),
            networks: None,
            limits: vec![
                Limit { what: NETWORKS, used: Some(5), at_most: 5.0 },
                Limit { what: ADDRESSES, used: Some(0), at_most: 5.0 },
                Limit { what: BALANCERS, used: Some(50), at_most: 50.0 },
                Limit { what: CPUS, used: None, at_most: 5.0 },
            ],
            ownerless: vec!["arn:aws:ec2:eu-west-1:1:vpc/vpc-1".into()],
        };
        insta::assert_snapshot!(told(&seen).join("\n"));
    }

    #[test]
    fn networks_with_the_same_addresses_are_named_and_refused_by_nobody() {
        let network = |id: &str, block: &str| Network { id: id.into(), blocks: [block.to_owned()].into() };
        let networks = Some(vec![network("vpc-1", "10.20.128.0/24"), network("vpc-2", "10.21.0.0/16")]);
        let seen = Seen { networks, ..Seen::default() };
        let said = "addresses 10.20.0.0/16 are in use by vpc-1 (10.20.128.0/24), too: peering and transit gateways cannot join the two";
        assert_eq!(remarks(&file(), &seen), [said]);
        assert_eq!(told(&seen), [""; 0]);
        assert_eq!(remarks(&file(), &Seen::default()), [""; 0]);
    }

    #[test]
    fn an_image_that_is_not_there_is_told() {
        let all = told(&Seen { image: Some(None), ..Seen::default() });
        assert_eq!(all.len(), 1);
        assert!(all[0].contains("there is no image"), "{all:?}");
    }
}
