//! Which zone is meant: pinned by its id, or by a name that only one zone of the wanted sort has.

use crate::Failure;
use crate::plan::Name;
use crate::route53::{Route53, Zone};
use crate::scheduler::{Request, Scheduler};

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Which<'a> {
    Id(&'a str),
    Named { name: &'a Name, private: bool },
}

#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoZone {
    #[error(transparent)]
    Failed(#[from] Failure),
    #[error("there is no {} zone {name} in this account{}", sort(*private), hint(*private, *others))]
    Missing { name: Name, private: bool, others: usize },
    #[error("{} {} zones are called {name}: {}; say which one by its id", ids.len(), sort(*private), ids.join(", "))]
    Ambiguous { name: Name, private: bool, ids: Vec<String> },
}

fn sort(private: bool) -> &'static str {
    if private { "private" } else { "public" }
}

fn hint(private: bool, others: usize) -> String {
    match others {
        0 => String::new(),
        _ => format!(", only a {} one", sort(!private)),
    }
}

/// The zone that is meant. A name is never guessed: two zones of one name are two worlds.
pub async fn find(route53: &impl Route53, scheduler: &Scheduler, which: &Which<'_>) -> Result<Zone, NoZone> {
    let (name, private) = match which {
        Which::Id(id) => return Ok(scheduler.ask(Request::GetZone, || route53.zone(id)).await?),
        Which::Named { name, private } => (*name, *private),
    };
    let found = scheduler.ask(Request::ListZones, || route53.zones_named(name)).await?;
    let (mut meant, others): (Vec<Zone>, Vec<Zone>) =
        found.into_iter().partition(|zone| zone.private == private);
    match (meant.pop(), meant.is_empty()) {
        (Some(zone), true) => Ok(zone),
        (Some(last), false) => {
            meant.push(last);
            let ids = meant.into_iter().map(|zone| zone.id).collect();
            Err(NoZone::Ambiguous { name: name.clone(), private, ids })
        }
        (None, _) => Err(NoZone::Missing { name: name.clone(), private, others: others.len() }),
    }
}
