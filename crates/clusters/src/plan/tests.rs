//! What several tests begin with.

use serde_json::{Value, json};

use super::names::Identity;

pub fn kubeadm() -> Value {
    json!({
        "apiVersion": "outboard.dev/v1alpha1",
        "kind": "Cluster",
        "metadata": {"name": "qa"},
        "spec": {
            "region": "eu-west-1",
            "account": "123456789012",
            "topology": "kubeadm",
            "kubernetes": "1.34.2",
            "image": "ami-0abcdef1234567890",
            "network": {"cidr": "10.20.0.0/16", "zones": ["eu-west-1a", "eu-west-1b", "eu-west-1c"]},
            "api": {"allow": ["203.0.113.0/24"]},
            "controlPlane": {"instance": "t3.medium"},
            "workers": {
                "general": {"instances": ["m6i.large"], "min": 2, "max": 6},
                "batch": {
                    "instances": ["m6i.large", "m5.large", "m7i.large"], "min": 0, "max": 20, "spot": true,
                    "labels": {"team": "batch"},
                    "taints": [{"key": "batch", "value": "yes", "effect": "NoSchedule"}],
                },
            },
            "tags": {"team": "platform"},
        },
    })
}

pub fn identity() -> Identity {
    Identity::of("qa", "123456789012", "eu-west-1", None)
}
