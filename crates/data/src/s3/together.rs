//! Several processes end a copy together: who has walked his own keys says so in the target, and the last of them sees to
//! what only the whole of it can decide. Nobody waits for the others, who may not even have begun.

use serde::{Deserialize, Serialize};

use super::shared::{Shared, lock};
use crate::error::Result;
use crate::share::Share;

/// What one of them leaves to the last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handed {
    /// On the target alone, as many as may be removed and one more.
    pub alone: Vec<String>,
    /// How many there are.
    pub found: u64,
}

/// What the others have left, if this is the last; none: another is.
pub async fn hand_in(shared: &Shared, share: &Share) -> Result<Option<Handed>> {
    let counts = shared.tally.counts();
    let found = counts.extraneous + counts.forbidden_count;
    let mine = Handed { alone: lock(&shared.course.extraneous).clone(), found };
    shared.ledger.hand_in(share, &mine).await?;
    if !shared.ledger.is_last(share).await? {
        if shared.job.delete_up_to.is_some() {
            // It goes, or the last one fails.
            shared.tally.count(|counts| counts.forbidden_count = 0);
        }
        return Ok(None);
    }
    let most = shared.job.delete_up_to.unwrap_or(0);
    let mut others = Handed::default();
    for index in (0..share.of).filter(|index| *index != share.index) {
        let theirs = shared.ledger.handed(share, index).await?;
        others.found += theirs.found;
        // Of too many it is enough to know that.
        if others.alone.len() <= most {
            others.alone.extend(theirs.alone);
        }
    }
    Ok(Some(others))
}
