//! Add-ons: what a cluster is to have besides Kubernetes, in which order, and who brings it.

pub mod images;
pub mod manifests;
pub mod ready;
pub mod versions;

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spec::{AddonsSpec, ClusterFile, Topology};

/// In the order in which they are applied.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Addon {
    Cni,
    CloudControllerManager,
    Coredns,
    EbsCsi,
    MetricsServer,
    Gateway,
    CertManager,
    ClusterAutoscaler,
    Outboard,
}

impl Addon {
    pub const ALL: [Self; 9] = [
        Self::Cni,
        Self::CloudControllerManager,
        Self::Coredns,
        Self::EbsCsi,
        Self::MetricsServer,
        Self::Gateway,
        Self::CertManager,
        Self::ClusterAutoscaler,
        Self::Outboard,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Cni => "cni",
            Self::CloudControllerManager => "cloud-controller-manager",
            Self::Coredns => "coredns",
            Self::EbsCsi => "ebs-csi",
            Self::MetricsServer => "metrics-server",
            Self::Gateway => "gateway",
            Self::CertManager => "cert-manager",
            Self::ClusterAutoscaler => "cluster-autoscaler",
            Self::Outboard => "outboard",
        }
    }

    /// Those without which it would not come up. A node that the cloud controller has not seen takes no pods but its own.
    pub fn needs(self) -> &'static [Self] {
        match self {
            Self::Cni => &[],
            Self::CloudControllerManager => &[Self::Cni],
            Self::Coredns | Self::EbsCsi | Self::MetricsServer | Self::ClusterAutoscaler => {
                &[Self::Cni, Self::CloudControllerManager]
            }
            Self::Gateway | Self::Outboard => &[Self::Cni, Self::CloudControllerManager, Self::Coredns],
            // Where a gateway is wanted it looks for its definitions when it starts.
            Self::CertManager => &[Self::Cni, Self::CloudControllerManager, Self::Coredns, Self::Gateway],
        }
    }

    /// Only a cluster whose module is outboard's tells what these have to know.
    pub fn is_of_our_modules(self) -> bool {
        matches!(
            self,
            Self::Cni | Self::CloudControllerManager | Self::Coredns | Self::EbsCsi | Self::ClusterAutoscaler
        )
    }
}

/// Who brings an add-on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    Outboard,
    Kubeadm,
    /// As a managed add-on, or as a part of its control plane.
    Eks,
    /// The driver is EKS' managed add-on, the class of volumes is outboard's.
    EksAndOutboard,
}

impl By {
    pub fn word(self) -> &'static str {
        match self {
            Self::Outboard => "outboard",
            Self::Kubeadm => "kubeadm",
            Self::Eks => "EKS",
            Self::EksAndOutboard => "EKS, its class by outboard",
        }
    }
}

/// An add-on that a cluster is to have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chosen {
    pub addon: Addon,
    pub by: By,
}

/// What a cluster is to have, in the order in which it gets it.
pub fn chosen(file: &ClusterFile) -> Vec<Chosen> {
    let topology = file.spec.topology;
    let wanted = |addon: &Addon| match &file.spec.addons {
        Some(AddonsSpec::None(_)) => false,
        Some(AddonsSpec::Some(said)) if !said.only.is_empty() => said.only.contains(addon),
        Some(AddonsSpec::Some(said)) => topology != Topology::Own && !said.without.contains(addon),
        None => topology != Topology::Own,
    };
    let all = Addon::ALL.into_iter().filter(wanted);
    all.map(|addon| Chosen { addon, by: by(topology, addon) }).collect()
}

fn by(topology: Topology, addon: Addon) -> By {
    match (topology, addon) {
        (Topology::Kubeadm, Addon::Coredns) => By::Kubeadm,
        (Topology::Eks, Addon::Cni | Addon::CloudControllerManager | Addon::Coredns) => By::Eks,
        (Topology::Eks, Addon::EbsCsi) => By::EksAndOutboard,
        _ => By::Outboard,
    }
}

/// Which of those that failed an add-on has to wait for.
pub fn stopped_by(addon: Addon, failed: &[Addon]) -> Option<Addon> {
    addon.needs().iter().copied().find(|needed| failed.contains(needed))
}
