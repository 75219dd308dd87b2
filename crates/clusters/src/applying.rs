//! Applies a saved plan to its end: anything but its whole success is an error.

use crate::planning::Planned;
use crate::run::{self, Ended};
use crate::work::Work;
use crate::{Error, Event, Result, Sink};

pub async fn carry_out(
    work: &Work,
    planned: &Planned,
    what: &str,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<Ended> {
    sink(Event::Doing { what: format!("{} changes", planned.summary.changes.len()) });
    let (child, record) =
        run::begin(&work.engine, &work.folder, &planned.saved.name, what, run::todo(&planned.summary))?;
    let ended = run::follow(&work.folder, &record, Some(child), interrupted, sink).await?;
    judge(ended)
}

/// Whether a run did all it had to do.
fn judge(ended: Ended) -> Result<Ended> {
    let (done, total) = (ended.look.done, ended.look.total);
    let whole = ended.success.unwrap_or(done == total && ended.said.is_empty());
    match (whole, ended.interrupted) {
        (true, _) => Ok(ended),
        (false, true) => Err(Error::Stopped { done, total }),
        (false, false) => Err(Error::Apply { done, total, said: ended.said }),
    }
}
