//! Machines of a cluster as EC2 and its load balancer see them: their states, what they wrote to their consoles, and whether they
//! are found well.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::offers::filter;
use crate::query::{BALANCERS, EC2, Query, each, text};
use crate::{Account, Failure};

/// An instance.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Machine {
    pub id: String,
    pub name: String,
    pub state: String,
    pub kind: String,
    /// RFC 3339 in UTC.
    pub launched: String,
}

/// What a load balancer finds of a machine.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Health {
    pub id: String,
    /// `healthy`, `unhealthy`, `initial`, `draining`, `unused`.
    pub state: String,
    pub why: String,
}

impl Account {
    /// Instances that carry a tag, those included that have just gone.
    pub async fn machines(&self, tag: &str, value: &str) -> Result<Vec<Machine>, Failure> {
        let parameters = filter(1, &format!("tag:{tag}"), &[value.to_owned()]);
        self.pages("DescribeInstances", "item", &parameters, |node| {
            let within = |name: &str| node.children().find(|child| child.tag_name().name() == name);
            let mut tags = within("tagSet").into_iter().flat_map(|tags| tags.children());
            let name = tags.find(|tag| text(*tag, "key").as_deref() == Some("Name"));
            Some(Machine {
                id: text(node, "instanceId")?,
                name: name.and_then(|tag| text(tag, "value")).unwrap_or_default(),
                state: within("instanceState").and_then(|state| text(state, "name"))?,
                kind: text(node, "instanceType").unwrap_or_default(),
                launched: text(node, "launchTime").unwrap_or_default(),
            })
        })
        .await
    }

    /// What an instance wrote to its console; none: nothing yet.
    pub async fn console(&self, id: &str) -> Result<Option<String>, Failure> {
        let parameters = [("InstanceId".to_owned(), id.to_owned())];
        let answer = Query::of(&self.config).ask(EC2, "GetConsoleOutput", &parameters).await?;
        let encoded =
            each(&answer, "output", |node| node.text().map(str::to_owned))?.pop().unwrap_or_default();
        let bare: String = encoded.chars().filter(|c| !c.is_whitespace()).collect();
        let bytes = BASE64_STANDARD.decode(bare).unwrap_or_default();
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()).filter(|text| !text.trim().is_empty()))
    }

    /// What the load balancer of a target group of this name finds of its machines.
    pub async fn health(&self, group: &str) -> Result<Vec<Health>, Failure> {
        let query = Query::of(&self.config);
        let named = [("Names.member.1".to_owned(), group.to_owned())];
        let answer = query.ask(BALANCERS, "DescribeTargetGroups", &named).await?;
        let Some(arn) = each(&answer, "TargetGroupArn", |node| node.text().map(str::to_owned))?.pop() else {
            return Ok(Vec::new());
        };
        let answer =
            query.ask(BALANCERS, "DescribeTargetHealth", &[("TargetGroupArn".to_owned(), arn)]).await?;
        each(&answer, "member", |node| {
            let within = |name: &str| node.children().find(|child| child.tag_name().name() == name);
            let health = within("TargetHealth")?;
            Some(Health {
                id: text(within("Target")?, "Id")?,
                state: text(health, "State")?,
                why: text(health, "Description").or_else(|| text(health, "Reason")).unwrap_or_default(),
            })
        })
    }
}
