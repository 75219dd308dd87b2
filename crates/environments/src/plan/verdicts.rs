//! Which verdicts are noted at a revision, so that they outlive the pods, and what is told of one as an Event.

use api::{Given, Verdict};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

/// So many are kept of a revision.
const KEPT: usize = 5;
/// Kubernetes waits so many seconds at most before it starts again what crashes, and some more until it crashes.
const AGAIN: i64 = 600;
/// An Event's text may be no longer.
const NOTE: usize = 1024;

/// What is to be noted after a look; none: nothing has changed. Only what ended the waiting is: the rest passes.
pub fn noted(before: &[Given], verdict: Option<&Verdict>, ready: bool, now: Timestamp) -> Option<Vec<Given>> {
    let last = before.last();
    let open = last.filter(|given| given.until.is_none());
    let Some(verdict) = verdict.filter(|verdict| verdict.terminal) else {
        // It has passed once all is ready: what is mended comes up slowly, and may fail again.
        return (ready && open.is_some()).then(|| end(before, now));
    };
    match open {
        Some(open) if same(&open.verdict, verdict) => {
            // The first evidence counts, but for none at all.
            let more = open.verdict.evidence.is_empty() && !verdict.evidence.is_empty();
            more.then(|| {
                let mut all = before.to_vec();
                if let Some(last) = all.last_mut() {
                    last.verdict = verdict.clone();
                }
                all
            })
        }
        // What crashes may be ready for a moment in between: that is one verdict, not many.
        None if last.is_some_and(|last| same(&last.verdict, verdict) && is_recent(last, now)) => {
            let mut all = before.to_vec();
            if let Some(last) = all.last_mut() {
                last.until = None;
            }
            Some(all)
        }
        _ => {
            let mut all = end(before, now);
            all.push(Given { verdict: verdict.clone(), at: Time(now), until: None });
            Some(all.split_off(all.len().saturating_sub(KEPT)))
        }
    }
}

fn is_recent(given: &Given, now: Timestamp) -> bool {
    given.until.as_ref().is_some_and(|until| now.as_second() - until.0.as_second() < AGAIN)
}

fn end(before: &[Given], now: Timestamp) -> Vec<Given> {
    let mut all = before.to_vec();
    for given in all.iter_mut().filter(|given| given.until.is_none()) {
        given.until = Some(Time(now));
    }
    all
}

/// Whether two verdicts say the same; how often something was started again is no news.
pub fn same(one: &Verdict, other: &Verdict) -> bool {
    one.cause == other.cause && one.about == other.about
}

/// A verdict as an Event tells it: the same words as everywhere, as many as there is room for.
pub fn note(verdict: &Verdict) -> String {
    let mut text = format!("{}: {}; fix: {}", verdict.about, verdict.message, verdict.fix);
    for line in verdict.evidence.iter().rev().take(3).rev() {
        text.push_str("\n| ");
        text.push_str(line.trim_end());
    }
    match text.char_indices().find(|(at, c)| at + c.len_utf8() > NOTE - '…'.len_utf8()) {
        Some((end, _)) if text.len() > NOTE => format!("{}…", &text[..end]),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use api::Cause;

    use super::*;

    fn verdict(cause: Cause, restarts: u32, evidence: &[&str]) -> Verdict {
        Verdict {
            cause,
            about: "component web".into(),
            message: format!("web keeps crashing, {restarts} restarts so far"),
            evidence: evidence.iter().map(|line| (*line).to_owned()).collect(),
            fix: "read the last lines".into(),
            terminal: true,
            holds: false,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn each_verdict_is_noted_once_with_when_it_was_given_and_when_it_passed() {
        let crash = |restarts| verdict(Cause::CrashLoop, restarts, &["boom"]);
        let first = noted(&[], Some(&crash(2)), false, at(1)).unwrap();
        assert_eq!(noted(&first, Some(&crash(3)), false, at(2)), None, "one restart more is no news");
        assert_eq!(noted(&first, None, false, at(3)), None, "what is only on its way has not passed");
        let passed = noted(&first, None, true, at(4)).unwrap();
        assert_eq!(passed[0].until, Some(Time(at(4))));
        assert_eq!(noted(&passed, None, true, at(5)), None);
        let soon = noted(&passed, Some(&crash(9)), false, at(60)).unwrap();
        assert_eq!((soon.len(), soon[0].until.as_ref()), (1, None), "ready for a moment in between");
        let again = noted(&passed, Some(&crash(9)), false, at(6000)).unwrap();
        assert_eq!(again.len(), 2);
        let other = noted(&again, Some(&verdict(Cause::OutOfMemory, 0, &[])), false, at(6001)).unwrap();
        assert_eq!(other[1].until, Some(Time(at(6001))), "another cause ends the one before");
        let proved =
            noted(&other, Some(&verdict(Cause::OutOfMemory, 0, &["killed"])), false, at(6002)).unwrap();
        assert_eq!(proved.len(), 3);
        assert_eq!(proved[2].verdict.evidence, ["killed"]);
    }

    #[test]
    fn what_passes_by_itself_is_not_noted_and_of_the_rest_the_newest_are_kept() {
        let passing = Verdict { terminal: false, ..verdict(Cause::CrashLoop, 0, &[]) };
        assert_eq!(noted(&[], Some(&passing), false, at(1)), None);
        let causes = [Cause::CrashLoop, Cause::OutOfMemory];
        let mut all = vec![];
        for second in 0..20 {
            let cause = causes[usize::from(second % 2 == 0)];
            all = noted(&all, Some(&verdict(cause, 0, &["x"])), false, at(second)).unwrap();
        }
        assert_eq!((all.len(), all[4].at.0), (KEPT, at(19)));
    }

    #[test]
    fn an_event_says_cause_fix_and_last_lines_in_the_room_it_has() {
        let told = note(&verdict(Cause::CrashLoop, 2, &["a", "b", "c", "d"]));
        assert!(told.ends_with("| b\n| c\n| d"), "{told}");
        assert!(
            told.starts_with(
                "component web: web keeps crashing, 2 restarts so far; fix: read the last lines"
            )
        );
        let long = "é".repeat(2000);
        assert!(note(&verdict(Cause::CrashLoop, 2, &[&long])).len() <= NOTE);
    }
}
