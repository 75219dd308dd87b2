//! Searches of a store in memory, which errs as S3 does.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use ::bytes::Bytes;
use aws::{BucketPlace, Failure, Listed, Page};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;
use tokio::sync::mpsc;

use super::object::{Counts, Rules};
use super::*;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<World>>);

#[derive(Default)]
struct World {
    objects: BTreeMap<String, Vec<u8>>,
    /// By key: how often reading is cut off after so many bytes, or why it is refused.
    cuts: BTreeMap<String, (usize, usize)>,
    refusals: BTreeMap<String, Failure>,
    listed: Vec<String>,
    read: Vec<String>,
}

struct Pieces(Vec<Result<Bytes, Failure>>);

impl Reading for Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.0.is_empty() { Ok(None) } else { self.0.remove(0).map(Some) }
    }
}

impl Store for Memory {
    type Read = Pieces;

    async fn list(&self, prefix: &str, next: Option<String>) -> Result<Page, Failure> {
        let mut world = self.0.lock().unwrap();
        world.listed.push(prefix.to_owned());
        if let Some(failure) = world.refusals.get(prefix) {
            return Err(failure.clone());
        }
        // Two at a time: there is a next page.
        let begun: usize = next.map_or(0, |token| token.parse().unwrap());
        let all: Vec<_> = world.objects.iter().filter(|(key, _)| key.starts_with(prefix)).collect();
        let listed = |(key, bytes): &(&String, &Vec<u8>)| Listed {
            key: (*key).clone(),
            size: bytes.len() as u64,
            modified: Some(SystemTime::now()),
            frozen: key.ends_with("frozen"),
        };
        let objects = all.iter().skip(begun).take(2).map(listed).collect();
        Ok(Page { objects, next: (begun + 2 < all.len()).then(|| (begun + 2).to_string()) })
    }

    async fn read(&self, key: &str) -> Result<Pieces, Failure> {
        let mut world = self.0.lock().unwrap();
        world.read.push(key.to_owned());
        if let Some(failure) = world.refusals.get(key) {
            return Err(failure.clone());
        }
        let bytes = world.objects[key].clone();
        let mut pieces: Vec<_> = bytes.chunks(7000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        if let Some((times, after)) = world.cuts.get_mut(key).filter(|(times, _)| *times > 0) {
            *times -= 1;
            pieces.truncate(*after);
            pieces.push(Err(Failure::Unreachable("cut".into())));
        }
        Ok(Pieces(pieces))
    }
}

impl Memory {
    fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.0.lock().unwrap().objects.insert(format!("fals/2026/11/25/{key}"), bytes.into());
    }
}

fn archive() -> Archive {
    Archive {
        place: BucketPlace { name: "shop-logs".into(), ..BucketPlace::default() },
        prefix: "fals/".into(),
        buffer: Duration::from_secs(900),
        fields: Fields::default(),
    }
}

fn wanted(query: &str, limit: usize) -> Wanted {
    Wanted {
        project: "shop".into(),
        environment: "qa".into(),
        query: Query::parse(query).unwrap(),
        since: "2026-11-25T09:00:00Z".parse().unwrap(),
        until: "2026-11-25T12:00:00Z".parse().unwrap(),
        limit,
    }
}

fn record(time: &str, text: &str) -> String {
    let time: Timestamp = format!("2026-11-25T{time}Z").parse().unwrap();
    json!({
        "Project": "shop", "Env": "qa", "Component": "web", "Text": text, "Timestamp": time.as_second(),
        "Time": time.to_string(), "Pod": "web-1", "Container": "web", "Stream": "stdout",
    })
    .to_string()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

async fn search(store: &Memory, wanted: Wanted) -> Result<(Vec<String>, Summary), Error> {
    let search = prepare(store.clone(), &archive(), wanted, None).await?;
    let (out, mut told) = mpsc::channel(1);
    let listening = async {
        let mut texts = vec![];
        while let Some(event) = told.recv().await {
            if let Event::Line(found) = event {
                texts.push(found.line.text);
            }
        }
        texts
    };
    let searching = async {
        let out = out;
        search.run(&out).await
    };
    let (summary, texts) = tokio::join!(searching, listening);
    Ok((texts, summary?.unwrap()))
}

#[tokio::test]
async fn whatever_firehose_wrote_is_read_and_what_is_not_ours_is_counted() {
    let store = Memory::default();
    let foreign = r#"{"message":"qa shop checkout"}"#;
    let other = record("10:00:00", "checkout of another").replace("\"qa\"", "\"qa-2\"");
    let plain = [record("10:00:01", "checkout 1"), foreign.into(), other, "plain checkout qa shop".into()];
    store.put("10/plain", plain.join("\n"));
    let together = record("10:00:02", "checkout }{ 2") + &record("10:00:03", "checkout 3");
    store.put("10/together.gz", gzip(together.as_bytes()));
    let mut members = gzip(format!("{}\n", record("10:00:04", "checkout 4")).as_bytes());
    members.extend(gzip(record("10:00:05", "checkout 5").as_bytes()));
    store.put("10/members", members);
    let value: serde_json::Value = serde_json::from_str(&record("10:00:06", "checkout 6")).unwrap();
    store.put("10/pretty", format!("{0}\n{0}", serde_json::to_string_pretty(&value).unwrap()));
    let binary = record("10:00:07", "checkout ? 7").into_bytes();
    store.put(
        "10/binary",
        binary.iter().map(|byte| if *byte == b'?' { 0xff } else { *byte }).collect::<Vec<_>>(),
    );
    store.put("10/zip", *b"PK\x03\x04 checkout qa shop");
    store.put("10/empty", *b"");
    store.put("10/frozen", *b"x");
    let old = r#"{"Project":"shop","Env":"qa","Component":"web","Text":"CHECKOUT 8","Timestamp":1795600808}"#;
    store.put("10/old", format!("{old}\n"));
    let (texts, summary) = search(&store, wanted("checkout", 100)).await.unwrap();
    assert_eq!(
        texts,
        [
            "CHECKOUT 8",
            "checkout \u{fffd} 7",
            "checkout 6",
            "checkout 5",
            "checkout 4",
            "checkout 3",
            "checkout }{ 2",
            "checkout 1"
        ]
    );
    let skipped = Skipped { foreign: 1, malformed: 1, unreadable: 1, duplicates: 1, ..Skipped::default() };
    assert_eq!((summary.skipped, summary.more_before), (skipped, None));
}

#[tokio::test]
async fn what_can_be_read_of_a_broken_object_is_used() {
    let store = Memory::default();
    let lines: String =
        (0..3000).map(|n| record("10:00:00", &format!("line {n} {}", n * 7919)) + "\n").collect();
    let whole = gzip(lines.as_bytes());
    store.put("10/half.gz", &whole[..whole.len() / 2]);
    let mut flipped = whole.clone();
    let at = flipped.len() / 2;
    flipped[at..at + 64].fill(0xff);
    store.put("11/flipped.gz", flipped);
    let (texts, summary) = search(&store, wanted("line", 100_000)).await.unwrap();
    assert_eq!(summary.skipped.damaged, 2);
    assert!(texts.len() > 1000 && texts.len() < 3000, "{}", texts.len());
}

#[tokio::test]
async fn lines_of_a_megabyte_are_found_whole() {
    let store = Memory::default();
    let long = format!("begin {} checkout", "x\"é\n".repeat(300_000));
    let line = record("10:00:01", &long);
    store.put(
        "10/a.gz",
        gzip(
            format!("{}\n{line}\n{}\n", record("10:00:00", "checkout 0"), record("10:00:02", "checkout 2"))
                .as_bytes(),
        ),
    );
    store.put("10/b", format!("{}{}", line.replace("begin", "Begin"), record("10:00:03", "checkout 3")));
    let (texts, summary) = search(&store, wanted("checkout", 10)).await.unwrap();
    let lengths: Vec<usize> = texts.iter().map(String::len).collect();
    assert_eq!(lengths, [10, 10, long.len(), long.len(), 10]);
    assert!(summary.skipped.is_nothing());
}

#[tokio::test]
async fn the_newest_lines_are_read_first_and_no_more_than_is_wanted() {
    let store = Memory::default();
    for hour in 9..12 {
        for minute in (0..60).step_by(5) {
            let time = format!("{hour:02}:{minute:02}");
            let key = format!("{hour:02}/shop-1-2026-11-25-{hour:02}-{minute:02}-00-0a1b");
            let lines: Vec<String> =
                (0..50).map(|n| record(&format!("{time}:{n:02}"), &format!("{time}:{n:02}"))).collect();
            store.put(&key, lines.join("\n"));
        }
    }
    let (texts, summary) = search(&store, wanted("", 60)).await.unwrap();
    let mut newest = texts.clone();
    newest.sort_by(|one, other| other.cmp(one));
    assert_eq!((texts.len(), &texts), (60, &newest));
    assert_eq!((texts[0].as_str(), texts[59].as_str()), ("11:55:49", "11:50:40"));
    assert_eq!(summary.more_before, Some("2026-11-25T11:50:40Z".parse().unwrap()));
    // However many are read at once, and ahead.
    assert!(store.0.lock().unwrap().read.iter().all(|key| !key.contains("/09/")));

    // On from there, until nothing is left.
    let mut all = texts;
    let mut more = summary.more_before;
    while let Some(before) = more {
        let until = before - jiff::SignedDuration::from_nanos(1);
        let (texts, summary) = search(&store, Wanted { until, ..wanted("", 60) }).await.unwrap();
        all.extend(texts);
        more = summary.more_before;
    }
    assert_eq!(all.len(), 1800);
    assert!(all.windows(2).all(|pair| pair[0] > pair[1]));
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_asked_for_again_and_told_once() {
    let store = Memory::default();
    let lines: String = (0..500).map(|n| record("10:00:00", &format!("line {n}")) + "\n").collect();
    store.put("10/a", lines);
    store.0.lock().unwrap().cuts.insert("fals/2026/11/25/10/a".into(), (2, 3));
    let (texts, summary) = search(&store, wanted("line", 1000)).await.unwrap();
    assert_eq!((texts.len(), summary.skipped), (500, Skipped::default()));
    assert_eq!(store.0.lock().unwrap().read.len(), 3);
}

#[tokio::test]
async fn a_refusal_names_the_bucket_and_an_object_that_went_is_passed_over() {
    let store = Memory::default();
    store.put("10/a", record("10:00:00", "a"));
    store.put("10/b", record("10:00:01", "b"));
    let refuse = |key: &str, failure| {
        store.0.lock().unwrap().refusals.insert(format!("fals/2026/11/25/{key}"), failure);
    };
    refuse("10/a", Failure::Missing);
    let (texts, summary) = search(&store, wanted("", 10)).await.unwrap();
    assert_eq!((texts, summary.skipped.gone), (vec!["b".to_owned()], 1));
    refuse("10/a", Failure::Denied("Access Denied".into()));
    let denied = search(&store, wanted("", 10)).await.unwrap_err();
    assert_eq!(denied.to_string(), "failed to read bucket `shop-logs`: access is denied (Access Denied)");
    refuse("10/", Failure::Missing);
    let missing = search(&store, wanted("", 10)).await.unwrap_err();
    assert_eq!(missing.to_string(), "failed to list bucket `shop-logs`: it does not exist");
}

#[tokio::test]
async fn what_will_be_read_is_known_before_it_is() {
    let store = Memory::default();
    for (key, size) in
        [("09/a", 10), ("10/b", 20), ("10/c", 30), ("10/d", 40), ("10/frozen", 50), ("20/e", 60)]
    {
        store.put(key, vec![b' '; size]);
    }
    let search = prepare(store.clone(), &archive(), wanted("", 10), None).await.unwrap();
    let estimate = Estimate { objects: 4, bytes: 100, list_requests: 6, get_requests: 4, frozen: 1 };
    // From a quarter of an hour before nine to a quarter past twelve; the hour with four objects has two pages.
    assert_eq!(search.estimate, estimate);
    assert!(store.0.lock().unwrap().read.is_empty());
}

#[tokio::test]
async fn of_more_than_may_be_read_no_more_is_listed_than_it_takes_to_know_that() {
    let store = Memory::default();
    for number in 0..1000 {
        store.put(&format!("10/{number:04}"), vec![b' '; 10]);
    }
    let most = Most { bytes: 1 << 20, requests: 100, memory: 1 << 20 };
    let lists = || std::mem::take(&mut store.0.lock().unwrap().listed).len();
    let refused = async |wanted, most| {
        prepare(store.clone(), &archive(), wanted, Some(most)).await.err().map(|error| match error {
            Error::TooMuch(estimate) => estimate,
            other => unreachable!("{other}"),
        })
    };
    // Two thousand years, month by month.
    let ever = Wanted { since: "0001-01-01T00:00:00Z".parse().unwrap(), ..wanted("", 10) };
    assert!(refused(ever, most).await.unwrap().list_requests > 20_000);
    assert_eq!(lists(), 0);
    // Two objects a page: after a third of the hundred requests there are more to be read than are left.
    let estimate = refused(wanted("", 10), most).await.unwrap();
    let asked = lists();
    assert!(asked < 60 && estimate.list_requests + estimate.get_requests > 100, "{asked} {estimate:?}");
    assert!(refused(wanted("", 10), Most { bytes: 100, ..most }).await.unwrap().bytes > 100);
    assert!(lists() < 30);
    assert!(refused(wanted("", 10), Most { requests: 2000, ..most }).await.is_none());
}

#[tokio::test]
async fn a_search_with_little_memory_tells_what_has_room_and_that_it_was_cut() {
    let store = Memory::default();
    let long = "x".repeat(10_000);
    let lines: Vec<String> = (10..40).map(|second| record(&format!("10:00:{second}"), &long)).collect();
    store.put("10/a", lines.join("\n"));
    let most = Most { bytes: 1 << 20, requests: 100, memory: 100_000 };
    let search = prepare(store, &archive(), wanted("", 100), Some(most)).await.unwrap();
    let (out, mut told) = mpsc::channel(100);
    let summary = search.run(&out).await.unwrap().unwrap();
    drop(out);
    let mut lines = 0;
    while let Some(event) = told.recv().await {
        lines += u64::from(matches!(event, Event::Line(_)));
    }
    assert!((5..10).contains(&lines) && summary.cut, "{lines} {summary:?}");
    let half: Timestamp = "2026-11-25T10:00:30Z".parse().unwrap();
    assert!(summary.more_before.is_some_and(|before| before > half));
}

#[test]
fn a_value_that_is_longer_than_there_is_memory_for_is_none() {
    let long = record("10:00:00", &"x".repeat(3 << 20));
    let bytes = format!("{long}\n{}\n", record("10:00:01", "short"));
    let rules = Rules::new(&wanted("", 10), &Fields::default()).up_to(2 << 20);
    let (mut counts, mut texts) = (Counts::default(), vec![]);
    let scanned = rules.scan(&"a".into(), &mut bytes.as_bytes(), &mut counts, &mut |found| {
        texts.push(found.line.text);
        true
    });
    scanned.unwrap();
    assert_eq!(texts, ["short"]);
    assert!(counts.skipped.malformed > 0);
}

fn scanned(bytes: &[u8], piece: usize, query: &str) -> (Vec<String>, Skipped) {
    struct Trickle<'a>(&'a [u8], usize);
    impl std::io::Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let length = self.1.min(self.0.len()).min(buffer.len());
            let (now, later) = self.0.split_at(length);
            buffer[..length].copy_from_slice(now);
            self.0 = later;
            Ok(length)
        }
    }
    let rules = Rules::new(&wanted(query, 10), &Fields::default());
    let (mut counts, mut texts) = (Counts::default(), vec![]);
    let scanned = rules.scan(&"a".into(), &mut Trickle(bytes, piece), &mut counts, &mut |found| {
        texts.push(found.line.text);
        true
    });
    scanned.unwrap();
    (texts, counts.skipped)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_record_is_found_however_they_are_put_together(
        texts in prop::collection::vec("[a-c\"{}\\\\\n é]{0,8}", 0..12),
        between in prop_oneof![Just(""), Just("\n"), Just("\r\n"), Just(" \n\n")],
        piece in 1..200_usize,
    ) {
        let records: Vec<String> = texts.iter().map(|text| record("10:00:00", text)).collect();
        prop_assert_eq!(&scanned(records.join(between).as_bytes(), piece, "").0, &texts);
        let with_a: Vec<&String> = texts.iter().filter(|text| text.contains('a')).collect();
        let found = scanned(records.join(between).as_bytes(), piece, "a -zzz").0;
        prop_assert_eq!(found.iter().collect::<Vec<_>>(), with_a);
    }

    #[test]
    fn no_bytes_make_a_search_stumble(bytes in prop::collection::vec(any::<u8>(), 0..400), query in "[a-c:>\"]{0,5}") {
        if Query::parse(&query).is_ok() {
            scanned(&bytes, 64, &query);
        }
    }
}
