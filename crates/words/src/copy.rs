//! How a copy of data is told: how far it is, and what became of it.

use jiff::Timestamp;
use verbs::data::{
    CopiedService, CopyPhase, CopyStore, Detail, KeysReport, MaskChoice, ObjectWay, ObjectsReport,
    ServiceReport, SnapshotKind, Summary, ValuePath,
};

use crate::left;
use crate::size::bytes;
use crate::time::{age_at, span};

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

/// How much there is of it: `62%`, or the rows where their number was not known.
pub fn share(summary: &Summary) -> String {
    match (summary.phase, summary.rows_total) {
        // It only said what it would do.
        (CopyPhase::Done, _) if summary.dry_run => "-".to_owned(),
        (CopyPhase::Done, total) if total > 0 || summary.rows > 0 => {
            format!("{} {}", grouped(summary.rows), summary.counts)
        }
        (_, 0) if summary.rows > 0 => format!("{} {}", grouped(summary.rows), summary.counts),
        (_, 0) => "-".to_owned(),
        // What the source guesses may be less than there is.
        (_, total) => format!("{}%", (summary.rows.saturating_mul(100) / total).min(99)),
    }
}

/// What was asked for, and how it was left: names and values.
pub fn facts(detail: &Detail, now: Timestamp) -> Vec<(&'static str, String)> {
    let summary = &detail.summary;
    let mut facts = vec![];
    if summary.scan {
        facts.push(("scan of", summary.from.clone()));
    } else if summary.makes_backup {
        facts.push(("backup of", summary.from.clone()));
    } else {
        facts.push(match &summary.backup {
            Some(backup) => ("backup", backup.clone()),
            None => ("from", summary.from.clone()),
        });
        facts.push(("to", summary.to.clone()));
        let masks = match detail.masks {
            MaskChoice::Project if summary.backup.is_some() => {
                "as the project says, unless it comes back to where it was"
            }
            MaskChoice::Project => "as the project says",
            MaskChoice::None => "none",
        };
        facts.push(("masks", masks.to_owned()));
    }
    if summary.dry_run {
        facts.push(("only", "said what would be copied".to_owned()));
    }
    if !detail.quiesce && !summary.makes_backup {
        facts.push(("writers", "go on".to_owned()));
    }
    let limits = limits(detail);
    if !limits.is_empty() {
        facts.push(("limits", limits.join(", ")));
    }
    facts.extend(summary.requested_by.iter().map(|user| ("asked by", user.clone())));
    facts.push(("age", age_at(summary.created.as_deref(), now)));
    if !summary.scan && !summary.dry_run && !summary.makes_backup && summary.phase.is_final() {
        facts.push(("target", left(Some(detail.target)).to_owned()));
    }
    facts
}

/// What was found of a service, would be done, or was done, one line each.
pub fn found(summary: &Summary, service: &CopiedService) -> Vec<String> {
    let planned = summary.dry_run && service.phase == CopyPhase::Done;
    planned.then(|| holds(service)).into_iter().chain(report(service)).collect()
}

fn limits(detail: &Detail) -> Vec<String> {
    let limits = &detail.limits;
    [
        limits.bytes_per_second.map(|rate| format!("{}/s", bytes(rate))),
        limits.connections.map(|count| format!("{count} connections")),
        limits.threads_running.map(|count| format!("{count} statements on the source")),
        limits.latency_millis.map(|millis| format!("{millis} ms for an answer of the source")),
        limits.cpu_percent.map(|percent| format!("{percent} of 100 of a Redis' main thread")),
        limits.transfers.map(|count| format!("{count} objects at once")),
        limits.requests_per_second.map(|count| format!("{count} requests of S3 a second")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What a copy would have to do.
fn holds(service: &CopiedService) -> String {
    match service.store {
        CopyStore::Mariadb => {}
        CopyStore::Redis => return format!("would copy about {} keys", grouped(service.rows_total)),
        CopyStore::S3 => {
            let objects = count(service.rows_total, "object");
            let size = bytes(service.bytes_total);
            return format!("would copy {objects}, {size}, as far as the target lacks them");
        }
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
    if let Some((report, stored)) = report.and_then(|report| Some((report, report.backup.as_ref()?))) {
        let what = match service.store {
            CopyStore::Mariadb => {
                format!("{} rows of {}", grouped(report.rows), count(report.tables, "table"))
            }
            CopyStore::Redis => count(report.rows, "key"),
            CopyStore::S3 => count(report.rows, "object"),
        };
        lines.push(format!(
            "stored     {what} in {:.1} s: {}, {}",
            report.seconds,
            stored.path,
            bytes(stored.bytes)
        ));
        lines.extend(stored.sha256.iter().map(|sum| format!("sha-256    {sum}")));
        lines.extend(report.notes.iter().cloned());
        return lines;
    }
    if let Some((report, keys)) = report.and_then(|report| Some((report, report.keys.as_ref()?))) {
        lines.extend(of_keys(keys, report.seconds, report.values_looked_for));
        lines.extend(report.notes.iter().cloned());
    } else if let Some((report, objects)) = report.and_then(|report| Some((report, report.objects.as_ref()?)))
    {
        lines.extend(of_objects(objects, report));
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
    if let Some(moment) = &keys.moment {
        lines.push(format!("as of      {moment}: all keys are out of one snapshot of the source"));
    }
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

/// The same of an S3.
fn of_objects(objects: &ObjectsReport, report: &ServiceReport) -> Vec<String> {
    let also = |number: u64, what: &str| {
        if number > 0 { format!("{what}{}", grouped(number)) } else { String::new() }
    };
    let mut lines = vec![format!("as of      {}", objects.guarantee)];
    lines.push(format!(
        "copied     {} in {:.1} s, {} were so already{}",
        count(objects.copied, "object"),
        report.seconds,
        grouped(objects.equal),
        also(objects.removed, "; removed that the source has not: "),
    ));
    lines.push(format!(
        "verified   {} by a digest of both stores{}{}",
        count(objects.proved, "object"),
        also(objects.received, "; only received as they were sent: "),
        also(objects.repaired, "; sent again: "),
    ));
    if objects.way == ObjectWay::ByItself {
        lines.push("by         the server itself".to_owned());
    }
    if objects.placeholders + objects.dropped > 0 {
        lines.push(format!(
            "masked     {} replaced by placeholders, {} dropped",
            count(objects.placeholders, "object"),
            grouped(objects.dropped),
        ));
    }
    lines.push(format!(
        "asked      {} of the source and {} of the target, {} of them writes{}",
        count(objects.source_requests, "request"),
        grouped(objects.target_requests),
        grouped(objects.target_writes),
        also(objects.slow_downs, "; too much for a store: "),
    ));
    lines.extend(objects.not_copied.iter().map(|line| format!("not copied {line}")));
    let untold = objects.not_copied_count.saturating_sub(objects.not_copied.len() as u64);
    lines.extend((untold > 0).then(|| format!("not copied {} more", grouped(untold))));
    lines
}

fn count(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `1,234,567`.
pub fn grouped(number: u64) -> String {
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
    fn a_copy_that_has_ended_is_told_without_percents() {
        let told = |phase: CopyPhase, dry_run: bool, rows: u64| {
            let spec = json!({"from": {"environment": "production"}, "to": {"environment": "qa-42"}, "dryRun": dry_run});
            let status = json!({"observedGeneration": 1, "phase": phase, "rows": rows, "rowsTotal": 4});
            let copy = json!({"apiVersion": "outboard.dev/v1alpha1", "kind": "DataCopy", "metadata": {"name": "a"},
                "spec": spec, "status": status});
            share(&verbs::data::summary(&serde_json::from_value(copy).unwrap()))
        };
        assert_eq!(told(CopyPhase::Done, true, 0), "-");
        assert!(told(CopyPhase::Done, false, 0).starts_with("0 "));
        assert!(told(CopyPhase::Done, false, 4).starts_with("4 "));
        assert_eq!(told(CopyPhase::Copying, false, 2), "50%");
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
}
