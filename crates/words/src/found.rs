//! What is said about a search of logs, beside the lines that it found.

use std::fmt::Write as _;

use verbs::logs::Skipped;
use verbs::logs::search::{Archived, Found};
use verbs::logs::served::Unread;

use crate::size::count;

/// One sentence each.
pub fn notes(environment: &str, found: &Found) -> Vec<String> {
    let mut notes = vec![];
    if found.lines == 0 {
        notes.push(format!("no line was found between {:.0} and {:.0}", found.since, found.until));
    }
    match &found.archive {
        None if found.unread.is_some() => notes.extend(found.unread.as_ref().map(unread)),
        None => notes.push(
            "only what nodes still have was searched: the project has no archive of logs (`logs.archive` in outboard.yaml)".to_owned(),
        ),
        Some(archive) => {
            if found.destroyed {
                notes.push(format!("environment {environment} does not exist any more: all of this is from the archive"));
            }
            notes.extend(of_archive(archive));
        }
    }
    if found.cut {
        notes.push(format!(
            "some lines are long, and there was room for {} at once: look at what is older, or say a query that finds less",
            found.lines
        ));
    }
    if found.gaps > 0 {
        notes.push(format!(
            "there {} in what is live: lines may be missing that the node no longer had",
            match found.gaps {
                1 => "is a gap".to_owned(),
                gaps => format!("are {gaps} gaps"),
            }
        ));
    }
    notes
}

/// Why the archive is not among what was found, or not whole.
pub fn unread(why: &Unread) -> String {
    let advice = match why {
        Unread::Unserved { .. } | Unread::OwnMarks => {
            "; `outboard logs` with a kubeconfig and credentials of your own does, or whoever runs the server names it (`--log-archive`)"
        }
        Unread::Forbidden { .. } => "; whoever looks after `access` of the project can let you",
        Unread::Busy | Unread::Crowded => "; try again in a moment",
        Unread::Big(_) | Unread::Late { .. } => "; say a shorter time, or a query that finds less",
        Unread::Failed(_) => "",
    };
    format!("lines of the archive are missing: {why}{advice}")
}

fn of_archive(archive: &Archived) -> Vec<String> {
    let mut notes = vec![];
    if archive.behind > 0 {
        notes.push(format!(
            "{} in the archive, which ought to have what is older than {:.0}: a shipper is behind, or does not ship them",
            if archive.behind == 1 { "1 live line is not".to_owned() } else { format!("{} live lines are not", archive.behind) },
            archive.complete_up_to,
        ));
    }
    if archive.estimate.frozen > 0 {
        let frozen = count(archive.estimate.frozen, "object");
        notes.push(format!("{frozen} of bucket {} lie in Glacier and were left out", archive.bucket));
    }
    if let Some(skipped) = skipped(&archive.skipped) {
        notes.push(format!("in bucket {}: {skipped}", archive.bucket));
    }
    notes
}

/// What was passed over, if anybody would want to know.
fn skipped(skipped: &Skipped) -> Option<String> {
    let Skipped { foreign, malformed, damaged, unreadable, gone, duplicates: _, out_of_order } = *skipped;
    let mut text = String::new();
    for (number, one, several) in [
        (foreign, "record that is no line was skipped", "records that are no lines were skipped"),
        (malformed, "piece that is no JSON was skipped", "pieces that are no JSON were skipped"),
        (
            damaged,
            "object ends early or is broken, and was read as far as it goes",
            "objects end early or are broken, and were read as far as they go",
        ),
        (unreadable, "object is neither plain nor gzip", "objects are neither plain nor gzip"),
        (gone, "object went while it was to be read", "objects went while they were to be read"),
        (
            out_of_order,
            "line is newer than its delivery: clocks disagree",
            "lines are newer than their delivery: clocks disagree",
        ),
    ] {
        if number > 0 {
            let what = if number == 1 { one } else { several };
            let _ = write!(text, "{}{number} {what}", if text.is_empty() { "" } else { "; " });
        }
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use verbs::logs::Estimate;

    use super::*;

    #[test]
    fn an_archive_that_was_not_read_is_said_with_why_and_what_helps() {
        let told = |why| {
            let found = Found { lines: 1, unread: Some(why), ..Found::default() };
            notes("qa-42", &found).join("\n")
        };
        let unserved =
            Unread::Unserved { namespace: "shop".into(), project: "shop".into(), bucket: "shop-logs".into() };
        assert!(told(unserved).contains("no archive of `shop/shop` in bucket `shop-logs`; `outboard logs`"));
        let late = told(Unread::Late { seconds: 15 });
        assert_eq!(
            late,
            "lines of the archive are missing: it was not read to its end within 15 s; say a shorter time, or a query that finds less"
        );
    }

    #[test]
    fn that_there_was_no_room_for_more_is_said() {
        let notes = notes("qa-42", &Found { lines: 8, cut: true, ..Found::default() }).join("\n");
        assert!(notes.contains("there was room for 8 at once"), "{notes}");
    }

    #[test]
    fn whatever_was_passed_over_is_said() {
        let archive = Archived {
            bucket: "shop-logs".into(),
            complete_up_to: "2026-11-25T09:45:00Z".parse().unwrap(),
            estimate: Estimate { frozen: 2, ..Estimate::default() },
            skipped: Skipped {
                foreign: 3,
                malformed: 1,
                damaged: 1,
                unreadable: 2,
                gone: 1,
                duplicates: 9,
                out_of_order: 4,
            },
            behind: 12,
            ..Archived::default()
        };
        let found = Found {
            since: "2026-11-25T08:00:00.5Z".parse().unwrap(),
            until: "2026-11-25T10:00:00Z".parse().unwrap(),
            destroyed: true,
            archive: Some(archive),
            gaps: 1,
            ..Found::default()
        };
        insta::assert_snapshot!(notes("qa-42", &found).join("\n"));
        insta::assert_snapshot!(notes("qa-42", &Found { lines: 1, ..Found::default() }).join("\n"), @"only what nodes still have was searched: the project has no archive of logs (`logs.archive` in outboard.yaml)");
    }
}
