//! How AWS is reached: credentials and region by the chain that every AWS tool has, what others keep in Secrets
//! Manager and Parameter Store, objects of S3, logins of its registry, ECR, and delivery streams of Firehose. Records of
//! logs, copies of objects, and what lies in buckets of outboard's own are all that is written there; what is deleted is what a
//! cluster's own Kubernetes has made.

mod access;
mod account;
mod authority;
mod content;
mod failure;
mod firehose;
mod half_made;
mod kept;
mod listeners;
mod machines;
mod made_by_kubernetes;
mod memory;
mod objects;
mod offers;
mod own_bucket;
mod own_parameters;
mod parameters;
mod permissions;
mod query;
mod registry;
mod secrets_manager;
mod store;
#[cfg(test)]
mod tests;
mod zones;

use std::sync::Arc;
use std::time::Duration;

pub use access::Access;
pub use account::{Account, Identity, Tagged};
pub use authority::Authority;
use aws_config::SdkConfig;
pub use failure::{Failure, sort};
pub use firehose::{Firehose, Key, Undelivered};
pub use kept::{CLASSES, Freshness, Holder, Kept, Place, Store};
pub use listeners::Listener;
pub use machines::{Health, Machine};
pub use made_by_kubernetes::{Deletion, Part};
use memory::Memory;
pub use objects::{Bucket, BucketPlace, Content, Listed, Page};
pub use offers::{Image, InstanceType, Network};
pub use own_bucket::{Object, OwnBucket};
pub use own_parameters::OwnParameters;
pub use registry::{Login, region_of};
pub use store::StorePlace;
pub use zones::HostedZone;

/// What was found is believed for so long by whoever merely follows it.
const LATELY: Duration = Duration::from_secs(25);
/// The same for whoever has just corrected something and asks again.
const ANEW: Duration = Duration::from_secs(1);
/// So long a parameter's tag is believed by whoever follows it.
const TAG: Duration = Duration::from_secs(600);
/// A login that could not be had is asked for again after this long.
const NO_LOGIN: Duration = Duration::from_secs(10);

/// Everything that outboard asks of AWS. One question serves all who ask the same at about the same time.
#[derive(Default)]
pub struct Aws {
    access: Access,
    kept: Memory<Place, Arc<Kept>>,
    /// Whom each parameter serves: by region and name. Asked for one by one, so not at every look.
    tags: Memory<(Option<String>, String), Option<String>>,
    logins: Memory<String, Login>,
}

impl Aws {
    /// One that is not found by the chain: what tests speak to.
    pub fn at(endpoint: &str) -> Self {
        Self { access: Access::at(endpoint), ..Self::default() }
    }

    /// What others keep at `place`.
    pub async fn kept(&self, place: &Place, freshness: Freshness) -> Result<Arc<Kept>, Failure> {
        let believed = match freshness {
            Freshness::Lately => LATELY,
            Freshness::Anew => ANEW,
        };
        let read = |earlier| async move {
            let access = self.access.of_region(place.region.as_deref()).await?;
            match place.store {
                Store::SecretsManager => secrets_manager::read(&access, &place.name, earlier).await,
                Store::ParameterStore => {
                    let tag = |name: String| self.tag(&access, place, name, freshness);
                    parameters::read(&access, &place.name, earlier, tag).await
                }
            }
        };
        self.kept.get(place, believed, |_, age| age < believed, read).await
    }

    async fn tag(
        &self,
        access: &SdkConfig,
        place: &Place,
        name: String,
        freshness: Freshness,
    ) -> Result<Option<String>, Failure> {
        let key = (place.region.clone(), name);
        let holds = |tag: &Option<String>, age: Duration| match freshness {
            // Its lack is what somebody is about to mend.
            Freshness::Lately => age < if tag.is_some() { TAG } else { LATELY },
            Freshness::Anew => age < ANEW,
        };
        self.tags.get(&key, ANEW, holds, |_| parameters::tag(access, &key.1)).await
    }

    /// A bucket, to list, to read and to add to. Nobody is asked yet whether it is there.
    pub async fn bucket(&self, place: &BucketPlace) -> Result<Bucket, Failure> {
        Bucket::reach(&self.access, place).await
    }

    /// Objects, to copy. Nobody is asked yet whether there are any.
    pub async fn store(&self, place: &StorePlace) -> Result<aws_sdk_s3::Client, Failure> {
        store::reach(&self.access, place).await
    }

    /// The login of every registry of ECR in this region that outboard's own identity may use.
    pub async fn login(&self, region: &str) -> Result<Login, Failure> {
        let read = |_| async move {
            let access = self.access.of_region(Some(region)).await?;
            registry::login(&access).await
        };
        self.logins.get(&region.to_owned(), NO_LOGIN, |login, _| login.lasts(), read).await
    }

    /// A registry refused this login: the next one is asked for anew.
    pub async fn forget_login(&self, region: &str) {
        self.logins.forget(&region.to_owned()).await;
    }
}
