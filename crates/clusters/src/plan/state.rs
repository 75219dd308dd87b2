//! What a stored state says without Terraform: how much there is, and the module's output. No other value leaves it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::root::OUTPUT;

#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    pub serial: u64,
    pub engine: String,
    /// Resources by type.
    pub resources: BTreeMap<String, usize>,
    /// Addresses of those that were not finished.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tainted: Vec<String>,
    /// Addresses of all that is in it.
    #[serde(skip)]
    pub addresses: BTreeSet<String>,
    /// What AWS knows them by.
    #[serde(skip)]
    pub identities: BTreeSet<String>,
    #[serde(skip)]
    pub output: Option<Value>,
}

impl Stored {
    pub fn count(&self) -> usize {
        self.resources.values().sum()
    }
}

/// The only version of the format there is since 2019.
const VERSION: u64 = 4;

pub fn read(text: &[u8]) -> Result<Stored, String> {
    let state: Value = serde_json::from_slice(text).map_err(|error| format!("it is no JSON: {error}"))?;
    if state["version"] != VERSION {
        return Err(format!("its format is {}, not {VERSION}", state["version"]));
    }
    let mut stored = Stored {
        serial: state["serial"].as_u64().unwrap_or_default(),
        engine: state["terraform_version"].as_str().unwrap_or_default().to_owned(),
        output: state["outputs"].get(OUTPUT).map(|output| output["value"].clone()),
        ..Stored::default()
    };
    for resource in state["resources"].as_array().into_iter().flatten() {
        if resource["mode"] != "managed" {
            continue;
        }
        let text = |key: &str| resource[key].as_str().unwrap_or_default();
        let instances = resource["instances"].as_array().map(Vec::as_slice).unwrap_or_default();
        *stored.resources.entry(text("type").to_owned()).or_default() += instances.len();
        let module = if text("module").is_empty() { String::new() } else { format!("{}.", text("module")) };
        for instance in instances {
            let key = instance.get("index_key").map(|key| format!("[{key}]")).unwrap_or_default();
            let address = format!("{module}{}.{}{key}", text("type"), text("name"));
            if instance["status"] == "tainted" {
                stored.tainted.push(address.clone());
            }
            stored.addresses.insert(address);
            let ids = ["id", "arn"].iter().filter_map(|key| instance["attributes"][*key].as_str());
            stored.identities.extend(ids.map(str::to_owned));
        }
    }
    stored.resources.retain(|_, count| *count > 0);
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_tells_what_there_is_and_none_of_its_values() {
        let state = json!({"version": 4, "terraform_version": "1.11.4", "serial": 7, "lineage": "x",
        "outputs": {"outboard": {"value": {"endpoint": "https://api.qa:6443"}, "type": "object"}},
        "resources": [
            {"mode": "data", "type": "aws_partition", "name": "here", "instances": [{}]},
            {"module": "module.cluster", "mode": "managed", "type": "aws_subnet", "name": "private",
                "instances": [{"index_key": "a", "attributes": {"id": "subnet-1", "secret": "s3cret"}}, {"index_key": "b", "status": "tainted"}]},
        ]});
        let stored = read(state.to_string().as_bytes()).unwrap();
        assert_eq!(stored.count(), 2);
        assert_eq!(stored.tainted, ["module.cluster.aws_subnet.private[\"b\"]"]);
        assert_eq!(stored.identities, ["subnet-1".to_owned()].into());
        assert!(!serde_json::to_string(&stored).unwrap().contains("s3cret"));
        assert!(read(b"{\"version\": 3}").unwrap_err().contains("not 4") && read(b"<xml>").is_err());
    }
}
