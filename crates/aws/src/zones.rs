//! Hosted zones of Route 53 by their name, with their tags: the index of tags that a region has knows nothing of them. What lies in
//! them is the business of whoever keeps hostnames.

use aws_sdk_route53::Client;
use aws_sdk_route53::types::TagResourceType;

use crate::failure::sort;
use crate::{Account, Failure, Tagged};

impl Account {
    /// Every zone of exactly this name, by an ARN as the index of tags would give it.
    pub async fn zones_named(&self, name: &str) -> Result<Vec<Tagged>, Failure> {
        let client = Client::new(&self.config);
        let (wanted, mut found) = (format!("{}.", name.trim_end_matches('.')), Vec::new());
        let mut next = Some((wanted.clone(), None));
        while let Some((at, id)) = next.take() {
            let asked = client.list_hosted_zones_by_name().dns_name(at).set_hosted_zone_id(id);
            let told = asked.send().await.map_err(|error| sort(&error))?;
            // They come in the order of names, beginning with this one.
            let more = told.is_truncated && told.hosted_zones.iter().all(|zone| zone.name == wanted);
            for zone in told.hosted_zones.iter().filter(|zone| zone.name == wanted) {
                found.push(tagged(&client, zone.id.rsplit('/').next().unwrap_or(&zone.id)).await?);
            }
            if more {
                next = told.next_dns_name.map(|at| (at, told.next_hosted_zone_id));
            }
        }
        Ok(found)
    }
}

async fn tagged(client: &Client, id: &str) -> Result<Tagged, Failure> {
    let asked = client.list_tags_for_resource().resource_type(TagResourceType::Hostedzone).resource_id(id);
    let told = asked.send().await.map_err(|error| sort(&error))?;
    let set = told.resource_tag_set.map(|set| set.tags.unwrap_or_default()).unwrap_or_default();
    let tags = set.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect();
    Ok(Tagged { arn: format!("arn:aws:route53:::hostedzone/{id}"), tags })
}
