//! The words for errors of what is done inside an environment.

use api::Exit;
use verbs::error::duration;
use verbs::inside::Trouble;

use crate::{Words, chain, finding};

pub(crate) fn of_inside(trouble: &Trouble) -> Words {
    let sentence = trouble.to_string();
    match trouble {
        Trouble::NotEnterable { part, role: "job", environment } => Words::new(Exit::Usage, sentence)
            .hint(format!("it ends by itself; run it once more with `outboard env run {environment} {part}`")),
        Trouble::NotEnterable { .. } => Words::new(Exit::Usage, sentence).hint("choose a component"),
        Trouble::NoRevision { waits: Some(verdict), .. } => {
            let finding = finding(verdict);
            Words::new(verdict.cause.exit(), sentence).details(vec![finding]).hint(&verdict.fix)
        }
        Trouble::NoRevision { environment, waits: None } => Words::new(Exit::NotFound, sentence)
            .hint(format!("see how far it is: outboard env show {environment} --wait")),
        Trouble::NotRunning { environment, pods, .. } if pods.is_empty() => {
            Words::new(Exit::ReadinessFailing, sentence)
                .hint(format!("see how far it is: outboard env show {environment} --wait"))
        }
        Trouble::NotRunning { environment, pods, .. } => {
            Words::new(Exit::ReadinessFailing, sentence).details(pods.clone()).hint(format!(
                "see why: outboard env show {environment}; a pod that runs without being ready can be named with --pod"
            ))
        }
        Trouble::NoSuchCommand { command, .. } if command.is_empty() => {
            Words::new(Exit::Usage, "the image has nothing to run by itself").hint("say the command after `--`")
        }
        Trouble::NoSuchCommand { .. } => Words::new(Exit::Usage, sentence).hint(
            "name a program that its image has; a shell and tools come with `outboard debug … --image IMAGE`",
        ),
        Trouble::NotStarted { what, verdict } => Words::new(
            verdict.cause.exit(),
            format!("{what} did not start: {}", finding(verdict)),
        )
        .hint(&verdict.fix),
        Trouble::SlowStart { what, after, pending } => {
            Words::new(Exit::Timeout, format!("{what} has not started within {}", duration(*after)))
                .details(pending.clone())
                .hint("allow more with --timeout")
        }
        Trouble::CutOff { .. } => Words::new(Exit::Unreachable, sentence).hint("how it ended is not known; try again"),
        Trouble::Listen { .. } => {
            Words::new(Exit::Conflict, sentence).hint("take another port: LOCAL:REMOTE, or leave LOCAL out for a free one")
        }
        other => Words::new(Exit::Failure, chain(other)),
    }
}

#[cfg(test)]
mod tests {
    use api::{Cause, Verdict};

    use super::*;

    #[test]
    fn what_did_not_start_ends_with_the_code_of_its_cause() {
        let verdict = Verdict {
            cause: Cause::ImageNotFound,
            about: "component web".into(),
            message: "image r/web:9 does not exist".into(),
            evidence: vec![],
            fix: "push it".into(),
            terminal: true,
            holds: false,
        };
        let error = Trouble::NotStarted { what: "pod web-run-x".into(), verdict: Box::new(verdict) };
        let words = of_inside(&error);
        assert_eq!(words.exit, Exit::ImageNotFound);
        assert_eq!(
            words.sentence,
            "pod web-run-x did not start: component web: image r/web:9 does not exist"
        );
    }

    #[test]
    fn an_environment_without_a_revision_ends_with_what_it_waits_for() {
        let waits = Verdict {
            cause: Cause::ImageNotFound,
            about: "component web".into(),
            message: "waiting for image r/web:9".into(),
            evidence: vec![],
            fix: "push it".into(),
            terminal: true,
            holds: true,
        };
        let words =
            of_inside(&Trouble::NoRevision { environment: "qa".into(), waits: Some(Box::new(waits)) });
        assert_eq!(words.exit, Exit::ImageNotFound);
        assert_eq!(words.sentence, "qa has no revision yet: nothing of it runs");
        assert_eq!(words.details, ["component web: waiting for image r/web:9"]);
        let words = of_inside(&Trouble::NoRevision { environment: "qa".into(), waits: None });
        assert_eq!(words.exit, Exit::NotFound);
    }

    #[test]
    fn a_job_is_to_be_run_again_rather_than_entered() {
        let error = Trouble::NotEnterable { part: "migrate".into(), role: "job", environment: "qa".into() };
        let words = of_inside(&error);
        assert_eq!(words.sentence, "`migrate` is a job, and a job cannot be entered");
        assert!(words.hint.is_some_and(|hint| hint.contains("outboard env run qa migrate")));
    }
}
