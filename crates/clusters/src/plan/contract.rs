//! The one output that every module has: what outboard has to know of a cluster.

use api::Problem;
use serde::Serialize;
use serde_json::{Map, Value};

/// What a right output says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Contract {
    pub endpoint: String,
    /// Of the API, in base64; none where whoever has credentials has it, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<String>,
    pub region: String,
    pub vpc_id: String,
    pub subnet_ids: Vec<String>,
    /// Where credentials are, never what they are.
    pub auth: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<Map<String, Value>>,
}

/// The output as far as a plan knows it, with something right in place of what is known only afterwards.
pub fn foreseen(after: &Value, unknown: &Value) -> Value {
    let stand_in = |key: &str| match key {
        "endpoint" => "https://later".into(),
        "subnet_ids" => vec!["later"].into(),
        "load_balancer" | "certificate_authority" => Value::Null,
        _ => "later".into(),
    };
    let (Some(marks), true) = (unknown.as_object(), after.is_object()) else { return after.clone() };
    let mut whole = after.clone();
    for (key, mark) in marks {
        whole[key.as_str()] = match mark {
            Value::Bool(true) => stand_in(key),
            // Of a list of which some are unknown it is enough to know that it is none of the others.
            Value::Array(items) if items.contains(&Value::Bool(true)) => stand_in(key),
            Value::Array(_) => after[key.as_str()].clone(),
            mark => foreseen(&after[key.as_str()], mark),
        };
    }
    whole
}

/// What each kind of credentials needs besides its kind.
const KINDS: [(&str, &str); 3] = [("eks", "cluster"), ("ssm", "parameter"), ("secret", "arn")];
const KEYS: [&str; 8] = [
    "api_version",
    "endpoint",
    "certificate_authority",
    "region",
    "vpc_id",
    "subnet_ids",
    "auth",
    "load_balancer",
];

/// Every violation at once; places are within the output.
pub fn read(output: Option<&Value>) -> Result<Contract, Vec<Problem>> {
    let hint = "see terraform/README.md of outboard for what it holds";
    let Some(output) = output else {
        return Err(vec![Problem::new("", "the module has no output named `outboard`").hint(hint)]);
    };
    let Some(fields) = output.as_object() else {
        return Err(vec![Problem::new("", "the output `outboard` is no object").hint(hint)]);
    };
    let mut found = Vec::new();
    for key in fields.keys().filter(|key| !KEYS.contains(&key.as_str())) {
        found.push(Problem::new(format!("/{key}"), format!("`{key}` is no part of the contract")));
    }
    if output["api_version"] != api::API_VERSION {
        let message = format!("`api_version` is {}, not \"{}\"", output["api_version"], api::API_VERSION);
        found.push(Problem::new("/api_version", message));
    }
    let mut text = |key: &str| match output[key].as_str() {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => {
            found.push(Problem::new(format!("/{key}"), format!("`{key}` is missing or no text")));
            String::new()
        }
    };
    let (endpoint, region, vpc_id) = (text("endpoint"), text("region"), text("vpc_id"));
    if !endpoint.is_empty() && !endpoint.starts_with("https://") {
        found.push(Problem::new("/endpoint", format!("`{endpoint}` does not begin with https://")));
    }
    let subnets: Option<Vec<String>> = output["subnet_ids"]
        .as_array()
        .and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
    if subnets.as_ref().is_none_or(Vec::is_empty) {
        found.push(Problem::new("/subnet_ids", "`subnet_ids` is missing, empty or no list of texts"));
    }
    if !matches!(output.get("certificate_authority"), None | Some(Value::Null | Value::String(_))) {
        let message = "`certificate_authority` is neither null nor a text in base64";
        found.push(Problem::new("/certificate_authority", message));
    }
    let auth = output["auth"].as_object().cloned().unwrap_or_default();
    found.extend(auth_problems(&auth));
    let load_balancer = match &output["load_balancer"] {
        Value::Null => None,
        Value::Object(balancer)
            if ["dns_name", "zone_id"].iter().all(|key| balancer.get(*key).is_some_and(Value::is_string)) =>
        {
            Some(balancer.clone())
        }
        _ => {
            let message = "`load_balancer` is neither null nor has `dns_name` and `zone_id`";
            found.push(Problem::new("/load_balancer", message));
            None
        }
    };
    if !found.is_empty() {
        return Err(found);
    }
    Ok(Contract {
        certificate_authority: output["certificate_authority"].as_str().map(str::to_owned),
        endpoint,
        region,
        vpc_id,
        subnet_ids: subnets.unwrap_or_default(),
        auth,
        load_balancer,
    })
}

fn auth_problems(auth: &Map<String, Value>) -> Vec<Problem> {
    let kinds = KINDS.map(|(kind, _)| kind).join(", ");
    let kind = auth.get("kind").and_then(Value::as_str).unwrap_or_default();
    let Some((_, needs)) = KINDS.iter().find(|(known, _)| *known == kind) else {
        let message = format!("`auth.kind` is `{kind}`, not one of {kinds}");
        return vec![Problem::new("/auth", message)];
    };
    let mut found = Vec::new();
    if !auth.get(*needs).is_some_and(Value::is_string) {
        found.push(Problem::new("/auth", format!("`auth.{needs}` is missing: kind {kind} needs it")));
    }
    for key in auth.keys().filter(|key| key.as_str() != "kind" && key != needs) {
        let problem = Problem::new("/auth", format!("`auth.{key}` is no part of the contract"));
        found.push(problem.hint("it says where credentials are, never what they are"));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn right() -> Value {
        json!({"api_version": "outboard.dev/v1alpha1", "endpoint": "https://api", "region": "eu-west-1",
            "vpc_id": "vpc-1", "subnet_ids": ["subnet-1"], "auth": {"kind": "eks", "cluster": "qa"}, "load_balancer": null})
    }

    #[test]
    fn a_right_output_is_read() {
        assert!(read(Some(&right())).is_ok());
    }

    #[test]
    fn what_is_known_only_afterwards_breaks_nothing_beforehand() {
        let mut after = right();
        for key in ["vpc_id", "subnet_ids", "endpoint"] {
            after.as_object_mut().unwrap().remove(key);
        }
        after["auth"] = json!({"kind": "eks"});
        let unknown =
            json!({"vpc_id": true, "subnet_ids": [true], "endpoint": true, "auth": {"cluster": true}});
        assert!(read(Some(&foreseen(&after, &unknown))).is_ok());
        after["subnet_ids"] = json!([]);
        let none = json!({"vpc_id": true, "subnet_ids": [], "endpoint": true, "auth": {"cluster": true}});
        assert!(read(Some(&foreseen(&after, &none))).is_err());
        after["auth"] = json!({"kind": "password"});
        assert!(read(Some(&foreseen(&after, &unknown))).is_err());
    }

    #[test]
    fn each_violation_has_its_own_words() {
        let told = |output: Option<Value>| -> String {
            let problems = read(output.as_ref()).unwrap_err();
            problems.into_iter().map(|problem| problem.message + "\n").collect()
        };
        let with = |key: &str, value: Value| {
            let mut output = right();
            output[key] = value;
            Some(output)
        };
        let all = [
            told(None),
            told(Some(json!("x"))),
            told(with("api_version", json!("v2"))),
            told(with("endpoint", json!("http://api"))),
            told(with("region", json!(""))),
            told(with("subnet_ids", json!([]))),
            told(with("auth", json!({"kind": "password", "password": "hunter2"}))),
            told(with("auth", json!({"kind": "eks", "cluster": "qa", "token": "hunter2"}))),
            told(with("auth", json!({"kind": "ssm"}))),
            told(with("load_balancer", json!({"dns_name": "x"}))),
            told(with("certificate_authority", json!(["x"]))),
            told(with("kubeconfig", json!("x"))),
        ];
        insta::assert_snapshot!(all.concat());
    }
}
