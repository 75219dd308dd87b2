//! What is wrong with a cluster's network: blocks that are none or overlap, and zones.

use api::Problem;

use super::{PODS, SERVICES};
use crate::plan::cidr::Cidr;
use crate::plan::spec::Network;

pub(super) fn problems(network: &Network, region: &str, kubeadm: bool, found: &mut Vec<Problem>) {
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
