//! What is deleted before it is shipped: kept where that can be, and told where it can't.

use std::fs;

use super::stage::Stage;

#[test]
fn a_file_that_is_deleted_is_kept_until_it_is_shipped_even_through_a_kill() {
    let mut stage = Stage::new();
    let lines: String = (0..100).map(|number| format!("a line before it was deleted {number}\n")).collect();
    stage.append(lines.as_bytes());
    assert!(stage.ship());
    fs::remove_file(stage.log()).unwrap();
    // Seen without a name, then copied.
    stage.look();
    stage.look();
    stage.kill();
    stage.append(b"after\n");
    stage.ship_all();
    assert_eq!(stage.arrived.len(), 101);
    assert_eq!(stage.texts().last(), Some(&"after"));
    assert_eq!(stage.metrics.lost_bytes.get(), 0);
    stage.look();
    assert_eq!(stage.metrics.spool.get(), 0);
}

#[test]
fn a_full_spool_keeps_nothing_and_loses_nothing_while_the_process_lives() {
    let mut stage = Stage::new();
    stage.spool = 10;
    stage.append(b"one line, and longer than the spool\n");
    stage.look();
    fs::remove_file(stage.log()).unwrap();
    stage.look();
    stage.look();
    stage.ship_all();
    assert_eq!(stage.texts(), ["one line, and longer than the spool"]);
}

#[test]
fn what_nobody_can_find_any_more_is_counted() {
    let mut stage = Stage::new();
    stage.append(b"twenty bytes, about.\n");
    stage.look();
    stage.kill();
    fs::remove_file(stage.log()).unwrap();
    stage.append(b"another\n");
    stage.ship_all();
    assert_eq!(stage.texts(), ["another"]);
    assert_eq!(stage.metrics.lost_bytes.get(), 21);
}
