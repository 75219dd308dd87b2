//! What the world outside is told of an environment: each verdict that ended the waiting, once, and that it has passed.
//!
//! What was taken stands in a condition, so that a new operator neither tells it again nor forgets it. Its backups are told alike.

mod backup;

use api::condition::{self, ANNOUNCED, READY};
use api::{Cause, Condition, ConditionStatus, Environment, Verdict};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// So many seconds it has to be ready before that is told: what crashes again and again is ready in between.
pub const STEADY: i64 = 120;
const PASSED: &str = "Passed";
/// So many are remembered until all has passed: what flips between two causes is told of each once.
const KEPT: usize = 16;
const BETWEEN: &str = "; ";

/// What there is to do about one environment.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    Nothing,
    /// Nothing before so many seconds have passed.
    Wait(u64),
    Tell(Message),
}

/// One announcement.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The same whenever the same is told: whoever gets it twice can tell.
    pub id: String,
    pub body: Value,
    /// What stands at the environment once it was taken.
    pub taken: Condition,
}

pub fn act(environment: &Environment, now: Timestamp) -> Act {
    // One at a time: once that was taken it is looked at again.
    match (of_verdict(environment, now), backup::act(environment, now)) {
        (tells @ Act::Tell(_), _) | (_, tells @ Act::Tell(_)) => tells,
        (first, _) => first,
    }
}

fn of_verdict(environment: &Environment, now: Timestamp) -> Act {
    let Some(status) = environment.status.as_ref() else { return Act::Nothing };
    let before = condition::find(&status.conditions, ANNOUNCED);
    let told = before.filter(|told| told.is_true());
    let verdict = status.verdict.as_ref().filter(|verdict| verdict.terminal && is_news(environment, verdict));
    if let Some(verdict) = verdict {
        let words = format!("{:?} of {}", verdict.cause, verdict.about);
        let mut all: Vec<&str> = told.map(|told| told.message.split(BETWEEN).collect()).unwrap_or_default();
        if all.contains(&words.as_str()) {
            return Act::Nothing;
        }
        all.push(&words);
        let all = all[all.len().saturating_sub(KEPT)..].join(BETWEEN);
        let reason = format!("{:?}", verdict.cause);
        let taken = taken(environment, (ANNOUNCED, ConditionStatus::True), &reason, &all, now);
        return Act::Tell(message(environment, "verdict.given", Some(verdict), before, taken, now));
    }
    let ready = condition::find(&status.conditions, READY).filter(|ready| ready.is_true());
    let (Some(told), Some(ready)) = (told, ready) else { return Act::Nothing };
    if environment.metadata.deletion_timestamp.is_some() || status.verdict.is_some() {
        return Act::Nothing;
    }
    let since = now.as_second() - ready.last_transition_time.0.as_second();
    match u64::try_from(STEADY - since) {
        Ok(left @ 1..) => Act::Wait(left),
        _ => {
            let taken = taken(environment, (ANNOUNCED, ConditionStatus::False), PASSED, &told.message, now);
            Act::Tell(message(environment, "verdict.passed", None, before, taken, now))
        }
    }
}

fn is_news(environment: &Environment, verdict: &Verdict) -> bool {
    let status = environment.status.as_ref();
    if environment.metadata.deletion_timestamp.is_some() {
        // Whoever destroys it need not be told but of what keeps it from going.
        return verdict.cause == Cause::NamespaceStuck;
    }
    // Whoever has as many as allowed was told so, and may ask for a thousand more.
    verdict.cause != Cause::QuotaExceeded || status.is_some_and(|status| status.revision.is_some())
}

fn taken(
    environment: &Environment,
    (r#type, status): (&str, ConditionStatus),
    reason: &str,
    about: &str,
    now: Timestamp,
) -> Condition {
    Condition {
        r#type: r#type.to_owned(),
        status,
        reason: reason.to_owned(),
        message: about.to_owned(),
        observed_generation: environment.metadata.generation.unwrap_or(0),
        last_transition_time: Time(now),
    }
}

/// No evidence is in it: lines of logs are not for everybody who may be told.
fn message(
    environment: &Environment,
    event: &str,
    verdict: Option<&Verdict>,
    before: Option<&Condition>,
    taken: Condition,
    now: Timestamp,
) -> Message {
    let place = place(environment);
    let about = &taken.message;
    let text = verdict.map_or_else(
        || format!("{place}: ready again, after {about}"),
        |verdict| format!("{place}: {}: {}; fix: {}", verdict.about, verdict.message, verdict.fix),
    );
    let revision = environment.status.as_ref().and_then(|status| status.revision);
    let id = id(&json!([environment.uid(), event, taken.reason, about, earlier(before), revision]));
    let body = json!({
        "type": event,
        "timestamp": now.to_string(),
        "text": one_line(&text),
        "data": {
            "environment": described(environment),
            "verdict": verdict.map(|verdict| json!({
                "cause": verdict.cause,
                "about": verdict.about,
                "message": verdict.message,
                "fix": verdict.fix,
            })),
            "command": command(environment, "explain"),
        },
    });
    Message { id, body, taken }
}

/// The transition before is what tells this time from an earlier one with the same words.
fn earlier(before: Option<&Condition>) -> Option<String> {
    before.map(|before| before.last_transition_time.0.to_string())
}

fn id(told: &Value) -> String {
    let hash = Sha256::digest(told.to_string());
    let id: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("msg_{id}")
}

fn place(environment: &Environment) -> String {
    let (name, control) = (environment.name_any(), environment.namespace().unwrap_or_default());
    format!("{control}/{name} ({})", environment.spec.class)
}

fn command(environment: &Environment, verb: &str) -> String {
    let (name, control) = (environment.name_any(), environment.namespace().unwrap_or_default());
    format!("outboard -n {control} env {verb} {name}")
}

fn described(environment: &Environment) -> Value {
    let status = environment.status.clone().unwrap_or_default();
    json!({
        "name": environment.name_any(),
        "controlNamespace": environment.namespace().unwrap_or_default(),
        "namespace": status.namespace,
        "project": environment.spec.project,
        "class": environment.spec.class,
        "owner": environment.spec.owner,
        "protected": status.protection.is_some(),
        "revision": status.revision,
        "urls": status.urls,
    })
}

/// Chat services take `<!channel>` and the like for orders, and the words are in part those of programs.
fn one_line(text: &str) -> String {
    let plain = |c: char| match c {
        '<' => '‹',
        '>' => '›',
        c if c.is_control() => ' ',
        c => c,
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use api::{EnvironmentSpec, EnvironmentStatus};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn verdict(cause: Cause, about: &str) -> Verdict {
        Verdict {
            cause,
            about: about.to_owned(),
            message: "web keeps crashing".into(),
            evidence: vec!["password=hunter2".into()],
            fix: "read its last lines".into(),
            terminal: true,
            holds: false,
        }
    }

    fn environment(verdict: Option<Verdict>, ready_since: Option<i64>) -> Environment {
        let spec =
            EnvironmentSpec { project: "shop".into(), class: "qa".into(), ..EnvironmentSpec::default() };
        let mut environment = Environment::new("qa-42", spec);
        environment.metadata.namespace = Some("shop".into());
        environment.metadata.uid = Some("u1".into());
        let mut status = EnvironmentStatus { verdict, revision: Some(3), ..EnvironmentStatus::default() };
        if let Some(since) = ready_since {
            let ready = taken(&environment, (READY, ConditionStatus::True), "Ready", "", at(since));
            condition::set(&mut status.conditions, ready);
        }
        environment.status = Some(status);
        environment
    }

    /// What a receiver that takes everything has heard, in order.
    fn take(environment: &mut Environment, now: i64) -> Option<Message> {
        match act(environment, at(now)) {
            Act::Tell(message) => {
                let status = environment.status.as_mut().unwrap();
                condition::set(&mut status.conditions, message.taken.clone());
                Some(message)
            }
            _ => None,
        }
    }

    fn set(environment: &mut Environment, verdict: Option<Verdict>) {
        environment.status.as_mut().unwrap().verdict = verdict;
    }

    #[test]
    fn a_verdict_is_told_once_and_another_one_again() {
        let mut qa = environment(Some(verdict(Cause::CrashLoop, "component web")), None);
        let first = take(&mut qa, 1).unwrap();
        assert_eq!(first.body["type"], "verdict.given");
        assert_eq!(take(&mut qa, 2), None);
        set(&mut qa, Some(verdict(Cause::OutOfMemory, "component web")));
        let second = take(&mut qa, 3).unwrap();
        assert_ne!(first.id, second.id);
        set(&mut qa, Some(verdict(Cause::OutOfMemory, "service db")));
        assert!(take(&mut qa, 4).is_some(), "another part");
        set(&mut qa, Some(verdict(Cause::CrashLoop, "component web")));
        assert_eq!(take(&mut qa, 5), None, "what flips between two is told of each once");
    }

    #[test]
    fn what_was_not_taken_is_told_again_under_the_same_id() {
        let qa = environment(Some(verdict(Cause::CrashLoop, "component web")), None);
        let (Act::Tell(first), Act::Tell(again)) = (act(&qa, at(1)), act(&qa, at(99))) else {
            panic!("nothing was told")
        };
        assert_eq!(first.id, again.id);
    }

    #[test]
    fn that_it_has_passed_is_told_once_it_was_ready_for_a_while() {
        let mut qa = environment(Some(verdict(Cause::CrashLoop, "component web")), None);
        let first = take(&mut qa, 1).unwrap();
        set(&mut qa, None);
        assert_eq!(act(&qa, at(500)), Act::Nothing, "it is on its way, not ready");
        let told = qa.status.clone().unwrap().conditions;
        let mut ready = environment(None, Some(500));
        ready.status.as_mut().unwrap().conditions.extend(told);
        assert_eq!(act(&ready, at(520)), Act::Wait(100));
        let passed = take(&mut ready, 620).unwrap();
        assert_eq!(passed.body["type"], "verdict.passed");
        assert_eq!(take(&mut ready, 9999), None);
        set(&mut ready, Some(verdict(Cause::CrashLoop, "component web")));
        let again = take(&mut ready, 10_000).unwrap();
        assert_ne!(again.id, first.id, "the same once more is news");
    }

    #[test]
    fn what_passes_by_itself_and_what_is_being_destroyed_is_not_told() {
        let waiting = Verdict { terminal: false, ..verdict(Cause::Unschedulable, "component web") };
        assert_eq!(act(&environment(Some(waiting), None), at(1)), Act::Nothing);
        assert_eq!(act(&environment(None, Some(1)), at(999)), Act::Nothing, "nothing was ever wrong");
        let mut going = environment(Some(verdict(Cause::CrashLoop, "component web")), None);
        going.metadata.deletion_timestamp = Some(Time(at(1)));
        assert_eq!(act(&going, at(2)), Act::Nothing);
        set(&mut going, Some(verdict(Cause::NamespaceStuck, "namespace shop-qa-42")));
        assert!(take(&mut going, 3).is_some(), "it cannot go");
    }

    #[test]
    fn who_has_as_many_as_allowed_is_told_and_nobody_else() {
        let mut one_more = environment(Some(verdict(Cause::QuotaExceeded, "environment qa-42")), None);
        assert!(matches!(act(&one_more, at(1)), Act::Tell(_)), "it runs, and its pods have no room");
        one_more.status.as_mut().unwrap().revision = None;
        assert_eq!(act(&one_more, at(1)), Act::Nothing, "it was never let in");
    }

    #[test]
    fn a_line_for_chats_is_one_line_and_no_order() {
        assert_eq!(one_line("a\nb <!channel>"), "a b ‹!channel›");
    }

    #[test]
    fn lines_of_logs_are_in_no_message() {
        let qa = environment(Some(verdict(Cause::CrashLoop, "component web")), None);
        let Act::Tell(message) = act(&qa, at(1)) else { panic!("nothing was told") };
        let body = message.body.to_string();
        assert!(!body.contains("hunter2"), "{body}");
        insta::assert_json_snapshot!(message.body);
    }
}
