//! The table of a run of `web`, with the aims beside.

use super::Measured;
use crate::table::{Table, percentile};

pub fn print(measured: &Measured) {
    let mut table = Table::new(&["what", "figure", "aim"]);
    let mut row =
        |what: &str, figure: String, aim: &str| table.row([what.to_owned(), figure, aim.to_owned()]);
    let both = |values: &[f64]| {
        let mut values = values.to_vec();
        format!("{:.1} ms, {:.1} ms", percentile(&mut values, 50), percentile(&mut values, 99))
    };
    let Measured { environments, people, memory, .. } = measured;
    row("environments, people", format!("{environments}, {people}"), "");
    row("first page after the start of the server", format!("{:.1} ms", measured.first), "200 ms");
    let kib = measured.size / 1024;
    row(&format!("first page of each ({kib} KiB): p50, p99"), both(&measured.each), "200 ms");
    row("… again", both(&measured.again), "200 ms");
    row("… searched and sorted by state", both(&measured.searched), "200 ms");
    row("one environment", both(&measured.one), "200 ms");
    row("/api/v1/environments, a page", both(&measured.api), "200 ms");
    row("a change until somebody sees it: p50, p99", both(&measured.updates), "1 s");
    row("… until the last of them does: p50, p99", both(&measured.last), "1 s");
    let [before, now, most] = memory;
    row(
        "resident memory: before, with all of them, most",
        format!("{before:.0}, {now:.0}, {most:.0} MiB"),
        "200 MB",
    );
    row("CPU of the server while nothing happens", format!("{:.1} %", measured.idle), "");
    let share = measured.cpu / measured.lasted * 100.0;
    row("… while something changes all the time", format!("{share:.0} %"), "");
    print!("\n{table}");
    println!("\nAsked and listened to by one program on the same machine, over HTTP with a token each.");
}
