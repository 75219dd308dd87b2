//! Several processes agree on who copies what: the first of them cuts the keys into pieces and writes that down in the
//! target, and all go by it. Knows none of the others.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};

use super::answer::Answer;
use super::boundary::boundary;
use super::end::End;
use super::ledger::Ledger;
use super::plan::deal::{Cut, Deal, PIECES};
use super::plan::scope::Scope;
use super::read::From;
use crate::error::Result;
use crate::share::Share;

/// Pieces with fewer objects are left whole: what a listing tells at once.
const PAGE: i32 = 1000;
/// Halved at once.
const TOGETHER: usize = 32;

/// So long it is left to the first to cut; whoever has waited in vain does it himself.
const LOOKS: usize = 10;
const LOOK: Duration = Duration::from_millis(500);

pub async fn agreed(source: &End, ledger: &Ledger, scopes: &[Scope], share: &Share) -> Result<Deal> {
    let mut waits = if share.index == 0 { 0 } else { LOOKS };
    let mut mine = None;
    loop {
        let found = ledger.deal().await?;
        let etag = match found {
            Some((Some(deal), _)) if deal.holds_for(&share.start) => return Ok(deal),
            found => found.map(|(_, etag)| etag),
        };
        if waits > 0 {
            waits -= 1;
            tokio::time::sleep(LOOK).await;
            continue;
        }
        let deal = match mine.take() {
            Some(deal) => deal,
            None => {
                let cut = cuts(source, scopes).await.map_err(|answer| source.error(answer, "listing"))?;
                Deal::new(&share.start, cut)
            }
        };
        // Somebody else may have been quicker: then theirs holds.
        if ledger.note_deal(&deal, etag.as_deref()).await? {
            return Ok(deal);
        }
        mine = Some(deal);
    }
}

struct Piece<'a> {
    scope: &'a Scope,
    after: String,
    upto: Option<String>,
}

/// Halves all pieces that are not small, again and again, until there are enough.
async fn cuts(source: &End, scopes: &[Scope]) -> Result<Vec<Cut>, Answer> {
    let cut = |piece: &Piece<'_>| Cut { scope: piece.scope.from.clone(), after: piece.after.clone() };
    let mut level: Vec<Piece<'_>> =
        scopes.iter().map(|scope| Piece { scope, after: String::new(), upto: None }).collect();
    let mut cuts: Vec<Cut> = level.iter().skip(1).map(cut).collect();
    while !level.is_empty() && cuts.len() + 1 < PIECES {
        let asked =
            level.into_iter().map(|piece| async move {
                let at = halfway(source, &piece).await?;
                let Piece { scope, after, upto } = piece;
                Ok::<_, Answer>(at.map(|at| {
                    [Piece { scope, after, upto: Some(at.clone()) }, Piece { scope, after: at, upto }]
                }))
            });
        let halves: Vec<Option<[Piece<'_>; 2]>> =
            futures::stream::iter(asked).buffered(TOGETHER).try_collect().await?;
        level = halves.into_iter().flatten().flatten().collect();
        cuts.extend(level.iter().skip(1).step_by(2).map(cut));
    }
    Ok(cuts)
}

/// None: it is small, or cannot be split.
async fn halfway(source: &End, piece: &Piece<'_>) -> Result<Option<String>, Answer> {
    let page = source.list(&piece.scope.from, From::After(&piece.after), PAGE).await?;
    let last = page.rows.last().filter(|_| page.next.is_some()).and_then(|row| row.text());
    match last.filter(|last| piece.upto.as_deref().is_none_or(|upto| *last < upto)) {
        Some(last) => boundary(source, &piece.scope.from, last, piece.upto.as_deref()).await,
        None => Ok(None),
    }
}
