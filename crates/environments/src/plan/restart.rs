//! A restart is a change of the revision: an annotation on the pod template, so that it is planned, recorded and
//! healed like every other change.

use std::collections::BTreeMap;

use api::Role;
use api::marks;
use api::revision::{Part, short_hash};
use serde_json::json;

use super::pod;

/// Marks the pod templates of `parts` with the moments of `restarts`.
pub fn stamp(parts: &mut [Part], restarts: &BTreeMap<String, String>) {
    for part in parts {
        let Some(moment) = restarts.get(&part.name).filter(|_| part.role != Role::Route) else { continue };
        for object in part.objects.iter_mut().filter(|object| object["spec"]["template"].is_object()) {
            let mut template = object["spec"]["template"].take();
            template["metadata"]["annotations"][marks::RESTARTED] = json!(moment);
            if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
                labels.remove(marks::TEMPLATE);
            }
            if part.role.completes() {
                // A job is named by what it runs: another name is another run.
                object["metadata"]["name"] = json!(format!("{}-{}", part.name, short_hash(&template, 8)));
            }
            object["spec"]["template"] = pod::marked(template);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(role: Role, kind: &str) -> Part {
        serde_json::from_value(json!({"name": "web", "role": role, "objects": [{
            "kind": kind, "metadata": {"name": "web"},
            "spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {}}},
        }]}))
        .unwrap()
    }

    #[test]
    fn the_same_moment_twice_is_one_restart() {
        let mut parts = [part(Role::Component, "Deployment")];
        let at = |moment: &str| BTreeMap::from([("web".to_owned(), moment.to_owned())]);
        stamp(&mut parts, &at("1"));
        let once = parts.clone();
        stamp(&mut parts, &at("1"));
        assert_eq!(parts, once);
        stamp(&mut parts, &at("2"));
        assert_ne!(parts[0].template(), once[0].template());
    }

    #[test]
    fn a_restarted_job_runs_under_another_name() {
        let mut parts = [part(Role::Job, "Job")];
        stamp(&mut parts, &BTreeMap::from([("web".to_owned(), "1".to_owned())]));
        assert_ne!(parts[0].objects[0]["metadata"]["name"], "web");
    }
}
