//! One environment in full, as it is shown and sent again whenever it changes.

use api::{Condition, ConditionStatus, PartState, PartStatus, Role, Verdict};
use askama::Template;
use jiff::Timestamp;
use verbs::environment::{Detail, State};
use verbs::hostname;
use words::time::age_at;
use words::{doing, finding, harmless};

use super::address::Address;
use super::carried::Carried;
use super::tone::{Chip, of_part, of_state};

#[derive(Template)]
#[template(path = "_environment.html")]
pub struct Body {
    pub detail: Detail,
    pub chip: Chip,
    /// `r3`, as people say it.
    pub revision: Option<String>,
    pub age: String,
    pub verdict: Option<Judged>,
    pub addresses: Vec<Address>,
    /// Why names of its own are not among those.
    pub unheard: Option<String>,
    pub parts: Vec<Part>,
    /// What whoever looks on has carried out.
    pub carried: Option<Carried>,
    pub conditions: Vec<Told>,
    pub silence: Option<String>,
    /// What the form of this page carries.
    pub token: String,
    /// What whoever looks at it may do.
    pub may: May,
}

/// What somebody is offered.
#[derive(Clone, Copy, Debug, Default)]
pub struct May {
    pub change: bool,
    pub destroy: bool,
}

/// A verdict, in the words of the command line.
#[derive(Clone, Debug, Template)]
#[template(path = "_verdict.html")]
pub struct Judged {
    pub tone: &'static str,
    pub finding: String,
    pub evidence: Vec<String>,
    /// The same as one text, to be pasted.
    pub pasted: String,
    pub fix: String,
    /// It goes on by itself once that has changed.
    pub holds: bool,
}

impl Judged {
    pub fn of(verdict: &Verdict) -> Self {
        let evidence: Vec<String> =
            verdict.evidence.iter().flat_map(|text| text.lines()).map(harmless).collect();
        Self {
            tone: if verdict.terminal && !verdict.holds { "bad" } else { "wait" },
            finding: finding(verdict),
            pasted: evidence.join("\n"),
            evidence,
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

impl Part {
    /// As much of it as tells two apart.
    fn short_digest(&self) -> &str {
        let digest = self.status.digest.as_deref().unwrap_or_default();
        digest.get(..19).unwrap_or(digest)
    }
}

#[derive(Clone, Debug)]
pub struct Told {
    pub kind: String,
    pub condition: Condition,
    pub word: &'static str,
    pub age: String,
}

impl Body {
    pub fn of(
        detail: Detail,
        hosts: Vec<hostname::Summary>,
        silence: Option<String>,
        now: Timestamp,
    ) -> Self {
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
            revision: detail.summary.revision.map(|number| format!("r{number}")),
            age: age_at(detail.summary.created.as_deref(), now),
            verdict: detail.verdict.as_ref().map(Judged::of),
            addresses: Address::all(hosts, &detail.summary.urls),
            unheard: None,
            parts,
            carried: None,
            conditions: conditions.collect(),
            silence,
            token: String::new(),
            may: May::default(),
            detail,
        }
    }

    /// What to open first: a name of its own, if it is found there.
    fn opens(&self) -> Option<&str> {
        if self.detail.summary.state != State::Ready {
            return None;
        }
        let found = self.addresses.iter().find(|address| address.url.is_some() && address.is_found());
        found.and_then(|address| address.url.as_deref())
    }

    /// Parts that are done, and all of them.
    fn progress(&self) -> (usize, usize) {
        let done = self.parts.iter().filter(|part| part.status.state == PartState::Ready).count();
        (done, self.parts.len())
    }

    /// Of some addresses nothing is known here, which wants a word.
    fn has_unmanaged(&self) -> bool {
        self.addresses.iter().any(|address| address.row.summary.dns_ready.is_none())
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
    use crate::view::sample::{NOW, detail, hosts_of, world};

    fn body(index: usize) -> String {
        let newer = (index == 1).then_some("p-9876543210");
        let body = Body::of(detail(&world()[index], newer), hosts_of(&world()[index]), None, *NOW);
        let may = May { change: true, destroy: true };
        Body { token: "t".into(), may, ..body }.render().unwrap()
    }

    #[test]
    fn whoever_may_only_look_is_offered_nothing_else() {
        let looked = Body::of(detail(&world()[1], None), vec![], None, *NOW).render().unwrap();
        assert!(!looked.contains("/destroy") && !looked.contains("<form") && looked.contains("/report"));
        assert!(
            body(1).contains("/destroy") && body(1).contains("action=\"/environments/shop/qa-42/change\"")
        );
    }

    #[test]
    fn what_is_opened_first_is_a_name_of_its_own_only_if_it_is_found() {
        let opens = |answered| {
            let mut hosts = hosts_of(&world()[1]);
            hosts.retain(|host| host.host != "beta.example.com");
            for host in &mut hosts {
                host.dns_ready = host.weight.map(|_| answered);
            }
            let body = Body::of(detail(&world()[1], None), hosts, None, *NOW);
            body.opens().map(str::to_owned)
        };
        assert_eq!(opens(true).as_deref(), Some("http://new.example.com:8080"));
        assert_eq!(opens(false).as_deref(), Some("http://web-qa-42-shop.localhost:8080"));
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
