//! What a region of an account has and offers, before anything is made there: zones, types of instances, an image, and how
//! much there may be of what.

use std::collections::{BTreeMap, BTreeSet};

use crate::query::{BALANCERS, EC2, Query, each, text};
use crate::{Account, Failure};

/// An image of machines.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Image {
    pub state: String,
    pub architecture: String,
    /// The device that its root volume is.
    pub root: String,
}

/// A type of instances.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct InstanceType {
    pub cpus: u32,
    pub architectures: Vec<String>,
}

/// A virtual network.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Network {
    pub id: String,
    /// Blocks of IPv4 addresses.
    pub blocks: BTreeSet<String>,
}

impl Account {
    /// Which of these types each zone offers.
    pub async fn offered(&self, types: &[String]) -> Result<BTreeMap<String, BTreeSet<String>>, Failure> {
        let mut parameters = vec![("LocationType".to_owned(), "availability-zone".to_owned())];
        parameters.extend(filter(1, "instance-type", types));
        let found = self.pages("DescribeInstanceTypeOfferings", "item", &parameters, |node| {
            Some((text(node, "location")?, text(node, "instanceType")?))
        });
        let mut offered: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (zone, kind) in found.await? {
            offered.entry(zone).or_default().insert(kind);
        }
        Ok(offered)
    }

    pub async fn instance_types(&self, types: &[String]) -> Result<BTreeMap<String, InstanceType>, Failure> {
        let named = types.iter().enumerate();
        let parameters: Vec<_> =
            named.map(|(index, kind)| (format!("InstanceType.{}", index + 1), kind.clone())).collect();
        let found = self.pages("DescribeInstanceTypes", "item", &parameters, |node| {
            let cpus = node.children().find(|child| child.tag_name().name() == "vCpuInfo")?;
            let cpus = text(cpus, "defaultVCpus")?.parse().ok()?;
            let architectures = node
                .descendants()
                .filter(|child| child.tag_name().name() == "supportedArchitectures")
                .flat_map(|list| list.children())
                .filter_map(|item| item.text().map(|text| text.trim().to_owned()))
                .filter(|text| !text.is_empty())
                .collect();
            Some((text(node, "instanceType")?, InstanceType { cpus, architectures }))
        });
        Ok(found.await?.into_iter().collect())
    }

    /// None: there is no such image, or none that this account may use.
    pub async fn image(&self, id: &str) -> Result<Option<Image>, Failure> {
        let parameters = [("ImageId.1".to_owned(), id.to_owned())];
        let answer = match Query::of(&self.config).ask(EC2, "DescribeImages", &parameters).await {
            Ok(answer) => answer,
            Err(Failure::Missing) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let found = each(&answer, "item", |node| {
            Some(Image {
                state: text(node, "imageState")?,
                architecture: text(node, "architecture").unwrap_or_default(),
                root: text(node, "rootDeviceName").unwrap_or_default(),
            })
        })?;
        Ok(found.into_iter().next())
    }

    /// Every virtual network of the region.
    pub async fn networks(&self) -> Result<Vec<Network>, Failure> {
        self.pages("DescribeVpcs", "item", &[], |node| {
            let further =
                node.children().filter(|child| child.tag_name().name() == "cidrBlockAssociationSet");
            let further = further.flat_map(|set| set.children()).filter_map(|item| text(item, "cidrBlock"));
            Some(Network {
                id: text(node, "vpcId")?,
                blocks: text(node, "cidrBlock").into_iter().chain(further).collect(),
            })
        })
        .await
    }

    /// How many public addresses there are.
    pub async fn addresses(&self) -> Result<usize, Failure> {
        let answer = Query::of(&self.config).ask(EC2, "DescribeAddresses", &[]).await?;
        Ok(each(&answer, "item", |node| text(node, "publicIp"))?.len())
    }

    /// How many load balancers of networks there are.
    pub async fn network_balancers(&self) -> Result<usize, Failure> {
        let (query, mut count, mut next) = (Query::of(&self.config), 0, None::<String>);
        loop {
            let parameters: Vec<_> =
                next.take().map(|next| ("Marker".to_owned(), next)).into_iter().collect();
            let answer = query.ask(BALANCERS, "DescribeLoadBalancers", &parameters).await?;
            let kinds = each(&answer, "member", |node| text(node, "Type"))?;
            count += kinds.iter().filter(|kind| *kind == "network").count();
            next = each(&answer, "NextMarker", |node| node.text().map(str::to_owned))?.pop();
            if next.is_none() {
                return Ok(count);
            }
        }
    }

    /// How much there may be of something; none: AWS does not say it.
    pub async fn quota(&self, service: &str, code: &str) -> Result<Option<f64>, Failure> {
        let client = aws_sdk_servicequotas::Client::new(&self.config);
        match client.get_service_quota().service_code(service).quota_code(code).send().await {
            Ok(told) => Ok(told.quota.and_then(|quota| quota.value)),
            Err(error) => match crate::failure::sort(&error) {
                Failure::Missing => Ok(None),
                failure => Err(failure),
            },
        }
    }

    /// Every page of what EC2 describes.
    pub(crate) async fn pages<T>(
        &self,
        action: &str,
        name: &str,
        parameters: &[(String, String)],
        read: impl Fn(roxmltree::Node<'_, '_>) -> Option<T>,
    ) -> Result<Vec<T>, Failure> {
        let (query, mut found, mut next) = (Query::of(&self.config), Vec::new(), None::<String>);
        loop {
            let mut asked = parameters.to_vec();
            asked.extend(next.take().map(|next| ("NextToken".to_owned(), next)));
            let answer = query.ask(EC2, action, &asked).await?;
            found.extend(each(&answer, name, &read)?);
            let token = each(&answer, "nextToken", |node| node.text().map(str::to_owned))?.pop();
            next = token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(found);
            }
        }
    }
}

/// A filter by one name, as EC2 is told it.
pub(crate) fn filter(index: usize, name: &str, values: &[String]) -> Vec<(String, String)> {
    let mut parameters = vec![(format!("Filter.{index}.Name"), name.to_owned())];
    let values = values.iter().enumerate();
    parameters.extend(values.map(|(at, value)| (format!("Filter.{index}.Value.{}", at + 1), value.clone())));
    parameters
}
