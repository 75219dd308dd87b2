//! A service that another environment of the project runs: here is only its name.

use api::Role;
use api::revision::Part;

use super::{host_in, server};
use crate::plan::render::{self, Place};

/// What a cluster calls itself in its own DNS, unless somebody changed that.
const CLUSTER: &str = "cluster.local";

pub fn part(place: &Place<'_>, name: &str, environment: &str) -> Part {
    let host = format!("{}.{CLUSTER}", host_in(place, name, environment));
    render::part(name, Role::Service, vec![server::alias(place, name, &host, None)])
}
