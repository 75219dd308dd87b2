//! What is wrong with what a file says of add-ons.

use api::Problem;

use super::OLDEST;
use crate::plan::addons::images::is_registry;
use crate::plan::addons::{Addon, By, chosen, manifests};
use crate::plan::cidr::Cidr;
use crate::plan::spec::{ClusterFile, SomeAddons, Topology};

pub(super) fn problems(file: &ClusterFile, said: &SomeAddons, found: &mut Vec<Problem>) {
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
pub fn version_problems(file: &ClusterFile) -> Vec<Problem> {
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
