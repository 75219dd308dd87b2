//! How a copy of data is shown on a terminal.

use jiff::Timestamp;
use verbs::data::{CopyPhase, Detail};
use words::copy::{doing, facts, found};
use words::finding;

use super::colour::Paint;
use super::receipt;

pub fn phase(phase: CopyPhase, paint: Paint) -> String {
    match phase {
        CopyPhase::Done => paint.good(phase.as_str()),
        CopyPhase::Failed => paint.bad(phase.as_str()),
        CopyPhase::Cancelled => paint.aside(phase.as_str()),
        _ => paint.wait(phase.as_str()),
    }
}

/// Everything about one copy.
pub fn detail(detail: &Detail, paint: Paint) -> String {
    let summary = &detail.summary;
    let mut text = format!("{}  {}\n", paint.strong(&summary.name), phase(summary.phase, paint));
    for (name, value) in facts(detail, Timestamp::now()) {
        text.push_str(&format!("  {} {value}\n", paint.aside(format!("{name:<10}"))));
    }
    for service in &detail.services {
        text.push_str(&format!("\n{}  {}\n", paint.strong(&service.name), doing(service)));
        for line in found(summary, service) {
            text.push_str(&format!("  {line}\n"));
        }
    }
    for note in &detail.notes {
        text.push_str(&format!("{} {note}\n", paint.wait("note:")));
    }
    if let Some(verdict) = &detail.verdict {
        let (finding, evidence) = (finding(verdict), receipt::evidence(verdict, paint));
        text.push_str(&format!("\n{}: {finding}\n{evidence}", paint.bad("verdict")));
        text.push_str(&format!("{}: {}\n", paint.strong("fix"), verdict.fix));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use verbs::data::{CopiedService, MaskChoice, Summary, TargetState};

    use super::*;

    fn service(change: &serde_json::Value) -> CopiedService {
        let mut service = json!({
            "name": "db", "phase": "Copying", "rows": 1_200_000, "rowsTotal": 2_000_000, "bytes": 314_572_800,
            "bytesPerSecond": 20_971_520, "etaSeconds": 10,
        });
        service.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        serde_json::from_value(service).unwrap()
    }

    #[test]
    fn a_copy_that_has_ended_says_what_became_of_it() {
        let done = service(&json!({
            "phase": "Done", "emptiedColumns": ["shop.users.note"],
            "snapshot": {"kind": "aligned", "readers": 4, "heldMillis": 0, "openedMillis": 12},
            "report": {
                "seconds": 71.4, "snapshots": 2, "tables": 12, "rows": 2_000_123, "chunks": 431, "verifiedChunks": 431,
                "repairedChunks": 1, "resumedChunks": 200, "maskedColumns": 14, "valuesLookedFor": 48_211,
                "throttledSeconds": 0.0, "peakMemoryBytes": 0, "sourceUser": "own", "targetUser": "temporary",
                "orphans": {"shop.orders whose": 3},
            },
        }));
        let cache = service(&json!({
            "name": "cache", "store": "redis", "phase": "Done",
            "report": {
                "seconds": 8.2, "snapshots": 0, "tables": 0, "rows": 200_000, "chunks": 0, "verifiedChunks": 0,
                "repairedChunks": 0, "resumedChunks": 0, "maskedColumns": 0, "valuesLookedFor": 1_200,
                "throttledSeconds": 0.0, "peakMemoryBytes": 0,
                "keys": {
                    "path": "payloads", "passes": 2, "copied": 150_000, "equal": 50_000, "expired": 3, "changed": 12,
                    "repaired": 0, "removed": 1, "large": 20, "masked": 9_000, "leftOut": 4, "functions": 0,
                    "sourceCommands": 900_000, "sourceRoundTrips": 2_100, "targetWrites": 150_012,
                    "sourcePingP99Millis": 1.25, "sourceCpuSeconds": 3.5, "guarantee": "each key as it was when its turn came",
                },
            },
        }));
        let uploads = service(&json!({
            "name": "uploads", "store": "s3", "phase": "Done",
            "report": {
                "seconds": 3.25, "snapshots": 0, "tables": 0, "rows": 20_000, "chunks": 0, "verifiedChunks": 0,
                "repairedChunks": 0, "resumedChunks": 0, "maskedColumns": 0, "valuesLookedFor": 0,
                "throttledSeconds": 0.0, "peakMemoryBytes": 0,
                "objects": {
                    "way": "through", "copied": 19_000, "equal": 1_000, "changed": 2, "gone": 0, "large": 1, "tagged": 1_700,
                    "placeholders": 12, "dropped": 30, "repaired": 0, "proved": 20_000, "received": 12, "extraneous": 4,
                    "removed": 4, "notCopiedCount": 3, "notCopied": ["old/film.mp4: the source: is archived: fetch it back first"],
                    "sourceRequests": 20_040, "targetRequests": 20_100, "targetWrites": 19_004, "ledgerWrites": 21, "slowDowns": 0,
                    "mostUnderWay": 64, "guarantee": "each object is whole and as it was on the source at one moment of this copy",
                },
            },
        }));
        let summary = Summary {
            name: "qa-42-x7k2p".into(),
            namespace: "shop".into(),
            from: "production".into(),
            to: "qa-42".into(),
            services: vec![],
            dry_run: false,
            scan: false,
            backup: None,
            makes_backup: false,
            phase: CopyPhase::Done,
            counts: "rows, keys and objects",
            rows: 2_000_123,
            rows_total: 2_000_000,
            bytes: 0,
            bytes_total: 0,
            bytes_per_second: 0,
            eta_seconds: None,
            why: None,
            requested_by: Some("ann".into()),
            created: None,
            finished: None,
        };
        let shown = Detail {
            summary,
            masks: MaskChoice::Project,
            limits: serde_json::from_value(json!({"bytesPerSecond": 20_000_000, "connections": 2})).unwrap(),
            quiesce: true,
            target: TargetState::Copied,
            services: vec![done, cache, uploads],
            notes: vec!["the source has no binary log".into()],
            verdict: None,
            started: None,
            kept_until: None,
        };
        insta::assert_snapshot!(detail(&shown, Paint::new(false)));
    }
}
