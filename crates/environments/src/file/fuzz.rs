//! Files as nobody would write them: examples, broken at random. `make fuzz` goes on for minutes, `SEED=` tells one again.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::read;

const SEEDS: [&str; 2] = [
    include_str!("../../../../examples/shop/outboard.yaml"),
    include_str!("../../../../examples/everything/outboard.yaml"),
];

/// What YAML and our own placeholders are made of.
const WORDS: [&str; 34] = [
    ":",
    "- ",
    "\n",
    "\n  ",
    "  ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "#",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "|\n",
    ">\n",
    "---\n",
    "null",
    "true",
    "1",
    "-1",
    "1e999",
    "0x1F",
    "~",
    "${",
    "}",
    "$${",
    "${url.web}",
    "${db.password}",
    "\u{0}",
    "é",
    "\t",
];

/// No file may take longer than this.
const LIMIT: Duration = Duration::from_secs(2);

fn broken(random: &mut StdRng) -> String {
    let mut text = SEEDS[random.random_range(0..SEEDS.len())].to_owned();
    for _ in 0..random.random_range(1..12) {
        let places: Vec<usize> = text.char_indices().map(|(index, _)| index).collect();
        if places.is_empty() {
            break;
        }
        let mut place = || places[random.random_range(0..places.len())];
        let (a, b) = (place(), place());
        let from = a.min(b);
        // A piece of at most 60 letters, cut between letters.
        let to =
            a.max(b).min(places[(places.partition_point(|place| *place < from) + 60).min(places.len() - 1)]);
        match random.random_range(0..5) {
            0 => text.insert_str(from, WORDS[random.random_range(0..WORDS.len())]),
            1 => text.replace_range(from..to, ""),
            // Something that stands elsewhere, too.
            2 => {
                let piece = text[from..to].to_owned();
                text.insert_str(a, &piece);
            }
            3 => {
                text = text.lines().filter(|_| random.random_range(0..20) > 0).collect::<Vec<_>>().join("\n");
            }
            _ => text.replace_range(from..from, &"[".repeat(random.random_range(1..200))),
        }
    }
    text
}

fn try_one(seed: u64) {
    let text = broken(&mut StdRng::seed_from_u64(seed));
    let begun = Instant::now();
    let outcome = read(&text, |name| Ok(vec![(name.to_owned(), "kind: ${db.host}".to_owned())]));
    assert!(begun.elapsed() < LIMIT, "SEED={seed}: {:?} for\n{text}", begun.elapsed());
    for problem in outcome.err().into_iter().flatten() {
        let placed = problem.line >= 1 && problem.column >= 1 && !problem.message.is_empty();
        assert!(placed, "SEED={seed}: {problem:?} for\n{text}");
    }
}

#[test]
fn a_broken_file_is_told_with_a_place_and_never_makes_the_reader_panic() {
    (0..300).for_each(try_one);
}

#[test]
#[ignore = "takes minutes: make fuzz"]
fn many_broken_files_are_told_with_a_place_and_never_make_the_reader_panic() {
    if let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        return try_one(seed);
    }
    let minutes: u64 = std::env::var("MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let (begun, first) = (Instant::now(), rand::rng().random_range(0..u64::from(u32::MAX)));
    let mut count = 0;
    while begun.elapsed() < Duration::from_secs(60 * minutes) {
        try_one(first + count);
        count += 1;
    }
    println!(
        "{count} files in {minutes} min, seeds from {first} on: no panic, no hang, every message with its place"
    );
}
