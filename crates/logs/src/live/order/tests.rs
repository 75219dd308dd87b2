//! Several containers' lines, in order or nearly.

use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);

fn source(name: &str) -> Arc<Source> {
    Arc::new(Source { component: name.into(), ..Source::default() })
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + millis).unwrap()
}

fn batch(lines: &[(i64, &str)]) -> Batch {
    let mut batch = Batch::default();
    lines.iter().for_each(|(at, text)| batch.line(time(*at), text.as_bytes()));
    batch
}

fn order(sources: &[&str], live: bool) -> Order<()> {
    let mut order = Order::new(true);
    for (id, name) in sources.iter().enumerate() {
        order.join(id, source(name));
        if live {
            order.caught_up(id);
        }
    }
    order
}

fn told(page: &Page) -> Vec<String> {
    let text = |entry| match entry {
        Entry::Line(told) => String::from_utf8_lossy(told.text).into_owned(),
        Entry::Mark(mark) => format!("<{}>", mark.what),
    };
    page.entries().map(text).collect()
}

fn release(order: &mut Order<()>, at: Duration) -> (Vec<String>, Option<Duration>) {
    let mut page = Page::default();
    let next = order.release(at, &mut page, &mut |_| true);
    (told(&page), next)
}

#[test]
fn what_was_written_before_is_merged_exactly_however_late_a_container_answers() {
    let mut order = order(&["web", "db", "none"], false);
    order.arrive(0, batch(&[(1, "a"), (4, "d")]), (), MS);
    order.arrive(1, batch(&[(2, "b"), (3, "c")]), (), MS);
    assert_eq!(release(&mut order, 60_000 * MS), (vec![], None), "one has not answered");
    order.ended(2);
    // db may have more that is older than d.
    assert_eq!(release(&mut order, 60_000 * MS).0, ["a", "b", "c"]);
    order.arrive(1, batch(&[(3, "c2")]), (), 60_001 * MS);
    order.ended(1);
    assert_eq!(release(&mut order, 60_001 * MS).0, ["c2", "d"]);
}

#[test]
fn live_lines_wait_a_moment_for_older_ones_of_others() {
    let mut order = order(&["web", "db"], true);
    order.arrive(0, batch(&[(10, "younger")]), (), Duration::ZERO);
    let (none, next) = release(&mut order, 5 * MS);
    assert_eq!((none, next), (vec![], Some(20 * MS)));
    order.arrive(1, batch(&[(9, "older")]), (), 10 * MS);
    assert_eq!(release(&mut order, 20 * MS).0, ["older", "younger"]);
}

#[test]
fn a_line_that_comes_too_late_is_told_at_once_and_the_next_ones_are_waited_for() {
    let mut order = order(&["web", "db"], true);
    order.arrive(0, batch(&[(100, "a")]), (), Duration::ZERO);
    assert_eq!(release(&mut order, 20 * MS).0, ["a"]);
    order.arrive(1, batch(&[(10, "late")]), (), 30 * MS);
    assert_eq!(release(&mut order, 50 * MS).0, ["late"]);
    order.arrive(0, batch(&[(200, "b")]), (), 60 * MS);
    assert_eq!(release(&mut order, 60 * MS).1, Some(160 * MS), "it was 90 ms late, and 10 for good measure");
}

#[test]
fn clocks_that_disagree_delay_nobody() {
    let mut order = order(&["ahead", "behind"], true);
    order.arrive(0, batch(&[(10_000, "ahead")]), (), Duration::ZERO);
    for step in 1..20 {
        order.arrive(1, batch(&[(step, "behind")]), (), 15 * MS);
    }
    let (lines, _) = release(&mut order, 20 * MS);
    assert_eq!(lines.last().map(String::as_str), Some("ahead"));
}

#[test]
fn one_container_alone_waits_for_nobody_and_a_crowd_is_not_kept_waiting() {
    let mut alone = Order::new(false);
    alone.join(0, source("web"));
    alone.caught_up(0);
    alone.arrive(0, batch(&[(1, "a")]), (), Duration::ZERO);
    assert_eq!(release(&mut alone, Duration::ZERO).0, ["a"]);

    let mut crowded = order(&["web", "db"], true);
    for number in 0..CROWD {
        crowded.arrive(0, batch(&[(number as i64, "x")]), (), Duration::ZERO);
    }
    let (lines, next) = release(&mut crowded, Duration::ZERO);
    assert_eq!((lines.len(), next), (1, Some(20 * MS)));
}

#[test]
fn a_trace_is_one_entry_and_shares_the_fate_of_its_first_line() {
    let mut order = order(&["web", "db"], true);
    order.arrive(0, batch(&[(1, "boom"), (2, "\tat a"), (4, "next")]), (), Duration::ZERO);
    order.arrive(1, batch(&[(3, "between")]), (), Duration::ZERO);
    assert_eq!(release(&mut order, 20 * MS).0, ["boom\n\tat a", "between", "next"]);

    let mut page = Page::default();
    order.arrive(0, batch(&[(5, "hidden"), (6, "\tat b")]), (), 30 * MS);
    order.release(60 * MS, &mut page, &mut |told| !told.text.starts_with(b"hidden"));
    order.arrive(0, batch(&[(7, "\tat c"), (8, "shown")]), (), 70 * MS);
    order.release(100 * MS, &mut page, &mut |told| !told.text.starts_with(b"hidden"));
    assert_eq!(told(&page), ["shown"]);
}

#[test]
fn the_rest_of_a_trace_that_comes_later_says_that_it_goes_on() {
    let mut order = order(&["web"], true);
    order.arrive(0, batch(&[(1, "boom")]), (), Duration::ZERO);
    release(&mut order, 20 * MS);
    order.arrive(0, batch(&[(2, "\tat a")]), (), 30 * MS);
    let mut page = Page::default();
    order.release(50 * MS, &mut page, &mut |_| false);
    assert!(matches!(page.last(), Some(Entry::Line(Told { goes_on: true, .. }))));
}

proptest! {
    #[test]
    fn every_line_is_told_once_each_containers_in_its_order_and_history_in_order_of_time(
        sources in prop::collection::vec(prop::collection::vec((0_i64..50, 1_usize..4), 0..20), 1..6),
        live in any::<bool>(),
        looks in prop::collection::vec(0_usize..6, 0..60),
    ) {
        let mut order = Order::new(true);
        let mut written = vec![];
        let mut batches: Vec<VecDeque<Batch>> = vec![];
        for (id, steps) in sources.iter().enumerate() {
            order.join(id, source(&id.to_string()));
            if live { order.caught_up(id); }
            let (mut at, mut queue) = (0, VecDeque::new());
            for (index, (step, lines)) in steps.iter().enumerate() {
                let mut batch = Batch::default();
                for line in 0..*lines {
                    at += step;
                    let text = format!("{id}:{index}.{line}");
                    batch.line(time(at), text.as_bytes());
                    written.push((time(at), text));
                }
                queue.push_back(batch);
            }
            batches.push(queue);
        }
        let (mut page, mut at) = (Page::default(), Duration::ZERO);
        for look in looks {
            at += 7 * MS;
            if let Some(batch) = batches.get_mut(look).and_then(VecDeque::pop_front) {
                order.arrive(look, batch, (), at);
            }
            order.release(at, &mut page, &mut |_| true);
        }
        for (id, rest) in batches.into_iter().enumerate() {
            rest.into_iter().for_each(|batch| order.arrive(id, batch, (), at));
            order.ended(id);
        }
        while order.release(at, &mut page, &mut |_| true).is_some() {}
        let found = told(&page);
        let mut sorted = found.clone();
        sorted.sort();
        let mut wanted: Vec<String> = written.iter().map(|(_, text)| text.clone()).collect();
        wanted.sort();
        prop_assert_eq!(sorted, wanted, "each once");
        prop_assert!(order.queues.is_empty() && order.unknown == 0 && order.ready == 0);
        for id in 0..sources.len() {
            let prefix = format!("{id}:");
            let own: Vec<&String> = found.iter().filter(|text| text.starts_with(&prefix)).collect();
            let wrote: Vec<&String> = written.iter().map(|(_, text)| text).filter(|text| text.starts_with(&prefix)).collect();
            prop_assert_eq!(own, wrote, "in its order");
        }
        if !live {
            let times: Vec<Timestamp> = page.entries().map(|entry| match entry {
                Entry::Line(told) => told.time,
                Entry::Mark(mark) => mark.time,
            }).collect();
            prop_assert!(times.is_sorted());
        }
    }
}

#[test]
fn lines_of_two_files_of_one_sidecar_are_no_trace_of_each_other() {
    let (a, b) = (source("a"), source("b"));
    let mut order = order(&["web"], true);
    let mut batch = Batch::default();
    for (of, text) in [(&a, "boom"), (&a, " at x"), (&b, " at y"), (&a, " at z")] {
        batch.line_of(Some(of.clone()), time(1), text.as_bytes());
    }
    order.arrive(0, batch, (), Duration::ZERO);
    let mut page = Page::default();
    order.release(1_000 * MS, &mut page, &mut |_| true);
    let entries = page.entries().filter_map(|entry| match entry {
        Entry::Line(told) => Some((told.source.component.as_str(), told.text.to_vec())),
        Entry::Mark(_) => None,
    });
    let entries: Vec<_> = entries.collect();
    assert_eq!(entries, [("a", b"boom\n at x".to_vec()), ("b", b" at y".to_vec()), ("a", b" at z".to_vec())]);
}
