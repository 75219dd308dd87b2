//! How a copy of data is shown to a person: how far it is, and what became of it.

use verbs::data::{
    CopiedService, CopyPhase, CopyStore, Detail, KeysReport, MaskChoice, SnapshotKind, Summary, TargetState,
    ValuePath,
};

use super::colour::Paint;
use super::log::found::bytes;
use super::receipt;
use super::time::{age, span};

/// `copying, 1,200,000 of 2,000,000 rows, 300.0 MiB of 500.0 MiB, 20.0 MiB/s, 10s left`.
pub fn doing(service: &CopiedService) -> String {
    let mut told = vec![service.phase.as_str().to_owned()];
    if service.held {
        told.push("the source has enough to do".to_owned());
    }
    let moves = matches!(
        service.phase,
        CopyPhase::Copying | CopyPhase::Paused | CopyPhase::Verifying | CopyPhase::Finishing
    );
    let what = service.store.rows();
    if moves && service.rows_total > 0 {
        told.push(format!("{} of about {} {what}", grouped(service.rows), grouped(service.rows_total)));
    } else if service.rows > 0 {
        told.push(format!("{} {what}", grouped(service.rows)));
    }
    if service.bytes > 0 {
        told.push(bytes(service.bytes));
    }
    if service.phase == CopyPhase::Copying && service.bytes_per_second > 0 {
        told.push(format!("{}/s", bytes(service.bytes_per_second)));
        told.extend(service.eta_seconds.map(|seconds| format!("{} left", span(seconds))));
    }
    if !service.message.is_empty() {
        told.push(service.message.clone());
    }
    told.join(", ")
}

pub fn phase(phase: CopyPhase, paint: Paint) -> String {
    match phase {
        CopyPhase::Done => paint.good(phase.as_str()),
        CopyPhase::Failed => paint.bad(phase.as_str()),
        CopyPhase::Cancelled => paint.aside(phase.as_str()),
        _ => paint.wait(phase.as_str()),
    }
}

/// How much there is of it: `62%`, or the rows where their number was not known.
pub fn share(summary: &Summary) -> String {
    match (summary.phase, summary.rows_total) {
        (CopyPhase::Done, _) | (_, 0) if summary.rows > 0 => {
            format!("{} {}", grouped(summary.rows), summary.counts)
        }
        (_, 0) => "-".to_owned(),
        // What the source guesses may be less than there is.
        (_, total) => format!("{}%", (summary.rows.saturating_mul(100) / total).min(99)),
    }
}

/// What a copy that did not end well left behind.
pub fn left(target: TargetState) -> &'static str {
    match target {
        TargetState::Untouched => "the target's data is what it was",
        TargetState::Incomplete => {
            "the target holds part of the copy: nothing to work with; the same copy again takes it up where it was"
        }
        TargetState::Emptied => "what was copied has been dropped: the target's databases are empty",
        TargetState::Copied => "the target holds the copy, whole and verified",
    }
}

/// Everything about one copy.
pub fn detail(detail: &Detail, paint: Paint) -> String {
    let summary = &detail.summary;
    let mut text = format!("{}  {}\n", paint.strong(&summary.name), phase(summary.phase, paint));
    let mut fact = |name: &str, value: String| {
        text.push_str(&format!("  {} {value}\n", paint.aside(format!("{name:<10}"))));
    };
    if summary.scan {
        fact("scan of", summary.from.clone());
    } else {
        fact("from", summary.from.clone());
        fact("to", summary.to.clone());
        fact(
            "masks",
            match detail.masks {
                MaskChoice::Project => "as the project says".to_owned(),
                MaskChoice::None => "none".to_owned(),
            },
        );
    }
    if summary.dry_run {
        fact("only", "said what would be copied".to_owned());
    }
    if !detail.quiesce {
        fact("writers", "go on".to_owned());
    }
    let limits = limits(detail);
    if !limits.is_empty() {
        fact("limits", limits.join(", "));
    }
    if let Some(user) = &summary.requested_by {
        fact("asked by", user.clone());
    }
    fact("age", age(summary.created.as_deref()));
    if !summary.scan && !summary.dry_run && summary.phase.is_final() {
        fact("target", left(detail.target).to_owned());
    }
    for service in &detail.services {
        text.push_str(&format!("\n{}  {}\n", paint.strong(&service.name), doing(service)));
        if summary.dry_run && service.phase == CopyPhase::Done {
            text.push_str(&format!("  {}\n", holds(service)));
        }
        for line in report(service) {
            text.push_str(&format!("  {line}\n"));
        }
    }
    for note in &detail.notes {
        text.push_str(&format!("{} {note}\n", paint.wait("note:")));
    }
    if let Some(verdict) = &detail.verdict {
        let (finding, evidence) = (receipt::finding(verdict), receipt::evidence(verdict, paint));
        text.push_str(&format!("\n{}: {finding}\n{evidence}", paint.bad("verdict")));
        text.push_str(&format!("{}: {}\n", paint.strong("fix"), verdict.fix));
    }
    text
}

fn limits(detail: &Detail) -> Vec<String> {
    let limits = &detail.limits;
    [
        limits.bytes_per_second.map(|rate| format!("{}/s", bytes(rate))),
        limits.connections.map(|count| format!("{count} connections")),
        limits.threads_running.map(|count| format!("{count} statements on the source")),
        limits.latency_millis.map(|millis| format!("{millis} ms for an answer of the source")),
        limits.cpu_percent.map(|percent| format!("{percent} of 100 of a Redis' main thread")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What a copy would have to do.
fn holds(service: &CopiedService) -> String {
    if service.store == CopyStore::Redis {
        return format!("would copy about {} keys", grouped(service.rows_total));
    }
    let tables = count(service.tables, "table");
    format!("would copy {tables}, about {} rows, {}", grouped(service.rows_total), bytes(service.bytes_total))
}

/// What was found and done, one line each.
fn report(service: &CopiedService) -> Vec<String> {
    let mut lines = vec![];
    if let Some(snapshot) = &service.snapshot {
        let kind = match snapshot.kind {
            SnapshotKind::Aligned => "several readers at one place of the binary log",
            SnapshotKind::Locked => "several readers, opened while writes waited",
            SnapshotKind::Single => "one reader",
        };
        let held = match snapshot.held_millis {
            0 => "nothing was held".to_owned(),
            millis => format!("writes waited for {millis} ms"),
        };
        lines.push(format!("as of      one moment: {kind}; {held}"));
    }
    let report = service.report.as_ref();
    if let Some((report, keys)) = report.and_then(|report| Some((report, report.keys.as_ref()?))) {
        lines.extend(of_keys(keys, report.seconds, report.values_looked_for));
        lines.extend(report.notes.iter().cloned());
    } else if let Some(report) = report {
        lines.push(format!(
            "copied     {} rows of {} in {:.1} s",
            grouped(report.rows),
            count(report.tables, "table"),
            report.seconds,
        ));
        let again = report.repaired_chunks;
        lines.push(format!(
            "verified   {} of {} on the target itself{}",
            grouped(report.verified_chunks),
            count(report.chunks, "chunk"),
            if again > 0 { format!(", {} of them loaded again", grouped(again)) } else { String::new() },
        ));
        if report.masked_columns > 0 {
            lines.push(format!(
                "masked     {}; {} of them looked for in all else, none found",
                count(report.masked_columns, "column"),
                count(report.values_looked_for, "value"),
            ));
        }
        if !report.orphans.is_empty() {
            let keys: Vec<String> =
                report.orphans.iter().map(|(key, rows)| format!("{key} ({})", grouped(*rows))).collect();
            lines.push(format!("as on the source, rows point nowhere: {}", keys.join(", ")));
        }
        lines.extend(report.notes.iter().cloned());
    }
    if !service.emptied_columns.is_empty() {
        lines.push(format!("emptied    {}, which no mask names", service.emptied_columns.join(", ")));
    }
    lines
}

/// The same of a Redis.
fn of_keys(keys: &KeysReport, seconds: f64, looked_for: u64) -> Vec<String> {
    let mut lines = vec![format!("as of      {}", keys.guarantee)];
    lines.push(format!(
        "copied     {} in {seconds:.1} s, {} were so already{}",
        count(keys.copied, "key"),
        grouped(keys.equal),
        if keys.removed > 0 {
            format!("; {} removed that the source has not", grouped(keys.removed))
        } else {
            String::new()
        },
    ));
    lines.push(format!(
        "verified   each key that was written was read back from the target{}",
        if keys.repaired > 0 {
            format!(", {} were sent again", grouped(keys.repaired))
        } else {
            String::new()
        },
    ));
    if keys.path == ValuePath::Commands {
        lines.push("by         what values mean: the target does not read what the source stores".to_owned());
    }
    if keys.masked > 0 {
        lines.push(format!(
            "masked     {}; {} of them looked for in all else, none found",
            count(keys.masked, "key"),
            count(looked_for, "value"),
        ));
    }
    if keys.left_out > 0 {
        lines.push(format!("left out   {}, which no mask names", count(keys.left_out, "key")));
    }
    lines.push(format!(
        "source     asked {} times for {}; PING p99 {:.1} ms, {:.1} s of its main thread",
        grouped(keys.source_round_trips),
        count(keys.source_commands, "command"),
        keys.source_ping_p99_millis,
        keys.source_cpu_seconds,
    ));
    lines.extend(keys.not_copied.iter().map(|line| format!("not copied {line}")));
    lines
}

fn count(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn how_far_a_service_is_stands_in_one_line() {
        let shown = [
            doing(&service(&json!({}))),
            doing(&service(&json!({"held": true}))),
            doing(&service(
                &json!({"phase": "Planning", "rows": 0, "bytes": 0, "message": "opens its snapshot"}),
            )),
            doing(&service(&json!({"phase": "Done"}))),
        ];
        insta::assert_yaml_snapshot!(shown);
    }

    #[test]
    fn a_plan_says_how_much_there_is() {
        let planned = json!({"phase": "Done", "rows": 0, "bytes": 0, "tables": 12, "rowsTotal": 2_000_000, "bytesTotal": 734_003_200});
        assert_eq!(holds(&service(&planned)), "would copy 12 tables, about 2,000,000 rows, 700.0 MiB");
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
        let summary = Summary {
            name: "qa-42-x7k2p".into(),
            namespace: "shop".into(),
            from: "production".into(),
            to: "qa-42".into(),
            services: vec![],
            dry_run: false,
            scan: false,
            phase: CopyPhase::Done,
            counts: "rows and keys",
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
            services: vec![done, cache],
            notes: vec!["the source has no binary log".into()],
            verdict: None,
            started: None,
            kept_until: None,
        };
        insta::assert_snapshot!(detail(&shown, Paint::new(false)));
    }
}
