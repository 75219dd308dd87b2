//! Objects of Kubernetes, from files or from a namespace.
//!
//! Each workload becomes a component; what belongs to it (Services, ConfigMaps, claims, autoscalers, routes) is looked up
//! by name and label, as Kubernetes does it.

mod container;
mod elsewhere;
mod files;
mod object;
mod pod;
mod probes;
mod routes;
mod settings;
mod workload;

use serde_json::Value;

use super::draft::Draft;
use super::note::{Kind, Place};
use super::{Imported, LARGEST, Nowhere, names, refused};
use crate::file::yaml;
use crate::file::{FileProblem, spoken};
use object::Object;

/// A file that is read, or an object of a namespace as text.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub text: String,
}

/// Reads every object there is; of files that cannot be read, the first with what is wrong with it.
pub fn read(sources: &[Source], project: &str) -> Result<Imported, (usize, Vec<FileProblem>)> {
    let mut reader = Reader::default();
    reader.draft.project = names::project(project);
    for (index, source) in sources.iter().enumerate() {
        reader.source(source).map_err(|problems| (index, problems))?;
    }
    if !reader.objects.iter().any(|object| object::WORKLOADS.contains(&object.kind())) {
        let hint = "a Deployment, StatefulSet, DaemonSet, Job or CronJob becomes a component";
        return Err((0, refused("there is nothing here that runs", hint)));
    }
    reader.all();
    let origin = match sources {
        [one] => one.name.clone(),
        many => format!("{} files of objects", many.len()),
    };
    Ok(super::conclude(reader.draft, &origin, &Nowhere))
}

#[derive(Default)]
pub struct Reader {
    objects: Vec<Object>,
    draft: Draft,
}

impl Reader {
    fn source(&mut self, source: &Source) -> Result<(), Vec<FileProblem>> {
        let name = source.name.rsplit('/').next().unwrap_or_default();
        if source.text.len() > LARGEST {
            return Err(refused("the file is too large to be one of objects", "is it the right one?"));
        }
        if name.starts_with("kustomization.") {
            let hint = "let `kubectl kustomize DIRECTORY > rendered.yaml` write them, and import that file";
            return Err(refused("it says how objects are made, and holds none", hint));
        }
        if name == "Chart.yaml" || source.text.contains("{{") && yaml::placed(&source.text).is_err() {
            let hint =
                "let `helm template RELEASE CHART > rendered.yaml` write the objects, and import that file";
            return Err(refused("it is a template, and no object yet", hint));
        }
        let documents = yaml::placed(&source.text).map_err(|problem| vec![problem])?;
        for document in documents {
            let root = document.value.clone();
            let items = root.get("items").and_then(Value::as_array);
            let list = root.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
            match items {
                Some(items) if list => {
                    for (index, item) in items.iter().enumerate() {
                        self.object(source, &document, item, &format!("/items/{index}"));
                    }
                }
                _ if root.is_null() => {}
                _ => self.object(source, &document, &root, ""),
            }
        }
        Ok(())
    }

    fn object(&mut self, source: &Source, document: &yaml::Document, value: &Value, at: &str) {
        let (line, column) = document.place(at);
        let place = Place { file: source.name.clone(), line, column, path: spoken(at) };
        match Object::new(value, document, at, &source.name) {
            // What something else made, it would make again.
            Some(object) if object.is_made() => {}
            Some(object) => self.objects.push(object),
            None => {
                self.draft.note(Kind::Left, None, &place, "it is no object: it has no `kind` or no name", "");
            }
        }
    }

    fn all(&mut self) {
        let objects = self.objects.clone();
        let namespaces: std::collections::BTreeSet<&str> = objects
            .iter()
            .filter_map(|object| object.value.pointer("/metadata/namespace")?.as_str())
            .collect();
        // A namespace says more about what it is than the directory that its files lie in.
        if let (Some(one), 1) = (namespaces.first().filter(|name| **name != "default"), namespaces.len()) {
            self.draft.project = names::project(one);
        }
        if namespaces.len() > 1 {
            let list: Vec<&str> = namespaces.into_iter().collect();
            let message = format!(
                "the objects are of several namespaces ({}), and one environment is one",
                list.join(", ")
            );
            self.draft.note(
                Kind::Todo,
                None,
                &objects[0].place(""),
                message,
                "import each by itself, if they are several applications",
            );
        }
        for object in &objects {
            match object.kind() {
                kind if object::WORKLOADS.contains(&kind) => workload::read(self, object),
                "Service" => routes::service(self, object),
                // Looked up by those that use them.
                "ConfigMap"
                | "Secret"
                | "PersistentVolumeClaim"
                | "HorizontalPodAutoscaler"
                | "ServiceAccount"
                | "Ingress"
                | "HTTPRoute" => {}
                kind => {
                    let (message, instead) = elsewhere::reason(kind);
                    let message = format!("{kind} {}: {message}", object.name());
                    self.draft.note(Kind::Left, None, &object.place(""), message, instead);
                }
            }
        }
        routes::all(self);
    }

    fn find(&self, kind: &str, name: &str) -> Option<Object> {
        self.objects.iter().find(|object| object.kind() == kind && object.name() == name).cloned()
    }
}
