//! The testbed enforces NetworkPolicies: the cases of Kubernetes' own conformance tests that apply to one node and IPv4, each
//! with every pod calling every other.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use stories::{PodNetworks, Port, client, until};

const SOON: Duration = Duration::from_secs(15);
const SPACES: [&str; 3] = ["x", "y", "z"];
const NAMES: [&str; 3] = ["a", "b", "c"];
const PORTS: [Port; 3] = [Port::Tcp(80), Port::Tcp(81), Port::Udp(80)];

/// Namespace and name.
type Who = (&'static str, &'static str);
type Matrix = BTreeMap<(Port, Who, Who), bool>;

struct Ground {
    client: Client,
    prefix: String,
    networks: Arc<PodNetworks>,
    addresses: BTreeMap<Who, Ipv4Addr>,
}

impl Ground {
    async fn new() -> Result<Self> {
        let prefix = format!("policies-{}", std::process::id());
        let (networks, addresses) = (Arc::new(PodNetworks::all()?), BTreeMap::new());
        Ok(Self { client: client().await?, prefix, networks, addresses })
    }

    async fn lay(&mut self) -> Result<()> {
        let spaces: Api<Namespace> = Api::all(self.client.clone());
        for space in SPACES {
            let namespace = json!({"metadata": {"name": self.space(space), "labels": {"ns": space}}});
            spaces.create(&PostParams::default(), &serde_json::from_value(namespace)?).await?;
        }
        for space in SPACES {
            for name in NAMES {
                self.place((space, name)).await?;
            }
        }
        self.networks = Arc::new(PodNetworks::all()?);
        for address in self.addresses.values() {
            for port in PORTS {
                self.networks.serve(*address, port)?;
            }
        }
        Ok(())
    }

    fn space(&self, space: &str) -> String {
        format!("{}-{space}", self.prefix)
    }

    async fn place(&mut self, who: Who) -> Result<()> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.space(who.0));
        let pod = json!({
            "metadata": {"name": who.1, "labels": {"pod": who.1}},
            "spec": {
                "automountServiceAccountToken": false,
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "pause", "image": testbed::pause_image()?, "ports": [
                    {"name": "web", "containerPort": 80}, {"name": "admin", "containerPort": 81},
                    {"name": "udp", "containerPort": 80, "protocol": "UDP"},
                ]}],
            },
        });
        until("the service account", SOON, async || {
            Ok(pods.create(&PostParams::default(), &serde_json::from_value(pod.clone())?).await.ok())
        })
        .await?;
        let address = until("a pod's address", Duration::from_secs(60), async || {
            let status = pods.get(who.1).await?.status.unwrap_or_default();
            Ok(status.pod_ip.filter(|_| status.phase.as_deref() == Some("Running")))
        })
        .await?;
        self.addresses.insert(who, address.parse()?);
        Ok(())
    }

    /// Every pod calls every other, all at once.
    fn matrix(&self) -> Result<Matrix> {
        let mut calls = Vec::new();
        for (&from, &own) in &self.addresses {
            for (&to, &other) in &self.addresses {
                for port in PORTS {
                    let networks = self.networks.clone();
                    let call = move || networks.reaches(own, other, port);
                    calls.push(((port, from, to), thread::spawn(call)));
                }
            }
        }
        let ended =
            |call: thread::JoinHandle<Result<bool>>| call.join().map_err(|_| anyhow!("a call ended"))?;
        calls.into_iter().map(|(key, call)| Ok((key, ended(call)?))).collect()
    }

    /// With these policies in namespace `x` it is as `wanted` says.
    async fn holds(
        &self,
        case: &str,
        specs: &[Value],
        wanted: impl Fn(Port, Who, Who) -> bool,
    ) -> Result<()> {
        let policies: Api<NetworkPolicy> = Api::namespaced(self.client.clone(), &self.space("x"));
        policies.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
        for (number, spec) in specs.iter().enumerate() {
            let policy = json!({"metadata": {"name": format!("p{number}")}, "spec": spec});
            policies.create(&PostParams::default(), &serde_json::from_value(policy)?).await?;
        }
        self.is(case, wanted).await
    }

    async fn is(&self, case: &str, wanted: impl Fn(Port, Who, Who) -> bool) -> Result<()> {
        let mut wrong = Vec::new();
        let right = until(case, SOON, async || {
            let seen = self.matrix()?;
            // Nothing can shut a pod off from itself.
            let right = |(port, from, to): (Port, Who, Who)| from == to || wanted(port, from, to);
            wrong = seen.into_iter().filter(|(key, reached)| *reached != right(*key)).collect();
            Ok(wrong.is_empty().then_some(()))
        })
        .await;
        println!("{case}: {}", if right.is_ok() { "as it should be" } else { "wrong" });
        right.with_context(|| format!("wrong, with what was seen: {wrong:?}"))
    }

    async fn label(&self, who: Who, value: &str) -> Result<()> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.space(who.0));
        let patch = json!({"metadata": {"labels": {"pod": value}}});
        pods.patch(who.1, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    async fn clear(&self) -> Result<()> {
        let spaces: Api<Namespace> = Api::all(self.client.clone());
        for space in SPACES {
            spaces.delete(&self.space(space), &DeleteParams::default()).await?;
        }
        Ok(())
    }
}

const A: Who = ("x", "a");

fn only(name: &str) -> Value {
    json!({"matchLabels": {"pod": name}})
}

fn space(name: &str) -> Value {
    json!({"matchLabels": {"ns": name}})
}

/// A policy for pod `a` that lets in by this one rule.
fn into_a(rule: &Value) -> Value {
    json!({"podSelector": only("a"), "policyTypes": ["Ingress"], "ingress": [rule]})
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn every_pod_reaches_what_policies_let_it_reach_and_nothing_else() -> Result<()> {
    let mut ground = Ground::new().await?;
    let outcome = match ground.lay().await {
        Ok(()) => cases(&ground).await,
        Err(error) => Err(error),
    };
    ground.clear().await?;
    outcome
}

async fn cases(ground: &Ground) -> Result<()> {
    incoming(ground).await?;
    ports(ground).await?;
    outgoing(ground).await?;
    addresses(ground).await?;
    changes(ground).await
}

async fn incoming(ground: &Ground) -> Result<()> {
    let shut = json!({"podSelector": {}, "policyTypes": ["Ingress"]});
    ground.holds("without a policy", &[], |_, _, _| true).await?;
    ground.holds("default deny", std::slice::from_ref(&shut), |_, _, to| to.0 != "x").await?;
    let all = json!({"podSelector": {}, "ingress": [{}]});
    ground.holds("deny and allow all", &[shut.clone(), all], |_, _, _| true).await?;

    let to_a = |let_in: fn(Who) -> bool| move |_: Port, from: Who, to: Who| to != A || let_in(from);
    let rule = json!({"from": [{"podSelector": only("b")}]});
    ground
        .holds("a pod selector: of its own namespace", &[into_a(&rule)], to_a(|from| from == ("x", "b")))
        .await?;
    let rule = json!({"from": [{"namespaceSelector": space("y")}]});
    ground.holds("a namespace selector", &[into_a(&rule)], to_a(|from| from.0 == "y")).await?;
    let named = json!({"matchLabels": {"kubernetes.io/metadata.name": ground.space("z")}});
    let rule = json!({"from": [{"namespaceSelector": named}]});
    ground.holds("a namespace by its name", &[into_a(&rule)], to_a(|from| from.0 == "z")).await?;
    let rule = json!({"from": [{"namespaceSelector": space("y"), "podSelector": only("b")}]});
    ground.holds("both in one peer", &[into_a(&rule)], to_a(|from| from == ("y", "b"))).await?;
    let rule = json!({"from": [{"namespaceSelector": space("y")}, {"podSelector": only("b")}]});
    let either = to_a(|from| from.0 == "y" || from == ("x", "b"));
    ground.holds("each a peer of its own", &[into_a(&rule)], either).await?;
    let some = json!({"matchExpressions": [{"key": "pod", "operator": "In", "values": ["b", "c"]}]});
    let rule = json!({"from": [{"podSelector": some}]});
    ground.holds("an expression for pods", &[into_a(&rule)], to_a(|from| from.0 == "x")).await?;
    let not = json!({"matchExpressions": [{"key": "ns", "operator": "NotIn", "values": ["x", "y"]}]});
    let rule = json!({"from": [{"namespaceSelector": not.clone()}]});
    // Namespaces of others carry no such label and are not asked here.
    ground.holds("an expression for namespaces", &[into_a(&rule)], to_a(|from| from.0 == "z")).await?;
    let rule = json!({"from": [{"namespaceSelector": not, "podSelector": {}}]});
    ground.holds("all pods of some namespaces", &[into_a(&rule)], to_a(|from| from.0 == "z")).await
}

async fn ports(ground: &Ground) -> Result<()> {
    let from_y = json!([{"namespaceSelector": space("y")}]);
    let at = |open: fn(Port, Who) -> bool| move |port: Port, from: Who, to: Who| to != A || open(port, from);
    let rule = json!({"ports": [{"port": 81}]});
    ground.holds("a port", &[into_a(&rule)], at(|port, _| port == Port::Tcp(81))).await?;
    let (one, other) = (json!({"from": from_y, "ports": [{"port": 80}]}), json!({"ports": [{"port": 81}]}));
    let stacked = at(|port, from| port == Port::Tcp(81) || (port == Port::Tcp(80) && from.0 == "y"));
    ground.holds("two policies add up", &[into_a(&one), into_a(&other)], stacked).await?;
    let rule = json!({"from": from_y, "ports": [{"port": "admin"}]});
    let named = at(|port, from| port == Port::Tcp(81) && from.0 == "y");
    ground.holds("a port by its name", &[into_a(&rule)], named).await?;
    let rule = json!({"ports": [{"port": 79, "endPort": 80}]});
    ground.holds("a range of ports", &[into_a(&rule)], at(|port, _| port == Port::Tcp(80))).await?;
    let rule = json!({"ports": [{"port": 80, "protocol": "UDP"}]});
    ground.holds("UDP is not TCP", &[into_a(&rule)], at(|port, _| port == Port::Udp(80))).await?;
    let rule = json!({"ports": [{"port": 80, "protocol": "SCTP"}]});
    ground.holds("nor is SCTP", &[into_a(&rule)], at(|_, _| false)).await
}

/// A policy for what pod `a` sends.
fn out_of_a(rules: &Value) -> Value {
    json!({"podSelector": only("a"), "policyTypes": ["Egress"], "egress": rules})
}

async fn outgoing(ground: &Ground) -> Result<()> {
    let of_a =
        |open: fn(Port, Who) -> bool| move |port: Port, from: Who, to: Who| from != A || open(port, to);
    ground.holds("egress denied", &[out_of_a(&json!([]))], of_a(|_, _| false)).await?;
    let rules = json!([{"to": [{"namespaceSelector": space("y"), "podSelector": only("b")}]}]);
    ground.holds("egress to some", &[out_of_a(&rules)], of_a(|_, to| to == ("y", "b"))).await?;
    let rules = json!([{"ports": [{"port": "admin"}]}]);
    ground
        .holds("egress to a port by its name", &[out_of_a(&rules)], of_a(|port, _| port == Port::Tcp(81)))
        .await?;
    let both = json!({
        "podSelector": only("a"),
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [{"namespaceSelector": space("y")}]}],
        "egress": [{"to": [{"namespaceSelector": space("z")}]}],
    });
    let wanted = |_: Port, from: Who, to: Who| (to != A || from.0 == "y") && (from != A || to.0 == "z");
    ground.holds("ingress and egress", &[both], wanted).await
}

async fn addresses(ground: &Ground) -> Result<()> {
    let own = ground.addresses[&("y", "b")].to_string() + "/32";
    let rules = json!([{"to": [{"ipBlock": {"cidr": own}}]}]);
    let wanted = |_: Port, from: Who, to: Who| from != A || to == ("y", "b");
    ground.holds("a block of addresses", &[out_of_a(&rules)], wanted).await?;
    let all_but = json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": [own]}});
    let rules = json!([{"to": [all_but]}]);
    let wanted = |_: Port, from: Who, to: Who| from != A || to != ("y", "b");
    ground.holds("a block but for one", &[out_of_a(&rules)], wanted).await?;
    let rules = json!([{"to": [all_but, {"ipBlock": {"cidr": own}}]}]);
    ground.holds("left out here and let in there", &[out_of_a(&rules)], |_, _, _| true).await
}

async fn changes(ground: &Ground) -> Result<()> {
    let rule = json!({"from": [{"namespaceSelector": {}, "podSelector": only("new")}]});
    ground.holds("nobody has the label yet", &[into_a(&rule)], |_, _, to| to != A).await?;
    ground.label(("z", "c"), "new").await?;
    ground.is("a pod that gets the label", |_, from, to| to != A || from == ("z", "c")).await?;
    ground.label(("z", "c"), "c").await?;
    ground.is("and loses it", |_, _, to| to != A).await?;

    let policies: Api<NetworkPolicy> = Api::namespaced(ground.client.clone(), &ground.space("x"));
    let patch =
        json!({"spec": {"ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"team": "new"}}}]}]}});
    policies.patch("p0", &PatchParams::default(), &Patch::Merge(patch)).await?;
    let spaces: Api<Namespace> = Api::all(ground.client.clone());
    let patch = json!({"metadata": {"labels": {"team": "new"}}});
    spaces.patch(&ground.space("y"), &PatchParams::default(), &Patch::Merge(patch)).await?;
    ground.is("a namespace that gets a label", |_, from, to| to != A || from.0 == "y").await?;
    ground.holds("without policies again", &[], |_, _, _| true).await
}
