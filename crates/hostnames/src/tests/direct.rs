//! The fake of Route 53 without a wire, for tests that ask it hundreds of thousands of times. The rules are the same.

use tokio::task::yield_now;

use crate::plan::{self, Action, Content, Kind, Name, RecordSet, Routing};
use crate::route53::{Page, Route53, Start, Zone};
use crate::{Failure, failure};
use route53_fake::{Alias, Change, Refusal, Set, Shared};

/// One who asks. Others can come in before each question and before each answer.
pub struct Direct {
    pub fake: Shared,
    pub caller: String,
    pub page: usize,
}

impl Route53 for Direct {
    async fn zone(&self, id: &str) -> Result<Zone, Failure> {
        let told = self.fake.lock().unwrap().zone(id);
        told.map(|(id, told)| zone(&id, &told)).map_err(|refusal| sorted(refusal, id))
    }

    async fn zones_named(&self, name: &Name) -> Result<Vec<Zone>, Failure> {
        let told = self.fake.lock().unwrap().zones_from(&name.to_route53());
        let told = told.map_err(|refusal| sorted(refusal, ""))?;
        Ok(told.iter().map(|(id, told)| zone(id, told)).filter(|zone| zone.name == *name).collect())
    }

    async fn page(&self, zone: &str, start: Option<&Start>) -> Result<Page, Failure> {
        yield_now().await;
        let name = start.map(|start| start.name.to_route53());
        let from = (
            name.as_deref(),
            start.and_then(|start| start.kind.as_deref()),
            start.and_then(|start| start.identifier.as_deref()),
        );
        let told = self.fake.lock().unwrap().list(zone, from, self.page);
        yield_now().await;
        let told = told.map_err(|refusal| sorted(refusal, zone))?;
        let next = told.next.map(|next| Start {
            name: Name::from_route53(&next.name),
            kind: Some(next.kind),
            identifier: next.identifier,
        });
        Ok(Page { sets: told.sets.iter().map(read).collect(), next })
    }

    async fn change(&self, zone: &str, _: &str, changes: &[plan::Change]) -> Result<String, Failure> {
        yield_now().await;
        let changes: Vec<Change> = changes.iter().map(change).collect();
        let told = self.fake.lock().unwrap().change(&self.caller, zone, &changes);
        yield_now().await;
        told.map_err(|refusal| sorted(refusal, zone))
    }

    async fn is_in_sync(&self, change: &str) -> Result<bool, Failure> {
        yield_now().await;
        self.fake.lock().unwrap().is_in_sync(change).map_err(|refusal| sorted(refusal, change))
    }
}

fn sorted(refusal: Refusal, about: &str) -> Failure {
    let Refusal { status, code, message } = refusal;
    match code {
        "Throttling" => Failure::Throttled(message),
        "PriorRequestNotComplete" => Failure::PriorRequestNotComplete(message),
        "InvalidChangeBatch" | "NoSuchHealthCheck" | "InvalidInput" => {
            Failure::InvalidBatch { names: failure::names_in(&message), words: message }
        }
        "NoSuchHostedZone" => Failure::NoSuchZone(about.to_owned()),
        "NoSuchChange" => Failure::NoSuchChange(about.to_owned()),
        "AccessDenied" => Failure::Denied(message),
        _ if status >= 500 => Failure::Unreachable(message),
        _ => Failure::Refused(format!("{code}: {message}")),
    }
}

fn zone(id: &str, told: &route53_fake::Zone) -> Zone {
    Zone { id: id.to_owned(), name: Name::from_route53(&told.name), private: told.private }
}

pub fn read(set: &Set) -> RecordSet {
    let routing = match (&set.identifier, set.weight) {
        (None, _) => Routing::Simple,
        (Some(identifier), Some(weight)) => {
            Routing::Weighted { identifier: identifier.clone(), weight: u8::try_from(weight).unwrap() }
        }
        (Some(identifier), None) => Routing::Other { identifier: identifier.clone() },
    };
    let content = match &set.alias {
        Some(alias) => Content::Alias {
            zone: alias.zone.clone(),
            target: Name::from_route53(&alias.target),
            evaluate_health: alias.evaluate,
        },
        None => Content::Records {
            ttl: u32::try_from(set.ttl.unwrap()).unwrap(),
            values: set.values.iter().cloned().collect(),
        },
    };
    RecordSet {
        name: Name::from_route53(&set.name),
        kind: Kind::from_route53(&set.kind),
        routing,
        content,
        health_check: set.health_check.clone(),
    }
}

fn change(change: &plan::Change) -> Change {
    let action = match change.action {
        Action::Create => "CREATE",
        Action::Delete => "DELETE",
    };
    Change { action: action.to_owned(), set: sent(&change.set) }
}

pub fn sent(set: &RecordSet) -> Set {
    let (ttl, values, alias) = match &set.content {
        Content::Records { ttl, values } => (Some(i64::from(*ttl)), values.iter().cloned().collect(), None),
        Content::Alias { zone, target, evaluate_health } => {
            let target = target.to_route53();
            (None, vec![], Some(Alias { zone: zone.clone(), target, evaluate: *evaluate_health }))
        }
        Content::Other => panic!("{set} can't be sent"),
    };
    Set {
        name: set.name.to_route53(),
        kind: set.kind.to_string(),
        identifier: set.identifier().map(str::to_owned),
        weight: set.weight().map(i64::from),
        other: None,
        ttl,
        values,
        alias,
        health_check: set.health_check.clone(),
    }
}
