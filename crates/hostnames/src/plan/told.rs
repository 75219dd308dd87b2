//! How far a hostname has come, in words: from what a plan decided, what Route 53 did with it and what name servers answer.

use api::{Cause, Verdict};

use super::{Conflict, Host, Outcome, Withheld};

/// What happened to a host outside of its plan.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Followed {
    /// What could not be done, and whether waiting alone mends it.
    pub failed: Option<(String, bool)>,
    /// The change that is on its way to the name servers.
    pub pending: Option<String>,
    pub answers: Answers,
}

/// What the zone's name servers answer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Answers {
    #[default]
    Unasked,
    /// By so many servers; from others nothing was heard.
    Right {
        by: usize,
        silent: usize,
    },
    /// None could be asked from here: a network policy, say.
    Silent {
        why: String,
    },
    Wrong {
        words: String,
    },
}

/// What is said of a host.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub ready: bool,
    pub reason: &'static str,
    pub message: String,
    pub verdict: Option<Verdict>,
}

impl Told {
    fn waits(reason: &'static str, message: impl Into<String>) -> Self {
        Self { ready: false, reason, message: message.into(), verdict: None }
    }

    /// Not ready, and why.
    pub fn refused(verdict: Verdict) -> Self {
        let reason = reason(verdict.cause);
        Self { ready: false, reason, message: verdict.message.clone(), verdict: Some(verdict) }
    }
}

fn reason(cause: Cause) -> &'static str {
    match cause {
        Cause::HostTaken => "HostTaken",
        Cause::RecordTaken => "RecordTaken",
        Cause::HostnameInvalid => "HostnameInvalid",
        Cause::DnsUnavailable => "DnsUnavailable",
        Cause::EnvironmentNotFound => "EnvironmentNotFound",
        _ => "Waiting",
    }
}

/// The verdict on a host.
pub fn verdict(cause: Cause, host: &str, message: String, fix: &str, terminal: bool) -> Verdict {
    Verdict {
        cause,
        about: format!("host {host}"),
        message,
        evidence: vec![],
        fix: fix.to_owned(),
        terminal,
        holds: terminal,
    }
}

/// What is said of a host that is wanted.
pub fn told(host: &str, planned: Option<&Host>, followed: &Followed) -> Told {
    let failed = followed.failed.as_ref().map(|(words, passes)| {
        let fix = if *passes {
            "wait: it is tried again"
        } else {
            "correct what Route 53 complains about; it is tried again by itself"
        };
        Told::refused(verdict(Cause::DnsUnavailable, host, words.clone(), fix, !passes))
    });
    let Some(planned) = planned else {
        return failed.unwrap_or_else(|| Told::waits("Planning", "its zone has not been read yet"));
    };
    match &planned.outcome {
        Outcome::Conflict(conflicts) => conflict(host, conflicts),
        Outcome::Withheld(Withheld::NextPass { .. }) => {
            Told::waits("Waiting", "other hosts are written first")
        }
        Outcome::Withheld(why) => {
            let fix = "look at `outboard hostname plan`";
            Told::refused(verdict(Cause::Refused, host, why.to_string(), fix, true))
        }
        _ if failed.is_some() => failed.unwrap_or_else(|| Told::waits("Waiting", "")),
        Outcome::Create | Outcome::Change | Outcome::Delete => match &followed.pending {
            Some(change) => on_its_way(change),
            None => Told::waits("Writing", "its records are being written"),
        },
        Outcome::Nothing => match (&followed.pending, &followed.answers) {
            (Some(change), _) => on_its_way(change),
            (None, Answers::Unasked) => Told::waits("Checking", "its name servers are being asked"),
            (None, Answers::Wrong { words }) => Told::waits("AnsweredWrongly", words.clone()),
            (None, Answers::Silent { why }) => Told {
                ready: true,
                reason: "InSync",
                message: format!("in sync; no name server could be asked from here: {why}"),
                verdict: None,
            },
            (None, Answers::Right { by, silent }) => Told {
                ready: true,
                reason: "Answered",
                message: {
                    let plural = if *by == 1 { "" } else { "s" };
                    let told = format!("answered by {by} name server{plural}");
                    match silent {
                        0 => told,
                        silent => format!("{told}; {silent} could not be asked"),
                    }
                },
                verdict: None,
            },
        },
    }
}

fn on_its_way(change: &str) -> Told {
    Told::waits("Pending", format!("change {change} is on its way to the name servers"))
}

fn conflict(host: &str, conflicts: &[Conflict]) -> Told {
    let wrong = conflicts.iter().any(Conflict::is_of_what_is_wanted);
    let cause = if wrong { Cause::HostnameInvalid } else { Cause::RecordTaken };
    let message = conflicts.first().map(ToString::to_string).unwrap_or_default();
    let fix = "it goes on by itself once that is so";
    let mut found = verdict(cause, host, message, fix, true);
    found.evidence = conflicts.iter().skip(1).map(ToString::to_string).collect();
    Told::refused(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Name, ownership::Holder};

    fn of(outcome: Outcome, followed: &Followed) -> String {
        let name = Name::host("www.example.com").unwrap();
        let host = Host { name, outcome, why: String::new(), changes: vec![] };
        let told = told("www.example.com", Some(&host), followed);
        let cause = told.verdict.map(|verdict| format!(" {:?} {}", verdict.cause, verdict.terminal));
        format!("{} {}: {}{}", told.ready, told.reason, told.message, cause.unwrap_or_default())
    }

    #[test]
    fn a_host_is_ready_once_its_change_is_in_sync_and_name_servers_answer() {
        let mut followed = Followed { pending: Some("C1".into()), ..Followed::default() };
        let mut said = vec![of(Outcome::Create, &followed), of(Outcome::Nothing, &followed)];
        followed.pending = None;
        for answers in [
            Answers::Unasked,
            Answers::Wrong { words: "ns-1.example.net answers 10.0.0.9".into() },
            Answers::Right { by: 4, silent: 0 },
            Answers::Right { by: 3, silent: 1 },
            Answers::Silent { why: "no answer in time".into() },
        ] {
            said.push(of(Outcome::Nothing, &Followed { answers, ..followed.clone() }));
        }
        insta::assert_yaml_snapshot!(said);
    }

    #[test]
    fn what_stands_in_the_way_is_a_verdict() {
        let holder = Holder::ExternalDns { owner: "default".into(), resource: None };
        let conflict = Conflict::ForeignOwner { record: "www.example.com A".into(), holder };
        let denied = |passes| Followed { failed: Some(("denied".into(), passes)), ..Followed::default() };
        let said = [
            of(Outcome::Conflict(vec![conflict]), &Followed::default()),
            of(Outcome::Conflict(vec![Conflict::NoAddress]), &Followed::default()),
            of(Outcome::Withheld(Withheld::NoChange), &Followed::default()),
            of(Outcome::Withheld(Withheld::NextPass { most: 1 }), &Followed::default()),
            of(Outcome::Create, &denied(false)),
            of(Outcome::Create, &denied(true)),
        ];
        insta::assert_yaml_snapshot!(said);
    }
}
