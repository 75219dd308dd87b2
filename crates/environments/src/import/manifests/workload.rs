//! A workload: how many, how often, and the pod that it makes.

use api::project::Scale;
use serde_json::Value;

use super::super::draft::Part;
use super::super::note::Kind;
use super::super::quantity::{self, word};
use super::object::{Object, items};
use super::{Reader, pod};

/// A workload that is being read.
pub struct Workload<'a> {
    pub reader: &'a mut Reader,
    pub object: &'a Object,
    pub part: Part,
    /// Where the pod's spec stands.
    pub at: String,
    /// Components that its init containers become.
    pub before: Vec<Part>,
}

pub fn read(reader: &mut Reader, object: &Object) {
    let template = match object.kind() {
        "CronJob" => "/spec/jobTemplate/spec/template",
        "Pod" => "",
        _ => "/spec/template",
    };
    let labels = object.get(&format!("{template}/metadata/labels")).cloned().unwrap_or_default();
    let services = reader.objects.iter().filter(|other| other.kind() == "Service" && selects(other, &labels));
    let services: Vec<Object> = services.cloned().collect();
    // Others call it by the name of its Service.
    let wanted = match services.as_slice() {
        [one] => one.name().to_owned(),
        _ => object.name().to_owned(),
    };
    let mut part = Part { name: reader.draft.free_name(&wanted), place: object.place(""), ..Part::default() };
    let at = format!("{template}/spec");
    part.hosts.push(wanted.clone());
    let mut workload = Workload { reader, object, part, at: at.clone(), before: Vec::new() };
    if workload.part.name != object.name() {
        let message = format!(
            "{} `{}` is called `{}`, by which others know it",
            object.kind(),
            object.name(),
            workload.part.name
        );
        workload.note(Kind::Changed, "", message, "");
    }
    for service in &services {
        workload.service(service);
    }
    workload.kind();
    match object.get(&at) {
        Some(spec) => pod::read(&mut workload, &spec.clone()),
        None => workload.note(Kind::Todo, "", "it has no pod", "say what runs"),
    }
    workload.claims();
    if workload.part.component.image.is_empty() {
        return;
    }
    let (part, before) = (workload.part, workload.before);
    reader.draft.parts.push(part);
    reader.draft.parts.extend(before);
}

fn selects(service: &Object, labels: &Value) -> bool {
    let selector =
        service.get("/spec/selector").and_then(Value::as_object).filter(|selector| !selector.is_empty());
    selector.is_some_and(|selector| selector.iter().all(|(key, value)| labels.get(key) == Some(value)))
}

impl Workload<'_> {
    pub fn note(&mut self, kind: Kind, pointer: &str, message: impl Into<String>, instead: &str) {
        let place = self.object.place(pointer);
        self.reader.draft.note(kind, Some(&self.part.name), &place, message, instead);
    }

    fn service(&mut self, service: &Object) {
        let name = service.name();
        let namespace = service.text("/metadata/namespace").unwrap_or("default");
        for host in [
            format!("{name}.{namespace}.svc.cluster.local"),
            format!("{name}.{namespace}.svc"),
            format!("{name}.{namespace}"),
            name.to_owned(),
        ] {
            if !self.part.hosts.contains(&host) {
                self.part.hosts.push(host);
            }
        }
        let reached = matches!(service.text("/spec/type"), Some("LoadBalancer" | "NodePort"));
        let ports = service.get("/spec/ports").cloned();
        for (port, at) in items(ports.as_ref(), "/spec/ports") {
            let Some(number) =
                port.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok())
            else {
                continue;
            };
            if super::object::text(port, "protocol").is_some_and(|protocol| protocol != "TCP") {
                let place = service.place(&at);
                let message = format!("port {number} is no TCP: outboard has no other");
                self.reader.draft.note(Kind::Left, Some(&self.part.name), &place, message, "");
                continue;
            }
            let target = port.get("targetPort").cloned().unwrap_or_else(|| number.into());
            let http = [super::object::text(port, "name"), super::object::text(port, "appProtocol")];
            let http =
                http.into_iter().flatten().any(|name| name.starts_with("http") && !name.starts_with("https"));
            self.part.service_ports.push((number, target, http, reached));
        }
    }

    /// How many and how often.
    fn kind(&mut self) {
        let replicas = self.object.get("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
        match self.object.kind() {
            "Deployment" | "StatefulSet" => {
                match u32::try_from(replicas).unwrap_or(1000).min(1000) {
                    0 => {
                        let message = "it does not run at all there, and does here";
                        self.note(Kind::Todo, "/spec/replicas", message, "remove it if nobody needs it");
                    }
                    1 => {}
                    min => self.part.component.scale = Some(Scale::of(min)),
                }
                self.autoscaler();
            }
            "DaemonSet" => self.note(
                Kind::Todo,
                "",
                "it ran once on each node, and is one component here",
                "what serves nodes is installed beside environments",
            ),
            "Pod" => self.note(
                Kind::Changed,
                "",
                "a pod of its own becomes a component, which is started again when it ends",
                "",
            ),
            "Job" => self.part.once = true,
            _ => self.schedule(),
        }
        if self.object.text("/spec/strategy/type") == Some("Recreate") {
            let message = "outboard starts the new one before the old one stops, unless it has storage";
            self.note(Kind::Todo, "/spec/strategy", message, "look whether two may run for a moment");
        }
    }

    fn schedule(&mut self) {
        let schedule = self
            .object
            .text("/spec/schedule")
            .unwrap_or_default()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let schedule = match schedule.as_str() {
            "@midnight" => "@daily".to_owned(),
            "@annually" => "@yearly".to_owned(),
            _ => schedule,
        };
        self.part.component.schedule = Some(schedule);
        self.part.component.timezone = self.object.text("/spec/timeZone").map(str::to_owned);
        if self.object.get("/spec/suspend") == Some(&Value::Bool(true)) {
            self.note(
                Kind::Todo,
                "/spec/suspend",
                "it is suspended there, and runs here",
                "remove it, or bear that it runs",
            );
        }
    }

    fn autoscaler(&mut self) {
        let (kind, name) = (self.object.kind().to_owned(), self.object.name().to_owned());
        let scaler = self.reader.objects.iter().find(|other| {
            other.kind() == "HorizontalPodAutoscaler"
                && other.text("/spec/scaleTargetRef/kind") == Some(&kind)
                && other.text("/spec/scaleTargetRef/name") == Some(&name)
        });
        let Some(scaler) = scaler.cloned() else { return };
        let number =
            |pointer: &str| scaler.get(pointer).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
        let min = number("/spec/minReplicas").unwrap_or(1).clamp(1, 1000);
        let max = number("/spec/maxReplicas").map(|max| max.clamp(min, 1000));
        let metrics = scaler.get("/spec/metrics").cloned();
        let cpu = items(metrics.as_ref(), "")
            .into_iter()
            .find(|(metric, _)| metric.pointer("/resource/name").and_then(Value::as_str) == Some("cpu"));
        let share =
            cpu.and_then(|(metric, _)| metric.pointer("/resource/target/averageUtilization")?.as_u64());
        let share = share
            .and_then(|share| u32::try_from(share).ok())
            .or(number("/spec/targetCPUUtilizationPercentage"));
        let settle = number("/spec/behavior/scaleDown/stabilizationWindowSeconds");
        self.part.component.scale = Some(Scale {
            min,
            max,
            cpu: share.filter(|share| (1..=1000).contains(share)),
            settle: settle.map(|seconds| format!("{}s", seconds.min(3600))),
        });
        let others = items(metrics.as_ref(), "").len() > 1 || metrics.is_some() && share.is_none();
        if others {
            let place = scaler.place("/spec/metrics");
            let message = "replicas follow the CPU alone";
            self.reader.draft.note(Kind::Left, Some(&self.part.name), &place, message, "");
        }
    }

    /// Disks of a StatefulSet.
    fn claims(&mut self) {
        let claims = self.object.get("/spec/volumeClaimTemplates").cloned();
        for (claim, _) in items(claims.as_ref(), "") {
            let name = claim.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            let size = claim.pointer("/spec/resources/requests/storage").and_then(quantity::storage);
            for path in
                self.part.mounts.iter().filter(|(volume, _)| volume == name).map(|(_, path)| path.clone())
            {
                let storage = Some(size.clone().unwrap_or_else(|| "1Gi".to_owned()));
                self.part.component.volumes.insert(path, api::project::Volume { storage, memory: None });
            }
        }
    }
}

/// A text or number as a word.
pub fn said(value: Option<&Value>) -> Option<String> {
    value.and_then(word)
}
