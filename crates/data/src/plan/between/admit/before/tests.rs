//! Whom a copy waits for: what has begun, whoever comes first, and nobody who stands still for another reason.

use api::datacopy::{CopiedService, CopyPhase, DataCopyStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::*;
use crate::plan::between::admit::Side;

fn asked(name: &str, second: i64, by: &str, to: &str) -> DataCopy {
    let spec = DataCopySpec { requested_by: Some(by.into()), ..DataCopySpec::between("live", to) };
    let mut copy = DataCopy::new(name, spec);
    copy.metadata.creation_timestamp = Some(Time(Timestamp::from_second(second).unwrap()));
    copy
}

fn begun(mut copy: DataCopy, phase: CopyPhase) -> DataCopy {
    let services = vec![CopiedService { name: "db".into(), ..CopiedService::default() }];
    copy.status = Some(DataCopyStatus { phase, services, ..DataCopyStatus::default() });
    copy
}

fn names(copy: &DataCopy, all: &[DataCopy]) -> Vec<String> {
    ahead(copy, all.to_vec()).iter().map(ResourceExt::name_any).collect()
}

#[test]
fn whoever_asked_for_many_waits_behind_others_with_each_but_the_first() {
    let all = [
        asked("ann-1", 1, "ann", "qa"),
        asked("ann-2", 2, "ann", "qa"),
        asked("ann-3", 3, "ann", "qa"),
        asked("bob-1", 4, "bob", "qa"),
        asked("ann-elsewhere", 5, "ann", "dev"),
    ];
    assert!(names(&all[0], &all).is_empty());
    assert_eq!(names(&all[3], &all), ["ann-1"]);
    assert_eq!(names(&all[4], &all), ["ann-1", "bob-1"], "many into one are not many into another");
    assert_eq!(names(&all[1], &all), ["ann-1", "bob-1", "ann-elsewhere"]);
    assert_eq!(names(&all[2], &all), ["ann-1", "bob-1", "ann-elsewhere", "ann-2"]);
}

#[test]
fn those_of_whom_nobody_said_who_asked_stand_behind_nobody_for_it() {
    let nobodys = |name: &str, second| {
        let mut copy = asked(name, second, "", "qa");
        copy.spec.requested_by = None;
        copy
    };
    let all = [nobodys("one", 1), nobodys("two", 2), asked("bob-1", 3, "bob", "qa")];
    assert_eq!(names(&all[1], &all), ["one"]);
    assert_eq!(names(&all[2], &all), ["one", "two"]);
}

#[test]
fn what_has_begun_is_waited_for_however_young_and_what_has_ended_is_not() {
    let old = asked("old", 1, "ann", "qa");
    let all = [
        old.clone(),
        begun(asked("young", 9, "bob", "qa"), CopyPhase::Copying),
        begun(asked("done", 0, "bob", "qa"), CopyPhase::Done),
    ];
    assert_eq!(names(&old, &all), ["young"]);
    let mut scan = asked("scan", 0, "ann", "qa");
    scan.spec.scan = true;
    assert!(names(&old, &[scan, old.clone()]).is_empty());
}

/// Whether a copy of that shape waits for the other.
fn waits(spec: &DataCopySpec, other: &DataCopy) -> bool {
    let side = |name| Side { name, environment: None, revision: None };
    let ask = Ask {
        name: "c1",
        spec,
        project: None,
        from: side("live"),
        to: side("qa"),
        before: std::slice::from_ref(other),
        record: None,
        uid: "uid-1",
        install: "outboard",
        control_namespace: "shop",
    };
    others(&ask).is_some()
}

#[test]
fn a_backup_that_cannot_begin_holds_no_copy_up() {
    let spec = DataCopySpec { backup: true, ..DataCopySpec::between("qa", "qa") };
    let into = DataCopySpec::between("live", "qa");
    let backup = |cause: Option<Cause>| {
        let verdict = cause.map(|cause| super::waits(cause, String::new(), String::new(), String::new()));
        let mut copy = DataCopy::new("b1", spec.clone());
        copy.status = Some(DataCopyStatus { verdict, ..DataCopyStatus::default() });
        copy
    };
    assert!(!waits(&into, &backup(Some(Cause::ServiceNotReady))));
    assert!(waits(&into, &backup(Some(Cause::CopyUnderWay))), "else it would never have its turn");
    assert!(waits(&into, &backup(None)), "it may begin any moment");
    let running = begun(backup(Some(Cause::ServiceNotReady)), CopyPhase::Copying);
    assert!(waits(&into, &running));
    assert!(waits(&spec, &backup(Some(Cause::ServiceNotReady))), "another backup stays behind it");
}
