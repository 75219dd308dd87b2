//! Lines go to the object of their day, once each, and what a day has no room for stops nothing behind it.

use super::super::today::{BYTES_A_DAY, EACH_A_DAY, MOST_A_DAY};
use super::*;

#[test]
fn an_object_that_was_closed_is_never_written_to_again() {
    let mut journal = Journal::new("abc", 30).closing(SignedDuration::from_hours(1));
    let begun = Timestamp::UNIX_EPOCH;
    let write = |journal: &mut Journal, second: i64| {
        journal.add(&record(second, "x"));
        journal.close_old(begun + SignedDuration::from_secs(second));
        let (name, lines, taken) = journal.next().unwrap();
        if journal.open.tell(&name) {
            journal.since = Some(begun + SignedDuration::from_secs(second));
        }
        journal.lines = lines;
        journal.waiting.drain(..taken);
        name
    };
    let first = write(&mut journal, 0);
    assert_eq!(write(&mut journal, 3_599), first);
    assert_ne!(write(&mut journal, 3_600), first);
    let open = journal.open();
    assert!(!open.is_whole(&format!("{BEGIN}19700101-abc-2"), "abc") && open.is_whole(&first, "abc"));
    journal.close();
    assert!(open.is_whole(&format!("{BEGIN}19700101-abc-2"), "abc"));
    assert!(!write(&mut journal, 3_601).ends_with("-2"));
}

fn record(second: i64, what: &str) -> Record {
    Record {
        time: Timestamp::from_second(second).unwrap(),
        who: "ann".into(),
        groups: vec![],
        from: "192.0.2.1".into(),
        by: "page",
        method: "POST".into(),
        path: "/plans/1/carry-out".into(),
        what: Some(what.into()),
        diff: None,
        status: 303,
    }
}

fn names(journal: &mut Journal) -> Vec<(String, usize)> {
    let mut names = vec![];
    while let Some((name, lines, taken)) = journal.next() {
        names.push((name, lines.lines().count()));
        journal.lines = lines;
        journal.waiting.drain(..taken);
    }
    names
}

#[test]
fn lines_go_to_the_object_of_their_day_and_no_object_is_begun_twice() {
    let mut journal = Journal::new("abc", 30);
    for second in [0, 1, 86_400, 86_399, 86_401] {
        journal.add(&record(second, "x"));
    }
    let name = |day: &str, number: u32| format!("outboard-audit-{day}-abc-{number}");
    // A line that comes late, after the first of the next day, does not take the place of those before it.
    let wanted = [
        (name("19700101", 1), 2),
        (name("19700102", 2), 1),
        (name("19700101", 3), 1),
        (name("19700102", 4), 1),
    ];
    assert_eq!(names(&mut journal), wanted);
}

#[test]
fn a_full_object_is_followed_by_another() {
    let mut journal = Journal::new("abc", 30);
    for second in 0..1_000 {
        journal.add(&record(second, &"x".repeat(100)));
    }
    let names = names(&mut journal);
    assert!(names.len() > 2, "{names:?}");
    assert_eq!(names.iter().map(|(_, lines)| lines).sum::<usize>(), 1_000);
    assert!(names.windows(2).all(|two| two[0].0 != two[1].0), "{names:?}");
}

#[test]
fn a_day_ends_where_somebody_only_fills_it_and_the_next_begins_anew() {
    let mut journal = Journal::new("abc", 30);
    let of = |who: u32, second: i64| Record { who: who.to_string(), ..record(second, "x") };
    let kept = (0..EACH_A_DAY + 5).filter(|_| journal.add(&of(0, 0)) == 0).count();
    assert_eq!(u32::try_from(kept), Ok(EACH_A_DAY));
    // It is their own day alone that they filled.
    assert_eq!(journal.add(&of(1, 0)), 0);
    for who in 1..10 {
        for _ in 0..EACH_A_DAY {
            journal.add(&of(who, 0));
        }
    }
    assert_eq!((journal.today.filled.lines, journal.add(&of(11, 0))), (MOST_A_DAY, 1));
    assert!(journal.waiting.len() <= MOST);
    assert_eq!(journal.add(&of(0, 86_400)), 1, "the oldest that waits");
    assert!(journal.waiting.back().is_some_and(|(day, _)| day == "19700102"));
}

#[test]
fn a_day_has_its_end_in_bytes_too() {
    let mut journal = Journal::new("abc", 30);
    let long = "x".repeat(5_000);
    let of = |who: u32, second: i64| Record { who: who.to_string(), ..record(second, &long) };
    let kept = (0..EACH_A_DAY).filter(|_| journal.add(&of(0, 0)) == 0).count();
    assert!(kept < 800, "{kept}");
    assert_eq!(journal.add(&of(1, 0)), 0, "it is their own day alone that they filled");
    for who in 1..10 {
        for _ in 0..1_000 {
            journal.add(&of(who, 0));
        }
    }
    let bytes: usize = journal.waiting.iter().map(|(_, line)| line.len()).sum();
    assert!((BYTES_A_DAY..BYTES_A_DAY + 6_000).contains(&bytes), "{bytes}");
    assert_eq!(journal.add(&of(11, 0)), 1);
    assert_eq!(journal.add(&of(0, 86_400)), 0, "the next day begins anew");
}

#[test]
fn a_line_that_no_object_has_room_for_stops_none_behind_it() {
    let mut journal = Journal::new("abc", 30);
    assert_eq!(journal.add(&record(0, &"x".repeat(LONGEST))), 1);
    assert_eq!(journal.add(&record(0, "x")), 0);
    assert_eq!((journal.waiting.len(), journal.today.filled.lines), (1, 1));
}

#[test]
fn what_was_refused_leaves_half_of_a_day_to_what_was_done() {
    let mut journal = Journal::new("abc", 30);
    let of = |who: u32, status: u16| Record { who: who.to_string(), status, ..record(0, "x") };
    for who in 0..10 {
        for _ in 0..EACH_A_DAY {
            journal.add(&of(who, 403));
        }
    }
    assert_eq!(journal.today.filled.lines, MOST_A_DAY / 2);
    assert_eq!((journal.add(&of(11, 403)), journal.today.people.contains_key("11")), (1, false));
    // Of the twenty thousand that wait the oldest goes for it.
    assert!(journal.waiting.len() == MOST && journal.add(&of(0, 200)) == 1);
    assert!(journal.waiting.back().is_some_and(|(_, line)| line.contains(r#""status":200"#)));
    assert_eq!(journal.today.filled.lines, MOST_A_DAY / 2 + 1);
}

#[test]
fn groups_are_named_once_a_day() {
    let mut journal = Journal::new("abc", 30);
    let grouped = |second: i64, groups: &[&str]| Record {
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        ..record(second, "x")
    };
    for one in [grouped(0, &["dev"]), grouped(1, &["dev"]), grouped(2, &["qa"]), grouped(86_400, &["qa"])] {
        journal.add(&one);
    }
    let named: Vec<bool> = journal.waiting.iter().map(|(_, line)| line.contains("groups")).collect();
    assert_eq!(named, [true, false, true, true]);
}

#[test]
fn of_too_many_the_oldest_go_and_that_is_told() {
    let mut journal = Journal::new("abc", 30);
    let of =
        |second: usize| Record { who: (second % 7).to_string(), ..record(second.try_into().unwrap(), "x") };
    let gone: usize = (0..MOST + 3).map(|second| journal.add(&of(second))).sum();
    assert_eq!((gone, journal.waiting.len()), (3, MOST));
}

#[tokio::test]
async fn a_line_that_is_refused_for_good_goes_and_those_behind_it_are_written() {
    for code in [400, 413, 422] {
        // All three, then the first, then the second, which is the one.
        let cluster = crate::fake::cluster(move |count, _| match count {
            0 | 2 => crate::fake::status(code, "no", "Invalid"),
            _ => Some((
                200,
                serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
            )),
        });
        let mut journal = Journal::new("abc", 30);
        for what in ["first", "second", "third"] {
            journal.add(&record(0, what));
        }
        assert!(journal.write(&cluster).await.is_err());
        assert_eq!(journal.waiting.len(), 1);
        journal.write(&cluster).await.unwrap();
        assert!(journal.is_written());
        let kept = ["first", "second", "third"].map(|what| journal.lines.contains(what));
        assert_eq!(kept, [true, false, true]);
    }
}

#[tokio::test]
async fn where_kubernetes_takes_nothing_at_all_one_line_goes_each_time() {
    let cluster = crate::fake::cluster(|_, _| crate::fake::status(422, "no", "Invalid"));
    let mut journal = Journal::new("abc", 30);
    for second in 0..10 {
        journal.add(&record(second, "x"));
    }
    assert!(journal.write(&cluster).await.is_err());
    assert_eq!(journal.waiting.len(), 9);
}

#[tokio::test]
async fn what_cannot_be_written_waits_and_is_written_once() {
    let cluster = crate::fake::cluster(|count, _| match count {
        0 => crate::fake::status(503, "not now", "ServiceUnavailable"),
        _ => Some((
            200,
            serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
        )),
    });
    let mut journal = Journal::new("abc", 30);
    journal.add(&record(0, "first"));
    assert!(journal.write(&cluster).await.is_err());
    assert!(!journal.is_written());
    journal.write(&cluster).await.unwrap();
    assert!(journal.is_written());
}
