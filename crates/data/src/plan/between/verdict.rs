//! Why a copy does not go on, for whoever asked for it in the cluster: there they have no job's file to correct.

use api::{Cause, DataCopy, DataCopyStatus, Verdict};
use kube::ResourceExt;

use crate::error::{Error, Side};

/// Of what ended the engine. What passes by itself is not terminal: it is started again.
pub fn of(error: &Error, service: &str) -> Verdict {
    let cause = match error {
        Error::Masks(_) => Cause::MasksInvalid,
        Error::Leaks(_) => Cause::DataLeaked,
        Error::Credentials { .. } => Cause::AccessDenied,
        Error::Job(_) => Cause::Invalid,
        _ => Cause::CopyFailed,
    };
    let fix = match error {
        Error::Masks(_) => "correct `masks` of the project, apply it, and copy again".to_owned(),
        Error::Leaks(_) => {
            "mask those columns in the project too, or say `keep` for those that may have them; apply it, and copy again"
                .to_owned()
        }
        Error::Credentials { side, .. } => format!("see which user and password the service of {} has", end(*side)),
        Error::Unreachable { side, .. } => format!("see whether the service of {} runs and answers", end(*side)),
        Error::NotCopied { .. } => {
            "see to them, or say `denied: skip` to do without them, and copy again: it goes on".to_owned()
        }
        Error::Job(_) | Error::Internal(_) => "tell us of it, with what this copy says".to_owned(),
        other => other.fix().unwrap_or_default(),
    };
    Verdict {
        terminal: !error.passes() && !matches!(error, Error::Busy),
        ..refusal(cause, format!("service {service}"), error.to_string(), fix)
    }
}

fn end(side: Side) -> &'static str {
    match side {
        Side::Source => "the environment that is copied",
        Side::Target => "the environment that is copied to",
    }
}

pub fn refusal(cause: Cause, about: String, message: String, fix: String) -> Verdict {
    Verdict { cause, about, message, evidence: vec![], fix, terminal: true, holds: false }
}

/// All of it but what was seen, in one sentence.
pub fn sentence(verdict: &Verdict) -> String {
    format!("{}: {}; fix: {}", verdict.about, verdict.message, verdict.fix)
}

/// What an Event tells of a copy that failed: a word and a sentence.
pub fn failed(copy: &DataCopy, status: &DataCopyStatus) -> (&'static str, String) {
    let (reason, what) = match &copy.spec {
        spec if spec.backup => ("BackupFailed", "backup"),
        spec if spec.from.backup.is_some() => ("RestoreFailed", "restore"),
        spec if spec.scan => ("ScanFailed", "scan"),
        _ => ("CopyFailed", "copy"),
    };
    let why = status.verdict.as_ref().map(|verdict| format!(": {}", sentence(verdict)));
    (reason, format!("{what} {} failed{}", copy.name_any(), why.unwrap_or_default()))
}

/// The operator goes on by itself once that has changed.
pub fn waits(cause: Cause, about: String, message: String, fix: String) -> Verdict {
    Verdict { terminal: false, holds: true, ..refusal(cause, about, message, fix) }
}

#[cfg(test)]
mod tests {
    use api::datacopy::DataCopySpec;

    use super::*;

    #[test]
    fn an_event_of_what_failed_says_what_it_was_and_why() {
        let why = refusal(Cause::CopyFailed, "service db".into(), "it is full".into(), "make room".into());
        let status = DataCopyStatus { verdict: Some(why), ..DataCopyStatus::default() };
        let mut copy = DataCopy::new("one", DataCopySpec::between("a", "b"));
        let note = "copy one failed: service db: it is full; fix: make room";
        assert_eq!(failed(&copy, &status), ("CopyFailed", note.to_owned()));
        copy.spec.backup = true;
        assert_eq!(failed(&copy, &DataCopyStatus::default()), ("BackupFailed", "backup one failed".into()));
    }
}
