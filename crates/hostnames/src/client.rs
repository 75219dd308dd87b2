//! Route 53 at AWS, by its own client. Tries nothing twice and keeps no record of what it did: that is the scheduler's and the
//! journal's.

use std::error::Error;

use aws::Access;
use aws_sdk_route53::Client;
use aws_sdk_route53::config::http::HttpResponse;
use aws_sdk_route53::config::retry::RetryConfig;
use aws_sdk_route53::config::{Builder, Region};
use aws_sdk_route53::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsError;
use aws_sdk_route53::types::{ChangeBatch, ChangeStatus, HostedZone, RrType};

use crate::failure::names_in;
use crate::plan::{Change, Name};
use crate::route53::{Page, Route53, Start, Zone};
use crate::{Failure, wire};

/// Route 53 is of no region; signatures and partitions are.
const ANY_REGION: &str = "us-east-1";
/// As many as Route 53 gives at once.
const PAGE: i32 = 300;

#[derive(Clone, Debug)]
pub struct Aws {
    client: Client,
}

impl Aws {
    /// As whoever the chain says.
    pub async fn reach(access: &Access) -> Result<Self, Failure> {
        let region = access.region().await.unwrap_or(Region::from_static(ANY_REGION));
        let config = access.of_region(Some(region.as_ref())).await?;
        let builder = Builder::from(&config).retry_config(RetryConfig::disabled());
        Ok(Self { client: Client::from_conf(builder.build()) })
    }
}

impl Route53 for Aws {
    async fn zone(&self, id: &str) -> Result<Zone, Failure> {
        let told = self.client.get_hosted_zone().id(id).send().await.map_err(|error| sort(&error, id))?;
        told.hosted_zone.as_ref().map(zone).ok_or_else(|| Failure::NoSuchZone(id.to_owned()))
    }

    async fn zones_named(&self, name: &Name) -> Result<Vec<Zone>, Failure> {
        let mut zones = vec![];
        let mut next = Some((name.to_route53(), None));
        while let Some((at, id)) = next.take() {
            let asked = self.client.list_hosted_zones_by_name().dns_name(at).set_hosted_zone_id(id);
            let told = asked.send().await.map_err(|error| sort(&error, name.as_str()))?;
            let found: Vec<Zone> = told.hosted_zones.iter().map(zone).collect();
            // They come in the order of names, beginning with this one.
            let more = told.is_truncated && found.iter().all(|zone| zone.name == *name);
            zones.extend(found.into_iter().filter(|zone| zone.name == *name));
            if more {
                next = told.next_dns_name.map(|at| (at, told.next_hosted_zone_id));
            }
        }
        Ok(zones)
    }

    async fn page(&self, zone: &str, start: Option<&Start>) -> Result<Page, Failure> {
        let mut asked = self.client.list_resource_record_sets().hosted_zone_id(zone).max_items(PAGE);
        if let Some(start) = start {
            asked = asked
                .start_record_name(start.name.to_route53())
                .set_start_record_type(start.kind.as_deref().map(RrType::from))
                .set_start_record_identifier(start.identifier.clone());
        }
        let told = asked.send().await.map_err(|error| sort(&error, zone))?;
        let next = match (told.is_truncated, &told.next_record_name) {
            (true, Some(name)) => Some(Start {
                name: Name::from_route53(name),
                kind: told.next_record_type.as_ref().map(|kind| kind.as_str().to_owned()),
                identifier: told.next_record_identifier.clone(),
            }),
            _ => None,
        };
        Ok(Page { sets: told.resource_record_sets.iter().map(wire::read).collect(), next })
    }

    async fn change(&self, zone: &str, comment: &str, changes: &[Change]) -> Result<String, Failure> {
        let changes = changes.iter().map(wire::change).collect::<Result<Vec<_>, Failure>>()?;
        let batch = ChangeBatch::builder()
            .comment(comment)
            .set_changes(Some(changes))
            .build()
            .map_err(|error| Failure::Refused(error.to_string()))?;
        let asked = self.client.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
        let told = asked.send().await.map_err(|error| {
            match error.as_service_error().filter(|error| is_of_changes(error)) {
                Some(told) => invalid(told),
                None => sort(&error, zone),
            }
        })?;
        // Without an id it is still done; whoever asks for it is told that it isn't known.
        Ok(told.change_info.map(|change| without_prefix(&change.id)).unwrap_or_default())
    }

    async fn is_in_sync(&self, change: &str) -> Result<bool, Failure> {
        let told = self.client.get_change().id(change).send().await.map_err(|error| sort(&error, change))?;
        Ok(told.change_info.is_some_and(|change| change.status == ChangeStatus::Insync))
    }
}

/// Whether some of the changes are to blame: a health check that is not there, say. The others would be done.
fn is_of_changes(error: &ChangeResourceRecordSetsError) -> bool {
    error.is_invalid_change_batch() || error.is_no_such_health_check() || error.is_invalid_input()
}

fn invalid(error: &ChangeResourceRecordSetsError) -> Failure {
    let words = match error {
        ChangeResourceRecordSetsError::InvalidChangeBatch(batch) if !batch.messages().is_empty() => {
            batch.messages().join(", ")
        }
        other => other.message().unwrap_or("without a word").to_owned(),
    };
    Failure::InvalidBatch { names: names_in(&words), words }
}

/// `about`: the id or name that was asked for.
fn sort<E>(error: &SdkError<E, HttpResponse>, about: &str) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let told = error.as_service_error();
    let words = || told.and_then(ProvideErrorMetadata::message).unwrap_or("without a word").to_owned();
    match told.and_then(ProvideErrorMetadata::code) {
        Some("NoSuchHostedZone") => Failure::NoSuchZone(about.to_owned()),
        Some("NoSuchChange") => Failure::NoSuchChange(about.to_owned()),
        Some("PriorRequestNotComplete") => Failure::PriorRequestNotComplete(words()),
        _ => aws::sort(error).into(),
    }
}

impl From<aws::Failure> for Failure {
    fn from(failure: aws::Failure) -> Self {
        match failure {
            aws::Failure::Denied(words) => Self::Denied(words),
            aws::Failure::Throttled(words) => Self::Throttled(words),
            aws::Failure::NoCredentials(words) => Self::NoCredentials(words),
            aws::Failure::Unreachable(words) => Self::Unreachable(words),
            aws::Failure::Refused(words) => Self::Refused(words),
            other => Self::Refused(format!("{other:?}")),
        }
    }
}

fn zone(told: &HostedZone) -> Zone {
    Zone {
        id: without_prefix(&told.id),
        name: Name::from_route53(&told.name),
        private: told.config.as_ref().is_some_and(|config| config.private_zone),
    }
}

/// Route 53 answers `/hostedzone/Z1` and `/change/C1`.
fn without_prefix(id: &str) -> String {
    id.rsplit('/').next().unwrap_or(id).to_owned()
}
