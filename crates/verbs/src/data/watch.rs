//! Waits until a copy has ended, telling how far it is.

use std::collections::HashMap;
use std::time::Duration;

use api::datacopy::{CopiedService, CopyPhase, DataCopy};
use kube::ResourceExt;

use super::read::api;
use crate::wait::{Look, Wait};
use crate::{Cluster, Error, Event, Result, Sink};

/// Ends once the copy is done, or has failed, or was cancelled.
pub async fn watch(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    timeout: Option<Duration>,
    events: Sink<'_>,
) -> Result<DataCopy> {
    let mut told = Told::default();
    let wait = Wait { cluster, api: api(cluster, namespace), name, what: format!("copy {name}"), timeout };
    wait.until(events, |copy, events| {
        let copy = copy.ok_or_else(|| Error::Changed { what: format!("copy `{name}` is gone: it") })?;
        told.news(&copy).into_iter().for_each(events);
        outlook(copy)
    })
    .await
}

/// Whether waiting is over.
fn outlook(copy: DataCopy) -> Result<Look<DataCopy>> {
    let Some(status) = copy.status.as_ref() else { return Ok(Look::Lagging) };
    // A backup or a scan has no target.
    let target = Some(status.target).filter(|_| !copy.spec.backup && !copy.spec.scan);
    match status.phase {
        CopyPhase::Done => Ok(Look::Done(copy)),
        CopyPhase::Cancelled => Err(Error::CopyCancelled { copy: copy.name_any(), target }),
        CopyPhase::Failed => match &status.verdict {
            Some(verdict) => {
                Err(Error::CopyFailed { copy: copy.name_any(), target, verdict: Box::new(verdict.clone()) })
            }
            // The verdict follows in a moment.
            None => Ok(Look::Wait),
        },
        _ if status.observed_generation < copy.metadata.generation.unwrap_or_default() => Ok(Look::Lagging),
        _ => Ok(Look::Wait),
    }
}

/// What was said last.
#[derive(Default)]
struct Told {
    phase: Option<CopyPhase>,
    why: Option<String>,
    services: HashMap<String, CopiedService>,
}

impl Told {
    fn news(&mut self, copy: &DataCopy) -> Vec<Event> {
        let Some(status) = &copy.status else { return vec![] };
        let (name, mut news) = (copy.name_any(), vec![]);
        if self.phase.replace(status.phase) != Some(status.phase) {
            news.push(Event::CopyPhase { copy: name.clone(), phase: status.phase });
        }
        let passing = status.verdict.as_ref().filter(|verdict| !verdict.terminal);
        let why = passing.map(|verdict| verdict.message.clone());
        if let Some(verdict) = passing.filter(|_| self.why != why) {
            news.push(Event::CopyWaits { copy: name.clone(), verdict: verdict.clone() });
        }
        self.why = why;
        for service in &status.services {
            if self.services.get(&service.name) != Some(service) {
                self.services.insert(service.name.clone(), service.clone());
                news.push(Event::Copied { copy: name.clone(), service: Box::new(service.clone()) });
            }
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use api::datacopy::{DataCopySpec, DataCopyStatus, TargetState};
    use api::{Cause, Verdict};

    use super::*;

    fn copy(phase: CopyPhase, verdict: Option<Verdict>) -> DataCopy {
        let mut copy = DataCopy::new("qa-42-abcde", DataCopySpec::between("production", "qa-42"));
        copy.metadata.generation = Some(2);
        let services = vec![CopiedService { name: "db".into(), phase, rows: 1, ..CopiedService::default() }];
        copy.status = Some(DataCopyStatus {
            observed_generation: 2,
            phase,
            verdict,
            services,
            target: TargetState::Incomplete,
            ..DataCopyStatus::default()
        });
        copy
    }

    fn verdict(terminal: bool) -> Verdict {
        Verdict {
            cause: Cause::ServiceNotFound,
            about: "service db".into(),
            message: "it is not ready".into(),
            evidence: vec![],
            fix: "wait".into(),
            terminal,
            holds: false,
        }
    }

    #[test]
    fn only_an_end_ends_the_wait() {
        assert!(matches!(outlook(copy(CopyPhase::Done, None)), Ok(Look::Done(_))));
        assert!(matches!(outlook(copy(CopyPhase::Copying, Some(verdict(false)))), Ok(Look::Wait)));
        assert!(matches!(outlook(copy(CopyPhase::Paused, None)), Ok(Look::Wait)));
        let failed = outlook(copy(CopyPhase::Failed, Some(verdict(true))));
        assert!(matches!(failed, Err(Error::CopyFailed { target: Some(TargetState::Incomplete), .. })));
        assert!(matches!(outlook(copy(CopyPhase::Cancelled, None)), Err(Error::CopyCancelled { .. })));
    }

    #[test]
    fn a_backup_that_failed_says_nothing_of_a_target() {
        let mut backup = copy(CopyPhase::Failed, Some(verdict(true)));
        backup.spec.backup = true;
        assert!(matches!(outlook(backup), Err(Error::CopyFailed { target: None, .. })));
    }

    #[test]
    fn a_copy_that_nobody_has_looked_at_is_the_operators_turn() {
        let mut new = copy(CopyPhase::Pending, None);
        new.metadata.generation = Some(3);
        assert!(matches!(outlook(new.clone()), Ok(Look::Lagging)));
        new.status = None;
        assert!(matches!(outlook(new), Ok(Look::Lagging)));
    }

    #[test]
    fn what_did_not_change_is_told_once() {
        let mut told = Told::default();
        assert_eq!(told.news(&copy(CopyPhase::Copying, Some(verdict(false)))).len(), 3);
        assert_eq!(told.news(&copy(CopyPhase::Copying, Some(verdict(false)))), []);
        let next = told.news(&copy(CopyPhase::Verifying, None));
        assert!(matches!(&next[..], [Event::CopyPhase { .. }, Event::Copied { .. }]), "{next:?}");
        assert_eq!(told.news(&copy(CopyPhase::Verifying, Some(verdict(true)))), [], "an end is told as one");
    }
}
