//! Whatever happens to a log and to whoever ships it, every line arrives, and twice only where it says so.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::stage::Stage;

#[derive(Clone, Copy, Debug)]
enum Happening {
    Append(u8),
    AppendWithoutEnd,
    Rename,
    RenameAndCompress,
    CopyAndTruncate,
    /// Whoever ships is killed, looks and ships amid it.
    Slowly(Step, [bool; 3]),
    Look,
    Ship,
    KillWhenIntended,
    KillWhenSent,
    Kill,
    Empty,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    CopyAndTruncate,
    RenameAndCompress,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    use Happening::*;
    let one = prop_oneof![
        4 => (1_u8..30).prop_map(Append),
        1 => Just(AppendWithoutEnd),
        1 => Just(Rename),
        1 => Just(RenameAndCompress),
        1 => Just(CopyAndTruncate),
        1 => any::<[bool; 3]>().prop_map(|amid| Slowly(Step::CopyAndTruncate, amid)),
        1 => any::<[bool; 3]>().prop_map(|amid| Slowly(Step::RenameAndCompress, amid)),
        1 => Just(Look),
        3 => Just(Ship),
        1 => Just(KillWhenIntended),
        1 => Just(KillWhenSent),
        1 => Just(Kill),
        1 => Just(Empty),
    ];
    prop::collection::vec(one, 1..25)
}

/// Plays it, and returns what has to have arrived.
fn play(stage: &mut Stage, happenings: &[Happening]) -> Vec<String> {
    let mut expected = vec![];
    let (mut count, mut open) = (0, String::new());
    let mut line = |open: &mut String| {
        count += 1;
        format!("{}a line of its own, {count:06}", std::mem::take(open))
    };
    let mut fresh = true;
    stage.append(b"");
    stage.look();
    for happening in happenings {
        fresh = match happening {
            Happening::Append(_) | Happening::AppendWithoutEnd => false,
            Happening::Rename
            | Happening::RenameAndCompress
            | Happening::CopyAndTruncate
            | Happening::Slowly(..) => true,
            _ => fresh,
        };
        match happening {
            Happening::Append(lines) => {
                for _ in 0..*lines {
                    let text = line(&mut open);
                    let rest = text.len() - text.rfind("a line").unwrap_or_default();
                    stage.append(format!("{}\n", &text[text.len() - rest..]).as_bytes());
                    expected.push(text);
                }
            }
            Happening::AppendWithoutEnd => {
                let text = line(&mut String::new());
                stage.append(text.as_bytes());
                open.push_str(&text);
            }
            Happening::Empty => {
                // By a few bytes alone a file is not known again.
                if open.is_empty() && !fresh {
                    stage.append(b"\n");
                }
            }
            Happening::Rename | Happening::RenameAndCompress | Happening::CopyAndTruncate => {
                // The line ends with its file.
                if !open.is_empty() {
                    expected.push(std::mem::take(&mut open));
                }
                match happening {
                    Happening::Rename => drop(stage.rename()),
                    Happening::RenameAndCompress => stage.rename_and_compress(),
                    _ => stage.copy_and_truncate(),
                }
                // It looks more often than anybody rotates.
                if stage.is_alive() {
                    stage.look();
                }
            }
            Happening::Slowly(step, amid) => {
                if !open.is_empty() {
                    expected.push(std::mem::take(&mut open));
                }
                let mut amid = amid.iter();
                let meanwhile = |stage: &mut Stage| {
                    if amid.next() == Some(&true) {
                        stage.kill();
                        stage.ship();
                    }
                };
                match step {
                    Step::CopyAndTruncate => stage.copy_and_truncate_slowly(meanwhile),
                    Step::RenameAndCompress => stage.rename_and_compress_slowly(meanwhile),
                }
                if stage.is_alive() {
                    stage.look();
                }
            }
            Happening::Look => stage.look(),
            Happening::Ship => drop(stage.ship()),
            Happening::KillWhenIntended => {
                stage.intend();
                stage.kill();
            }
            Happening::KillWhenSent => {
                stage.send();
                stage.kill();
            }
            Happening::Kill => stage.kill(),
        }
    }
    expected
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_lost_and_what_comes_twice_is_marked(happenings in happenings()) {
        let mut stage = Stage::new();
        let expected = play(&mut stage, &happenings);
        stage.ship_all();
        let mut unmarked: BTreeMap<&str, usize> = BTreeMap::new();
        for arrived in &stage.arrived {
            *unmarked.entry(&arrived.text).or_default() += usize::from(!arrived.resent);
        }
        for line in &expected {
            prop_assert!(unmarked.contains_key(line.as_str()), "{line:?} is lost: {:?}", stage.texts());
            prop_assert!(unmarked[line.as_str()] <= 1, "{line:?} came more than once and says nothing of it");
        }
        for line in unmarked.keys() {
            prop_assert!(line.is_empty() || expected.iter().any(|expected| expected == line), "{line:?} is no line");
        }
        prop_assert_eq!(stage.metrics.lost_bytes.get(), 0);
        prop_assert!(!stage.ship(), "something is left");
    }
}

#[test]
fn lines_come_in_their_order_through_rotations() {
    let mut stage = Stage::new();
    stage.append(b"1\n2\n");
    stage.look();
    stage.rename();
    stage.append(b"3\n");
    stage.look();
    stage.rename_and_compress();
    stage.append(b"4\n");
    stage.ship_all();
    assert_eq!(stage.texts(), ["1", "2", "3", "4"]);
}

#[test]
fn what_is_sent_again_carries_the_time_it_had() {
    let mut stage = Stage::new();
    stage.append(b"one\n");
    stage.send();
    stage.kill();
    stage.append(b"two\n");
    stage.ship_all();
    let told: Vec<_> =
        stage.arrived.iter().map(|line| (line.text.as_str(), line.resent, line.timestamp)).collect();
    let (first, second) = (stage.arrived[0].timestamp, stage.arrived[2].timestamp);
    assert_eq!(told, [("one", false, first), ("one", true, first), ("two", false, second)]);
    assert!(second > first);
}

#[test]
fn a_long_line_goes_on_with_its_parts_after_a_kill() {
    let mut stage = Stage::new();
    stage.append(format!("{}\nshort\n", "x".repeat(7000)).as_bytes());
    stage.ship();
    stage.kill();
    stage.ship_all();
    let parts: Vec<_> = stage.arrived.iter().map(|line| line.part).collect();
    let count = parts.len() as u64 - 1;
    let mut expected: Vec<_> = (0..count).map(Some).collect();
    expected.push(None);
    assert_eq!(parts, expected);
    assert!(stage.arrived.iter().take(parts.len() - 2).all(|line| line.more));
    assert!(!stage.arrived[parts.len() - 2].more);
    let letters: usize = stage.arrived.iter().map(|line| line.text.matches('x').count()).sum();
    assert_eq!(letters, 7000);
    assert!(stage.arrived.iter().all(|line| !line.resent));
}
