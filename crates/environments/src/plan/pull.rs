//! The pull secret: what registries want to know, copied beside the pods whose images lie there.

use api::Role;
use api::marks;
use api::revision::{Part, SecretPiece, SecretRecipe, Source};
use serde_json::json;

use super::pod;

/// The Secret of the control namespace that holds what registries want to know, and its copy.
pub const NAME: &str = "outboard-registries";
/// The one key that Kubernetes looks at.
pub const KEY: &str = ".dockerconfigjson";

/// The copy: kept in step like every secret that others keep.
pub fn recipe() -> SecretRecipe {
    let piece = SecretPiece::FromSource { source: Source::Kubernetes(NAME.to_owned()), key: KEY.to_owned() };
    SecretRecipe {
        name: NAME.to_owned(),
        part: "registries".to_owned(),
        keys: [(KEY.to_owned(), vec![piece])].into(),
        guards_claim: None,
        r#type: Some("kubernetes.io/dockerconfigjson".to_owned()),
    }
}

/// Names it in every pod template, beside those that are named there already. A job keeps its name: it runs what it
/// ran. Objects in Kubernetes' own words stay as they are.
pub fn name_in(parts: &mut [Part]) {
    let rendered = parts.iter_mut().filter(|part| part.role != Role::Manifest);
    for object in rendered.flat_map(|part| &mut part.objects) {
        for path in ["/spec/template", "/spec/jobTemplate/spec/template"] {
            let Some(place) = object.pointer_mut(path).filter(|template| template["spec"].is_object()) else {
                continue;
            };
            let mut template = place.take();
            match template["spec"]["imagePullSecrets"].as_array_mut() {
                Some(named) => named.push(json!({"name": NAME})),
                None => template["spec"]["imagePullSecrets"] = json!([{"name": NAME}]),
            }
            if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
                labels.remove(marks::TEMPLATE);
            }
            *place = pod::marked(template);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pod_template_names_it_and_is_marked_anew() {
        let object = |kind: &str, template: serde_json::Value| {
            let spec = if kind == "CronJob" {
                json!({"jobTemplate": {"spec": {"template": template}}})
            } else {
                json!({"template": template})
            };
            json!({"kind": kind, "metadata": {"name": "x"}, "spec": spec})
        };
        let template = pod::marked(json!({"metadata": {"labels": {}}, "spec": {"containers": []}}));
        let objects = vec![
            object("Deployment", template.clone()),
            object("CronJob", template.clone()),
            json!({"kind": "Service", "spec": {}}),
        ];
        let mut parts =
            [serde_json::from_value::<Part>(json!({"name": "x", "role": "component", "objects": objects}))
                .unwrap()];
        name_in(&mut parts);
        for path in ["/spec/template", "/spec/jobTemplate/spec/template"] {
            let found: Vec<_> = parts[0].objects.iter().filter_map(|object| object.pointer(path)).collect();
            assert_eq!(found.len(), 1);
            assert_eq!(found[0]["spec"]["imagePullSecrets"][0]["name"], NAME);
            assert_ne!(found[0]["metadata"]["labels"], template["metadata"]["labels"]);
        }
        assert_eq!(parts[0].objects[2], json!({"kind": "Service", "spec": {}}));
    }
}
