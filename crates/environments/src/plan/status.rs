//! The status of an environment, from what a reconcile found.

use std::collections::BTreeMap;

use api::condition::{
    self, ACCEPTED, AWAITS_HOSTS, CERTIFICATE_READY, COMPONENTS_READY, DNS_READY, DRIFTED, HELD,
    JOBS_COMPLETE, PROJECT_OUTDATED, READY, ROUTES_READY, SERVICES_READY,
};
use api::revision::Part;
use api::{
    Condition, ConditionStatus, Drift, EnvironmentStatus, PartState, PartStatus, Protection, Role, Rotation,
    Verdict,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::hold::Hold;
use super::readiness::Progress;
use super::{decide, drift};
use crate::revisions::Stored;

/// What a reconcile found.
pub struct Found<'a> {
    pub generation: i64,
    pub now: Timestamp,
    pub namespace: &'a str,
    /// Its UID, if it is held.
    pub namespace_uid: Option<&'a str>,
    /// The revision that is applied, if there is one.
    pub stored: Option<&'a Stored>,
    /// Every part of it with its progress, in order.
    pub parts: &'a [(&'a Part, Progress)],
    /// Why it is not ready, if that is known.
    pub verdict: Option<Verdict>,
    /// What others had changed.
    pub drift: Vec<Drift>,
    /// The project's newest revision, if that is known.
    pub project_revision: Option<&'a str>,
    /// The spec of this generation was refused: what runs is an earlier one.
    pub refused: bool,
    /// By what it is protected.
    pub protection: Option<Protection>,
    /// What is held, and whether nothing of it runs any more.
    pub hold: Option<(&'a Hold, bool)>,
    /// How far changes of passwords are; none: as they were.
    pub rotations: Option<&'a BTreeMap<String, Rotation>>,
}

/// The next status; equal to `current` when nothing changed.
pub fn next(current: &EnvironmentStatus, found: &Found<'_>) -> EnvironmentStatus {
    let all_ready = !found.parts.is_empty() && found.parts.iter().all(|(_, progress)| progress.is_ready());
    let gate = found.stored.and_then(|stored| awaits(stored, &current.conditions));
    let ready = all_ready && found.verdict.is_none() && !found.refused && gate.is_none();
    let mut status = EnvironmentStatus {
        observed_generation: found.generation,
        namespace: Some(found.namespace.to_owned()),
        namespace_uid: found.namespace_uid.map(str::to_owned).or_else(|| current.namespace_uid.clone()),
        protection: found.protection.clone(),
        revision: found.stored.map(|stored| stored.number).or(current.revision),
        settled_revision: if ready {
            found.stored.map(|stored| stored.number)
        } else {
            current.settled_revision
        },
        urls: found.stored.map(|stored| stored.revision.urls.clone()).unwrap_or_default(),
        parts: found.parts.iter().map(|(part, progress)| part_status(part, progress)).collect(),
        conditions: current.conditions.clone(),
        verdict: found.verdict.clone(),
        drift: drift::record(&current.drift, found.drift.clone()),
        rotations: found.rotations.unwrap_or(&current.rotations).clone(),
        teardown: None,
    };
    let set = |status: &mut EnvironmentStatus, r#type: &str, holds: bool, reason: &str, message: String| {
        let next = Condition {
            r#type: r#type.to_owned(),
            status: if holds { ConditionStatus::True } else { ConditionStatus::False },
            reason: reason.to_owned(),
            message,
            observed_generation: found.generation,
            last_transition_time: Time(whole_seconds(found.now)),
        };
        condition::set(&mut status.conditions, next);
    };
    if let (Some(newest), Some(stored)) = (found.project_revision, found.stored) {
        let mine = stored.revision.project_revision.as_str();
        let (outdated, message) = match mine == newest {
            true => (false, String::new()),
            false => (true, format!("the project is at {newest}, this environment at {mine}")),
        };
        set(
            &mut status,
            PROJECT_OUTDATED,
            outdated,
            if outdated { "NewerRevision" } else { "UpToDate" },
            message,
        );
    }
    let standing: Vec<String> =
        status.drift.iter().filter(|drift| !drift.reverted).map(drift::sentence).collect();
    let (drifted, reason) =
        if standing.is_empty() { (false, "AsWritten") } else { (true, "ChangedByOthers") };
    set(&mut status, DRIFTED, drifted, reason, standing.join("; "));
    let refusal = found.verdict.as_ref().filter(|_| found.refused);
    match refusal {
        Some(verdict) => {
            set(&mut status, ACCEPTED, false, &format!("{:?}", verdict.cause), verdict.message.clone());
        }
        None => set(&mut status, ACCEPTED, true, "Accepted", String::new()),
    }
    for (roles, r#type) in [
        (&[Role::Manifest, Role::Service][..], SERVICES_READY),
        (&[Role::Job, Role::After], JOBS_COMPLETE),
        (&[Role::Component, Role::Schedule], COMPONENTS_READY),
        (&[Role::Route], ROUTES_READY),
    ] {
        let of_role: Vec<(&Part, &Progress)> = found
            .parts
            .iter()
            .filter(|(part, _)| roles.contains(&part.role))
            .map(|(part, progress)| (*part, progress))
            .collect();
        let ready = found.stored.is_some() && of_role.iter().all(|(_, progress)| progress.is_ready());
        let failed = of_role.iter().any(|(_, progress)| progress.state == PartState::Failed);
        let held = found.hold.filter(|(hold, _)| roles.iter().any(|role| hold.holds(*role)));
        let (reason, message) = match held {
            _ if ready => ("Ready", String::new()),
            _ if failed => ("Failed", decide::waiting_for(&of_role)),
            Some((hold, true)) => ("Held", hold.sentence()),
            _ => ("Progressing", decide::waiting_for(&of_role)),
        };
        set(&mut status, r#type, ready, reason, message);
    }
    match found.hold {
        Some((hold, true)) => set(&mut status, HELD, true, "Held", hold.sentence()),
        Some((hold, false)) => {
            set(&mut status, HELD, false, "Stopping", format!("{}: some of it still runs", hold.sentence()));
        }
        None if condition::find(&status.conditions, HELD).is_some() => {
            set(&mut status, HELD, false, RELEASED, String::new());
        }
        None => {}
    }
    let on_its_way = found.parts.iter().any(|(_, progress)| progress.state == PartState::Progressing);
    let every: Vec<(&Part, &Progress)> =
        found.parts.iter().map(|(part, progress)| (*part, progress)).collect();
    match &found.verdict {
        _ if ready => set(&mut status, READY, true, "Ready", String::new()),
        Some(verdict) => {
            let message = format!("{}: {}", verdict.about, verdict.message);
            set(&mut status, READY, false, &format!("{:?}", verdict.cause), message);
        }
        None => match found.hold {
            Some((hold, _)) if !on_its_way && !found.parts.is_empty() => {
                set(&mut status, READY, false, "Held", hold.sentence());
            }
            _ => match gate.filter(|_| all_ready) {
                Some(gate) => set(&mut status, READY, false, AWAITS_HOSTS, gate),
                None => set(&mut status, READY, false, "Progressing", decide::waiting_for(&every)),
            },
        },
    }
    status
}

/// What its hosts lack, in a class that awaits them. Who keeps records and looks at certificates says so.
fn awaits(stored: &Stored, conditions: &[Condition]) -> Option<String> {
    if !stored.revision.await_hosts || stored.revision.urls.is_empty() {
        return None;
    }
    let Some(dns) = condition::find(conditions, DNS_READY) else {
        return Some(
            "waiting for its hosts: nobody has said yet whether name servers answer for them; \
                     `outboard install --hosted-zone` has outboard keep their zone"
                .to_owned(),
        );
    };
    // Without TLS nothing is said of certificates.
    let all = [Some(dns), condition::find(conditions, CERTIFICATE_READY)];
    let lacking = all.into_iter().flatten().find(|condition| !condition.is_true())?;
    Some(format!("waiting for its hosts: {}", lacking.message))
}

/// Why nothing is held any more.
const RELEASED: &str = "Released";

/// Whether some of it was held when this was written.
pub fn is_held(status: &EnvironmentStatus) -> bool {
    condition::find(&status.conditions, HELD).is_some_and(|held| held.reason != RELEASED)
}

/// Kubernetes keeps whole seconds; a finer time would differ from what comes back.
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn part_status(part: &Part, progress: &Progress) -> PartStatus {
    PartStatus {
        name: part.name.clone(),
        role: part.role,
        version: part.version.clone(),
        digest: part.digest.clone(),
        state: progress.state,
        replicas: progress.replicas.clone(),
        message: progress.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use api::{Held, Overlay, OverlayPatch};

    use super::*;

    fn part(name: &str, role: Role) -> Part {
        super::super::render::part(name, role, vec![])
    }

    /// Status and message of Ready, and of Held.
    fn told(
        current: &EnvironmentStatus,
        component: Progress,
        hold: Option<(&Hold, bool)>,
    ) -> (EnvironmentStatus, [String; 2]) {
        let (db, web) = (part("db", Role::Service), part("web", Role::Component));
        let found = Found {
            generation: 1,
            now: Timestamp::UNIX_EPOCH,
            namespace: "shop-qa",
            namespace_uid: None,
            stored: None,
            parts: &[(&db, Progress::new(PartState::Ready, "")), (&web, component)],
            verdict: None,
            drift: vec![],
            project_revision: None,
            refused: false,
            protection: None,
            hold,
            rotations: None,
        };
        let next = next(current, &found);
        let shown = [READY, HELD].map(|r#type| match condition::find(&next.conditions, r#type) {
            Some(found) => format!("{:?} {}: {}", found.status, found.reason, found.message),
            None => "not there".to_owned(),
        });
        (next, shown)
    }

    #[test]
    fn a_class_that_awaits_hosts_has_environments_ready_once_name_servers_answer_and_certificates_hold() {
        let revision = |urls| {
            serde_json::from_value(serde_json::json!({
                "project": "shop", "projectRevision": "p-1", "class": "production", "requested": {}, "versions": {},
                "renderer": "0", "awaitHosts": true, "urls": urls, "parts": [], "secrets": [],
            }))
            .unwrap()
        };
        let stored = |urls| Stored {
            number: 1,
            revision: revision(urls),
            completed_jobs: vec![],
            ready: false,
            retired: false,
            verdicts: vec![],
        };
        let served = stored(serde_json::json!({"web": "https://web"}));
        let condition = |r#type: &str, holds, message: &str| Condition {
            r#type: r#type.to_owned(),
            status: if holds { ConditionStatus::True } else { ConditionStatus::False },
            reason: String::new(),
            message: message.to_owned(),
            observed_generation: 0,
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
        };
        let dns = |holds| condition(DNS_READY, holds, "change C1 is on its way");
        let tls = |holds| condition(CERTIFICATE_READY, holds, "cert-manager was asked for it");
        assert!(awaits(&served, &[]).unwrap().contains("--hosted-zone"));
        assert!(awaits(&served, &[dns(false), tls(true)]).unwrap().ends_with("C1 is on its way"));
        assert!(awaits(&served, &[dns(true), tls(false)]).unwrap().ends_with("was asked for it"));
        assert_eq!(awaits(&served, &[dns(true)]), None);
        assert_eq!(awaits(&served, &[dns(true), tls(true)]), None);
        // Without routes there are no hosts.
        assert_eq!(awaits(&stored(serde_json::json!({})), &[]), None);
    }

    #[test]
    fn what_is_held_is_not_ready_and_not_failing_and_says_so_until_it_is_over() {
        let until = Time(Timestamp::from_second(3600).unwrap());
        let patch = OverlayPatch { hold: vec![Held::Components] };
        let overlays = [Overlay { by: "datacopy/a".into(), until, reason: None, patch }];
        let hold = Hold::of(&overlays, Timestamp::UNIX_EPOCH).unwrap();
        let begun = EnvironmentStatus::default();
        let mut shown = vec![];
        let (_, unheld) = told(&begun, Progress::new(PartState::Ready, ""), None);
        shown.push(unheld);
        let (status, stopping) = told(&begun, hold.progress(Role::Component, 1), Some((&hold, false)));
        shown.push(stopping);
        let (status, held) = told(&status, hold.progress(Role::Component, 0), Some((&hold, true)));
        shown.push(held);
        let (status, back) = told(&status, Progress::new(PartState::Progressing, "starting replicas"), None);
        shown.push(back);
        shown.push(told(&status, Progress::new(PartState::Ready, ""), None).1);
        insta::assert_yaml_snapshot!(shown);
    }
}
