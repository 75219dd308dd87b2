//! What only a whole Cluster file can tell: every problem at once, with its place.

mod addons;
mod network;
#[cfg(test)]
mod tests;
mod workers;

use api::Problem;
use api::problem::pointer;

pub use addons::version_problems;

use super::cidr::Cidr;
use super::spec::{AddonsSpec, ClusterFile, ClusterSpec, Nat, Topology};

/// Longer ones would not fit into names of load balancers.
const LONGEST: usize = 20;
pub const PODS: &str = "10.244.0.0/16";
pub const SERVICES: &str = "10.96.0.0/16";
/// The first whose kubeadm reads what boot scripts write.
const OLDEST: (u32, u32) = (1, 31);

pub fn problems(file: &ClusterFile) -> Vec<Problem> {
    let mut found = Vec::new();
    name(&file.metadata.name, &mut found);
    let spec = &file.spec;
    region(spec, &mut found);
    if let Some(account) = &spec.account
        && !(account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
    {
        found.push(Problem::new("/spec/account", format!("`{account}` is no account: twelve digits")));
    }
    match spec.topology {
        Topology::Own => own(spec, &mut found),
        Topology::Kubeadm | Topology::Eks => ours(spec, &mut found),
    }
    if let Some(state) = &spec.state
        && !is_bucket(&state.bucket)
    {
        let problem =
            Problem::new("/spec/state/bucket", format!("`{}` cannot be a bucket's name", state.bucket));
        found.push(problem.hint("3 to 63 lower-case letters, digits and hyphens"));
    }
    let ours = ["outboard.dev/", "kubernetes.io/", "k8s.io/", "aws:"];
    for (key, _) in spec.tags.iter().filter(|(key, _)| ours.iter().any(|ours| key.starts_with(ours))) {
        let at = pointer("/spec/tags", key);
        found.push(Problem::new(at, format!("tags that begin with `{}` are not given by hand", prefix(key))));
    }
    if let Some(AddonsSpec::Some(said)) = &spec.addons {
        addons::problems(file, said, &mut found);
    }
    if file.spec.topology != Topology::Own && file.spec.give_back.is_some() {
        let problem = Problem::new("/spec/giveBack", "clusters of outboard's own modules always give back");
        found.push(problem.hint("leave it out"));
    }
    if let Some(terraform) = &spec.terraform
        && !terraform.overlay.ends_with(".tf.json")
    {
        let at = "/spec/terraform/override";
        found.push(Problem::new(at, "Terraform reads it only if its name ends in `.tf.json`"));
    }
    found
}

fn prefix(key: &str) -> &str {
    key.split_inclusive(['/', ':']).next().unwrap_or(key)
}

/// Whether a cluster can be called so.
pub fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (1..=LONGEST).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && !name.ends_with('-')
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
}

/// What a name is made of.
pub fn names() -> String {
    format!("at most {LONGEST} lower-case letters, digits and hyphens, a letter first and no hyphen last")
}

fn name(name: &str, found: &mut Vec<Problem>) {
    if !is_name(name) {
        let problem = Problem::new("/metadata/name", format!("`{name}` cannot be a cluster's name"));
        found.push(problem.hint(names()));
    }
}

fn region(spec: &ClusterSpec, found: &mut Vec<Problem>) {
    let parts: Vec<&str> = spec.region.split('-').collect();
    let last = parts.last().is_some_and(|part| part.parse::<u8>().is_ok());
    if parts.len() < 3 || !last {
        let problem = Problem::new("/spec/region", format!("`{}` is no region", spec.region));
        found.push(problem.hint("such as eu-west-1"));
    }
}

/// Keys that belong to other topologies are refused rather than ignored.
fn own(spec: &ClusterSpec, found: &mut Vec<Problem>) {
    if spec.module.is_none() {
        let problem = Problem::new("/spec", "`module` is missing");
        found.push(
            problem.hint("topology own is a Terraform module of yours: name its folder, such as ./cluster"),
        );
    }
    let given = [
        ("kubernetes", spec.kubernetes.is_some()),
        ("image", spec.image.is_some()),
        ("network", spec.network.is_some()),
        ("api", spec.api.is_some()),
        ("controlPlane", spec.control_plane.is_some()),
        ("workers", !spec.workers.is_empty()),
        ("admins", !spec.admins.is_empty()),
        ("permissionsBoundary", spec.permissions_boundary.is_some()),
        ("kmsKey", spec.kms_key.is_some()),
        ("prices", spec.prices.is_some()),
    ];
    not_here(&given, "own", "what your module has to know stands under `inputs`", found);
}

fn not_here(given: &[(&str, bool)], topology: &str, hint: &str, found: &mut Vec<Problem>) {
    for (key, _) in given.iter().filter(|(_, given)| *given) {
        let problem = Problem::new(format!("/spec/{key}"), format!("topology {topology} has no `{key}`"));
        found.push(problem.hint(hint));
    }
}

fn ours(spec: &ClusterSpec, found: &mut Vec<Problem>) {
    let kubeadm = spec.topology == Topology::Kubeadm;
    let word = spec.topology.word();
    let given = [("module", spec.module.is_some()), ("inputs", !spec.inputs.is_empty())];
    not_here(&given, word, "a module of your own is `topology: own`", found);
    let given = [("image", spec.image.is_some()), ("controlPlane", spec.control_plane.is_some())];
    if !kubeadm {
        not_here(&given, word, "EKS looks after that", found);
    } else if !spec.admins.is_empty() {
        not_here(
            &[("admins", true)],
            word,
            "whoever may read the cluster's keys in SSM administers it",
            found,
        );
    }
    let mut wanted = vec![
        ("kubernetes", spec.kubernetes.is_none()),
        ("network", spec.network.is_none()),
        ("workers", spec.workers.is_empty()),
    ];
    if kubeadm {
        wanted.extend([("image", spec.image.is_none()), ("controlPlane", spec.control_plane.is_none())]);
    } else {
        wanted.push(("admins", spec.admins.is_empty()));
    }
    for (key, _) in wanted.iter().filter(|(_, missing)| *missing) {
        found.push(Problem::new("/spec", format!("`{key}` is missing")));
    }
    version(spec, kubeadm, found);
    if let Some(key) = &spec.kms_key
        && !is_key(key, &spec.region)
    {
        let problem = Problem::new("/spec/kmsKey", format!("`{key}` is no ARN of a key of {}", spec.region));
        found.push(
            problem
                .hint(format!("such as arn:aws:kms:{}:123456789012:key/…; an alias is not one", spec.region)),
        );
    }
    if let Some(image) = &spec.image
        && !image.starts_with("ami-")
    {
        let problem = Problem::new("/spec/image", format!("`{image}` is no AMI"));
        found.push(
            problem
                .hint("the id of one image, such as ami-0abc…: a node made next year is as one made today"),
        );
    }
    if let Some(network) = &spec.network {
        network::problems(network, &spec.region, kubeadm, found);
        if network.nat == Nat::None {
            let problem = Problem::new("/spec/network/nat", "nodes without a way out cannot become nodes");
            found.push(
                problem
                    .hint("`single` is the cheapest: they fetch packages, images and their keys through it"),
            );
        }
        if !kubeadm && network.zones.len() == 1 {
            let problem = Problem::new("/spec/network/zones", "EKS wants two zones or more");
            found.push(problem.hint("name another one: its control plane stands in two"));
        }
    }
    if !kubeadm && !spec.workers.is_empty() && spec.workers.values().all(|pool| pool.min == 0) {
        let problem =
            Problem::new("/spec/workers", "no pool begins with a node, and EKS waits for CoreDNS to run");
        found.push(problem.hint("say `min: 1` or more in one of them"));
    }
    api_access(spec, kubeadm, found);
    if let (Some(control), Some(network)) = (&spec.control_plane, &spec.network) {
        let at = "/spec/controlPlane/nodes";
        if ![1, 3, 5].contains(&control.nodes) {
            let problem = Problem::new(at, format!("{} nodes of the control plane cannot be", control.nodes));
            found.push(problem.hint("1, 3 or 5: an even number survives no more than the odd one below it"));
        } else if control.nodes as usize > network.zones.len() {
            let problem = Problem::new(
                at,
                format!("{} nodes want as many zones, there are {}", control.nodes, network.zones.len()),
            );
            found.push(problem.hint("name more zones in `network.zones`, or say `nodes: 1`"));
        }
    }
    for (name, pool) in &spec.workers {
        workers::problems(&pointer("/spec/workers", name), name, pool, kubeadm, found);
    }
}

fn version(spec: &ClusterSpec, kubeadm: bool, found: &mut Vec<Problem>) {
    let Some(version) = &spec.kubernetes else { return };
    let numbers: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    let parts = if kubeadm { 3 } else { 2 };
    if let Some([major, minor, ..]) = numbers.as_deref()
        && (*major, *minor) < OLDEST
    {
        let problem = Problem::new("/spec/kubernetes", format!("Kubernetes {version} is too old"));
        found.push(problem.hint("1.31 or later: its configuration is written for that"));
    }
    if numbers.is_none_or(|numbers| numbers.len() != parts) {
        let problem =
            Problem::new("/spec/kubernetes", format!("`{version}` is no version of Kubernetes here"));
        found.push(problem.hint(if kubeadm {
            "all three numbers, such as 1.34.2: every node gets the same"
        } else {
            "two numbers in quotes, such as \"1.34\": EKS chooses the third"
        }));
    }
}

fn api_access(spec: &ClusterSpec, kubeadm: bool, found: &mut Vec<Problem>) {
    let Some(api) = &spec.api else { return };
    for (index, text) in api.allow.iter().enumerate() {
        let at = format!("/spec/api/allow/{index}");
        match text.parse::<Cidr>() {
            Ok(cidr) if cidr.is_everything() => {
                let problem = Problem::new(at, "the API is not opened to everybody");
                found.push(problem.hint("name the CIDRs of your offices, VPNs and pipelines"));
            }
            Ok(_) => {}
            Err(why) => found.push(Problem::new(at, why)),
        }
    }
    if api.public && api.allow.is_empty() {
        let problem = Problem::new("/spec/api", "a public API needs `allow`");
        found.push(problem.hint("name the CIDRs that may reach it, or leave `public` out"));
    }
    if !kubeadm {
        let given = [("api/host", api.host.is_some()), ("api/zoneId", api.zone_id.is_some())];
        not_here(&given, "eks", "EKS gives the API its name", found);
        if !api.public && !api.allow.is_empty() {
            found.push(
                Problem::new("/spec/api/allow", "EKS asks nobody's address at its private API")
                    .hint("say `public: true`, or leave it out"),
            );
        }
    } else if api.zone_id.is_some() && api.host.is_none() {
        found.push(
            Problem::new("/spec/api", "`zoneId` without `host`")
                .hint("which name of that zone is the API's?"),
        );
    }
}

fn is_key(arn: &str, region: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", _, "kms", at, _, key] if *at == region && key.starts_with("key/"))
}

fn is_bucket(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.')
}
