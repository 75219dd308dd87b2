//! From policies, pods and namespaces to a script for nft: a chain for each pod and direction that a policy shuts.
//!
//! What is forwarded is judged, between pods on the node's bridge as well; what the node itself sends, a kubelet's probes
//! say, is let in, and what they send to the node. A pod is shut once it has an address, not before it starts.

use std::fmt::Write;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;

use super::peers::{Addressed, Namespaces};

pub const TABLE: &str = "outboard-policies";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    In,
    Out,
}

impl Way {
    /// The end of a packet that is the pod's own.
    fn own(self) -> &'static str {
        match self {
            Self::In => "daddr",
            Self::Out => "saddr",
        }
    }

    fn other(self) -> &'static str {
        match self {
            Self::In => "saddr",
            Self::Out => "daddr",
        }
    }

    fn chain(self, pod: &Addressed<'_>) -> String {
        let way = if self == Self::In { "in" } else { "out" };
        format!("{way}-{}", pod.address)
    }

    /// A policy that says nothing of ways is for what comes in, and for what goes out if it has a rule for that.
    fn is_of(self, spec: &NetworkPolicySpec) -> bool {
        match (&spec.policy_types, self) {
            (Some(types), Self::In) => types.iter().any(|one| one == "Ingress"),
            (Some(types), Self::Out) => types.iter().any(|one| one == "Egress"),
            (None, Self::In) => true,
            (None, Self::Out) => spec.egress.as_ref().is_some_and(|rules| !rules.is_empty()),
        }
    }

    /// Peers and ports of its rules.
    fn rules(self, spec: &NetworkPolicySpec) -> Vec<(&[NetworkPolicyPeer], &[NetworkPolicyPort])> {
        match self {
            Self::In => {
                let rules = spec.ingress.iter().flatten();
                rules.map(|rule| (all(rule.from.as_ref()), all(rule.ports.as_ref()))).collect()
            }
            Self::Out => {
                let rules = spec.egress.iter().flatten();
                rules.map(|rule| (all(rule.to.as_ref()), all(rule.ports.as_ref()))).collect()
            }
        }
    }
}

fn all<T>(list: Option<&Vec<T>>) -> &[T] {
    list.map_or(&[], Vec::as_slice)
}

/// One transaction that puts these rules in the place of those before.
pub fn script(policies: &[Arc<NetworkPolicy>], pods: &[Arc<Pod>], namespaces: &[Arc<Namespace>]) -> String {
    let mut pods: Vec<Addressed<'_>> = pods.iter().filter_map(|pod| Addressed::of(pod)).collect();
    // One that is going may still be said to have an address that another has by now.
    pods.sort_by_key(|pod| (pod.address, pod.is_going()));
    pods.dedup_by_key(|pod| pod.address);
    let mut policies: Vec<&NetworkPolicy> = policies.iter().map(AsRef::as_ref).collect();
    policies.sort_by_key(|policy| (policy.namespace(), policy.name_any()));
    let judge = Judge { policies, pods: &pods, namespaces: Namespaces::new(namespaces) };

    let (mut chains, mut ways) = (String::new(), String::new());
    // What a policy shuts in later goes on as long as it is connected, as with other plugins.
    ways.push_str("    ct state established,related accept\n");
    for way in [Way::Out, Way::In] {
        let mut shut = Vec::new();
        for pod in &pods {
            let Some(lines) = judge.lines(way, pod) else { continue };
            let chain = way.chain(pod);
            let _ = writeln!(chains, "  chain {chain} {{\n{lines}    drop\n  }}");
            shut.push(format!("{} : jump {chain}", pod.address));
        }
        if !shut.is_empty() {
            let _ = writeln!(ways, "    ip {} vmap {{ {} }}", way.own(), shut.join(", "));
        }
    }
    format!(
        "add table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n{chains}  chain forward {{\n    \
         type filter hook forward priority filter; policy accept;\n{ways}  }}\n}}\n"
    )
}

struct Judge<'a> {
    policies: Vec<&'a NetworkPolicy>,
    pods: &'a [Addressed<'a>],
    namespaces: Namespaces<'a>,
}

impl Judge<'_> {
    /// What lets packets of this pod through; nothing if no policy shuts it this way.
    fn lines(&self, way: Way, pod: &Addressed<'_>) -> Option<String> {
        let holding = self.policies.iter().filter_map(|policy| {
            let spec = policy.spec.as_ref()?;
            let here = policy.namespace().as_deref() == Some(pod.namespace());
            (here && pod.is(spec.pod_selector.as_ref()) && way.is_of(spec)).then_some(spec)
        });
        let holding: Vec<&NetworkPolicySpec> = holding.collect();
        if holding.is_empty() {
            return None;
        }
        // No policy can shut a pod off from itself.
        let mut lines = format!("    ip {} {} return\n", way.other(), pod.address);
        for (peers, ports) in holding.into_iter().flat_map(|spec| way.rules(spec)) {
            for from in self.others(way, pod, peers) {
                for port in ports_of(way, pod, &from, ports) {
                    let _ = writeln!(lines, "    {}{port}return", from.text(way));
                }
            }
        }
        Some(lines)
    }

    /// Who a rule's peers are.
    fn others<'s>(
        &'s self,
        way: Way,
        pod: &Addressed<'_>,
        peers: &'s [NetworkPolicyPeer],
    ) -> Vec<Others<'s>> {
        if peers.is_empty() {
            return vec![Others::Anybody(self.pods)];
        }
        let blocks = peers.iter().filter_map(|peer| peer.ip_block.as_ref()).map(Others::Block);
        let mut others: Vec<Others<'_>> = blocks.collect();
        let meant = |other: &&Addressed<'_>| {
            peers.iter().any(|peer| self.namespaces.means(peer, pod.namespace(), other))
        };
        let pods: Vec<&Addressed<'_>> = self.pods.iter().filter(meant).collect();
        // What a name means is each one's own.
        match way {
            Way::Out => others.extend(pods.into_iter().map(|pod| Others::Pods(vec![pod]))),
            Way::In if !pods.is_empty() => others.push(Others::Pods(pods)),
            Way::In => {}
        }
        others
    }
}

enum Others<'a> {
    /// With the pods among them, for names of ports.
    Anybody(&'a [Addressed<'a>]),
    Pods(Vec<&'a Addressed<'a>>),
    Block(&'a IPBlock),
}

impl Others<'_> {
    fn text(&self, way: Way) -> String {
        let end = way.other();
        match self {
            Self::Anybody(_) => String::new(),
            Self::Pods(pods) => {
                let addresses: Vec<String> = pods.iter().map(|pod| pod.address.to_string()).collect();
                format!("ip {end} {{ {} }} ", addresses.join(", "))
            }
            Self::Block(block) => {
                let family = if block.cidr.contains(':') { "ip6" } else { "ip" };
                let mut text = format!("{family} {end} {} ", block.cidr);
                for except in block.except.iter().flatten() {
                    let _ = write!(text, "{family} {end} != {except} ");
                }
                text
            }
        }
    }
}

/// The matches of a rule's ports, each as it stands in a line; none if a name means nothing.
fn ports_of(way: Way, pod: &Addressed<'_>, others: &Others<'_>, ports: &[NetworkPolicyPort]) -> Vec<String> {
    if ports.is_empty() {
        return vec![String::new()];
    }
    let one = |port: &NetworkPolicyPort| {
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        let lower = protocol.to_lowercase();
        match &port.port {
            None => vec![format!("meta l4proto {lower} ")],
            Some(IntOrString::Int(first)) => match port.end_port {
                Some(last) => vec![format!("{lower} dport {first}-{last} ")],
                None => vec![format!("{lower} dport {first} ")],
            },
            Some(IntOrString::String(name)) => match (way, others) {
                (Way::In, _) => numbers(&lower, pod.ports(name, protocol)),
                (Way::Out, Others::Pods(pods)) => {
                    let ports = pods.iter().flat_map(|pod| pod.ports(name, protocol));
                    numbers(&lower, ports.collect())
                }
                (Way::Out, Others::Anybody(pods)) => {
                    let of = |pod: &Addressed<'_>| {
                        let numbers = numbers(&lower, pod.ports(name, protocol));
                        numbers.into_iter().map(|port| format!("ip daddr {} {port}", pod.address)).collect()
                    };
                    pods.iter().flat_map(|pod| -> Vec<String> { of(pod) }).collect()
                }
                (Way::Out, Others::Block(_)) => Vec::new(),
            },
        }
    };
    ports.iter().flat_map(one).collect()
}

fn numbers(protocol: &str, ports: Vec<i32>) -> Vec<String> {
    ports.into_iter().map(|port| format!("{protocol} dport {port} ")).collect()
}
