//! New environments that start with the data of another: services first, then the copy, then what uses them.

use api::datacopy::{DataCopy, MaskChoice};
use api::project::ProjectSpec;
use api::{Environment, Held, Overlay, OverlayPatch};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, Time};
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

use super::backups::{Backup, backups};
use super::begin::{Backing, Wanted, standing, write};
use crate::environment::{Wish, get};
use crate::{Cluster, Error, Result, Sink, project};

/// A new environment is held so long at first; the copy moves that on once it is under way.
const HOLD: SignedDuration = SignedDuration::from_mins(15);
/// The status of an object is written often; more often than this in one moment it is a fight.
const ATTEMPTS: usize = 20;

/// Makes the wish for a new environment one for an environment that starts with data.
pub async fn fill(cluster: &Cluster, namespace: &str, mut wish: Wish, wanted: &Wanted) -> Result<Wish> {
    if wish.base.is_some() {
        return Err(Error::FilledAlready { environment: wish.environment, from: wanted.from.clone() });
    }
    if let Backing::From(backup) = &wanted.backing {
        if unasked(wanted) {
            let known = backups(cluster, namespace, Some(&wanted.from)).await?;
            let (to, class) = (&wish.environment, &wish.wanted.class);
            if known.iter().any(|one| one.name == *backup && guards(one, to, class)) {
                return Err(bare(format!("backup `{backup}`"), wanted));
            }
        }
        wish.wanted.overlays = vec![overlay(wanted, cluster.now().await)];
        wish.notes.push(note(wanted));
        return Ok(wish);
    }
    let from = standing(cluster, namespace, &wanted.from).await?;
    if from.spec.project != wish.wanted.project {
        return Err(Error::OtherProject {
            from: wanted.from.clone(),
            from_project: from.spec.project,
            to: wish.environment,
            to_project: wish.wanted.project,
        });
    }
    if unasked(wanted) && is_protected(cluster, namespace, &from).await? {
        return Err(bare(format!("environment `{}`", wanted.from), wanted));
    }
    wish.wanted.overlays = vec![overlay(wanted, cluster.now().await)];
    wish.notes.push(note(wanted));
    Ok(wish)
}

fn note(wanted: &Wanted) -> String {
    let comes = match &wanted.backing {
        Backing::From(backup) => format!("the backup {backup} is brought back"),
        Backing::None | Backing::Made => format!("the data of {} is copied", wanted.from),
    };
    let how = match wanted.masks {
        MaskChoice::None => " with personal data as it is",
        MaskChoice::Project => "",
    };
    format!("services start first, then {comes}{how}, then jobs, components, schedules and routes follow")
}

/// Personal data would come as it is, and nobody said that it may out of a protected class.
fn unasked(wanted: &Wanted) -> bool {
    wanted.masks == MaskChoice::None && !wanted.protected
}

/// The copy would say so only once the environment was made.
fn bare(what: String, wanted: &Wanted) -> Error {
    let Wanted { from, to, .. } = wanted;
    let later = match &wanted.backing {
        Backing::From(backup) => {
            format!("outboard env restore {to} --backup {backup} --mask none --protected")
        }
        Backing::None | Backing::Made => {
            format!("outboard data copy --from {from} --to {to} --mask none --protected")
        }
    };
    Error::Bare { what, later }
}

/// A backup of a protected class, unless it comes back to where it was made.
fn guards(backup: &Backup, to: &str, class: &str) -> bool {
    backup.protected && !(backup.environment == to && backup.class.as_deref() == Some(class))
}

/// By the revision of its project that it runs, or by the project as it is now.
async fn is_protected(cluster: &Cluster, namespace: &str, of: &Environment) -> Result<bool> {
    let spec = &of.spec;
    let protects = |project: &ProjectSpec| project.class(&spec.class).is_some_and(|class| class.protected);
    let revision = project::revision(cluster, namespace, &spec.project, &spec.project_revision).await?;
    Ok(protects(&revision.spec) || protects(&project::get(cluster, namespace, &spec.project).await?.spec))
}

/// What the environment starts with: nothing of it runs but its services until the copy has ended, or never began.
fn overlay(wanted: &Wanted, now: Timestamp) -> Overlay {
    let until = now.checked_add(HOLD).unwrap_or(Timestamp::MAX);
    let until = Timestamp::from_second(until.as_second()).unwrap_or(until);
    Overlay {
        by: format!("datacopy/{}", wanted.name),
        until: Time(until),
        reason: Some(format!("data of {} is copied here first", wanted.from)),
        patch: OverlayPatch { hold: Held::WRITERS.to_vec() },
    }
}

/// Writes down a copy into an environment that was made for it by [`fill`], and leaves its hold to the copy.
pub async fn take_over(
    cluster: &Cluster,
    namespace: &str,
    wanted: &Wanted,
    events: Sink<'_>,
) -> Result<DataCopy> {
    let api = Api::<Environment>::namespaced(cluster.client.clone(), namespace);
    for _ in 0..ATTEMPTS {
        let environment = get(cluster, namespace, &wanted.to).await?;
        let mut entries = environment.managed_fields().to_vec();
        if !let_go(&mut entries) {
            return write(cluster, namespace, wanted, events).await;
        }
        let patch = json!({"metadata": {
            "resourceVersion": environment.resource_version(), "managedFields": entries,
        }});
        match api.patch(&wanted.to, &PatchParams::default(), &Patch::Merge(&patch)).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(cluster.explain(error)),
        }
    }
    Err(Error::Changed { what: format!("environment `{}`", wanted.to) })
}

/// Gives up overlays by Kubernetes' record of who wrote what: what somebody else holds too, the copy could not take away
/// once it has ended. Whether there was anything to give up.
fn let_go(entries: &mut [ManagedFieldsEntry]) -> bool {
    let mut gave = false;
    for entry in entries.iter_mut().filter(|entry| entry.operation.as_deref() == Some("Update")) {
        let fields = entry.fields_v1.as_mut().and_then(|fields| fields.0.get_mut("f:spec"));
        if let Some(spec) = fields.and_then(Value::as_object_mut) {
            gave |= spec.remove("f:overlays").is_some();
        }
    }
    gave
}

#[cfg(test)]
mod tests {
    use api::datacopy::{BackupPlace, DataCopySpec, DataCopyStatus};

    use super::*;

    #[test]
    fn a_plan_says_how_personal_data_comes() {
        let copied = Wanted::between("qa-1".into(), "live", "qa");
        let rest = "then jobs, components, schedules and routes follow";
        assert_eq!(note(&copied), format!("services start first, then the data of live is copied, {rest}"));
        let bare = Wanted { masks: MaskChoice::None, backing: Backing::From("live-1".into()), ..copied };
        assert_eq!(
            note(&bare),
            format!(
                "services start first, then the backup live-1 is brought back with personal data as it is, {rest}"
            )
        );
        assert!(unasked(&bare) && !unasked(&Wanted { protected: true, ..bare }));
    }

    #[test]
    fn a_backup_of_a_protected_class_comes_as_it_is_only_to_where_it_was_made() {
        let backup = |protected: bool| {
            let spec = DataCopySpec { backup: true, ..DataCopySpec::between("live", "live") };
            let mut copy = DataCopy::new("live-1", spec);
            let place = BackupPlace { class: "production".into(), protected, ..BackupPlace::default() };
            copy.status = Some(DataCopyStatus { backup: Some(place), ..DataCopyStatus::default() });
            crate::data::among([&copy], &std::collections::BTreeSet::new()).remove(0)
        };
        assert!(guards(&backup(true), "qa", "qa") && guards(&backup(true), "live", "qa"));
        assert!(!guards(&backup(true), "live", "production") && !guards(&backup(false), "qa", "qa"));
    }

    #[test]
    fn only_overlays_are_given_up_and_only_what_was_not_applied() {
        let entry = |operation: &str, fields: Value| {
            let entry =
                json!({"manager": "m", "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields});
            serde_json::from_value::<ManagedFieldsEntry>(entry).unwrap()
        };
        let spec = json!({"f:spec": {"f:class": {}, "f:overlays": {"k:{}": {}}}});
        let mut entries = vec![entry("Update", spec.clone()), entry("Apply", spec.clone())];
        assert!(let_go(&mut entries));
        assert_eq!(entries[0].fields_v1.as_ref().unwrap().0, json!({"f:spec": {"f:class": {}}}));
        assert_eq!(entries[1].fields_v1.as_ref().unwrap().0, spec);
        assert!(!let_go(&mut entries));
    }
}
