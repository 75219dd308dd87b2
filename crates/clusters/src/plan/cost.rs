//! What a cluster costs each month, from its file and a dated table of list prices.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::spec::{ClusterFile, Nat, Topology};

/// As AWS counts.
const HOURS: f64 = 730.0;

/// List prices in US dollars.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Prices {
    /// When they were looked up.
    pub date: String,
    pub region: String,
    /// On demand, an hour.
    pub instances: BTreeMap<String, f64>,
    /// A GiB of gp3 a month.
    pub gp3_gib: f64,
    /// A NAT gateway an hour, without what goes through it.
    pub nat_gateway: f64,
    /// A public IPv4 address an hour.
    pub public_address: f64,
    /// A network load balancer an hour, without what goes through it.
    pub load_balancer: f64,
    /// A control plane of EKS an hour.
    pub eks: f64,
}

impl Prices {
    /// The table that outboard brings along.
    pub fn built_in() -> Result<Self, serde_json::Error> {
        serde_json::from_str(include_str!("prices.json"))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CostItem {
    pub what: String,
    pub count: u32,
    /// US dollars a month for all of them; none: the table has no such price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly: Option<f64>,
    /// With as many nodes as there may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_at_most: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    pub items: Vec<CostItem>,
    pub monthly: f64,
    pub monthly_at_most: f64,
    pub currency: &'static str,
    pub date: String,
    /// Of which region the prices are.
    pub region: String,
    /// Beside what is not known.
    pub remarks: Vec<String>,
}

/// None for a module of one's own: nobody but it knows what it makes.
pub fn cost(file: &ClusterFile, prices: &Prices) -> Option<Cost> {
    let spec = &file.spec;
    if spec.topology == Topology::Own {
        return None;
    }
    let hourly = |count: u32, price: f64| Some(f64::from(count) * price * HOURS);
    let mut items = Vec::new();
    let mut item = |what: &str, count: u32, monthly: Option<f64>, at_most: Option<f64>| {
        if count > 0 || at_most.is_some_and(|at_most| at_most > 0.0) {
            items.push(CostItem { what: what.to_owned(), count, monthly, monthly_at_most: at_most });
        }
    };
    let instance = |name: &str| prices.instances.get(name).copied();
    if spec.topology == Topology::Eks {
        item("control plane of EKS", 1, hourly(1, prices.eks), None);
    }
    if let Some(control) = &spec.control_plane {
        let price = instance(&control.instance).and_then(|price| hourly(control.nodes, price));
        item(&format!("control plane {}", control.instance), control.nodes, price, None);
        item(
            "control plane volumes",
            control.nodes,
            volumes(control.nodes, control.volume_gib, prices),
            None,
        );
        item("load balancer of the API", 1, hourly(1, prices.load_balancer), None);
    }
    if let Some(network) = &spec.network {
        let zones = u32::try_from(network.zones.len()).unwrap_or(u32::MAX);
        let gateways = match network.nat {
            Nat::PerZone => zones,
            Nat::Single => 1,
            Nat::None => 0,
        };
        item(
            "NAT gateways with their addresses",
            gateways,
            hourly(gateways, prices.nat_gateway + prices.public_address),
            None,
        );
    }
    for (name, pool) in &spec.workers {
        let kind = pool.instances.first().map(String::as_str).unwrap_or_default();
        let price = instance(kind);
        let all = |count: u32| {
            let nodes = price.and_then(|price| hourly(count, price))?;
            Some(nodes + volumes(count, pool.volume_gib, prices).unwrap_or_default())
        };
        let on_demand = if pool.spot { " at the price on demand" } else { "" };
        item(
            &format!("workers {name} {kind} with volumes{on_demand}"),
            pool.min,
            all(pool.min),
            all(pool.max),
        );
    }
    let monthly = items.iter().filter_map(|item| item.monthly).sum();
    let monthly_at_most = items.iter().filter_map(|item| item.monthly_at_most.or(item.monthly)).sum();
    let mut remarks = vec!["without traffic, snapshots, logs and metrics".to_owned()];
    if prices.region != spec.region {
        remarks
            .push(format!("at prices of {}: those of {} differ by some percent", prices.region, spec.region));
    }
    let unknown = items.iter().filter(|item| item.monthly.is_none());
    remarks.extend(unknown.map(|item| format!("no price is known of {}", item.what)));
    Some(Cost {
        items,
        monthly,
        monthly_at_most,
        currency: "USD",
        date: prices.date.clone(),
        region: prices.region.clone(),
        remarks,
    })
}

fn volumes(count: u32, gib: u32, prices: &Prices) -> Option<f64> {
    Some(f64::from(count) * f64::from(gib) * prices.gp3_gib)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::tests::kubeadm;

    #[test]
    fn a_cluster_is_priced_item_by_item() {
        let file: ClusterFile = serde_json::from_value(kubeadm()).unwrap();
        let mut value = serde_json::to_value(cost(&file, &Prices::built_in().unwrap())).unwrap();
        round(&mut value);
        insta::assert_json_snapshot!(value);
    }

    #[test]
    fn what_has_no_price_is_told_and_not_taken_for_nothing() {
        let mut value = kubeadm();
        value["spec"]["controlPlane"]["instance"] = json!("u-24tb1.112xlarge");
        let file: ClusterFile = serde_json::from_value(value).unwrap();
        let cost = cost(&file, &Prices::built_in().unwrap()).unwrap();
        assert!(
            cost.remarks.contains(&"no price is known of control plane u-24tb1.112xlarge".to_owned()),
            "{cost:?}"
        );
    }

    /// Sums of decimal fractions end in noise.
    fn round(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Number(number) if number.is_f64() => {
                *value = json!((number.as_f64().unwrap_or_default() * 100.0).round() / 100.0);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(round),
            serde_json::Value::Object(fields) => fields.values_mut().for_each(round),
            _ => {}
        }
    }
}
