//! What is put on objects when they are applied, and stands in no revision: which content of a Secret that others
//! keep the pods were started with. So a revision stays what it was while such a secret changes.

use std::collections::BTreeMap;

use api::marks;
use api::revision::SecretRecipe;
use serde_json::{Value, json};

/// By part, the marks of the Secrets whose content others decide.
pub type Stamps = BTreeMap<String, String>;

/// Stamps from the mark of each Secret, by name. One with a type is read by Kubernetes, not by pods.
pub fn of(recipes: &[SecretRecipe], marks: &BTreeMap<String, String>) -> Stamps {
    let mut stamps: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for recipe in recipes.iter().filter(|recipe| recipe.r#type.is_none()) {
        if let Some(mark) = marks.get(&recipe.name) {
            stamps.entry(recipe.part.clone()).or_default().push(mark);
        }
    }
    stamps.into_iter().map(|(part, marks)| (part, marks.join("-"))).collect()
}

/// The object as it is applied. Only what runs on is stamped: a job reads what there is when it starts.
pub fn stamped(part: &str, object: &Value, stamps: &Stamps) -> Value {
    let mut object = object.clone();
    let runs_on = matches!(object["kind"].as_str(), Some("Deployment" | "StatefulSet"));
    if let Some(stamp) = stamps.get(part).filter(|_| runs_on) {
        object["spec"]["template"]["metadata"]["annotations"][marks::SECRETS] = json!(stamp);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_on_is_stamped_and_a_job_is_not() {
        let recipes: Vec<SecretRecipe> =
            serde_json::from_value(json!([{"name": "web-env-1", "part": "web", "keys": {}}])).unwrap();
        let stamps = of(&recipes, &BTreeMap::from([("web-env-1".to_owned(), "a1".to_owned())]));
        let deployment = json!({"kind": "Deployment", "spec": {"template": {"metadata": {"labels": {}}}}});
        let annotation = "/spec/template/metadata/annotations/outboard.dev~1secrets";
        assert_eq!(stamped("web", &deployment, &stamps).pointer(annotation), Some(&json!("a1")));
        assert_eq!(stamped("db", &deployment, &stamps), deployment);
        let job = json!({"kind": "Job", "spec": {"template": {"metadata": {"labels": {}}}}});
        assert_eq!(stamped("web", &job, &stamps), job);
    }
}
