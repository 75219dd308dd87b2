//! One container's log for as long as the container lives: through restarts, cut connections, rotation and silence.
//!
//! ```text
//!  wait until it has started ─▶ read ─▶ the end, and it runs      ─▶ pause, read on from the last line
//!                                │  └─▶ the end, and it had ended  ─▶ tell so; wait for its next run, or be done
//!                                ├─▶ cut off, refused              ─▶ pause, read on
//!                                ├─▶ silent although there is more ─▶ read on
//!                                └─▶ restarted meanwhile           ─▶ the rest of the run before first
//! ```

mod reading;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Error;
use super::beat::Beat;
use super::containers::{Exit, Snapshot};
use super::log::{Place, Run};
use super::marks::{Gap, What};
use super::outlet::Outlet;
use super::position::Position;
use super::watchdog::Pause;

/// A crash that long ago is no news: what was written before it is told only when it is asked for.
const RECENT: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);
/// Tries to read what a run wrote that is over.
const TRIES: usize = 5;
/// News of a container come after its first line by no more than this.
const NOTICE: Duration = Duration::from_secs(5);
/// Who does not follow gives up after so long without an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What of the past is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Past {
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub tail: Option<u32>,
    /// Also the run before the present one, however long ago it ended.
    pub previous: bool,
}

impl Past {
    fn wants(&self, before: &Exit) -> bool {
        let recent = || before.at.is_none_or(|at| Timestamp::now().duration_since(at) < RECENT);
        self.previous || (before.is_crash() && recent())
    }
}

/// What the tails of one stream share.
#[derive(Clone, Debug)]
pub struct Shared {
    pub beat: Beat,
    /// Whether the API server has let us read any log yet.
    pub answered: Arc<AtomicBool>,
}

/// A container whose log is told.
pub struct Tail {
    pub place: Place,
    pub state: watch::Receiver<Snapshot>,
    pub outlet: Outlet,
    pub past: Past,
    /// Go on with what is written from now on.
    pub follow: bool,
    /// It began while we were following.
    pub joined: bool,
    pub shared: Shared,
    progress: Progress,
}

/// How far it has been told.
#[derive(Default)]
struct Progress {
    position: Position,
    /// The run that the position is in, by its restarts.
    run: i32,
    /// All it wrote has been told.
    run_is_over: bool,
    /// How it ended has been told.
    exit_is_told: bool,
    /// No line of the run that was there at the beginning was told yet.
    fresh: bool,
    /// A last line without its end: it may be half of one, until the log has ended for good.
    rest: Option<(Timestamp, Vec<u8>)>,
    /// The newest line that was asked for and never came by itself.
    odd: Option<Timestamp>,
    /// The last reading reached back to where we were.
    proved: bool,
    /// It showed our last line.
    overlapped: bool,
    /// The last run was read to its end, but what is read next may be of a later one than the next: nobody may have told
    /// us yet.
    unconfirmed: bool,
    /// It was looked for everywhere what is missing: the next line comes after a gap.
    admits_gap: bool,
    /// Readings in a row that were given up because they said nothing.
    silences: u32,
    refused: Option<Instant>,
}

/// How one reading ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// By itself.
    Clean,
    Cut,
    /// There is no such log: not yet, or not any more.
    Absent,
    /// It said nothing although there is something to say, or for so long that others may have dropped it.
    Silent,
    /// It begins after our last line, so something may be missing. None of it was told.
    Doubtful,
    Unheard,
}

impl Tail {
    pub fn new(
        place: Place,
        state: watch::Receiver<Snapshot>,
        outlet: Outlet,
        past: Past,
        follow: bool,
        joined: bool,
        shared: Shared,
    ) -> Self {
        let progress = Progress { fresh: true, ..Progress::default() };
        Self { place, state, outlet, past, follow, joined, shared, progress }
    }

    /// Until the container has ended for good and all it wrote is told, or nobody listens.
    pub async fn run(mut self) -> Result<(), Error> {
        if self.state.wait_for(|state| state.started || state.gone).await.is_err() {
            return Ok(());
        }
        let first = self.state.borrow().clone();
        self.progress.run = first.restarts;
        if self.joined && first.exit.is_none() {
            self.outlet.mark(Timestamp::now(), What::Started { restarts: first.restarts });
        }
        if let Some(before) = first.before.clone().filter(|before| self.past.wants(before)) {
            self.run_before(&before).await?;
        }
        self.present_runs(&first).await
    }

    async fn present_runs(&mut self, first: &Snapshot) -> Result<(), Error> {
        let mut pause = Pause::default();
        let mut last_heard = Instant::now();
        let mut cuts_since_gone = 0;
        let mut heard_out = true;
        loop {
            let seen = self.state.borrow_and_update().clone();
            if seen.restarts > self.progress.run && !heard_out {
                self.progress.position.was_deaf();
            }
            if seen.restarts > self.progress.run && self.crossed(&seen).await? == End::Unheard {
                return Ok(());
            }
            let before = self.progress.position.clone();
            let end = self.reading(Run::Present).await?;
            heard_out = end == End::Clean;
            if self.progress.position != before {
                pause.reset();
                self.progress.silences = 0;
                last_heard = Instant::now();
                cuts_since_gone = 0;
            }
            match end {
                End::Unheard => return Ok(()),
                // It had ended before we began, and we read to the end: that was all.
                End::Clean if seen.exit.is_some() && seen.restarts == self.progress.run => {
                    let news = self.follow && first.exit != seen.exit;
                    self.run_ended(seen.exit.as_ref(), news, true).await;
                    let over = !self.follow || seen.ended || seen.gone;
                    if over || self.next_run().await {
                        return Ok(());
                    }
                }
                End::Clean if seen.gone || !self.follow => {
                    self.tell_rest().await;
                    return Ok(());
                }
                End::Absent if !self.follow => return Ok(()),
                End::Absent if seen.gone => {
                    if cuts_since_gone > 0 {
                        self.cut_off().await;
                    }
                    return Ok(());
                }
                End::Doubtful => {
                    if self.doubt(&mut pause).await? == End::Unheard {
                        return Ok(());
                    }
                }
                End::Silent => self.progress.silences += u32::from(self.has_ended()),
                End::Clean | End::Absent | End::Cut => {
                    // Of what came after the cut it heard nothing.
                    self.progress.position.was_deaf();
                    self.outlet.caught_up();
                    cuts_since_gone += usize::from(end == End::Cut);
                    if seen.gone && cuts_since_gone >= TRIES {
                        self.cut_off().await;
                        return Ok(());
                    }
                    if !self.follow && last_heard.elapsed() >= PATIENCE {
                        return Err(Error::Silent { pod: self.place.pod.clone() });
                    }
                    self.rest(pause.next()).await;
                }
            }
        }
    }

    /// What the run before the present one wrote, and how it ended.
    async fn run_before(&mut self, before: &Exit) -> Result<(), Error> {
        for _ in 0..TRIES {
            match self.reading(Run::Before).await? {
                End::Clean => {
                    self.tell_rest().await;
                    self.progress.position.complete();
                    self.progress.unconfirmed = true;
                    self.exited(before, self.progress.run - 1);
                    break;
                }
                End::Cut | End::Silent => {}
                End::Absent | End::Unheard | End::Doubtful => break,
            }
        }
        Ok(())
    }

    /// It was restarted: what the last run wrote after our last line is now the log of the run before.
    async fn crossed(&mut self, seen: &Snapshot) -> Result<End, Error> {
        self.progress.fresh = false;
        // Only one run before the present one is kept: what the others wrote nobody has.
        if seen.restarts > self.progress.run + 1 {
            let from = self.progress.position.last().unwrap_or_else(Timestamp::now);
            self.outlet.mark(from, What::Gap(Gap { from, to: None }));
            self.progress.position.complete();
            self.progress.run_is_over = false;
        }
        let mut pause = Pause::default();
        for _ in 0..TRIES {
            if self.progress.run_is_over {
                break;
            }
            match self.reading(Run::Before).await? {
                // If it does not reach back to us, the next line shows that something may be missing.
                End::Clean => self.run_ended(seen.before.as_ref(), true, self.progress.proved).await,
                End::Absent | End::Doubtful => break,
                End::Cut | End::Silent => tokio::time::sleep(pause.next()).await,
                End::Unheard => return Ok(End::Unheard),
            }
        }
        self.run_ended(seen.before.as_ref(), true, false).await;
        self.progress.run = seen.restarts;
        self.progress.unconfirmed = true;
        self.progress.run_is_over = false;
        self.progress.unconfirmed = true;
        self.progress.exit_is_told = false;
        self.outlet.mark(self.now_or_last(None), What::Started { restarts: seen.restarts });
        Ok(End::Clean)
    }

    /// Whether something is missing before what the log begins with. It may have been restarted, and nobody has told us
    /// yet: then the run before has our last line, and what came after it.
    async fn doubt(&mut self, pause: &mut Pause) -> Result<End, Error> {
        let before = self.progress.position.clone();
        match self.reading(Run::Before).await? {
            End::Cut | End::Silent => tokio::time::sleep(pause.next()).await,
            End::Unheard => return Ok(End::Unheard),
            // It has our last line, and nothing after it: nothing came between.
            End::Clean
                if self.progress.unconfirmed
                    && self.progress.overlapped
                    && self.progress.position == before =>
            {
                self.progress.unconfirmed = false;
            }
            // It is not the run that our last line is of.
            End::Clean if self.progress.unconfirmed && self.progress.position == before => {
                self.progress.unconfirmed = false;
                self.progress.position.doubt();
                self.progress.admits_gap = true;
            }
            End::Clean if self.progress.proved => {
                self.progress.unconfirmed = false;
                self.tell_rest().await;
                self.progress.position.complete();
                self.progress.run_is_over = true;
                let run = self.progress.run;
                // So that how it ended stands where it happened.
                let known = self.state.wait_for(|state| state.restarts > run || state.gone);
                let _ = tokio::time::timeout(NOTICE, known).await;
            }
            End::Clean | End::Absent | End::Doubtful => {
                self.progress.admits_gap = !std::mem::take(&mut self.progress.unconfirmed);
            }
        }
        Ok(End::Clean)
    }

    /// `whole`: its log was read to its end.
    async fn run_ended(&mut self, exit: Option<&Exit>, news: bool, whole: bool) {
        self.tell_rest().await;
        if whole {
            self.progress.position.complete();
        }
        if let Some(exit) = exit.filter(|exit| !self.progress.exit_is_told && (news || exit.is_crash())) {
            self.exited(exit, self.progress.run);
        }
        self.progress.exit_is_told = true;
        self.progress.run_is_over = true;
        // Whether anybody listens, the next reading finds out.
        let _ = self.outlet.flush().await;
    }

    fn exited(&mut self, exit: &Exit, restarts: i32) {
        let what = What::Exited { exit: exit.clone(), restarts };
        self.outlet.mark(self.now_or_last(exit.at), what);
    }

    /// Whatever happens to the container is a reason to look at once.
    async fn rest(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        if let Ok(Err(_)) = tokio::time::timeout_at(until, self.state.changed()).await {
            // Nothing will happen to it any more.
            tokio::time::sleep_until(until).await;
        }
    }

    /// Waits for it; `true`: there will be none.
    async fn next_run(&mut self) -> bool {
        self.outlet.caught_up();
        let run = self.progress.run;
        match self.state.wait_for(|state| state.restarts > run || state.ended || state.gone).await {
            Ok(state) => state.restarts <= run,
            Err(_) => true,
        }
    }

    async fn cut_off(&mut self) {
        self.tell_rest().await;
        let from = self.progress.position.last();
        self.outlet.mark(self.now_or_last(None), What::Cut { from });
        let _ = self.outlet.flush().await;
    }

    async fn tell_rest(&mut self) {
        if let Some((time, text)) = self.progress.rest.take() {
            self.outlet.line(time, &text);
            self.progress.position.told(time);
            let _ = self.outlet.flush().await;
        }
    }

    /// A mark stands after the line that it follows, whatever whole seconds or other clocks say.
    fn now_or_last(&self, at: Option<Timestamp>) -> Timestamp {
        let at = at.unwrap_or_else(Timestamp::now);
        self.progress.position.last().map_or(at, |last| last.max(at))
    }
}
