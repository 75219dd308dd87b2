//! What is kept, in which state it is, and when it goes.

use serde_json::json;

use super::restore::{self, Standing, Taker};
use super::*;

fn owner() -> Owner {
    Owner {
        install: "outboard".into(),
        control_namespace: "shop".into(),
        project: "shop".into(),
        environment: "qa".into(),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn claim(labels: &BTreeMap<String, String>) -> PersistentVolumeClaim {
    serde_json::from_value(json!({
        "metadata": {"name": "data-db-0", "namespace": "shop-qa", "uid": "claim-1", "labels": labels},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "volumeName": "pv-1", "volumeMode": "Filesystem",
            "resources": {"requests": {"storage": "1Gi"}}},
        "status": {"phase": "Bound"},
    }))
    .unwrap()
}

fn of_service() -> BTreeMap<String, String> {
    let mut labels = owner().labels();
    labels.insert(marks::PART.to_owned(), "db".to_owned());
    labels
}

fn volume(change: impl FnOnce(&mut Value)) -> PersistentVolume {
    let mut object = json!({
        "metadata": {"name": "pv-1", "resourceVersion": "7",
            "labels": {"app.kubernetes.io/managed-by": "ebs"}, "annotations": {"pv.kubernetes.io/provisioned-by": "ebs.csi.aws.com"}},
        "spec": {"persistentVolumeReclaimPolicy": "Delete",
            "claimRef": {"namespace": "shop-qa", "name": "data-db-0", "uid": "claim-1"}},
        "status": {"phase": "Bound"},
    });
    change(&mut object);
    serde_json::from_value(object).unwrap()
}

fn kept_claim() -> KeptClaim {
    kept(&claim(&of_service()), Some(&volume(|_| {})), &owner(), at(100)).expect("it is kept")
}

fn record() -> KeptVolumes {
    KeptVolumes {
        project: "shop".into(),
        environment: "qa".into(),
        environment_uid: "env-1".into(),
        namespace_uid: "ns-1".into(),
        class: "qa".into(),
        revision: 7,
        until: Time(at(100)),
        volumes: vec![kept_claim()],
    }
}

fn record_name() -> String {
    KeptVolumes::object_name("qa", "env-1")
}

/// As the API server would have it after the patch.
fn patched(volume: &PersistentVolume, patch: &Value) -> PersistentVolume {
    fn merge(into: &mut Value, patch: &Value) {
        let Value::Object(patch) = patch else { return into.clone_from(patch) };
        if !into.is_object() {
            *into = json!({});
        }
        for (key, value) in patch {
            match value {
                Value::Null => drop(into.as_object_mut().map(|into| into.remove(key))),
                value => merge(&mut into[key.as_str()], value),
            }
        }
    }
    let mut object = serde_json::to_value(volume).unwrap();
    merge(&mut object, patch);
    serde_json::from_value(object).unwrap()
}

fn marked() -> PersistentVolume {
    let volume = volume(|_| {});
    patched(&volume, &mark(&volume, &kept_claim(), &record(), &owner()).expect("it has to be marked"))
}

/// The namespace and its claim are gone.
fn released() -> PersistentVolume {
    patched(&marked(), &json!({"status": {"phase": "Released"}}))
}

#[test]
fn volumes_of_services_are_kept_and_what_others_made_or_retain_is_left_as_it_is() {
    let keeps = |labels: &BTreeMap<String, String>, volume: Option<&PersistentVolume>| {
        kept(&claim(labels), volume, &owner(), at(100)).is_some()
    };
    let ours = of_service();
    assert!(keeps(&ours, Some(&volume(|_| {}))));
    assert!(!keeps(&ours, None), "it has no volume yet");
    assert!(!keeps(&ours, Some(&volume(|object| object["spec"]["claimRef"]["uid"] = json!("claim-0")))));
    assert!(!keeps(&ours, Some(&volume(|object| object["metadata"]["annotations"] = json!({})))), "by hand");
    let retained = volume(|object| object["spec"]["persistentVolumeReclaimPolicy"] = json!("Retain"));
    assert!(!keeps(&ours, Some(&retained)), "its storage class retains it for ever");
    assert!(keeps(&ours, Some(&marked())), "a run that was cut off has kept it");
    let mut foreign = ours.clone();
    foreign.insert(marks::ENVIRONMENT.to_owned(), "other".to_owned());
    assert!(!keeps(&foreign, Some(&volume(|_| {}))));
    assert!(!keeps(&owner().labels(), Some(&volume(|_| {}))), "of no service");
}

#[test]
fn what_is_kept_says_whose_it_is_and_until_when_and_is_marked_once() {
    let marked = marked();
    assert_eq!(policy(&marked), Some("Retain"));
    assert_eq!(kept_until(&marked), Some(at(100)));
    assert_eq!(marked.annotations()[marks::KEPT_WITH], record_name());
    assert_eq!(marked.annotations()[marks::KEPT_CLASS], "qa");
    assert!(owner().owns(marked.labels()));
    assert_eq!(mark(&marked, &kept_claim(), &record(), &owner()), None);
    // What somebody did to it is put back.
    let meddled = patched(&marked, &give_up(&marked));
    assert!(mark(&meddled, &kept_claim(), &record(), &owner()).is_some());
}

#[test]
fn one_that_is_given_back_is_an_ordinary_volume_again() {
    let marked = marked();
    let free = patched(&marked, &unmark(&marked, &owner()).expect("it has marks"));
    assert_eq!(free, volume(|_| {}));
    assert_eq!(unmark(&free, &owner()), None);
}

#[test]
fn only_what_has_no_claim_is_due_and_what_goes_is_not_told_twice() {
    assert_eq!(due(&released()), Some(at(100)));
    assert_eq!(due(&marked()), None, "it is in use");
    assert_eq!(due(&patched(&released(), &give_up(&released()))), None, "it goes already");
    let others = volume(|object| object["status"]["phase"] = json!("Released"));
    assert_eq!(due(&others), None);
}

#[test]
fn a_kept_volume_is_given_only_to_whom_it_was_kept_for() {
    let (owner, name) = (owner(), record_name());
    let taker =
        Taker { owner: &owner, namespace: "shop-qa", class: "qa", record: &name, claim_uid: Some("claim-2") };
    let how =
        |volume: Option<&PersistentVolume>, taker: Taker<'_>| restore::standing(&kept_claim(), volume, taker);
    assert_eq!(how(Some(&released()), taker), Standing::Kept);
    assert_eq!(how(None, taker), Standing::Gone);
    assert_eq!(how(Some(&patched(&released(), &give_up(&released()))), taker), Standing::Gone);
    let other = Owner { environment: "other".into(), ..owner.clone() };
    assert!(matches!(how(Some(&released()), Taker { owner: &other, ..taker }), Standing::Taken(_)));
    assert!(matches!(how(Some(&released()), Taker { record: "qa-v0", ..taker }), Standing::Taken(_)));
    let production = Taker { class: "production", ..taker };
    assert_eq!(how(Some(&released()), production), Standing::OtherClass("qa".into()));
    let elsewhere =
        patched(&released(), &json!({"spec": {"claimRef": {"namespace": "till", "uid": "claim-3"}}}));
    assert_eq!(how(Some(&elsewhere), taker), Standing::Taken("till/data-db-0".into()));
    let mut fresh = claim(&of_service());
    fresh.metadata.uid = Some("claim-2".into());
    let given = patched(&released(), &restore::give(&released(), &fresh));
    assert_eq!(how(Some(&given), taker), Standing::Given);
    let free = patched(&given, &unmark(&given, &owner).unwrap());
    assert_eq!(how(Some(&free), taker), Standing::Given, "a run that was cut off has freed it");
}

#[test]
fn a_volume_is_freed_only_once_kubernetes_has_put_it_and_its_claim_together() {
    let mut fresh = claim(&of_service());
    fresh.metadata.uid = Some("claim-2".into());
    let given = patched(&released(), &restore::give(&released(), &fresh));
    assert!(!restore::is_complete(&fresh, &given), "it is not bound yet");
    let bound = patched(&given, &json!({"status": {"phase": "Bound"}}));
    assert!(restore::is_complete(&fresh, &bound));
    fresh.status = None;
    assert!(!restore::is_complete(&fresh, &bound));
}

#[test]
fn the_new_claim_is_as_the_old_one_was_and_for_this_volume_alone() {
    let made: PersistentVolumeClaim =
        serde_json::from_value(restore::claim(&kept_claim(), &record_name())).unwrap();
    let old = claim(&of_service());
    assert_eq!(made.spec, old.spec);
    assert_eq!(made.labels(), old.labels());
    assert_eq!(made.annotations()[marks::RESTORED_FROM], record_name());
    assert_eq!(restore::refused_claim(&kept_claim(), &made, &owner()), None);
    let mut other = made;
    other.spec.as_mut().unwrap().volume_name = Some("pv-2".into());
    let verdict = restore::refused_claim(&kept_claim(), &other, &owner()).unwrap();
    assert!(verdict.message.contains("pv-2"), "{}", verdict.message);
}

#[test]
fn whatever_cannot_be_given_back_is_named_with_what_can_be_done() {
    let told = |standing| restore::refused(&kept_claim(), &standing, &owner()).map(|verdict| verdict.message);
    assert_eq!(told(Standing::Kept), None);
    assert_eq!(told(Standing::Given), None);
    let lines: Vec<String> = [
        told(Standing::Gone),
        told(Standing::Taken("till/data-db-0".into())),
        told(Standing::OtherClass("production".into())),
        Some(restore::over(&owner(), Some(at(100))).message),
        Some(restore::over(&owner(), None).message),
        Some(restore::no_password(&owner(), "outboard-system/kept.shop.qa-v1").message),
        Some(restore::nothing_kept(&owner(), &["queue"]).message),
        Some(restore::over(&owner(), None).fix),
    ]
    .into_iter()
    .flatten()
    .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    volume pv-1 of service db is gone, and with it what data-db-0 had
    volume pv-1 of service db was taken by till/data-db-0; it was left untouched
    volume pv-1 of service db was kept of an environment of class production, and is given back to no other
    the volumes of qa were kept until 1970-01-01T00:01:40Z, and that is over
    the volumes that were kept of qa are not there any more
    the password of its volumes was kept in Secret outboard-system/kept.shop.qa-v1, which is gone
    no volume was kept of queue
    without its data it is made by: outboard env restore qa --without-data
    ");
}

#[test]
fn a_service_of_which_nothing_was_kept_is_found_before_anything_is_made() {
    let part = |name: &str, role: &str, templates: Value| {
        json!({"name": name, "role": role, "objects": [{"apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": name}, "spec": {"volumeClaimTemplates": templates}}]})
    };
    let data = json!([{"metadata": {"name": "data"}}]);
    let revision: api::EnvironmentRevision = serde_json::from_value(json!({
        "project": "shop", "projectRevision": "p-1", "class": "qa", "requested": {}, "versions": {}, "renderer": "0",
        "urls": {}, "secrets": [], "parts": [
            part("db", "service", data.clone()), part("queue", "service", data.clone()),
            part("cache", "service", json!([])), part("web", "component", data),
        ],
    }))
    .unwrap();
    assert_eq!(restore::lacking(&revision, &record()), ["queue"]);
}

#[test]
fn what_jobs_did_to_the_data_is_done_in_the_new_namespace_too() {
    let done = ["migrate-1@ns-1", "migrate-2@ns-1", "seed@ns-0"].map(str::to_owned);
    let known = ["migrate-1@ns-2".to_owned()];
    assert_eq!(carried(&done, "ns-1", "ns-2", &known), ["migrate-2@ns-2"]);
}

#[test]
fn a_plan_tells_from_when_on_volumes_are_kept() {
    assert_eq!(note(None, None), None);
    assert_eq!(note(Some(60), Some(60)), None);
    assert!(note(None, Some(259_200)).unwrap().ends_with("for 72h"));
    assert!(note(Some(3600), Some(90)).unwrap().ends_with("for 90s"));
    assert!(note(Some(60), None).unwrap().contains("not kept any more"));
}

#[test]
fn a_volume_that_somebody_gave_to_another_claim_is_theirs_whatever_marks_are_left() {
    assert!(is_as_kept(&released()));
    let rescued =
        json!({"spec": {"claimRef": {"namespace": "rescue", "name": "data-db-0", "uid": "claim-9"}}});
    assert_eq!(due(&patched(&released(), &rescued)), None);
    let renamed = json!({"spec": {"claimRef": {"name": "data-db-old"}}});
    assert_eq!(due(&patched(&released(), &renamed)), None);
    assert_eq!(due(&patched(&released(), &json!({"spec": {"claimRef": null}}))), None);
}

#[test]
fn what_a_teardown_has_promised_stays_promised_without_its_record() {
    let promise = |uid: &str| promised(&marked(), &claim(&of_service()), uid);
    assert_eq!(promise("env-1"), Some(kept_claim().kept));
    assert_eq!(promise("env-2"), None, "of an earlier environment");
    assert_eq!(promise(""), None);
    assert_eq!(promised(&volume(|_| {}), &claim(&of_service()), "env-1"), None);
}

#[test]
fn an_environment_with_a_volume_of_its_own_is_not_one_that_never_got_its_kept_ones() {
    let pair = |volume: PersistentVolume| vec![(claim(&of_service()), Some(volume))];
    assert!(has_nothing_else(&record(), &pair(marked()), &owner()));
    assert!(has_nothing_else(&record(), &[(claim(&of_service()), None)], &owner()));
    let own = volume(|object| object["metadata"]["name"] = json!("pv-2"));
    assert!(!has_nothing_else(&record(), &pair(own), &owner()));
}
