//! Record sets as Route 53's client has them, there and back.

use aws_sdk_route53::types::{
    AliasTarget, Change as Sent, ChangeAction, ResourceRecord, ResourceRecordSet, RrType,
};

use crate::Failure;
use crate::plan::{Action, Change, Content, Kind, Name, RecordSet, Routing};

pub fn read(told: &ResourceRecordSet) -> RecordSet {
    let identifier = told.set_identifier.clone();
    let weight = told.weight.and_then(|weight| u8::try_from(weight).ok());
    let routing = match (identifier, weight) {
        (None, _) => Routing::Simple,
        (Some(identifier), Some(weight)) => Routing::Weighted { identifier, weight },
        (Some(identifier), None) => Routing::Other { identifier },
    };
    let content = match (&told.alias_target, told.ttl.and_then(|ttl| u32::try_from(ttl).ok())) {
        (Some(alias), _) => Content::Alias {
            zone: alias.hosted_zone_id.clone(),
            target: Name::from_route53(&alias.dns_name),
            evaluate_health: alias.evaluate_target_health,
        },
        (None, Some(ttl)) if told.traffic_policy_instance_id.is_none() => Content::Records {
            ttl,
            values: told.resource_records().iter().map(|record| record.value.clone()).collect(),
        },
        _ => Content::Other,
    };
    RecordSet {
        name: Name::from_route53(&told.name),
        kind: Kind::from_route53(told.r#type.as_str()),
        routing,
        content,
        health_check: told.health_check_id.clone(),
    }
}

pub fn change(change: &Change) -> Result<Sent, Failure> {
    let action = match change.action {
        Action::Create => ChangeAction::Create,
        Action::Delete => ChangeAction::Delete,
    };
    Sent::builder()
        .action(action)
        .resource_record_set(sent(&change.set)?)
        .build()
        .map_err(|error| Failure::Refused(error.to_string()))
}

fn sent(set: &RecordSet) -> Result<ResourceRecordSet, Failure> {
    let refused = |error: aws_sdk_route53::error::BuildError| Failure::Refused(error.to_string());
    let mut sent = ResourceRecordSet::builder()
        .name(set.name.to_route53())
        .r#type(RrType::from(set.kind.as_str()))
        .set_health_check_id(set.health_check.clone());
    match &set.routing {
        Routing::Simple => {}
        Routing::Weighted { identifier, weight } => {
            sent = sent.set_identifier(identifier).weight(i64::from(*weight));
        }
        Routing::Other { .. } => return Err(not_understood(set)),
    }
    match &set.content {
        Content::Records { ttl, values } => {
            sent = sent.ttl(i64::from(*ttl));
            for value in values {
                sent =
                    sent.resource_records(ResourceRecord::builder().value(value).build().map_err(refused)?);
            }
        }
        Content::Alias { zone, target, evaluate_health } => {
            let alias = AliasTarget::builder()
                .hosted_zone_id(zone)
                .dns_name(target.to_route53())
                .evaluate_target_health(*evaluate_health);
            sent = sent.alias_target(alias.build().map_err(refused)?);
        }
        Content::Other => return Err(not_understood(set)),
    }
    sent.build().map_err(refused)
}

/// Plans never ask for it.
fn not_understood(set: &RecordSet) -> Failure {
    Failure::Refused(format!("{set} is not understood, so it can't be written"))
}
