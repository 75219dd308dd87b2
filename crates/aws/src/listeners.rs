//! Listeners of load balancers: they have no names, so one is known by the port it listens at.

use crate::query::{BALANCERS, Query, each, text};
use crate::{Account, Failure};

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Listener {
    pub arn: String,
    pub balancer: String,
    pub port: u16,
}

impl Account {
    /// Those of one load balancer, by its ARN; none, too, if there is no such balancer.
    pub async fn listeners(&self, balancer: &str) -> Result<Vec<Listener>, Failure> {
        let parameters = [("LoadBalancerArn".to_owned(), balancer.to_owned())];
        let answer = match Query::of(&self.config).ask(BALANCERS, "DescribeListeners", &parameters).await {
            Err(Failure::Missing) => return Ok(Vec::new()),
            answer => answer?,
        };
        each(&answer, "member", |node| {
            Some(Listener {
                arn: text(node, "ListenerArn")?,
                balancer: balancer.to_owned(),
                port: text(node, "Port")?.parse().ok()?,
            })
        })
    }
}
