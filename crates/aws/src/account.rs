//! Who the credentials are, and what carries a tag in a region of their account.

use std::collections::BTreeMap;

use aws_sdk_resourcegroupstagging::types::TagFilter;

use crate::Failure;
use crate::access::Access;
use crate::failure::sort;

/// Whoever the chain says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    pub account: String,
    pub arn: String,
}

/// Something that carries a tag.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tagged {
    pub arn: String,
    pub tags: BTreeMap<String, String>,
}

/// An account, seen from one of its regions.
pub struct Account {
    pub(crate) config: aws_config::SdkConfig,
}

impl Account {
    pub async fn reach(region: &str) -> Result<Self, Failure> {
        Ok(Self { config: Access::default().of_region(Some(region)).await? })
    }

    /// Whether it is a server that only answers like AWS.
    pub fn is_elsewhere(&self) -> bool {
        self.config.endpoint_url().is_some()
    }

    pub async fn identity(&self) -> Result<Identity, Failure> {
        let client = aws_sdk_sts::Client::new(&self.config);
        let told = client.get_caller_identity().send().await.map_err(|error| sort(&error))?;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Ok(Identity { account: text(told.account()), arn: text(told.arn()) })
    }

    /// Everything in the region that carries this tag, by its ARN, as far as AWS' index of tags knows it: roles and records of
    /// Route 53 are not in it, and what has just gone may stay in it for some minutes.
    pub async fn tagged(&self, key: &str, value: &str) -> Result<Vec<Tagged>, Failure> {
        let client = aws_sdk_resourcegroupstagging::Client::new(&self.config);
        let filter = TagFilter::builder().key(key).values(value).build();
        let (mut found, mut next) = (Vec::new(), None::<String>);
        loop {
            let asked = client.get_resources().tag_filters(filter.clone()).set_pagination_token(next.take());
            let page = asked.send().await.map_err(|error| sort(&error))?;
            let resources = page.resource_tag_mapping_list.unwrap_or_default();
            found.extend(resources.into_iter().filter_map(|resource| {
                let tags = resource.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value));
                Some(Tagged { arn: resource.resource_arn?, tags: tags.collect() })
            }));
            next = page.pagination_token.filter(|token| !token.is_empty());
            if next.is_none() {
                found.sort_by(|a, b| a.arn.cmp(&b.arn));
                return Ok(found);
            }
        }
    }
}
