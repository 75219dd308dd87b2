//! Which backups may be made and brought back, and which are masked on their way.

use api::datacopy::{
    BackupPlace, CopiedService, CopyEnd, CopyPhase, CopyStore, DataCopySpec, DataCopyStatus,
};
use api::project::ProjectSpec;
use api::{Cause, DataCopy};
use serde_json::json;

use super::super::Place;
use super::super::world::{environment, judged_with as judged};

fn project(backups: bool) -> ProjectSpec {
    let mut spec = json!({
        "components": {},
        "services": {"db": {"type": "mariadb"}, "cache": {"type": "redis"}, "queue": {"type": "container", "image": "q"}, "old": {"type": "mysql"}},
        "masks": {"db": {"deny": true}, "cache": {"deny": true}},
        "classes": {"qa": {}, "production": {"protected": true}, "elsewhere": {"services": {"db": {"type": "external", "host": "db.example.com"}}}},
    });
    if backups {
        spec["backups"] = json!({"bucket": "backups", "prefix": "b/", "secret": {"kubernetes": "backups"}});
    }
    serde_json::from_value(spec).unwrap()
}

fn making(environment: &str) -> DataCopySpec {
    DataCopySpec { backup: true, ..DataCopySpec::between(environment, environment) }
}

fn bringing(backup: &str, of: &str, to: &str) -> DataCopySpec {
    let from = CopyEnd { environment: of.into(), backup: Some(backup.into()) };
    DataCopySpec { from, ..DataCopySpec::between(of, to) }
}

fn record(of: &str, class: &str, phase: CopyPhase) -> DataCopy {
    let mut copy = DataCopy::new("b1", making(of));
    let backup = BackupPlace {
        folder: format!("b/outboard/shop/shop/{of}/b1/"),
        project: "shop".into(),
        class: class.into(),
        protected: class == "production",
        ..BackupPlace::default()
    };
    let service = |name: &str| CopiedService { name: name.into(), phase, ..CopiedService::default() };
    let services = vec![service("db"), service("cache")];
    copy.status = Some(DataCopyStatus { phase, services, backup: Some(backup), ..DataCopyStatus::default() });
    copy
}

#[test]
fn a_backup_is_of_what_the_environment_runs_itself_and_lies_in_a_folder_of_its_own() {
    let qa = environment("qa", "qa");
    let admitted = judged(&making("qa"), &project(true), (Some(&qa), Some(&qa)), None, &[]).unwrap();
    let names: Vec<_> = admitted.pairs.iter().map(|pair| (pair.service.as_str(), pair.store)).collect();
    assert_eq!(names, [("cache", CopyStore::Redis), ("db", CopyStore::Mariadb)]);
    assert!(admitted.pairs.iter().all(|pair| pair.to == Place::Backup));
    assert!(admitted.backup.unwrap().folder.starts_with("b/outboard/shop/shop/qa/c2-"));
    assert_eq!(admitted.notes, ["left out: old of qa is mysql", "left out: queue of qa is container"]);
    let elsewhere = environment("far", "elsewhere");
    let spec = DataCopySpec { services: vec!["db".into()], ..making("far") };
    let verdict = judged(&spec, &project(true), (Some(&elsewhere), Some(&elsewhere)), None, &[]).unwrap_err();
    assert_eq!(verdict.message, "db of far is run by others");
}

#[test]
fn without_a_place_there_is_none_and_a_second_one_waits_for_the_first() {
    let qa = environment("qa", "qa");
    let verdict = judged(&making("qa"), &project(false), (Some(&qa), Some(&qa)), None, &[]).unwrap_err();
    assert!(verdict.terminal && verdict.fix.contains("backups: {bucket"), "{verdict:?}");
    let under_way = |spec| {
        judged(&making("qa"), &project(true), (Some(&qa), Some(&qa)), None, &[DataCopy::new("c1", spec)])
    };
    assert_eq!(under_way(making("qa")).unwrap_err().cause, Cause::CopyUnderWay);
    assert_eq!(under_way(DataCopySpec::between("live", "qa")).unwrap_err().cause, Cause::CopyUnderWay);
    // Others read beside it.
    assert!(under_way(DataCopySpec::between("qa", "other")).is_ok() && under_way(making("live")).is_ok());
}

#[test]
fn what_comes_home_is_not_masked_and_what_leaves_a_protected_class_is() {
    let (live, qa) = (environment("live", "production"), environment("qa", "qa"));
    let of_live = record("live", "production", CopyPhase::Done);
    let home = bringing("b1", "live", "live");
    let refused = judged(&home, &project(true), (None, Some(&live)), Some(&of_live), &[]).unwrap_err();
    assert_eq!(refused.cause, Cause::Protected);
    let said = DataCopySpec { protected: true, ..home };
    assert!(!judged(&said, &project(true), (None, Some(&live)), Some(&of_live), &[]).unwrap().masked);
    let away = judged(&bringing("b1", "live", "qa"), &project(true), (None, Some(&qa)), Some(&of_live), &[])
        .unwrap();
    assert!(away.masked && away.pairs.iter().all(|pair| pair.from == Place::Backup));
    let unmasked = DataCopySpec { masks: api::datacopy::MaskChoice::None, ..bringing("b1", "live", "qa") };
    let refused = judged(&unmasked, &project(true), (None, Some(&qa)), Some(&of_live), &[]).unwrap_err();
    assert_eq!(refused.cause, Cause::Protected);
    let of_qa = record("qa", "qa", CopyPhase::Done);
    assert!(
        !judged(&bringing("b1", "qa", "qa"), &project(true), (None, Some(&qa)), Some(&of_qa), &[])
            .unwrap()
            .masked
    );
}

#[test]
fn an_environment_that_only_has_the_name_of_a_protected_one_gets_its_data_masked() {
    let false_live = environment("live", "qa");
    let of_live = record("live", "production", CopyPhase::Done);
    let spec = bringing("b1", "live", "live");
    let admitted = judged(&spec, &project(true), (None, Some(&false_live)), Some(&of_live), &[]).unwrap();
    assert!(admitted.masked);
    let mut own = project(true);
    own.services.get_mut("db").unwrap().settings.image = Some("registry.example.com/mine".into());
    let refused = judged(&spec, &own, (None, Some(&false_live)), Some(&of_live), &[]).unwrap_err();
    assert!(refused.message.contains("an image of its own"), "{refused:?}");
}

#[test]
fn a_backup_that_nobody_knows_of_is_none_and_one_of_a_protected_environment_is_made_by_releasers() {
    let (qa, live) = (environment("qa", "qa"), environment("live", "production"));
    let spec = bringing("b1", "qa", "qa");
    let missing = judged(&spec, &project(true), (None, Some(&qa)), None, &[]).unwrap_err();
    assert_eq!(missing.message, "there is no backup b1");
    let refused = judged(&making("live"), &project(true), (Some(&live), Some(&live)), None, &[]).unwrap_err();
    assert_eq!(refused.cause, Cause::Protected);
    let said = DataCopySpec { protected: true, ..making("live") };
    assert!(judged(&said, &project(true), (Some(&live), Some(&live)), None, &[]).is_ok());
}

#[test]
fn only_a_backup_that_is_whole_is_brought_back() {
    let qa = environment("qa", "qa");
    let judge = |record: &DataCopy| {
        judged(&bringing("b1", "qa", "qa"), &project(true), (None, Some(&qa)), Some(record), &[])
    };
    assert!(judge(&record("qa", "qa", CopyPhase::Failed)).unwrap_err().terminal);
    assert!(!judge(&record("qa", "qa", CopyPhase::Copying)).unwrap_err().terminal);
    assert!(judge(&record("live", "qa", CopyPhase::Done)).unwrap_err().message.contains("no backup of qa"));
    assert!(judge(&DataCopy::new("b1", DataCopySpec::between("qa", "x"))).is_err());
    let spec = DataCopySpec { services: vec!["db".into()], ..bringing("b1", "qa", "qa") };
    let mut partial = record("qa", "qa", CopyPhase::Done);
    partial.status.as_mut().unwrap().services.remove(0);
    let refused = judged(&spec, &project(true), (None, Some(&qa)), Some(&partial), &[]).unwrap_err();
    assert_eq!(refused.message, "the backup b1 has no db");
}
