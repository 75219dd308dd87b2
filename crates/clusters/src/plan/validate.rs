//! What only a whole Cluster file can tell: every problem at once, with its place.

use api::Problem;
use api::problem::pointer;

use super::addons::images::is_registry;
use super::addons::{Addon, By, chosen, manifests};
use super::cidr::Cidr;
use super::spec::{AddonsSpec, ClusterFile, ClusterSpec, Nat, Network, Pool, SomeAddons, Topology};

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
        addons(file, said, &mut found);
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

fn addons(file: &ClusterFile, said: &SomeAddons, found: &mut Vec<Problem>) {
    let at = |key: &str| format!("/spec/addons/{key}");
    if !said.only.is_empty() && !said.without.is_empty() {
        found.push(
            Problem::new("/spec/addons", "`only` and `without` say the same twice").hint("keep one of them"),
        );
    }
    let own = file.spec.topology == Topology::Own;
    if own && !said.without.is_empty() {
        let problem = Problem::new(at("without"), "topology own has no add-ons but those of `only`");
        found.push(problem.hint("leave it out"));
    }
    for (index, addon) in said.only.iter().enumerate().filter(|(_, addon)| own && addon.is_of_our_modules()) {
        let message = format!("{} needs to know what only outboard's own modules tell", addon.word());
        let problem = Problem::new(format!("{}/{index}", at("only")), message);
        found.push(problem.hint("install it with your module, or beside it"));
    }
    if let Some(registry) = said.registry.as_ref().filter(|registry| !is_registry(registry)) {
        let problem = Problem::new(at("registry"), format!("`{registry}` is no registry"));
        found.push(problem.hint("a host with a dot or a port, perhaps a path: registry.example.org/mirror"));
    }
    if file.spec.topology == Topology::Eks {
        let brought = [Addon::Cni, Addon::CloudControllerManager, Addon::Coredns];
        for (index, addon) in said.without.iter().enumerate().filter(|(_, addon)| brought.contains(addon)) {
            let message = format!("EKS brings {} itself", addon.word());
            found.push(Problem::new(format!("{}/{index}", at("without")), message).hint("leave it out here"));
        }
    }
    if let Some(gateway) = &said.gateway {
        let at = at("gateway");
        if !chosen(file).iter().any(|one| one.addon == Addon::Gateway) {
            found.push(Problem::new(&at, "the gateway is not among the add-ons").hint("leave this out"));
        }
        if gateway.public == gateway.allow.is_empty() {
            let problem = Problem::new(&at, "a public gateway needs `allow`, and no other one has it");
            found.push(problem.hint("`public: true` with the CIDRs that reach it; 0.0.0.0/0 is everybody"));
        }
        for (index, text) in gateway.allow.iter().enumerate() {
            if let Err(why) = text.parse::<Cidr>() {
                found.push(Problem::new(format!("{at}/allow/{index}"), why));
            }
        }
    }
    if let Some(outboard) = &said.outboard {
        if !chosen(file).iter().any(|one| one.addon == Addon::Outboard) {
            let problem = Problem::new(at("outboard"), "outboard itself is not among the add-ons");
            found.push(problem.hint("leave this out, or let it be one of them"));
        }
        let word = |text: &str, extra: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra.as_bytes().contains(&byte))
        };
        for (key, value, extra) in [
            ("image", &outboard.image, "-_./:@"),
            ("domain", &outboard.domain, "-."),
            ("logStream", &outboard.log_stream, "-_."),
        ] {
            if let Some(value) = value.as_ref().filter(|value| !word(value, extra)) {
                found.push(Problem::new(at(&format!("outboard/{key}")), format!("`{value}` cannot be that")));
            }
        }
    }
}

/// A version of Kubernetes for which an add-on is not known would be found out only after the spend. Of a cluster that is there
/// already, and is looked at or destroyed, nobody asks that.
pub fn addon_problems(file: &ClusterFile) -> Vec<Problem> {
    let mut found = Vec::new();
    let version = file.spec.kubernetes.as_deref().unwrap_or_default();
    let numbers: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    // What is no version, or too old a one, is told as that.
    if !matches!((file.spec.topology, numbers.as_deref()),
        (Topology::Kubeadm, Some([major, minor, _])) | (Topology::Eks, Some([major, minor]))
            if (*major, *minor) >= OLDEST)
    {
        return found;
    }
    for one in chosen(file).into_iter().filter(|one| one.by == By::Outboard) {
        if let Err(why) = manifests::all_images(file, &[one]) {
            let hint = format!(
                "take another version, or leave it out: `addons: {{without: [{}]}}`",
                one.addon.word()
            );
            found.push(Problem::new("/spec/kubernetes", why).hint(hint));
        }
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
        addresses(network, &spec.region, kubeadm, found);
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
        workers(&pointer("/spec/workers", name), name, pool, kubeadm, found);
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

fn addresses(network: &Network, region: &str, kubeadm: bool, found: &mut Vec<Problem>) {
    let mut blocks: Vec<(&str, &str, Cidr)> = Vec::new();
    let pods = network.pods.as_deref().unwrap_or(PODS);
    let services = network.services.as_deref().unwrap_or(SERVICES);
    let mut named = vec![("cidr", network.cidr.as_str()), ("services", services)];
    if kubeadm {
        named.push(("pods", pods));
    } else if network.pods.is_some() {
        let problem = Problem::new("/spec/network/pods", "topology eks has no `pods`");
        found.push(problem.hint("its pods have addresses of the VPC"));
    }
    for (key, text) in named {
        match text.parse::<Cidr>() {
            Ok(cidr) => blocks.push((key, text, cidr)),
            Err(why) => found.push(Problem::new(format!("/spec/network/{key}"), why)),
        }
    }
    if let Some((_, text, cidr)) = blocks.first().filter(|(key, ..)| *key == "cidr")
        && !(16..=21).contains(&cidr.bits)
    {
        let problem = Problem::new("/spec/network/cidr", format!("`{text}` is no /16 to /21"));
        found.push(
            problem.hint("AWS takes no more than /16, and less leaves too few addresses for each zone"),
        );
    }
    for (index, (key, text, cidr)) in blocks.iter().enumerate() {
        for (other, other_text, _) in blocks[..index].iter().filter(|(.., other)| other.overlaps(*cidr)) {
            let message = format!("`{key}` ({text}) and `{other}` ({other_text}) overlap");
            found.push(Problem::new(format!("/spec/network/{key}"), message));
        }
    }
    let at = "/spec/network/zones";
    if network.zones.is_empty() || network.zones.len() > 8 {
        found.push(Problem::new(at, format!("{} zones: one to eight can be", network.zones.len())));
    }
    for (index, zone) in network.zones.iter().enumerate() {
        let at = format!("{at}/{index}");
        if !zone.starts_with(region) || zone.len() <= region.len() {
            let problem = Problem::new(&at, format!("`{zone}` is no zone of {region}"));
            found.push(problem.hint(format!("such as {region}a")));
        } else if network.zones[..index].contains(zone) {
            found.push(Problem::new(at, format!("`{zone}` is named twice")));
        }
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

const LABELS: &str = "at most 63 letters, digits and `-_.` with a letter or digit at both ends; a key may have a domain and `/` before it";

/// What a kubelet refuses to start with, but for the few that it may set.
fn is_kubernetes_own(key: &str) -> bool {
    let Some((domain, _)) = key.split_once('/') else { return false };
    let within = |of: &str| domain == of || domain.ends_with(&format!(".{of}"));
    let allowed = within("kubelet.kubernetes.io") || within("node.kubernetes.io");
    (within("kubernetes.io") || within("k8s.io")) && !allowed
}

fn is_label_key(key: &str) -> bool {
    let (domain, name) = key.split_once('/').map_or((None, key), |(domain, name)| (Some(domain), name));
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let right = domain.is_none_or(|domain| domain.len() <= 253 && domain.split('.').all(is_part));
    right && !name.is_empty() && is_label_value(name)
}

fn is_label_value(value: &str) -> bool {
    let ends = |end: Option<u8>| end.is_none_or(|byte| byte.is_ascii_alphanumeric());
    value.len() <= 63
        && ends(value.bytes().next())
        && ends(value.bytes().last())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn workers(at: &str, name: &str, pool: &Pool, kubeadm: bool, found: &mut Vec<Problem>) {
    let right = (1..=20).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !right {
        let problem = Problem::new(at, format!("`{name}` cannot be a pool's name"));
        found.push(problem.hint("at most 20 lower-case letters, digits and hyphens"));
    }
    if pool.instances.is_empty() {
        found.push(Problem::new(format!("{at}/instances"), "no instance type"));
    }
    if pool.max == 0 || pool.min > pool.max {
        found.push(Problem::new(
            format!("{at}/max"),
            format!("from {} to {} nodes cannot be", pool.min, pool.max),
        ));
    }
    if pool.spot && pool.instances.len() < 3 {
        let problem =
            Problem::new(format!("{at}/instances"), "a spot pool needs three instance types or more");
        found
            .push(problem.hint("of as much memory and CPU: where one is taken back there has to be another"));
    }
    for (key, value) in &pool.labels {
        let at = pointer(&format!("{at}/labels"), key);
        if is_kubernetes_own(key) {
            let problem = Problem::new(&at, format!("a kubelet may not give itself the label `{key}`"));
            found.push(problem.hint("it would not start: take a prefix of your own, or none"));
        } else if !is_label_key(key) || !is_label_value(value) {
            let problem = Problem::new(&at, format!("`{key}: {value}` is no label"));
            found.push(problem.hint(LABELS));
        }
    }
    for (index, taint) in pool.taints.iter().enumerate() {
        if !is_label_key(&taint.key) || !is_label_value(&taint.value) {
            let problem = Problem::new(
                format!("{at}/taints/{index}"),
                format!("`{}={}` is no taint", taint.key, taint.value),
            );
            found.push(problem.hint(LABELS));
        }
    }
    if pool.on_demand > 0 && (!pool.spot || !kubeadm) {
        let problem =
            Problem::new(format!("{at}/onDemand"), "`onDemand` is for spot pools of topology kubeadm");
        found.push(problem);
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::plan::tests::kubeadm;

    fn told(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut file = kubeadm();
        change(&mut file);
        let file: ClusterFile = serde_json::from_value(file).unwrap();
        problems(&file)
            .into_iter()
            .map(|problem| format!("{}: {}", problem.pointer, problem.message))
            .collect()
    }

    #[test]
    fn a_right_file_has_no_problem() {
        assert_eq!(told(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn every_mistake_is_told_at_once_and_where_it_is() {
        let all = told(|file| {
            file["metadata"]["name"] = json!("Shop");
            file["spec"]["region"] = json!("europe");
            file["spec"]["account"] = json!("12");
            file["spec"]["kubernetes"] = json!("1.34");
            file["spec"]["image"] = json!("ubuntu");
            file["spec"]["network"] = json!({
                "cidr": "10.20.0.0/24", "zones": ["eu-west-1a", "eu-west-1a"], "pods": "10.20.0.0/18", "services": "10.96.0.0/12"});
            file["spec"]["api"] = json!({"public": true});
            file["spec"]["controlPlane"]["nodes"] = json!(2);
            file["spec"]["workers"] =
                json!({"Big": {"instances": ["m6i.large"], "min": 3, "max": 1, "spot": true}});
            file["spec"]["tags"] = json!({"outboard.dev/cluster": "x"});
            file["spec"]["state"] = json!({"bucket": "My_Bucket"});
            file["spec"]["terraform"] = json!({"override": "extra.tf"});
        });
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn the_api_is_never_opened_to_everybody() {
        let all =
            told(|file| file["spec"]["api"]["allow"] = json!(["0.0.0.0/0", "128.0.0.0/1", "10.0.0.0/8"]));
        let said = |index: u8| format!("/spec/api/allow/{index}: the API is not opened to everybody");
        assert_eq!(all, [said(0), said(1)]);
    }

    #[test]
    fn what_would_fail_after_the_spend_is_refused_before() {
        let all = told(|file| {
            file["spec"]["kubernetes"] = json!("1.30.4");
            file["spec"]["network"]["nat"] = json!("none");
        });
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn labels_and_taints_are_such_as_a_kubelet_starts_with() {
        let all = told(|file| {
            let batch = &mut file["spec"]["workers"]["batch"];
            batch["labels"] = json!({
                "team": "batch", "example.org/tier": "", "node.kubernetes.io/pool": "a", "node-role.kubernetes.io/batch": "x",
                "it's": "b", "team2": "two words", "Example.org/a": "b"});
            batch["taints"] = json!([
                {"key": "example.org/batch", "effect": "NoExecute"}, {"key": "batch", "value": "';reboot;'", "effect": "NoSchedule"}]);
        });
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn a_key_is_named_by_its_arn_in_the_clusters_region() {
        let of = |key: &str| told(|file| file["spec"]["kmsKey"] = json!(key));
        assert_eq!(of("arn:aws:kms:eu-west-1:123456789012:key/1234"), Vec::<String>::new());
        for wrong in [
            "alias/mine",
            "arn:aws:kms:us-east-1:123456789012:key/1234",
            "arn:aws:kms:eu-west-1:1:alias/mine",
        ] {
            assert_eq!(of(wrong), [format!("/spec/kmsKey: `{wrong}` is no ARN of a key of eu-west-1")]);
        }
    }

    #[test]
    fn what_is_said_of_add_ons_fits_together() {
        let all = told(|file| {
            file["spec"]["addons"] = json!({
                "only": ["outboard"], "without": ["gateway"], "registry": "https://registry.example.org"});
        });
        insta::assert_snapshot!(all.join("\n"));
        let all = told(|file| {
            file["spec"]["addons"] = json!({"without": ["outboard"], "outboard": {"domain": "a b"}});
        });
        insta::assert_snapshot!(all.join("\n"));
        let own = json!({
            "region": "eu-west-1", "topology": "own", "module": "./mine",
            "addons": {"only": ["cni", "metrics-server"]}});
        insta::assert_snapshot!(told(|file| file["spec"] = own).join("\n"));
        assert_eq!(told(|file| file["spec"]["addons"] = json!("none")), Vec::<String>::new());
        let all = told(|file| {
            file["spec"]["addons"] = json!({"gateway": {"public": true}});
            file["spec"]["giveBack"] = json!(true);
        });
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn a_kubernetes_for_which_an_add_on_is_not_known_is_refused_before_the_spend() {
        let of = |change: fn(&mut Value)| {
            let mut file = kubeadm();
            change(&mut file);
            let file: ClusterFile = serde_json::from_value(file).unwrap();
            let told = |all: Vec<Problem>| -> Vec<String> {
                all.into_iter().map(|problem| format!("{}: {}", problem.pointer, problem.message)).collect()
            };
            assert_eq!(told(problems(&file)), Vec::<String>::new(), "whoever looks at it or destroys it may");
            told(addon_problems(&file))
        };
        insta::assert_snapshot!(of(|file| file["spec"]["kubernetes"] = json!("1.99.0")).join("\n"));
        let all = of(|file| {
            file["spec"]["kubernetes"] = json!("1.99.0");
            file["spec"]["addons"] = json!({"without": ["cloud-controller-manager", "cluster-autoscaler"]});
        });
        assert_eq!(all, Vec::<String>::new());
    }

    #[test]
    fn keys_of_another_topology_are_refused_rather_than_ignored() {
        let all = told(|file| file["spec"]["topology"] = json!("own"));
        insta::assert_snapshot!(all.join("\n"));
        let all = told(|file| file["spec"]["topology"] = json!("eks"));
        insta::assert_snapshot!(all.join("\n"));
    }
}
