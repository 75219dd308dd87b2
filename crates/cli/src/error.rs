//! The one place that turns errors into a sentence, a hint and an exit code.

use api::{Exit, Verdict};
use serde::Serialize;
use thiserror::Error;
use verbs::Error as Verb;
use verbs::file::{BrokenFile, FileProblem};
use verbs::inside::Trouble;
use verbs::logs::QueryError;
use words::{Words, chain, of_verb};

use crate::output::colour::Paint;
use crate::output::{Output, problems, receipt};

pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// How a command can fail.
#[derive(Debug, Error)]
pub enum Failure {
    #[error(transparent)]
    Verb(#[from] Verb),
    #[error("{sentence}")]
    Usage { sentence: String, hint: String },
    #[error("{error}")]
    Query { text: String, error: QueryError },
    #[error("failed to start: {0}")]
    Start(String),
    #[error("failed to write the output: {0}")]
    Output(String),
    #[error("interrupted")]
    Interrupted,
    /// What was run inside an environment ended so, and has said itself what there was to say.
    #[error("the command ended with exit code {0}")]
    Ended(u8),
    /// Whoever read our output has read enough.
    #[error("nobody reads the output")]
    ListenerLeft,
    #[error(transparent)]
    Install(#[from] verbs::install::Error),
    #[error(transparent)]
    Data(#[from] verbs::data::Error),
    #[error(transparent)]
    Cluster(#[from] verbs::clusters::Error),
    #[error("the operator stopped")]
    Operator(#[from] operator::Error),
    #[error(transparent)]
    Fals(#[from] fals::Error),
    #[error("{error}")]
    SignIn { error: identity::device::Error, server: String },
    #[error(transparent)]
    Web(#[from] web::Error),
}

/// A failure as data.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    exit: u8,
    meaning: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a Verdict>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<FileProblem>,
}

/// Tells a failure, as data too where data is wanted, and says how to exit.
pub fn tell(output: &Output, failure: &Failure, resume: Option<&str>) -> Exit {
    if matches!((failure, resume), (Failure::Interrupted, None)) {
        // Nothing goes on and nothing is lost: whoever pressed Ctrl-C knows.
        return Exit::Interrupted;
    }
    let words = words(failure, resume);
    let verb = if let Failure::Verb(error) = failure { Some(error) } else { None };
    let verdict = match verb {
        Some(
            Verb::Verdict { verdict, .. }
            | Verb::CopyFailed { verdict, .. }
            | Verb::HostnameVerdict { verdict, .. }
            | Verb::Inside(Trouble::NotStarted { verdict, .. }),
        ) => Some(&**verdict),
        _ => None,
    };
    let broken: Vec<&BrokenFile> = match verb {
        Some(Verb::File(broken)) => vec![broken],
        Some(Verb::Files(files)) => files.iter().collect(),
        _ => vec![],
    };
    let paint = output.paint_err;
    for broken in &broken {
        output.note(problems::blocks(broken, paint).trim_end_matches('\n'));
        output.note("");
    }
    output.note(&text(&words, verdict, paint));
    if output.is_json() {
        let report = Report {
            message: words.sentence,
            details: words.details,
            hint: words.hint,
            exit: words.exit.code(),
            meaning: words.exit.meaning(),
            verdict,
            problems: placed(&broken),
        };
        // It has been told on stderr already.
        let _ = output.item(&serde_json::json!({"event": "error", "error": report}));
    }
    words.exit
}

/// Every problem with its file, where that is not the one file that is meant anyway.
fn placed(broken: &[&BrokenFile]) -> Vec<FileProblem> {
    let several = broken.len() > 1;
    let all = broken.iter().flat_map(|broken| broken.problems.iter().map(move |problem| (broken, problem)));
    all.map(|(broken, problem)| {
        let named = several || problem.file.is_some();
        let file = named.then(|| problems::place(broken, problem.file.as_deref()));
        FileProblem { file, ..problem.clone() }
    })
    .collect()
}

fn text(words: &Words, verdict: Option<&Verdict>, paint: Paint) -> String {
    let label = if words.exit == Exit::Interrupted { paint.wait("interrupted") } else { paint.bad("error") };
    let mut text = format!("{label}: {}", words.sentence);
    for detail in &words.details {
        text.push_str(&format!("\n  {detail}"));
    }
    if let Some(verdict) = verdict {
        text.push_str(&format!("\n{}", receipt::evidence(verdict, paint)));
        text = text.trim_end().to_owned();
    }
    if let Some(hint) = &words.hint {
        let label = if verdict.is_some() { "fix" } else { "hint" };
        text.push_str(&format!("\n{}: {hint}", paint.strong(label)));
    }
    text
}

/// A terminal may be somebody else at once.
fn of_somebody(error: &verbs::Error, mut words: Words) -> Words {
    let theirs = match error {
        verbs::Error::Unauthorized { .. } => true,
        verbs::Error::Forbidden(forbidden) => forbidden.policy.is_none(),
        _ => false,
    };
    if let Some(hint) = words.hint.as_mut().filter(|_| theirs) {
        hint.push_str(", or choose another user with --context");
    }
    words
}

fn words(failure: &Failure, resume: Option<&str>) -> Words {
    match failure {
        Failure::Verb(error) => of_somebody(error, of_verb(error, resume)),
        Failure::Usage { sentence, hint } => Words::new(Exit::Usage, sentence).hint(hint),
        Failure::Query { text, error } => of_query(text, error),
        Failure::Interrupted => Words {
            hint: resume.map(|resume| format!("watch it again with `{resume}`")),
            ..Words::new(Exit::Interrupted, "the cluster goes on")
        },
        Failure::Start(_) | Failure::Output(_) | Failure::ListenerLeft | Failure::Ended(_) => {
            Words::new(Exit::Failure, failure.to_string())
        }
        Failure::Install(verbs::install::Error::Cluster(error)) => of_verb(error, resume),
        Failure::Install(error) => {
            Words { hint: error.hint(), ..Words::new(error.exit().unwrap_or(Exit::Failure), chain(error)) }
        }
        Failure::Data(error) => of_data(error),
        Failure::Cluster(error) => Words {
            hint: error.hint(),
            ..Words::new(of_cluster(error), error.to_string()).details(error.details())
        },
        Failure::SignIn { error, server } => of_sign_in(error, server),
        Failure::Web(error @ web::Error::Setting { hint, .. }) => {
            Words::new(Exit::Invalid, error.to_string()).hint(hint)
        }
        Failure::Web(web::Error::Verb(error)) => of_verb(error, resume),
        Failure::Web(error @ web::Error::Listen { .. }) => Words::new(Exit::Conflict, chain(error))
            .hint("take another --port, or leave it out for a free one"),
        Failure::Web(error @ web::Error::NoToken { .. }) => Words::new(Exit::Conflict, chain(error))
            .hint("name another --token-file, or remove this one yourself"),
        Failure::Web(error) => Words::new(Exit::Failure, chain(error)),
        Failure::Operator(error) => Words::new(Exit::Failure, chain(error)),
        Failure::Fals(error) => {
            Words { hint: error.hint(), ..Words::new(error.exit(), chain(error)).details(error.details()) }
        }
    }
}

fn of_sign_in(error: &identity::device::Error, server: &str) -> Words {
    use identity::device::Error;
    let again = format!("run `outboard login {server}`");
    match error {
        Error::Away(_) => {
            Words::new(Exit::Unreachable, error.to_string()).hint("see whether it answers, then try again")
        }
        Error::NoDevices { .. } => Words::new(Exit::NotFound, error.to_string())
            .hint("have the server told of a client for terminals (--cli-client-id), or use a kubeconfig"),
        Error::Refused { .. } | Error::Late => Words::new(Exit::Forbidden, error.to_string()).hint(again),
        // The provider has turned it over, and what it gave for it was never written down.
        Error::Ended { .. } => Words::new(Exit::Forbidden, error.to_string())
            .hint(format!("{again}; a command that is killed while it renews a sign-in can end it, too")),
    }
}

fn of_cluster(error: &verbs::clusters::Error) -> Exit {
    use verbs::clusters::{Error, Unanswered};
    match error {
        error if error.is_of_session() => Exit::Forbidden,
        Error::Rules(_)
        | Error::Contract(_)
        | Error::Preflight(_)
        | Error::Name(_)
        | Error::OtherFile { .. }
        | Error::Unreadable { .. } => Exit::Invalid,
        Error::NoApi { .. } | Error::NotFetched { .. } => Exit::Unreachable,
        Error::AddonTaken { .. } | Error::Held(_) | Error::Doomed => Exit::Conflict,
        Error::AddonLate { .. } => Exit::Timeout,
        // The first one: what others needed it stood still for its sake.
        Error::Addons(all) => all.first().map_or(Exit::Failure, |(_, error)| of_cluster(error)),
        Error::NoCluster { .. } | Error::NoKubeconfig { .. } | Error::NotLocked => Exit::NotFound,
        Error::Busy
        | Error::Exists { .. }
        | Error::Adopted { .. }
        | Error::InUse { .. }
        | Error::Locked { .. }
        | Error::OtherLock { .. }
        | Error::OtherPlan { .. } => Exit::Conflict,
        Error::OtherAccount { .. } => Exit::Forbidden,
        Error::Aws { failure, .. } => match failure {
            Unanswered::Denied(_) | Unanswered::NoCredentials(_) => Exit::Forbidden,
            Unanswered::Unreachable(_) | Unanswered::Throttled(_) => Exit::Unreachable,
            _ => Exit::Failure,
        },
        Error::Stopped { .. } => Exit::Interrupted,
        _ => Exit::Failure,
    }
}

fn of_data(error: &verbs::data::Error) -> Words {
    use verbs::data::Error;
    let exit = match error {
        Error::Job(_) | Error::Masks(_) | Error::Leaks(_) => Exit::Invalid,
        Error::Refused { .. } | Error::Busy => Exit::Conflict,
        Error::Credentials { .. } => Exit::Forbidden,
        _ => Exit::Failure,
    };
    Words { hint: error.fix(), ..Words::new(exit, error.to_string()).details(error.details()) }
}

/// The query, and under it a sign where it stops making sense.
fn of_query(text: &str, error: &QueryError) -> Words {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let place = format!("{:>width$}", "^", width = error.position + 1);
    Words { hint: error.hint.clone(), ..Words::new(Exit::Usage, &error.message) }.details(vec![plain, place])
}
