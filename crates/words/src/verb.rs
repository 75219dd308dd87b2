//! The words for every error of `verbs`.

use api::Exit;
use verbs::Error;
use verbs::error::{Difference, Forbidden, duration};
use verbs::preview::GitHubError;

use crate::archive::{of_archive, of_unread};
use crate::inside::of_inside;
use crate::{Words, chain, finding, left, size};

/// What an error says. `resume`: how to go on watching what was asked for.
pub fn of_verb(error: &Error, resume: Option<&str>) -> Words {
    let resume = resume.unwrap_or("outboard env show NAME --wait");
    let sentence = error.to_string();
    match error {
        Error::NoKubeconfig { looked_at } => Words::new(
            Exit::Unreachable,
            format!("no cluster is known: there is no kubeconfig at {looked_at}"),
        )
        .hint("name one with --kubeconfig FILE or KUBECONFIG"),
        Error::Kubeconfig(source) => {
            Words::new(Exit::Unreachable, format!("the kubeconfig cannot be used: {}", chain(source)))
                .hint("name another with --kubeconfig FILE, or a context of it with --context")
        }
        Error::UnknownContext { known, .. } => Words::new(Exit::Usage, sentence).hint(known_names(known)),
        Error::NoNamespace => Words::new(Exit::Usage, "it is not known which project or namespace is meant")
            .hint("say -n NAMESPACE or --project PROJECT, or go to a directory with an outboard.yaml"),
        Error::WhichEnvironment { deed } => {
            Words::new(Exit::Usage, sentence).hint(format!("say with which one: outboard can-i {deed} ENVIRONMENT"))
        }
        Error::Unreachable { server, reason } => {
            Words::new(Exit::Unreachable, format!("the cluster at {server} does not answer: {reason}")).hint(
                "is it running, and is this the right kubeconfig and context? (--kubeconfig, --context)",
            )
        }
        Error::WentAway { .. } => Words::new(Exit::Unreachable, sentence)
            .hint(format!("the cluster goes on with what was asked for; watch it again with `{resume}`")),
        Error::Unauthorized { .. } => {
            Words::new(Exit::Forbidden, sentence).hint("log in again")
        }
        Error::Forbidden(forbidden) => of_forbidden(forbidden),
        Error::NotInstalled { server } => {
            Words::new(Exit::NoOperator, format!("outboard is not installed in the cluster at {server}"))
                .hint("run `outboard install`")
        }
        Error::NoOperator { .. } => Words::new(Exit::NoOperator, sentence).hint(
            "what was asked for is written down and is done once an operator runs: run `outboard install`, \
             or look at it with `kubectl -n outboard-system get pods`",
        ),
        Error::NoPlan { .. } => Words::new(Exit::NoOperator, sentence).hint(
            "nothing was changed; run `outboard install`, or look at the operator with \
             `kubectl -n outboard-system get pods`, and ask again",
        ),
        Error::FileUnreadable { file, source } => {
            let reason = source.to_string();
            let reason = reason.split(" (os error").next().unwrap_or(&reason).to_lowercase();
            Words::new(Exit::Invalid, format!("cannot read {file}: {reason}"))
                .hint("name a file that is there, or the directory it is in; --help says how")
        }
        Error::NothingToRead { names, .. } => Words::new(Exit::NotFound, sentence)
            .hint(format!("name the file; looked for: {}", names.join(", "))),
        Error::FileUnwritable { file, source } => {
            let reason = source.to_string();
            let reason = reason.split(" (os error").next().unwrap_or(&reason).to_lowercase();
            Words::new(Exit::Failure, format!("cannot write {file}: {reason}"))
        }
        Error::Begun { .. } => {
            Words::new(Exit::Conflict, sentence).hint("what is wrong with it is told by `outboard check`")
        }
        Error::Unwritable { .. } => Words::new(Exit::Failure, sentence),
        Error::FileExists { .. } => {
            Words::new(Exit::Conflict, format!("{sentence}, and nothing was written"))
                .hint("write over it with --force, or elsewhere with --to FILE")
        }
        Error::File(broken) => {
            let count = broken.problems.len();
            let plural = if count == 1 { "problem" } else { "problems" };
            Words::new(Exit::Invalid, format!("{} has {count} {plural}", broken.file))
        }
        Error::Files(files) => {
            let count = files.len();
            let what = if count == 1 { "a file has" } else { "files have" };
            let count = if count == 1 { String::new() } else { format!("{count} ") };
            Words::new(Exit::Invalid, format!("{count}{what} problems, and nothing was applied"))
        }
        Error::Name(_) => Words::new(Exit::Usage, sentence),
        Error::NotFound { kind: "project", known, .. } if known.is_empty() => {
            Words::new(Exit::NotFound, sentence).hint("store one with `outboard project apply`")
        }
        Error::NotFound { kind: "revision", known, .. } if known.is_empty() => {
            Words::new(Exit::NotFound, sentence).hint("see those that are kept with `outboard env history`")
        }
        Error::NotFound { nearest, known, .. } => of_missing(error, nearest.as_deref(), known),
        Error::NewComponent { component, nearest, known, .. } => {
            let words = of_missing(error, nearest.as_deref(), known);
            let known = words.hint.clone().unwrap_or_default();
            words.hint(format!("if `{component}` is a new one, say --new; {known}"))
        }
        Error::Protected { class, .. } => Words::new(Exit::Invalid, sentence).hint(format!(
            "environments of class {class} are as the project says: change outboard.yaml, test it and promote it; \
             to destroy this one say --protected"
        )),
        Error::NoProject { .. } => {
            Words::new(Exit::NotFound, sentence).hint("store one with `outboard project apply`")
        }
        Error::WhichProject { known, .. } => {
            Words::new(Exit::Usage, sentence).hint(format!("choose one with --project: {}", known.join(", ")))
        }
        Error::WhichClass { project, known } => Words::new(
            Exit::Usage,
            format!("project `{project}` has several classes and none is called `qa`"),
        )
        .hint(format!("choose one with --class: {}", known.join(", "))),
        Error::NoVersion { component, .. } => Words::new(Exit::Invalid, sentence).hint(format!(
            "choose one with --set {component}=VERSION, or give it a default in outboard.yaml"
        )),
        Error::ProjectRefused { .. } => {
            Words::new(Exit::Invalid, sentence).hint("correct outboard.yaml and apply it again")
        }
        Error::Refused { message, causes } if causes.is_empty() => {
            Words::new(Exit::Invalid, format!("Kubernetes does not accept it: {message}"))
        }
        Error::Refused { causes, .. } => {
            Words::new(Exit::Invalid, "Kubernetes does not accept it").details(causes.clone())
        }
        Error::Exists { environment, differences } => of_existing(environment, differences),
        Error::Raced { theirs, mine, by, .. } => {
            let who = by.as_deref().unwrap_or("somebody else");
            let line = |who: &str, difference: &Difference| {
                format!("{who}: {} from {} to {}", difference.setting, difference.have, difference.want)
            };
            let theirs = theirs.iter().map(|difference| line(who, difference));
            let details = theirs.chain(mine.iter().map(|difference| line("you", difference)));
            Words::new(Exit::Conflict, sentence)
                .details(details.collect())
                .hint("nothing of yours was written; ask for it again to plan on top of that change")
        }
        Error::Superseded { change, .. } => {
            let who = change.by.as_deref().unwrap_or("somebody");
            Words::new(Exit::Superseded, format!("{sentence}, by {who}"))
                .hint(format!("the newest change counts; watch that one with `{resume}`"))
        }
        Error::PlanRefused { verdict, .. } => {
            Words::new(verdict.cause.exit(), format!("nothing was changed: {}", finding(verdict)))
                .details(verdict.evidence.clone())
                .hint(&verdict.fix)
        }
        Error::Frozen { environment, .. } => Words::new(Exit::Conflict, sentence).hint(format!(
            "`outboard env thaw {environment} --keep` ends the freeze and keeps what was changed"
        )),
        Error::NoRevision { environment } => Words::new(Exit::NotFound, sentence)
            .hint(format!("see what it waits for with `outboard env show {environment}`")),
        Error::NothingToRestore { environment } => Words::new(Exit::NotFound, sentence)
            .hint(format!("see what there is with `outboard env history {environment}`")),
        Error::NeverCopied { environment } => Words::new(Exit::NotFound, sentence).hint(format!(
            "say from where it is to come: `outboard data copy --from ENVIRONMENT --to {environment}`, or `outboard env restore {environment} --backup BACKUP`"
        )),
        Error::OwnDatabases { copy } => Words::new(Exit::Invalid, sentence)
            .hint(format!("make an object like it again: `kubectl get datacopy {copy} -o yaml` shows it")),
        Error::StillThere { environment } => Words::new(Exit::Conflict, sentence).hint(format!(
            "`outboard env rollback {environment}` goes back to an earlier revision; data stays as it is"
        )),
        Error::NothingKept { environment } => Words::new(Exit::NotFound, sentence).hint(format!(
            "what was destroyed is kept as long as `outboard install --retention` says; `outboard env create {environment}` makes a new one"
        )),
        Error::WhichKept { environment, known, .. } => {
            let one = |(record, until): &(String, String)| format!("{record}, kept until {until}");
            Words::new(Exit::Usage, sentence).details(known.iter().map(one).collect()).hint(format!(
                "say which: `outboard env restore {environment} --kept RECORD`; the receipt of each named its date"
            ))
        }
        Error::NoVolumesKept { environment, class, revision, others } => {
            let other = |(number, until): &(i64, String)| {
                format!("kept until {until}: those of revision {number} (`outboard env restore {environment} --revision {number}`)")
            };
            Words::new(Exit::NotFound, sentence).details(others.iter().map(other).collect()).hint(format!(
                "`outboard env restore {environment} --revision {revision} --without-data` makes it with empty services; class {class} keeps volumes only with `keepVolumes`"
            ))
        }
        Error::OtherProject { .. } => {
            Words::new(Exit::Invalid, sentence).hint("promote between environments of one project")
        }
        Error::Changed { .. } => Words::new(Exit::Conflict, sentence).hint("try again"),
        Error::BeingDestroyed { environment } => Words::new(Exit::Conflict, sentence)
            .hint(format!("wait until it is gone: `outboard env destroy {environment} --yes`")),
        Error::Another { .. } => Words::new(Exit::Conflict, sentence)
            .hint("look at the one that is there now; nothing of it was changed"),
        Error::Destroyed { .. } => {
            Words::new(Exit::Conflict, sentence).hint("create it again with `outboard env create`")
        }
        Error::Older { .. } => Words::new(Exit::NoOperator, sentence)
            .hint("upgrade it with `outboard install`; a version can be chosen by its name all the same"),
        Error::NoVersions { verdict, .. } => Words::new(verdict.cause.exit(), finding(verdict))
            .details(verdict.evidence.clone())
            .hint(&verdict.fix),
        Error::Verdict { environment, verdict } => Words::new(
            verdict.cause.exit(),
            format!("{environment} is not ready: {}", finding(verdict)),
        )
        .hint(&verdict.fix),
        Error::CopyToItself { .. } => {
            Words::new(Exit::Usage, sentence).hint("name another environment with --to")
        }
        Error::FilledAlready { environment, from } => Words::new(Exit::Conflict, sentence)
            .hint(format!("`outboard data copy --from {from} --to {environment}` replaces it")),
        Error::Bare { later, .. } => Words::new(Exit::Invalid, sentence).hint(format!(
            "let it be masked as the project says; or make the environment empty, and let somebody who may release environments run `{later}`"
        )),
        Error::NotRotated { fix, .. } => Words::new(Exit::Invalid, sentence).hint(fix),
        Error::NothingToRotate { environment } => Words::new(Exit::NotFound, sentence)
            .hint(format!("see what it runs with `outboard env show {environment}`")),
        Error::RotationRefused { environment, service, .. } => Words::new(Exit::Invalid, sentence).hint(format!(
            "nothing was changed; once that is mended: outboard env rotate {environment} {service}"
        )),
        Error::NotCopied { .. } => Words::new(Exit::Invalid, sentence)
            .hint("data of MariaDB, Redis and S3 is copied; leave --only out for all there is"),
        Error::CopyExists { copy } => Words::new(Exit::Conflict, sentence)
            .hint(format!("look at it with `outboard data show {copy}`, or choose another --name")),
        Error::CopyEnded { copy, .. } => Words::new(Exit::Conflict, sentence)
            .hint(format!("`outboard data show {copy}` says how; make another with `outboard data copy`")),
        Error::CopyCancelled { target, .. } => Words::new(Exit::Superseded, sentence).hint(left(*target)),
        Error::CopyFailed { copy, target, verdict } => {
            Words::new(verdict.cause.exit(), format!("copy {copy} failed: {}", finding(verdict)))
                .details(vec![left(*target).to_owned()])
                .hint(&verdict.fix)
        }
        Error::Hostname(_) | Error::WildcardHostname { .. } => Words::new(Exit::Usage, sentence),
        Error::HostnameElsewhere { host, .. } => Words::new(Exit::Conflict, sentence)
            .hint(format!("release it first, with `outboard hostname release {host}`")),
        Error::WhichRoute { known, .. } => {
            Words::new(Exit::Usage, sentence).hint(format!("say --route: {}", known.join(", ")))
        }
        Error::HostnameVerdict { host, verdict } => {
            Words::new(verdict.cause.exit(), format!("{host} is not answered: {}", verdict.message))
                .details(verdict.evidence.clone())
                .hint(&verdict.fix)
        }
        Error::NoZones => Words::new(Exit::Invalid, sentence)
            .hint("install it again with --hosted-zone and --cluster: `outboard install --help`"),
        Error::DnsSettings { .. } => Words::new(Exit::Dns, sentence)
            .hint("look at the hosted zones of `outboard install`, your AWS credentials, and the gateway"),
        Error::ThisCluster { .. } => Words::new(Exit::Invalid, sentence)
            .hint("leave --of-cluster out for what nothing asks for here"),
        Error::NotDelegated { .. } => Words::new(Exit::Dns, sentence)
            .hint("until the zone above names its name servers, nothing in it is found"),
        Error::Dns(_) => Words::new(Exit::Dns, sentence)
            .hint("these verbs look at the zones with your own AWS credentials: see `aws sts get-caller-identity`"),
        Error::NoPreview { of, .. } => Words::new(Exit::Conflict, sentence).hint(match of {
            Some(of) => format!("it is one of {of}: choose another name with --name"),
            None => "somebody made it by hand, and it stays as it is: choose another name with --name".to_owned(),
        }),
        Error::NotSwept { .. } => Words::new(Exit::Failure, sentence)
            .hint("what could go is going; once that is mended, run it again"),
        Error::NoEnvironments => Words::new(Exit::Conflict, sentence)
            .hint("that is more likely a lost definition or control namespace than a wish: apply the environments again, or name what is to go; nothing was deleted"),
        Error::GitHub(error) => of_github(error, sentence),
        Error::Timeout { what, after, pending } => {
            Words::new(Exit::Timeout, format!("no verdict on {what} within {}", duration(*after)))
                .details(pending.clone())
                .hint(format!(
                    "the cluster goes on; watch it again with `{resume}`, or allow more with --timeout"
                ))
        }
        Error::Backwards { .. } => Words::new(Exit::Usage, format!("nothing lies between: {sentence}"))
            .hint("--since is the earlier moment, --until the later one"),
        Error::InClear { .. } => Words::new(Exit::Usage, sentence).hint("say its address with https://, and no user in it"),
        Error::Unread { why, .. } => of_unread(why, sentence),
        Error::NoArchive { .. } => Words::new(Exit::NotFound, sentence)
            .hint("see which there are with `outboard env list`; `logs.archive` in outboard.yaml says where logs outlive them"),
        Error::Archive(error) => of_archive(error),
        Error::BigSearch { estimate } => {
            Words::new(Exit::Usage, format!("this would read up to {}", size::cost(estimate)))
                .hint("say --yes to read it, or narrow it with --since and --until")
        }
        Error::Cursor(_) => Words::new(Exit::Usage, sentence)
            .hint("give the token as it was told, with the same environment, names and query"),
        Error::Pattern(error) => Words { hint: error.hint.clone(), ..Words::new(Exit::Usage, sentence) },
        Error::Inside(trouble) => of_inside(trouble),
        Error::Kubernetes(source) => {
            Words::new(Exit::Failure, format!("unexpected answer of Kubernetes: {}", chain(source)))
        }
    }
}

fn of_github(error: &GitHubError, sentence: String) -> Words {
    let (exit, hint) = match error {
        GitHubError::Address { .. } => {
            (Exit::Usage, "say the address of its API, such as https://api.github.com, with --github-api")
        }
        GitHubError::Unauthorized | GitHubError::NoRepository { .. } => (
            Exit::Forbidden,
            "give a token that may read the repository, in GITHUB_TOKEN; nothing was destroyed",
        ),
        GitHubError::Away { .. } | GitHubError::TooOften { .. } | GitHubError::Answer { .. } => {
            (Exit::Unreachable, "nothing was destroyed; run it again later")
        }
    };
    Words::new(exit, sentence).hint(hint)
}

fn of_forbidden(forbidden: &Forbidden) -> Words {
    if let Some(policy) = &forbidden.policy {
        return Words::new(Exit::Forbidden, format!("Kubernetes refused: {policy}"))
            .hint("`access` in outboard.yaml says who that is: ask one of them; `outboard can-i --list` shows what each role may");
    }
    let (Some(user), Some(verb), Some(resource)) = (&forbidden.user, &forbidden.verb, &forbidden.resource)
    else {
        return Words::new(Exit::Forbidden, format!("Kubernetes refused: {}", forbidden.message));
    };
    let place = match &forbidden.namespace {
        Some(namespace) => format!("in namespace `{namespace}`"),
        None => "in the whole cluster".to_owned(),
    };
    let words =
        Words::new(Exit::Forbidden, format!("you are `{user}`, who may not {verb} {resource} {place}"));
    words.hint(match &forbidden.role {
        Some(role) => format!("ask an admin of the project to name you in its `access`, as {role} or more"),
        None => "ask whoever looks after the cluster for that right".to_owned(),
    })
}

fn of_missing(error: &Error, nearest: Option<&str>, known: &[String]) -> Words {
    let words = Words::new(Exit::NotFound, error.to_string());
    match nearest {
        Some(near) => words.hint(format!("did you mean `{near}`? {}", known_names(known))),
        None => words.hint(known_names(known)),
    }
}

fn of_existing(environment: &str, differences: &[Difference]) -> Words {
    let details = differences.iter().map(|difference| {
        format!("{}: it has {}, you asked for {}", difference.setting, difference.have, difference.want)
    });
    let versions_only = differences.iter().all(|difference| difference.setting.starts_with("version of "));
    let hint = if versions_only {
        format!("change it with `outboard env set {environment} --set …`")
    } else {
        format!(
            "take another name, ask for what it has, or destroy it first: `outboard env destroy {environment}`"
        )
    };
    Words::new(Exit::Conflict, format!("environment `{environment}` exists already, with other settings"))
        .details(details.collect())
        .hint(hint)
}

fn known_names(known: &[String]) -> String {
    const SHOWN: usize = 20;
    match known.len() {
        0 => "there is none".to_owned(),
        n if n > SHOWN => format!("known: {}, and {} more", known[..SHOWN].join(", "), n - SHOWN),
        _ => format!("known: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use api::{Cause, Verdict};

    use super::*;

    #[test]
    fn every_kind_of_failure_has_its_own_exit_code() {
        let exits = [
            (Error::NoKubeconfig { looked_at: "x".into() }, Exit::Unreachable),
            (Error::NoNamespace, Exit::Usage),
            (Error::Unreachable { server: "s".into(), reason: "r".into() }, Exit::Unreachable),
            (Error::NotInstalled { server: "s".into() }, Exit::NoOperator),
            (Error::NoOperator { reason: "r".into() }, Exit::NoOperator),
            (Error::Forbidden(Box::default()), Exit::Forbidden),
            (Error::NoProject { namespace: "shop".into() }, Exit::NotFound),
            (Error::Exists { environment: "qa".into(), differences: vec![] }, Exit::Conflict),
            (Error::Destroyed { environment: "qa".into() }, Exit::Conflict),
        ];
        for (error, exit) in exits {
            assert_eq!(of_verb(&error, None).exit, exit, "{error}");
        }
    }

    #[test]
    fn a_verdict_decides_the_exit_code_and_its_fix_is_the_hint() {
        let verdict = Verdict {
            cause: Cause::CrashLoop,
            about: "component web".into(),
            message: "it exits with code 1".into(),
            evidence: vec!["boom".into()],
            fix: "look at the last lines".into(),
            terminal: true,
            holds: false,
        };
        let words = of_verb(&Error::Verdict { environment: "qa".into(), verdict: Box::new(verdict) }, None);
        assert_eq!(words.exit, Exit::CrashLoop);
        assert_eq!(words.hint.as_deref(), Some("look at the last lines"));
    }

    #[test]
    fn a_lacking_right_is_told_with_who_what_and_where() {
        let words = of_verb(
            &Error::Forbidden(Box::new(Forbidden {
                message: String::new(),
                policy: None,
                role: Some("qa".into()),
                user: Some("ann".into()),
                verb: Some("create".into()),
                resource: Some("environments.outboard.dev".into()),
                namespace: Some("shop".into()),
            })),
            None,
        );
        assert_eq!(
            words.sentence,
            "you are `ann`, who may not create environments.outboard.dev in namespace `shop`"
        );
        assert!(words.hint.is_some_and(|hint| hint.contains("as qa or more")));
        let policy = Forbidden { policy: Some("a releaser changes it".into()), ..Forbidden::default() };
        let words = of_verb(&Error::Forbidden(Box::new(policy)), None);
        assert_eq!(
            (words.exit, words.sentence.as_str()),
            (Exit::Forbidden, "Kubernetes refused: a releaser changes it")
        );
    }
}
