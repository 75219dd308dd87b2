//! Who may reach an environment's pods: a NetworkPolicy that shuts them to all but those who have to come in.
//!
//! Only what comes in is judged; what goes out (DNS, services that others run, third parties) is let go.

use std::collections::BTreeMap;

use api::Role;
use api::marks;
use api::project::{Network, Route};
use api::revision::{EnvironmentRevision, Part};
use serde_json::{Map, Value, json};

use super::render::{self, Place};

/// The part's name, and the policy's.
pub const NAME: &str = "outboard-isolation";

/// The policies of an environment; none in a class whose network is open.
pub fn part(place: &Place<'_>) -> Option<Part> {
    if place.class.network == Network::Open {
        return None;
    }
    let routed = place.spec().routes.iter().filter_map(|route| at_routes(place, route));
    let mut objects = vec![inside(place)];
    objects.extend(routed);
    // Several routes may lead to one port.
    let mut seen = Vec::new();
    objects.retain(|object| {
        let name = object["metadata"]["name"].clone();
        let new = !seen.contains(&name);
        seen.push(name);
        new
    });
    Some(render::part(NAME, Role::Manifest, objects))
}

/// All pods: from their own namespace, from copies of data, from environments of the class that take a service from here
/// (their namespaces say so, whatever revision they run), and from namespaces that whoever runs the cluster lets in.
fn inside(place: &Place<'_>) -> Value {
    let owner = &place.owner;
    let takes = takes_from(place.validated.environment.as_str());
    let copies = labels(&[
        (marks::INSTALL, owner.install.as_str()),
        (marks::CONTROL_NAMESPACE, owner.control_namespace.as_str()),
        (marks::SLICE, marks::SLICE_DATA),
    ]);
    let takers = labels(&[
        (marks::INSTALL, owner.install.as_str()),
        (marks::CONTROL_NAMESPACE, owner.control_namespace.as_str()),
        (marks::PROJECT, owner.project.as_str()),
        (marks::SLICE, marks::SLICE_ENVIRONMENTS),
        (takes.as_str(), place.validated.class.as_str()),
    ]);
    policy(
        place,
        NAME,
        &json!({}),
        &json!([{"from": [
            {"podSelector": {}},
            {"namespaceSelector": {"matchLabels": copies}},
            {"namespaceSelector": {"matchLabels": takers}},
            {"namespaceSelector": {"matchLabels": labels(&[(marks::REACHES, "true")])}},
        ]}]),
    )
}

/// The port of a component to which a route leads: from everywhere, since whoever asks the gateway gets there as well.
fn at_routes(place: &Place<'_>, route: &Route) -> Option<Value> {
    let component = place.spec().components.get(&route.to)?;
    let port = match &route.port {
        Some(name) => name.as_str(),
        None => component.ports.keys().next()?.as_str(),
    };
    let pods = labels(&[(marks::PART, route.to.as_str())]);
    // A dot is in no name of either, so that no two ports meet.
    let name = format!("{NAME}.{}.{port}", route.to);
    // By name, for pods of the revision before; by number, for plugins that know no names where everybody is let in.
    let number = component.ports.get(port)?;
    let rules = json!([{"ports": [{"protocol": "TCP", "port": port}, {"protocol": "TCP", "port": number}]}]);
    Some(policy(place, &name, &json!({"matchLabels": pods}), &rules))
}

fn policy(place: &Place<'_>, name: &str, pods: &Value, rules: &Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": place.namespace, "labels": place.labels(NAME)},
        "spec": {"podSelector": pods, "policyTypes": ["Ingress"], "ingress": rules},
    })
}

/// The label of namespaces of environments that use a service of `environment`.
pub fn takes_from(environment: &str) -> String {
    format!("{}{environment}", marks::TAKES_FROM)
}

/// Whether a part is what shuts its environment.
pub fn is(part: &Part) -> bool {
    part.name == NAME && part.role == Role::Manifest
}

/// The labels of the namespace in which a revision runs: from which environments it takes services, and its class. By the
/// hosts of its services, since that is all that revisions from before there were policies say.
pub fn taken(revision: &EnvironmentRevision) -> BTreeMap<String, String> {
    let services = revision.parts.iter().filter(|part| part.role == Role::Service);
    let hosts = services
        .flat_map(|part| &part.objects)
        .filter_map(|object| object.pointer("/spec/externalName").and_then(Value::as_str));
    let environments = hosts.filter_map(|host| {
        let mut labels = host.split('.').skip(1);
        let (namespace, "svc") = (labels.next()?, labels.next()?) else { return None };
        namespace.strip_prefix(&revision.project)?.strip_prefix('-')
    });
    environments.map(|environment| (takes_from(environment), revision.class.clone())).collect()
}

fn labels(pairs: &[(&str, &str)]) -> Map<String, Value> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect()
}

#[cfg(test)]
mod tests {
    use api::{EnvironmentSpec, ProjectRevision};

    use super::*;
    use crate::Settings;
    use crate::plan::validate;

    fn revision(environment: &str, class: &Value) -> EnvironmentRevision {
        let spec = json!({
            "components": {
                "web": {"image": "r/web", "version": "1", "ports": {"admin": 9000, "http": 8080}, "uses": ["db"]},
                "worker": {"image": "r/worker", "version": "1", "ports": {"http": 80}},
            },
            "services": {"db": {"type": "mariadb", "storage": "1Gi", "from": "data"}},
            "routes": [
                {"host": "web", "path": "/", "to": "web", "port": "http"},
                {"host": "api", "path": "/", "to": "web", "port": "http"},
            ],
            "classes": {"qa": class},
        });
        let project = ProjectRevision { project: "shop".into(), spec: serde_json::from_value(spec).unwrap() };
        let wanted = EnvironmentSpec {
            project: "shop".into(),
            project_revision: project.name(),
            class: "qa".into(),
            ..EnvironmentSpec::default()
        };
        let validated = validate::environment(environment, &wanted, &project).expect("it is right");
        render::revision(&validated, &Settings::default(), &BTreeMap::new(), "shop", false)
    }

    /// Whether policies let a pod with `labels`, in a namespace with `namespace`, reach a port of a part.
    fn admits(
        policies: &[Value],
        part: &str,
        port: &str,
        namespace: &Value,
        own: bool,
        labels: &Value,
    ) -> bool {
        let matches = |selector: &Value, labels: &Value| {
            let wanted = selector["matchLabels"].as_object().into_iter().flatten();
            wanted.into_iter().all(|(key, value)| labels[key] == *value)
        };
        let target = json!({marks::PART: part});
        let selecting: Vec<&Value> =
            policies.iter().filter(|policy| matches(&policy["spec"]["podSelector"], &target)).collect();
        let rules =
            selecting.iter().flat_map(|policy| policy["spec"]["ingress"].as_array().into_iter().flatten());
        selecting.is_empty()
            || rules.into_iter().any(|rule| {
                let peers = rule["from"].as_array();
                let from = peers.is_none_or(|peers| {
                    peers.iter().any(|peer| {
                        let space = &peer["namespaceSelector"];
                        (if space.is_null() { own } else { matches(space, namespace) })
                            && matches(&peer["podSelector"], labels)
                    })
                });
                from && rule["ports"]
                    .as_array()
                    .is_none_or(|ports| ports.iter().any(|open| open["port"] == port))
            })
    }

    fn environment(control: &str, project: &str) -> Value {
        json!({marks::INSTALL: "outboard", marks::CONTROL_NAMESPACE: control, marks::PROJECT: project, marks::SLICE: "environments"})
    }

    #[test]
    fn an_environment_lets_in_what_has_to_come_in_and_nobody_else() {
        let data = revision("data", &json!({}));
        let policies = data.parts.iter().find(|part| part.name == NAME).unwrap().objects.clone();
        let reaches = |part: &str, port: &str, namespace: &Value, labels: &Value| {
            admits(&policies, part, port, namespace, false, labels)
        };
        let (nobody, mine) = (json!({}), environment("shop", "shop"));
        let mut taker = environment("shop", "shop");
        for (label, class) in taken(&revision("qa", &json!({}))) {
            taker[label] = json!(class);
        }
        let of = |change: fn(&mut Value)| {
            let mut other = taker.clone();
            change(&mut other);
            other
        };
        let copy = |control: &str| json!({marks::INSTALL: "outboard", marks::CONTROL_NAMESPACE: control, marks::SLICE: "data"});

        assert!(admits(&policies, "db", "main", &nobody, true, &nobody), "its own pods");
        assert!(reaches("db", "main", &taker, &nobody), "an environment that takes a service from here");
        assert!(!reaches("db", "main", &mine, &nobody), "one that takes none");
        assert!(
            !reaches("db", "main", &of(|taker| taker[marks::PROJECT] = json!("blog")), &nobody),
            "another project's"
        );
        assert!(
            !reaches("db", "main", &of(|taker| taker[marks::CONTROL_NAMESPACE] = json!("team")), &nobody),
            "another team's"
        );
        assert!(
            !reaches("db", "main", &of(|taker| taker[takes_from("data")] = json!("production")), &nobody),
            "of another class"
        );
        assert!(reaches("db", "main", &copy("shop"), &nobody), "a copy of data");
        assert!(!reaches("db", "main", &copy("team"), &nobody), "another team's copy");
        assert!(
            reaches("db", "main", &json!({marks::REACHES: "true"}), &nobody),
            "what the cluster's keeper lets in"
        );
        assert!(reaches("web", "http", &nobody, &nobody), "a gateway, wherever it runs");
        assert!(!reaches("web", "admin", &nobody, &nobody), "a port that no route leads to");
        assert!(!reaches("worker", "http", &nobody, &nobody), "a component without a route");
    }

    #[test]
    fn no_two_ports_meet_in_one_policy() {
        let names = |part: &str, port: &str| format!("{NAME}.{part}.{port}");
        assert_ne!(names("web", "admin-http"), names("web-admin", "http"));
        let data = revision("data", &json!({}));
        let part = data.parts.iter().find(|part| is(part)).unwrap();
        assert_eq!(part.objects[1]["metadata"]["name"], names("web", "http"));
        let ports = &part.objects[1]["spec"]["ingress"][0]["ports"];
        assert_eq!(*ports, json!([{"protocol": "TCP", "port": "http"}, {"protocol": "TCP", "port": 8080}]));
    }

    #[test]
    fn two_routes_to_one_port_are_one_policy_and_an_open_class_has_none() {
        let names = |class: &Value| -> Vec<String> {
            let revision = revision("qa", class);
            let part = revision.parts.iter().find(|part| part.name == NAME);
            let objects = part.into_iter().flat_map(|part| &part.objects);
            objects.map(|object| object["metadata"]["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&json!({})), ["outboard-isolation", "outboard-isolation.web.http"]);
        assert!(names(&json!({"network": "open"})).is_empty());
    }
}
