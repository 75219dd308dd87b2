//! One environment in full, as it is shown and sent again whenever it changes.

use api::{Condition, ConditionStatus, PartState, PartStatus, Role, Verdict};
use askama::Template;
use jiff::Timestamp;
use verbs::environment::{Detail, State};
use words::time::age_at;
use words::{doing, finding};

use super::log::harmless;
use super::tone::{Chip, of_part, of_state};

#[derive(Template)]
#[template(path = "_environment.html")]
pub struct Body {
    pub detail: Detail,
    pub chip: Chip,
    pub age: String,
    pub verdict: Option<Judged>,
    pub parts: Vec<Part>,
    pub conditions: Vec<Told>,
    pub silence: Option<String>,
}

/// A verdict, in the words of the command line.
#[derive(Clone, Debug)]
pub struct Judged {
    pub tone: &'static str,
    pub finding: String,
    pub evidence: Vec<String>,
    pub fix: String,
    /// It goes on by itself once that has changed.
    pub holds: bool,
}

impl Judged {
    pub fn of(verdict: &Verdict) -> Self {
        Self {
            tone: if verdict.terminal && !verdict.holds { "bad" } else { "wait" },
            finding: finding(verdict),
            evidence: verdict.evidence.iter().flat_map(|text| text.lines()).map(harmless).collect(),
            fix: verdict.fix.clone(),
            holds: verdict.holds,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Part {
    pub status: PartStatus,
    pub chip: Chip,
    pub icon_name: &'static str,
    pub doing: String,
}

#[derive(Clone, Debug)]
pub struct Told {
    pub kind: String,
    pub condition: Condition,
    pub word: &'static str,
    pub age: String,
}

impl Body {
    pub fn of(detail: Detail, silence: Option<String>, now: Timestamp) -> Self {
        let parts = detail.parts.iter().map(part).collect();
        let conditions = detail.conditions.iter().map(|condition| Told {
            kind: condition.r#type.clone(),
            condition: condition.clone(),
            word: match condition.status {
                ConditionStatus::True => "true",
                ConditionStatus::False => "false",
                ConditionStatus::Unknown => "unknown",
            },
            age: age_at(Some(&condition.last_transition_time.0.to_string()), now),
        });
        Self {
            chip: of_state(detail.summary.state),
            age: age_at(detail.summary.created.as_deref(), now),
            verdict: detail.verdict.as_ref().map(Judged::of),
            parts,
            conditions: conditions.collect(),
            silence,
            detail,
        }
    }

    /// Parts that are done, and all of them.
    fn progress(&self) -> (usize, usize) {
        let done = self.parts.iter().filter(|part| part.status.state == PartState::Ready).count();
        (done, self.parts.len())
    }

    fn is_on_its_way(&self) -> bool {
        matches!(self.detail.summary.state, State::Progressing | State::Unseen | State::Held)
    }

    fn is_going(&self) -> bool {
        self.detail.summary.state == State::Destroying
    }

    fn base(&self) -> String {
        let summary = &self.detail.summary;
        format!("/environments/{}/{}", summary.namespace, summary.name)
    }
}

fn part(status: &PartStatus) -> Part {
    let icon_name = match status.role {
        Role::Manifest => "file-text",
        Role::Service => "database",
        Role::Job | Role::After => "play",
        Role::Component => "box",
        Role::Schedule => "clock",
        Role::Route => "route",
    };
    // What is ready and says no more than that need not be said twice.
    let doing = if status.state == PartState::Ready { status.message.clone() } else { doing(status) };
    let doing = if doing == status.state.as_str() { String::new() } else { doing };
    Part { status: status.clone(), chip: of_part(status.state), icon_name, doing }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample::{NOW, detail, world};

    fn body(index: usize) -> String {
        let newer = (index == 1).then_some("p-9876543210");
        Body::of(detail(&world()[index], newer), None, *NOW).render().unwrap()
    }

    #[test]
    fn an_environment_that_is_ready_shows_where_it_is() {
        insta::assert_snapshot!(body(1));
    }

    #[test]
    fn one_on_its_way_shows_how_far_each_part_is() {
        insta::assert_snapshot!(body(2));
    }

    #[test]
    fn one_that_failed_shows_the_verdict_with_its_evidence_and_what_to_do() {
        insta::assert_snapshot!(body(3));
    }
}
