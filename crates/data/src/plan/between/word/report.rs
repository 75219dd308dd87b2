//! What an engine's report becomes in the status: cut short where it could grow.

use api::datacopy::{
    BackupReport, CopiedService, KeysReport, ObjectWay, ObjectsReport, ServiceReport, Snapshot, SnapshotKind,
    ValuePath,
};

use super::{COLUMNS, NOTES, short};
use crate::mysql::snapshot::{Held, How};
use crate::progress::{Report, Stored};
use crate::redis::report as keys;
use crate::s3::report as objects;

pub fn snapshot(held: &Held) -> Snapshot {
    let kind = match held.how {
        How::Aligned => SnapshotKind::Aligned,
        How::Locked => SnapshotKind::Locked,
        How::Single => SnapshotKind::Single,
    };
    Snapshot {
        kind,
        readers: u32::try_from(held.readers).unwrap_or(u32::MAX),
        held_millis: held.held_millis,
        opened_millis: held.opened_millis,
        position: held.position.clone(),
    }
}

pub fn reported(service: &mut CopiedService, report: &Report) {
    service.rows = report.standing_rows;
    service.tables = report.tables as u64;
    service.bytes = report.bytes;
    service.snapshot = Some(snapshot(&report.snapshot));
    service.report = Some(ServiceReport {
        seconds: report.seconds,
        snapshots: report.snapshots,
        tables: report.tables as u64,
        rows: report.standing_rows,
        chunks: report.chunks,
        verified_chunks: report.verified_chunks,
        repaired_chunks: report.repaired_chunks,
        resumed_chunks: report.resumed_chunks,
        masked_columns: report.masked_columns as u64,
        mask_key: report.mask_key.clone(),
        values_looked_for: report.values_looked_for as u64,
        throttled_seconds: report.throttled_seconds,
        peak_memory_bytes: report.peak_memory_bytes,
        orphans: report.orphans.iter().take(COLUMNS).map(|(key, count)| (key.clone(), *count)).collect(),
        keys: None,
        objects: None,
        backup: None,
        notes: report.notes.iter().take(NOTES).map(|note| short(note)).collect(),
    });
}

pub fn stored(service: &mut CopiedService, what: &Stored) {
    service.rows = what.rows;
    service.rows_total = what.rows;
    service.tables = what.tables;
    let report = service.report.take().unwrap_or_default();
    service.report = Some(ServiceReport {
        seconds: what.seconds,
        tables: what.tables,
        rows: what.rows,
        notes: report
            .notes
            .iter()
            .cloned()
            .chain(what.notes.iter().map(|note| short(note)))
            .take(NOTES)
            .collect(),
        backup: Some(BackupReport {
            path: what.path.clone(),
            bytes: what.bytes,
            sha256: what.sha256.clone(),
        }),
        ..report
    });
}

pub fn reported_of_keys(service: &mut CopiedService, report: &keys::Report) {
    let of_pass = report.keys;
    service.rows = of_pass;
    service.bytes = report.bytes;
    service.report = Some(ServiceReport {
        seconds: report.seconds,
        rows: of_pass,
        mask_key: report.mask_key.clone(),
        values_looked_for: report.values_looked_for as u64,
        throttled_seconds: report.throttled_seconds,
        peak_memory_bytes: report.peak_memory_bytes,
        notes: report.notes.iter().take(NOTES).map(|note| short(note)).collect(),
        keys: Some(KeysReport {
            path: match report.path {
                keys::Path::Snapshot => ValuePath::Snapshot,
                keys::Path::Payloads => ValuePath::Payloads,
                keys::Path::Commands => ValuePath::Commands,
            },
            moment: report.moment.clone(),
            passes: report.passes,
            copied: report.copied,
            equal: report.equal,
            expired: report.expired,
            changed: report.changed,
            repaired: report.repaired,
            removed: report.removed,
            large: report.large,
            masked: report.masked,
            left_out: report.left_out,
            functions: report.functions,
            not_copied: report.not_copied.iter().take(NOTES).map(|line| short(line)).collect(),
            source_commands: report.source_asked.commands,
            source_round_trips: report.source_asked.round_trips,
            target_writes: report.target_asked.writes,
            source_ping_p99_millis: report.source_ping_p99_millis,
            source_cpu_seconds: report.source_cpu_seconds,
            guarantee: report.guarantee.clone(),
        }),
        ..ServiceReport::default()
    });
}

pub fn reported_of_objects(service: &mut CopiedService, report: &objects::Report) {
    let counts = &report.counts;
    let told = |(key, why): (&String, &String)| short(&format!("{key}: {why}"));
    service.rows = counts.copied + counts.equal + counts.skipped;
    service.rows_total = counts.objects;
    service.bytes = report.bytes;
    service.report = Some(ServiceReport {
        seconds: report.seconds,
        rows: service.rows,
        throttled_seconds: report.throttled_seconds,
        peak_memory_bytes: report.peak_memory_bytes,
        notes: report.notes.iter().take(NOTES).map(|note| short(note)).collect(),
        objects: Some(ObjectsReport {
            way: match report.way {
                objects::Way::Through => ObjectWay::Through,
                objects::Way::ByItself => ObjectWay::ByItself,
            },
            copied: counts.copied,
            equal: counts.equal,
            changed: counts.changed,
            gone: counts.gone,
            large: counts.large,
            tagged: counts.tagged,
            placeholders: counts.placeholders,
            dropped: counts.dropped,
            repaired: counts.repaired,
            proved: counts.proved,
            received: counts.received,
            extraneous: counts.extraneous,
            removed: counts.removed,
            not_copied_count: counts.not_copied_count,
            not_copied: counts.not_copied.iter().take(NOTES).map(told).collect(),
            source_requests: report.source_asked.requests,
            target_requests: report.target_asked.requests,
            target_writes: report.target_asked.writes,
            ledger_writes: report.target_asked.ledger_writes,
            slow_downs: report.slow_downs,
            most_under_way: report.most_under_way as u64,
            seconds_to_first: report.seconds_to_first,
            guarantee: report.guarantee.clone(),
        }),
        ..ServiceReport::default()
    });
}
