//! Which of what bears outboard's marks belongs to nothing any more, and what of that may go. Values in, values out.

use std::collections::{BTreeMap, BTreeSet};

use api::DataCopy;
use api::datacopy::CopyPhase;
use api::marks::{self, CopyOwner};
use api::names::{self, EnvironmentName, ProjectName};
use jiff::Timestamp;
use kube::ResourceExt;
use schemars::JsonSchema;
use serde::Serialize;

/// What outboard makes outside of an environment's own namespace.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "LeftoverKind")]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    Namespace,
    HostClaim,
    /// One that was kept of an environment that was destroyed.
    Volume,
    /// Of an environment that was destroyed: what its schedule keeps ends with it.
    Backup,
}

/// What something was made for. Marks name the installation, too, and that is not looked at: all of a cluster share their
/// definitions, so that an environment is there or is not.
#[derive(Clone, Debug, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[schemars(rename = "LeftoverMaker")]
#[serde(tag = "madeFor", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Maker {
    Environment { control_namespace: String, project: String, environment: String },
    Copy { control_namespace: String, copy: String },
}

impl Maker {
    pub fn control_namespace(&self) -> &str {
        match self {
            Self::Environment { control_namespace, .. } | Self::Copy { control_namespace, .. } => {
                control_namespace
            }
        }
    }

    /// The namespace that is made for it; none if it has no right name.
    fn namespace(&self) -> Option<String> {
        match self {
            Self::Environment { project, environment, .. } => Some(names::namespace(
                &ProjectName::parse(project).ok()?,
                &EnvironmentName::parse(environment).ok()?,
            )),
            Self::Copy { control_namespace, copy } => Some(
                CopyOwner {
                    install: String::new(),
                    control_namespace: control_namespace.clone(),
                    copy: copy.clone(),
                }
                .namespace(),
            ),
        }
    }
}

/// Something with marks.
#[derive(Clone, Debug)]
pub struct Marked {
    pub kind: Kind,
    pub name: String,
    pub uid: String,
    /// None: its marks do not say.
    pub maker: Option<Maker>,
    /// Whether outboard wrote them: labels are copied and written by others, too.
    pub by_outboard: bool,
    /// The record that names it, if it was kept.
    pub record: Option<String>,
}

/// What its labels say a namespace was made for.
pub fn maker(labels: &BTreeMap<String, String>) -> Option<Maker> {
    let of = |key: &str| labels.get(key).cloned();
    let control_namespace = of(marks::CONTROL_NAMESPACE)?;
    match of(marks::SLICE)?.as_str() {
        marks::SLICE_ENVIRONMENTS => Some(Maker::Environment {
            control_namespace,
            project: of(marks::PROJECT)?,
            environment: of(marks::ENVIRONMENT)?,
        }),
        marks::SLICE_DATA => Some(Maker::Copy { control_namespace, copy: of(marks::COPY)? }),
        _ => None,
    }
}

/// What belongs to nothing.
#[derive(Debug, Default)]
pub struct Sorted {
    /// Left behind, with what it was made for.
    pub orphans: Vec<(Marked, Maker)>,
    /// With marks that cannot be right, and why: nobody knows whose it is, so it is left alone.
    pub unclear: Vec<(Marked, &'static str)>,
}

pub fn sort(marked: Vec<Marked>, wanted: &BTreeSet<Maker>) -> Sorted {
    let mut sorted = Sorted::default();
    for one in marked {
        let Some(maker) = one.maker.clone() else {
            sorted.unclear.push((one, "its marks do not say what it was made for"));
            continue;
        };
        if wanted.contains(&maker) {
            continue;
        }
        if !one.by_outboard {
            sorted.unclear.push((one, "somebody else wrote its marks"));
        } else if one.kind == Kind::Namespace && maker.namespace().as_ref() != Some(&one.name) {
            sorted.unclear.push((one, "outboard makes no namespace of this name for what its marks say"));
        } else {
            sorted.orphans.push((one, maker));
        }
    }
    sorted
}

/// Backups that are whole, of environments that are no more. Those that are being made or removed see to that themselves.
pub fn backups(copies: &[DataCopy], wanted: &BTreeSet<Maker>) -> Vec<(Marked, Maker)> {
    let left = |copy: &DataCopy| {
        let status = copy.status.as_ref()?;
        let place = status.backup.as_ref().filter(|_| copy.spec.backup && !copy.spec.forget)?;
        let maker = Maker::Environment {
            control_namespace: copy.namespace()?,
            project: place.project.clone(),
            environment: copy.spec.from.environment.clone(),
        };
        let whole = status.phase == CopyPhase::Done && copy.metadata.deletion_timestamp.is_none();
        let one = Marked {
            kind: Kind::Backup,
            name: copy.name_any(),
            uid: copy.uid()?,
            maker: Some(maker.clone()),
            by_outboard: true,
            record: None,
        };
        (whole && !wanted.contains(&maker)).then_some((one, maker))
    };
    copies.iter().filter_map(left).collect()
}

/// A volume that was kept, and until when.
#[derive(Clone, Debug)]
pub struct Kept {
    pub volume: Marked,
    pub until: Option<Timestamp>,
    /// Whether nothing has it: a claim, or its way out.
    pub free: bool,
    /// Whether the claim that it had last is the one it was kept of.
    pub as_kept: bool,
}

/// Kept volumes whose time is up. Whether there is an environment of that name says nothing: they are of an earlier one.
pub fn overdue(kept: Vec<Kept>, now: Timestamp) -> Sorted {
    let mut sorted = Sorted::default();
    for Kept { volume, until, free, as_kept } in kept {
        match (volume.maker.clone(), until) {
            (Some(_), Some(until)) if until > now || !free => {}
            (Some(_), Some(_)) if !as_kept => {
                sorted.unclear.push((volume, "somebody gave it to another claim since it was kept"));
            }
            (Some(maker), Some(_)) if volume.by_outboard => sorted.orphans.push((volume, maker)),
            (Some(_), Some(_)) => sorted.unclear.push((volume, "somebody else wrote its marks")),
            (None, _) => sorted.unclear.push((volume, "its marks do not say what it was made for")),
            (_, None) => sorted.unclear.push((volume, "its marks do not say until when it is kept")),
        }
    }
    sorted
}

/// What is known of an orphan, for the question whether it may go.
#[derive(Clone, Copy, Debug)]
pub struct Inside<'a> {
    pub kind: Kind,
    pub name: &'a str,
    pub maker: &'a Maker,
    /// None: we may not look.
    pub pods: Option<usize>,
    pub volumes: Option<usize>,
}

/// Why something stays, if it does. `named`: what somebody asked for by its name. `namespaces`: all that there are, also those
/// that are going.
pub fn stays(one: Inside<'_>, named: &[String], namespaces: &BTreeSet<String>) -> Option<&'static str> {
    if !named.is_empty() && !named.iter().any(|name| name == one.name) {
        return Some("it was not named");
    }
    match one.kind {
        // Hosts go last: whoever gets one while its old routes are there would share it.
        Kind::HostClaim if one.maker.namespace().is_some_and(|name| namespaces.contains(&name)) => {
            Some("it goes once its namespace is gone: run this again then")
        }
        Kind::HostClaim => None,
        Kind::Volume if named.is_empty() => {
            Some("it has data, and the operator gives it up by itself: name it to do that now")
        }
        Kind::Volume => None,
        Kind::Backup if named.is_empty() => {
            Some("it may be all that is left of that data: name it to have it removed from its bucket")
        }
        Kind::Backup => None,
        // An environment whose definition or control namespace went runs on on purpose.
        Kind::Namespace if named.is_empty() && (one.pods != Some(0) || one.volumes != Some(0)) => {
            Some("it runs, or has data: name it to delete it")
        }
        Kind::Namespace => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn of(project: &str, environment: &str) -> Maker {
        Maker::Environment {
            control_namespace: "team".into(),
            project: project.into(),
            environment: environment.into(),
        }
    }

    fn environment(name: &str) -> Maker {
        of("shop", name)
    }

    fn named(kind: Kind, name: &str, maker: Option<Maker>) -> Marked {
        Marked { kind, name: name.into(), uid: "1".into(), maker, by_outboard: true, record: None }
    }

    #[test]
    fn marks_say_what_something_was_made_for_only_if_they_are_complete() {
        let mut marks = labels(&[
            (marks::CONTROL_NAMESPACE, "team"),
            (marks::PROJECT, "shop"),
            (marks::ENVIRONMENT, "qa"),
            (marks::SLICE, marks::SLICE_ENVIRONMENTS),
        ]);
        assert_eq!(maker(&marks), Some(environment("qa")));
        marks.remove(marks::PROJECT);
        assert_eq!(maker(&marks), None);
        let copy = labels(&[
            (marks::CONTROL_NAMESPACE, "team"),
            (marks::COPY, "nightly"),
            (marks::SLICE, marks::SLICE_DATA),
        ]);
        assert_eq!(
            maker(&copy),
            Some(Maker::Copy { control_namespace: "team".into(), copy: "nightly".into() })
        );
    }

    #[test]
    fn what_has_no_environment_is_left_behind_and_what_has_one_is_not() {
        let wanted = BTreeSet::from([environment("qa")]);
        let marked = vec![
            named(Kind::Namespace, "shop-qa", Some(environment("qa"))),
            named(Kind::HostClaim, "web-qa.example.org", Some(environment("qa"))),
            named(Kind::Namespace, "shop-old", Some(environment("old"))),
            named(Kind::HostClaim, "web-old.example.org", Some(environment("old"))),
        ];
        let Sorted { orphans, unclear } = sort(marked, &wanted);
        let names: Vec<&str> = orphans.iter().map(|(one, _)| one.name.as_str()).collect();
        assert_eq!(names, ["shop-old", "web-old.example.org"]);
        assert!(unclear.is_empty());
    }

    #[test]
    fn marks_that_others_wrote_or_that_fit_no_name_delete_nothing() {
        let mut fitting = named(Kind::Namespace, "cert-manager", Some(of("cert", "manager")));
        fitting.by_outboard = false;
        let marked = vec![
            fitting,
            named(Kind::Namespace, "kube-system", Some(environment("old"))),
            named(Kind::Namespace, "payments", None),
            named(Kind::Namespace, "payments", Some(environment("Not a name"))),
        ];
        let Sorted { orphans, unclear } = sort(marked, &BTreeSet::new());
        assert!(orphans.is_empty());
        assert_eq!(unclear.len(), 4);
    }

    #[test]
    fn an_environment_of_that_name_in_another_project_is_another() {
        let marked = vec![named(Kind::Namespace, "shop-qa", Some(environment("qa")))];
        assert_eq!(sort(marked, &BTreeSet::from([of("blog", "qa")])).orphans.len(), 1);
    }

    #[test]
    fn what_runs_or_has_data_or_cannot_be_looked_at_goes_only_by_its_name() {
        let maker = environment("old");
        let all = BTreeSet::from(["shop-old".to_owned()]);
        let asked = ["shop-old".to_owned()];
        let one =
            |pods, volumes| Inside { kind: Kind::Namespace, name: "shop-old", maker: &maker, pods, volumes };
        assert_eq!(stays(one(Some(0), Some(0)), &[], &all), None);
        for full in [one(Some(1), Some(0)), one(Some(0), Some(1)), one(None, Some(0)), one(Some(0), None)] {
            assert!(stays(full, &[], &all).is_some_and(|why| why.contains("name it")), "{full:?}");
            assert_eq!(stays(full, &asked, &all), None);
            assert!(stays(full, &["shop-other".to_owned()], &all).is_some());
        }
    }

    #[test]
    fn a_kept_volume_is_left_behind_once_its_time_is_up_and_nothing_has_it() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let kept = |name: &str, until: i64, free: bool| Kept {
            volume: named(Kind::Volume, name, Some(environment("qa"))),
            until: Some(at(until)),
            free,
            as_kept: true,
        };
        let mut rescued = kept("rescued", 1, true);
        rescued.as_kept = false;
        let mut foreign = kept("copied", 1, true);
        foreign.volume.by_outboard = false;
        let mut unsaid = kept("unsaid", 1, true);
        unsaid.until = None;
        let all = vec![
            kept("over", 99, true),
            kept("kept", 101, true),
            kept("used", 99, false),
            foreign,
            unsaid,
            rescued,
        ];
        let Sorted { orphans, unclear } = overdue(all, at(100));
        let names = |marked: Vec<&Marked>| -> Vec<String> {
            marked.into_iter().map(|one| one.name.clone()).collect()
        };
        assert_eq!(names(orphans.iter().map(|(one, _)| one).collect()), ["over"]);
        assert_eq!(names(unclear.iter().map(|(one, _)| one).collect()), ["copied", "unsaid", "rescued"]);
    }

    #[test]
    fn a_kept_volume_goes_only_by_its_name() {
        let maker = environment("qa");
        let one = Inside { kind: Kind::Volume, name: "pv-1", maker: &maker, pods: None, volumes: None };
        assert!(stays(one, &[], &BTreeSet::new()).is_some());
        assert_eq!(stays(one, &["pv-1".to_owned()], &BTreeSet::new()), None);
    }

    #[test]
    fn a_host_goes_after_its_namespace() {
        let maker = environment("old");
        let host = Inside {
            kind: Kind::HostClaim,
            name: "old.example.org",
            maker: &maker,
            pods: None,
            volumes: None,
        };
        assert!(stays(host, &[], &BTreeSet::from(["shop-old".to_owned()])).is_some());
        assert_eq!(stays(host, &[], &BTreeSet::new()), None);
    }

    #[test]
    fn whole_backups_of_destroyed_environments_are_told_and_go_only_by_their_names() {
        use api::datacopy::{BackupPlace, DataCopySpec, DataCopyStatus};
        let copy = |name: &str, of: &str, phase, forget| {
            let spec = DataCopySpec { backup: true, forget, ..DataCopySpec::between(of, of) };
            let mut copy = DataCopy::new(name, spec);
            (copy.metadata.namespace, copy.metadata.uid) = (Some("team".into()), Some("1".into()));
            let backup = Some(BackupPlace { project: "shop".into(), ..BackupPlace::default() });
            copy.status = Some(DataCopyStatus { phase, backup, ..DataCopyStatus::default() });
            copy
        };
        let copies = [
            copy("gone-1", "gone", CopyPhase::Done, false),
            copy("gone-2", "gone", CopyPhase::Copying, false),
            copy("gone-3", "gone", CopyPhase::Done, true),
            copy("gone-4", "gone", CopyPhase::Failed, false),
            copy("qa-1", "qa", CopyPhase::Done, false),
        ];
        let found = backups(&copies, &BTreeSet::from([environment("qa")]));
        let names: Vec<&str> = found.iter().map(|(one, _)| one.name.as_str()).collect();
        assert_eq!(names, ["gone-1"]);
        let maker = environment("gone");
        let one = Inside { kind: Kind::Backup, name: "gone-1", maker: &maker, pods: None, volumes: None };
        assert!(stays(one, &[], &BTreeSet::new()).is_some());
        assert_eq!(stays(one, &["gone-1".to_owned()], &BTreeSet::new()), None);
    }
}
