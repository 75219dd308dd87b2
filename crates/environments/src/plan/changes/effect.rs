//! What a change of one object does to what runs, in words.

use api::Role;
use api::plan::{Action, FieldChange};

use crate::plan::{isolation, limits};

/// None where it goes without saying.
pub fn effect(
    action: Action,
    role: Role,
    (kind, name): (&str, &str),
    fields: &[FieldChange],
) -> &'static str {
    let new_pods = fields.iter().any(|field| field.path.starts_with("spec.template"));
    match (action, kind) {
        (Action::Create, "Job") if role == Role::After => "runs once, when all else is ready",
        (Action::Create, "Job") => "runs once, before components change",
        (Action::Create, "StatefulSet") => "a new server with an empty volume",
        (Action::Delete, "StatefulSet") => {
            "the server goes; its volume stays until the environment is destroyed"
        }
        (Action::Create, "NetworkPolicy") if name == isolation::NAME => {
            "others get in by its routes alone from then on, besides copies and who takes its services"
        }
        (Action::Delete, "NetworkPolicy") if name == isolation::NAME => "everybody in the cluster gets in",
        (Action::Delete, "ResourceQuota") if name == limits::NAME => {
            "its pods and volumes have no common limit"
        }
        (_, "ResourceQuota") if name == limits::NAME => {
            "counts what runs already; what exceeds it goes on until it is made anew"
        }
        (Action::Delete, "LimitRange") if name == limits::NAME => {
            "containers are given and held to nothing from then on"
        }
        (_, "LimitRange") if name == limits::NAME => "counts for pods that are made from then on",
        (Action::Delete, "Deployment") => "its pods go",
        (Action::Delete, "HTTPRoute") => "its host answers no more",
        (Action::Change, "Deployment") if new_pods => "replaces its pods, the new ones first",
        (Action::Change, "CronJob") => "counts from its next run on",
        (Action::Change, "StatefulSet") if new_pods => "restarts the server: a moment without it",
        _ => "",
    }
}
