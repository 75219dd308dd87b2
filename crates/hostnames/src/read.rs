//! Reading a zone: only the spans that a plan needs, or all of it.

use crate::Failure;
use crate::plan::{Name, Present, RecordSet, Span};
use crate::route53::{Route53, Start};
use crate::scheduler::{Request, Scheduler};

/// What lies in `spans`.
pub async fn read(
    route53: &impl Route53,
    scheduler: &Scheduler,
    zone: &str,
    spans: &[Span],
) -> Result<Present, Failure> {
    let mut sets = vec![];
    for span in spans {
        let start = Start { name: span.name().clone(), kind: None, identifier: None };
        pages(route53, scheduler, zone, Some(start), |name| span.holds(name), &mut sets).await?;
    }
    Ok(sets.into_iter().collect())
}

/// The whole zone: to find what is ours and nobody asks for any more.
pub async fn read_all(route53: &impl Route53, scheduler: &Scheduler, zone: &str) -> Result<Present, Failure> {
    let mut sets = vec![];
    pages(route53, scheduler, zone, None, |_| true, &mut sets).await?;
    Ok(sets.into_iter().collect())
}

async fn pages(
    route53: &impl Route53,
    scheduler: &Scheduler,
    zone: &str,
    mut start: Option<Start>,
    holds: impl Fn(&Name) -> bool,
    sets: &mut Vec<RecordSet>,
) -> Result<(), Failure> {
    loop {
        let page = scheduler.ask(Request::List, || route53.page(zone, start.as_ref())).await?;
        let goes_on = page.sets.last().is_none_or(|last| holds(&last.name));
        sets.extend(page.sets.into_iter().filter(|set| holds(&set.name)));
        match page.next {
            // Below a name everything stands together.
            Some(next) if goes_on && holds(&next.name) => start = Some(next),
            _ => return Ok(()),
        }
    }
}
