//! The table of a scale run, with the aims beside.

use super::drift::Edit;
use super::{Measured, Size};
use crate::table::{Table, percentile};

pub fn print(size: &Size, measured: &Measured, usual_limit: &str) {
    let Measured { created, settled, quiet, resync, drift } = measured;
    let mut table = Table::new(&["what", "figure", "aim"]);
    let mut row =
        |what: &str, figure: String, aim: &str| table.row([what.to_owned(), figure, aim.to_owned()]);
    let seconds = |time: &std::time::Duration| format!("{:.1} s", time.as_secs_f64());
    let objects = size.environments * size.components;
    row("environments × components", format!("{} × {}", size.environments, size.components), "");
    row("all Environments written", seconds(&created.asked), "");
    row("all ready", seconds(&created.ready), "");
    let each = created.operator_requests / size.environments as f64;
    row(
        "… requests of the operator",
        format!("{} ({each:.1} an environment)", created.operator_requests),
        "",
    );
    row("… CPU of the operator", format!("{:.1} s", created.operator_cpu), "");
    row("… most resident memory seen", format!("{:.0} MiB", created.peak_mib), "");
    let calm = if *settled { "" } else { " (it was still asking)" };
    row("resident memory, settled", format!("{:.0} MiB{calm}", quiet.resident_mib), "under 200 MB");
    let share = quiet.cpu / quiet.seconds * 100.0;
    row("idle CPU", format!("{:.2} s in {:.0} s ({share:.2} %)", quiet.cpu, quiet.seconds), "");
    row("idle requests, without watches and lease", quiet.requests().to_string(), "0");
    row("… all of them", quiet.questions(), "");
    row("restart: leads", seconds(&resync.led), "");
    row("restart: has looked at every environment", seconds(&resync.looked), "");
    let undone = format!("restart: {} changes made meanwhile undone", resync.changed);
    row(&undone, seconds(&resync.undone), "");
    let cost = format!("{:.1} s CPU, {} requests", resync.cpu, resync.requests);
    row("restart: what a full pass cost", cost, "");
    let mut all: Vec<f64> = drift.iter().map(|(_, took)| *took).collect();
    let most = format!("{:.0} ms", percentile(&mut all, 100) * 1000.0);
    row(&format!("drift undone, {} edits: p50", all.len()), millis(&mut all, 50), "");
    row("… p99", millis(&mut all, 99), "under 1 s");
    row("… longest", most, "");
    row("… p50 of each kind", by_kind(drift), "");
    print!("\n{table}");
    println!(
        "\n{objects} Deployments and as many pods on KWOK's nodes. The operator's memory limit was raised for the \
         measurement; usually it is {usual_limit}."
    );
}

fn millis(values: &mut [f64], of_hundred: usize) -> String {
    format!("{:.0} ms", percentile(values, of_hundred) * 1000.0)
}

fn by_kind(drift: &[(Edit, f64)]) -> String {
    let of = |kind: Edit| {
        let same = drift.iter().filter(|(edit, _)| edit.name() == kind.name());
        let mut values: Vec<f64> = same.map(|(_, took)| *took).collect();
        format!("{} {}", kind.name(), millis(&mut values, 50))
    };
    Edit::ALL.map(of).join(", ")
}
