//! Following and reading against nodes that err as the real ones do, in a time of the tests' own.

mod fake;

use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use fake::{Cut, Fake};

/// Longer than every wait of a tail put together, in a time that costs nothing.
const LONG: Duration = Duration::from_secs(1200);

fn wanted() -> Wanted {
    Wanted { environment: "qa-42".into(), namespace: "ns".into(), ..Wanted::default() }
}

/// Somebody who follows.
struct Listener {
    pages: mpsc::Receiver<Page>,
    gone: Option<oneshot::Sender<()>>,
    following: JoinHandle<Result<Ended, Error>>,
    said: Vec<String>,
}

impl Listener {
    fn begin(fake: &Fake, wanted: Wanted) -> Self {
        let (out, pages) = mpsc::channel(8);
        let (gone, ended) = oneshot::channel::<()>();
        let client = fake.client();
        let following =
            tokio::spawn(async move { follow(&client, &wanted, async { drop(ended.await) }, out).await });
        Self { pages, gone: Some(gone), following, said: vec![] }
    }

    /// Waits until it has been told so many entries.
    async fn hears(&mut self, entries: usize) -> &[String] {
        while self.said.len() < entries {
            let page = timeout(LONG, self.pages.recv()).await;
            let page = page.unwrap_or_else(|_| panic!("only {:?}", self.said)).expect("it has ended");
            self.said.extend(page.entries().map(|entry| said(&entry)));
        }
        &self.said
    }

    /// The environment is destroyed: everything up to the end.
    async fn ends(mut self, fake: &Fake) -> Vec<String> {
        fake.all_gone();
        drop(self.gone.take());
        while let Some(page) = timeout(LONG, self.pages.recv()).await.unwrap() {
            self.said.extend(page.entries().map(|entry| said(&entry)));
        }
        assert_eq!(self.following.await.unwrap().unwrap(), Ended::Complete);
        self.said
    }
}

fn said(entry: &Entry<'_>) -> String {
    match entry {
        Entry::Line(told) => String::from_utf8_lossy(told.text).into_owned(),
        Entry::Mark(mark) => match &mark.what {
            What::Gap(_) => "<gap>".to_owned(),
            What::Cut { .. } => "<cut>".to_owned(),
            what => format!("<{what}>"),
        },
    }
}

async fn read_all(fake: &Fake, wanted: &Wanted) -> Vec<String> {
    let (out, mut pages) = mpsc::channel::<Page>(8);
    let client = fake.client();
    let listening = async {
        let mut said = vec![];
        while let Some(page) = pages.recv().await {
            said.extend(page.entries().map(|entry| self::said(&entry)));
        }
        said
    };
    let (ended, said) = tokio::join!(read(&client, wanted, out), listening);
    assert_eq!(ended.unwrap(), Ended::Complete);
    said
}

#[tokio::test(start_paused = true)]
async fn what_was_written_by_several_pods_is_read_in_order_of_time() {
    let fake = Fake::new();
    fake.pod("web-1");
    fake.pod("web-2");
    for number in 0..6 {
        fake.pass(700);
        fake.write(if number % 2 == 0 { "web-1" } else { "web-2" }, &number.to_string());
    }
    assert_eq!(read_all(&fake, &wanted()).await, ["0", "1", "2", "3", "4", "5"]);
    let last = Wanted { tail: Some(1), ..wanted() };
    assert_eq!(read_all(&fake, &last).await, ["4", "5"]);
    let between =
        Wanted { since: Some(fake::time(1_400_000_002)), until: Some(fake::time(2_800_000_004)), ..wanted() };
    assert_eq!(read_all(&fake, &between).await, ["1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn the_run_before_a_crash_comes_first_with_how_it_ended() {
    let fake = Fake::new();
    fake.pod("web-1");
    fake.write("web-1", "last words");
    fake.exit("web-1", 137);
    fake.start_again("web-1");
    fake.write("web-1", "anew");
    let told = read_all(&fake, &wanted()).await;
    assert_eq!(told, ["last words", "<ended with exit code 137: out of memory (OOMKilled)>", "anew"]);
}

#[tokio::test(start_paused = true)]
async fn cuts_of_every_kind_lose_and_double_nothing() {
    for kind in [Cut::Clean, Cut::InALine, Cut::Silent] {
        let fake = Fake::new();
        fake.pod("web-1");
        fake.write("web-1", "0");
        let mut listener = Listener::begin(&fake, wanted());
        listener.hears(1).await;
        for number in 1..5 {
            fake.write("web-1", &format!("{number}"));
            fake.cut(kind);
            fake.write("web-1", &format!("{number}+"));
            listener.hears(1 + 2 * number).await;
        }
        let told = listener.ends(&fake).await;
        assert_eq!(told, ["0", "1", "1+", "2", "2+", "3", "3+", "4", "4+"], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_comes_at_once_waits_for_one_beat_not_for_many() {
    let fake = Fake::new();
    fake.pod("web-1");
    fake.write("web-1", "0");
    let mut listener = Listener::begin(&fake, wanted());
    listener.hears(1).await;
    let begun = tokio::time::Instant::now();
    for number in 0..5000 {
        fake.write("web-1", &format!("{number} {}", "x".repeat(100)));
    }
    listener.hears(5001).await;
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(200), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_restarts_is_read_to_its_end_and_on() {
    let fake = Fake::new();
    fake.pod("web-1");
    fake.write("web-1", "a");
    let mut listener = Listener::begin(&fake, wanted());
    listener.hears(1).await;
    fake.write("web-1", "b");
    fake.exit("web-1", 1);
    listener.hears(3).await;
    fake.start_again("web-1");
    fake.write("web-1", "c");
    listener.hears(5).await;
    assert_eq!(
        listener.ends(&fake).await,
        ["a", "b", "<ended with exit code 1>", "<started again (restart 1)>", "c"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_restart_while_nobody_could_read_loses_nothing() {
    let fake = Fake::new();
    fake.pod("web-1");
    fake.write("web-1", "a");
    let mut listener = Listener::begin(&fake, wanted());
    listener.hears(1).await;
    fake.away(true);
    fake.cut(Cut::InALine);
    tokio::time::sleep(Duration::from_secs(3)).await;
    fake.write("web-1", "b");
    fake.exit("web-1", 1);
    fake.start_again("web-1");
    fake.write("web-1", "c");
    fake.away(false);
    listener.hears(5).await;
    assert_eq!(
        listener.ends(&fake).await,
        ["a", "b", "<ended with exit code 1>", "<started again (restart 1)>", "c"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_node_rotated_away_meanwhile_is_a_gap() {
    let fake = Fake::new();
    fake.pod("web-1");
    fake.write("web-1", "a");
    let mut listener = Listener::begin(&fake, wanted());
    listener.hears(1).await;
    fake.away(true);
    fake.cut(Cut::InALine);
    fake.write("web-1", "lost");
    fake.rotate("web-1", 2);
    fake.write("web-1", "b");
    fake.away(false);
    listener.hears(3).await;
    assert_eq!(listener.ends(&fake).await, ["a", "<gap>", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_during_silence_is_no_gap() {
    let fake = Fake::new();
    fake.pod("web-1");
    fake.write("web-1", "a");
    let mut listener = Listener::begin(&fake, wanted());
    listener.hears(1).await;
    fake.rotate("web-1", 1);
    // Through several questions, and a reading that is begun anew because it was idle.
    tokio::time::sleep(Duration::from_secs(500)).await;
    fake.write("web-1", "b");
    listener.hears(2).await;
    assert_eq!(listener.ends(&fake).await, ["a", "b"]);
    assert!(fake.asked().iter().any(|asked| asked.contains("tailLines=1")));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_fell_silent_after_a_rotation_is_opened_again() {
    let fake = Fake::new();
    fake.pod("web-1");
    fake.write("web-1", "a");
    let mut listener = Listener::begin(&fake, wanted());
    listener.hears(1).await;
    fake.cut(Cut::Silent);
    fake.write("web-1", "b");
    let begun = tokio::time::Instant::now();
    listener.hears(2).await;
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
    assert_eq!(listener.ends(&fake).await, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn pods_that_join_and_go_are_told_whole() {
    let fake = Fake::new();
    fake.pod("web-1");
    fake.write("web-1", "old");
    let mut listener = Listener::begin(&fake, Wanted { tail: Some(1), ..wanted() });
    listener.hears(1).await;
    fake.pod("web-2");
    fake.write("web-2", "new");
    fake.write("web-2", "new too");
    listener.hears(4).await;
    fake.write("web-1", "last");
    listener.hears(5).await;
    fake.exit("web-1", 0);
    fake.gone("web-1");
    let mut told = listener.ends(&fake).await;
    told.retain(|line| !line.starts_with("<ended"));
    assert_eq!(told, ["old", "<started>", "new", "new too", "last"]);
}

#[tokio::test(start_paused = true)]
async fn a_container_of_an_unknown_name_is_told_with_those_that_are_known() {
    let fake = Fake::new();
    fake.pod("web-1");
    let wanted = Wanted { containers: BTreeSet::from(["wbe".to_owned()]), ..wanted() };
    let (out, _pages) = mpsc::channel(1);
    let refused = read(&fake.client(), &wanted, out).await.unwrap_err();
    assert!(matches!(refused, Error::UnknownContainer { known, .. } if known == ["web"]));
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_leaves_ends_everything() {
    let fake = Fake::new();
    fake.pod("web-1");
    let listener = Listener::begin(&fake, wanted());
    drop(listener.pages);
    let ended = timeout(LONG, listener.following).await.unwrap().unwrap().unwrap();
    assert_eq!(ended, Ended::Unheard);
}

#[tokio::test(start_paused = true)]
async fn an_environment_that_was_let_go_of_is_not_followed_for_ever() {
    let fake = Fake::new();
    fake.pod("web-1");
    fake.write("web-1", "a");
    let mut listener = Listener::begin(&fake, wanted());
    listener.hears(1).await;
    drop(listener.gone.take());
    let ended = timeout(Duration::from_secs(20), listener.following).await.unwrap().unwrap().unwrap();
    assert_eq!(ended, Ended::Complete);
}

#[tokio::test(start_paused = true)]
async fn a_slow_listener_slows_the_reading_and_loses_nothing() {
    let fake = Fake::new();
    fake.pod("web-1");
    let line = "x".repeat(1000);
    for number in 0..2000 {
        fake.write("web-1", &format!("{number} {line}"));
    }
    let mut listener = Listener::begin(&fake, wanted());
    tokio::time::sleep(Duration::from_secs(60)).await;
    let told = listener.hears(2000).await;
    assert!(told.iter().enumerate().all(|(number, line)| line.starts_with(&format!("{number} "))));
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    Write(usize),
    Cut(Cut),
    Restart,
    Rotate,
    Away,
    Wait(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (1_usize..5).prop_map(Happening::Write),
        1 => prop_oneof![Just(Cut::Clean), Just(Cut::InALine), Just(Cut::Silent)].prop_map(Happening::Cut),
        1 => Just(Happening::Restart),
        1 => Just(Happening::Rotate),
        1 => Just(Happening::Away),
        2 => (0_u64..12_000).prop_map(Happening::Wait),
    ]
}

/// Plays what happens; answers with the number of the last line, and what was told.
async fn play(happenings: Vec<Happening>) -> (usize, Vec<String>) {
    let fake = Fake::new();
    fake.pod("web-1");
    fake.write("web-1", "line 0");
    let mut listener = Listener::begin(&fake, wanted());
    listener.hears(1).await;
    let mut number = 0;
    // Of the present run.
    let mut first = Some(0);
    for happening in happenings {
        fake.pass(300);
        match happening {
            Happening::Write(lines) => {
                first.get_or_insert(number + 1);
                for _ in 0..lines {
                    number += 1;
                    fake.write("web-1", &format!("line {number}"));
                }
            }
            Happening::Cut(kind) => fake.cut(kind),
            Happening::Restart => {
                fake.exit("web-1", 1);
                fake.start_again("web-1");
                first = None;
            }
            // What a run wrote and lost before anybody read its first line leaves no trace.
            Happening::Rotate => {
                let Some(first) = first else { continue };
                while !listener.said.contains(&format!("line {first}")) {
                    let heard = listener.said.len();
                    listener.hears(heard + 1).await;
                }
                fake.rotate("web-1", fake.written("web-1"));
            }
            Happening::Away => {
                fake.away(true);
                fake.cut(Cut::InALine);
                tokio::time::sleep(Duration::from_secs(2)).await;
                fake.away(false);
            }
            Happening::Wait(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
        }
    }
    number += 1;
    let last = format!("line {number}");
    fake.write("web-1", &last);
    while listener.said.last() != Some(&last) {
        let heard = listener.said.len();
        listener.hears(heard + 1).await;
    }
    drop(listener.gone.take());
    (number, listener.said)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_each_line_is_told_once_or_a_gap_is(happenings in prop::collection::vec(happening(), 0..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let (last, told) = runtime.block_on(play(happenings));
        let lines: Vec<&String> = told.iter().filter(|line| line.starts_with("line ")).collect();
        let mut next = 0;
        let mut gap = false;
        for entry in &told {
            if entry == "<gap>" || entry == "<cut>" {
                gap = true;
            } else if let Some(number) = entry.strip_prefix("line ") {
                let number: usize = number.parse().unwrap();
                prop_assert!(number >= next, "{} again in {:?}", number, told);
                prop_assert!(number == next || gap, "{} is missing before {:?}", next, told);
                next = number + 1;
                gap = false;
            }
        }
        prop_assert_eq!(next, last + 1, "{:?}", lines);
    }
}
