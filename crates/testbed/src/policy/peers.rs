//! Pods with their addresses, and which of them a policy's selectors mean.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;
use kube::core::{Selector, SelectorExt};

/// A pod that has an address of its own.
#[derive(Debug)]
pub struct Addressed<'a> {
    pub address: Ipv4Addr,
    namespace: String,
    pod: &'a Pod,
}

impl<'a> Addressed<'a> {
    /// None on the node's network, nor when it has ended: its address may be another's by now.
    pub fn of(pod: &'a Pod) -> Option<Self> {
        let (spec, status) = (pod.spec.as_ref()?, pod.status.as_ref()?);
        let ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
        if ended || spec.host_network == Some(true) {
            return None;
        }
        let address = status.pod_ip.as_deref()?.parse().ok()?;
        Some(Self { address, namespace: pod.namespace()?, pod })
    }

    pub fn is_going(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some()
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    pub fn is(&self, selector: Option<&LabelSelector>) -> bool {
        selects(selector, self.pod.labels())
    }

    /// The ports that its containers give this name.
    pub fn ports(&self, name: &str, protocol: &str) -> Vec<i32> {
        let containers = self.pod.spec.iter().flat_map(|spec| {
            // A sidecar is an init container that stays.
            spec.containers.iter().chain(spec.init_containers.iter().flatten())
        });
        let ports = containers.flat_map(|container| container.ports.iter().flatten());
        ports
            .filter(|port| port.name.as_deref() == Some(name))
            .filter(|port| port.protocol.as_deref().unwrap_or("TCP") == protocol)
            .map(|port| port.container_port)
            .collect()
    }
}

/// The labels of namespaces by name.
pub struct Namespaces<'a>(BTreeMap<String, &'a BTreeMap<String, String>>);

impl<'a> Namespaces<'a> {
    pub fn new(namespaces: &'a [Arc<Namespace>]) -> Self {
        Self(namespaces.iter().map(|namespace| (namespace.name_any(), namespace.labels())).collect())
    }

    /// Whether a peer of a policy in `home` means this pod.
    pub fn means(&self, peer: &NetworkPolicyPeer, home: &str, pod: &Addressed<'_>) -> bool {
        if peer.ip_block.is_some() {
            return false;
        }
        let there = match &peer.namespace_selector {
            None => pod.namespace() == home,
            Some(selector) => {
                self.0.get(pod.namespace()).is_some_and(|labels| selects(Some(selector), labels))
            }
        };
        there && pod.is(peer.pod_selector.as_ref())
    }
}

/// None selects all. What cannot be read selects nothing; the API server lets no such selector in.
fn selects(selector: Option<&LabelSelector>, labels: &BTreeMap<String, String>) -> bool {
    selector.is_none_or(|selector| {
        Selector::try_from(selector.clone()).is_ok_and(|selector| selector.matches(labels))
    })
}
