//! What each thing that is kept says of what has happened. Pure.

use api::datacopy::CopyPhase;
use api::{DataCopy, Environment, EnvironmentRevision, Given, RotationPhase, marks};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};
use kube::ResourceExt;

use super::{Happening, Source, Tone};

fn happening(at: Timestamp, source: Source, tone: Tone, what: impl Into<String>) -> Happening {
    Happening {
        at: at.to_string(),
        since: None,
        count: 1,
        source,
        tone,
        what: what.into(),
        about: None,
        message: String::new(),
        by: None,
        revision: None,
        copy: None,
    }
}

/// Of others that had the same name nothing is told, as long as there is one.
fn is_of(object: &ControllerRevision, environment: Option<&Environment>) -> bool {
    environment.is_none_or(|environment| {
        object.labels().get(marks::PROJECT).is_none_or(|project| *project == environment.spec.project)
    })
}

/// Each was made, and most were ready.
pub fn revisions(all: &[ControllerRevision], environment: Option<&Environment>) -> Vec<Happening> {
    let mut told = vec![];
    for object in all.iter().filter(|object| is_of(object, environment)) {
        let number = object.revision;
        let change = EnvironmentRevision::from_object(object).and_then(|revision| revision.change);
        let of_it = |happening: Happening| Happening { revision: Some(number), ..happening };
        if let Some(made) = object.creation_timestamp() {
            let (action, by) = change.map_or((String::new(), None), |change| (change.action, change.by));
            let made = happening(made.0, Source::Revision, Tone::Plain, format!("r{number} made"));
            told.push(of_it(Happening { message: action, by, ..made }));
        }
        let ready = object.annotations().get(marks::READY_SINCE).and_then(|text| text.parse().ok());
        told.extend(ready.map(|at| {
            let what = format!("r{number} ready");
            of_it(happening(at, Source::Revision, Tone::Good, what))
        }));
    }
    told
}

/// Each was given, and most have passed.
pub fn verdicts(all: &[ControllerRevision], environment: Option<&Environment>) -> Vec<Happening> {
    let mut told = vec![];
    for object in all.iter().filter(|object| is_of(object, environment)) {
        for Given { verdict, at, until } in Given::noted(object.annotations()) {
            let of_it = |happening: Happening| Happening {
                about: Some(verdict.about.clone()),
                revision: Some(object.revision),
                ..happening
            };
            let what = format!("{:?}", verdict.cause);
            let message = format!("{}; to do: {}", verdict.message, verdict.fix);
            let given = happening(at.0, Source::Verdict, Tone::Bad, what.clone());
            told.push(of_it(Happening { message, ..given }));
            told.extend(until.map(|until| {
                let passed = happening(until.0, Source::Verdict, Tone::Good, format!("{what} passed"));
                of_it(passed)
            }));
        }
    }
    told
}

/// Copies from or to it, scans and backups of it: begun, and ended.
pub fn copies(all: &[DataCopy], name: &str) -> Vec<Happening> {
    let mut told = vec![];
    for copy in all {
        let summary = crate::data::summary(copy);
        if summary.from != name && summary.to != name {
            continue;
        }
        let (kind, way) = if summary.makes_backup {
            ("backup", String::new())
        } else if summary.scan {
            ("scan", String::new())
        } else if let Some(backup) = &summary.backup {
            ("restore", format!("{backup} into {}", summary.to))
        } else {
            ("copy", format!("from {} to {}", summary.from, summary.to))
        };
        let kind = if summary.dry_run { format!("{kind} planned") } else { kind.to_owned() };
        let of_it = |happening: Happening| Happening {
            about: Some(summary.name.clone()),
            copy: Some(summary.name.clone()),
            ..happening
        };
        let begun = copy.creation_timestamp().map(|begun| {
            let begun = happening(begun.0, Source::Copy, Tone::Plain, format!("{kind} begun"));
            of_it(Happening { message: way.clone(), by: summary.requested_by.clone(), ..begun })
        });
        told.extend(begun);
        let finished = copy.status.as_ref().and_then(|status| status.finished.as_ref());
        told.extend(finished.map(|finished| {
            let tone = match summary.phase {
                CopyPhase::Done => Tone::Good,
                CopyPhase::Failed => Tone::Bad,
                _ => Tone::Plain,
            };
            let ended =
                happening(finished.0, Source::Copy, tone, format!("{kind} {}", summary.phase.as_str()));
            of_it(Happening { message: summary.why.clone().unwrap_or(way), ..ended })
        }));
    }
    told
}

/// Passwords that were changed last.
pub fn passwords(environment: &Environment) -> Vec<Happening> {
    let rotations = environment.status.iter().flat_map(|status| &status.rotations);
    let told = rotations.filter(|(_, rotation)| rotation.phase == RotationPhase::Done);
    told.filter_map(|(service, rotation)| {
        let at = rotation.rotated_at.as_ref()?.0;
        let message = "the old one is forgotten".to_owned();
        let changed = happening(at, Source::Password, Tone::Good, "password changed");
        Some(Happening { about: Some(format!("service {service}")), message, ..changed })
    })
    .collect()
}

/// Containers that were started again; Kubernetes keeps the last end of each.
pub fn restarts(pods: &[Pod]) -> Vec<Happening> {
    let mut told = vec![];
    for pod in pods {
        let Some(status) = &pod.status else { continue };
        let all = [&status.container_statuses, &status.init_container_statuses];
        for container in all.into_iter().flatten().flatten() {
            told.extend(restart(&pod.name_any(), container));
        }
    }
    told
}

fn restart(pod: &str, container: &ContainerStatus) -> Option<Happening> {
    let ended = container.last_state.as_ref()?.terminated.as_ref()?;
    let count = u64::try_from(container.restart_count).ok().filter(|count| *count > 0)?;
    let at = ended.finished_at.as_ref()?.0;
    let signal = ended.signal.filter(|signal| *signal != 0).map(|signal| format!(", signal {signal}"));
    let reason = ended.reason.as_deref().filter(|reason| !matches!(*reason, "Error" | "Completed"));
    let message = format!(
        "{} ended with exit code {}{}{}",
        container.name,
        ended.exit_code,
        signal.unwrap_or_default(),
        reason.map(|reason| format!(" ({reason})")).unwrap_or_default(),
    );
    let tone = if ended.exit_code == 0 { Tone::Plain } else { Tone::Warning };
    let restarted = happening(at, Source::Restart, tone, "restarted");
    Some(Happening { about: Some(format!("Pod {pod}")), message, count, ..restarted })
}

/// When an Event was, the last time.
pub fn moment(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref().and_then(|series| Some(series.last_observed_time.as_ref()?.0));
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    let precise = event.event_time.as_ref().map(|time| time.0);
    series.or(last).or(precise).or_else(|| event.creation_timestamp().map(|time| time.0))
}

/// Events of Kubernetes, without those that tell a verdict which stands at a revision with more words.
pub fn events(all: &[Event], revisions: &[ControllerRevision]) -> Vec<Happening> {
    let given = revisions.iter().flat_map(|object| Given::noted(object.annotations()));
    let causes: Vec<String> = given.map(|given| format!("{:?}", given.verdict.cause)).collect();
    let told = all.iter().filter_map(|event| {
        let object = &event.involved_object;
        let own = object.kind.as_deref() == Some("Environment");
        let reason = event.reason.clone().unwrap_or_default();
        if own && causes.contains(&reason) {
            return None;
        }
        let at = moment(event)?;
        let warns = event.type_.as_deref() == Some("Warning");
        let tone = if warns { Tone::Warning } else { Tone::Plain };
        let count = event.series.as_ref().and_then(|series| series.count).or(event.count);
        let first = event.first_timestamp.as_ref().map(|time| time.0);
        let first = first.or(event.event_time.as_ref().map(|time| time.0)).filter(|first| *first < at);
        let about =
            object.kind.as_ref().zip(object.name.as_ref()).map(|(kind, name)| format!("{kind} {name}"));
        let component = event.source.as_ref().and_then(|source| source.component.clone());
        Some(Happening {
            since: first.map(|first| first.to_string()),
            count: count.and_then(|count| u64::try_from(count).ok()).unwrap_or(1).max(1),
            about: about.filter(|_| !own),
            message: event.message.clone().unwrap_or_default(),
            by: event.reporting_component.clone().filter(|name| !name.is_empty()).or(component),
            ..happening(at, Source::Event, tone, reason)
        })
    });
    told.collect()
}
