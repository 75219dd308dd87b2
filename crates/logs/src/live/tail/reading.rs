//! One reading of a log: from the position on, until it ends, is cut off, or says nothing although it should.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{End, PATIENCE, Tail};
use crate::live::Error;
use crate::live::log::{From, Log, Newest, Run};
use crate::live::marks::{Gap, What};
use crate::live::outlet::Unheard;
use crate::live::position::{Resume, Sight};
use crate::live::splitter::Splitter;
use crate::live::stamp::Stamps;
use crate::live::watchdog::{Advice, Watchdog};

/// What is on its way within this machine is here by then.
const DRY: Duration = Duration::from_millis(1);
/// A log that says nothing for so long has told what was written before.
const QUIET: Duration = Duration::from_millis(150);
/// Lines this young are written as we read. Nodes' clocks may differ by some of it.
const PRESENT: SignedDuration = SignedDuration::from_secs(1);
/// However much there is to catch up with, nobody waits longer for it.
const CATCHING_UP: Duration = Duration::from_secs(10);
/// A line that the node has, and that is on its way, is here by then.
const ON_ITS_WAY: Duration = Duration::from_secs(1);
/// An API server that starts may refuse anybody for a moment.
const REFUSALS: Duration = Duration::from_secs(30);

/// What has come and waits to be sent. What comes one by one is left to the kernel until the beat, and taken in one go.
#[derive(Clone, Copy, Debug)]
enum Collected {
    Nothing,
    /// Nothing is read until then.
    Something(Instant),
    /// All there is is read; what has not come by then is not there.
    All(Instant),
}

impl Collected {
    fn next(self) -> Option<Instant> {
        match self {
            Self::Nothing => None,
            Self::Something(until) | Self::All(until) => Some(until),
        }
    }
}

/// Where one reading is.
struct Reading {
    begun: Instant,
    /// By our clock.
    began: Timestamp,
    splitter: Splitter,
    stamps: Stamps,
    resume: Resume,
    dog: Watchdog,
    collected: Collected,
    quiet: Instant,
    run: Run,
    /// Everything that is wanted has been told.
    past_the_end: bool,
    /// It begins after our last line.
    doubtful: bool,
}

impl Tail {
    pub(super) async fn reading(&mut self, run: Run) -> Result<End, Error> {
        let follow = self.follow && run == Run::Present;
        let tail = self.past.tail.filter(|_| self.progress.fresh);
        let from = From { since: self.progress.position.since().or(self.past.since), tail };
        let mut log = self.place.open(run, from, follow);
        let now = Instant::now();
        let mut reading = Reading {
            begun: now,
            began: Timestamp::now(),
            splitter: Splitter::default(),
            stamps: Stamps::default(),
            resume: self.progress.position.resume(),
            dog: Watchdog::after(self.progress.silences),
            collected: Collected::Nothing,
            quiet: now,
            run,
            past_the_end: false,
            doubtful: false,
        };
        self.progress.rest = None;
        let end = self.read(&mut log, &mut reading, follow).await?;
        self.progress.overlapped = reading.resume.overlaps();
        self.progress.proved = reading.resume.is_proved() || reading.resume.is_past();
        // What has come is told, however it ended.
        if self.outlet.flush().await.is_err() {
            return Ok(End::Unheard);
        }
        Ok(end)
    }

    async fn read(&mut self, log: &mut Log, reading: &mut Reading, follow: bool) -> Result<End, Error> {
        loop {
            let wake = match reading.dog.advice(reading.begun.elapsed(), self.has_ended()) {
                // What is not followed has an end, and comes sooner or later.
                _ if !follow && reading.quiet.elapsed() >= PATIENCE => return Ok(End::Cut),
                _ if !follow => reading.quiet + PATIENCE,
                Advice::Wait(until) => reading.begun + until,
                Advice::Reopen => return Ok(End::Silent),
                Advice::Ask if self.silence(log, reading).await => continue,
                Advice::Ask => {
                    self.progress.position.was_deaf();
                    return Ok(End::Silent);
                }
            };
            let wake = self.earlier(reading, wake);
            let waits = matches!(reading.collected, Collected::Something(_));
            tokio::select! {
                biased;
                ready = log.ready(), if !waits => if let Err(error) = ready { return self.failed(error) },
                () = tokio::time::sleep_until(wake) => {
                    if self.woken(reading).await.is_err() { return Ok(End::Unheard) }
                    continue;
                }
                Ok(()) = self.state.changed() => continue,
            }
            self.shared.answered.store(true, Ordering::Relaxed);
            self.progress.refused = None;
            let piece = log.piece();
            if piece.is_empty() {
                self.keep_rest(reading);
                return Ok(End::Clean);
            }
            let length = piece.len();
            self.take(reading, piece);
            log.consume(length);
            if reading.doubtful {
                return Ok(End::Doubtful);
            }
            if reading.past_the_end {
                return Ok(End::Clean);
            }
            let full = self.outlet.is_full();
            if full && self.outlet.flush().await.is_err() {
                return Ok(End::Unheard);
            }
            // After sending: a slow listener is no silence.
            let now = Instant::now();
            reading.collected = match reading.collected {
                // There is so much that no beat is waited for.
                _ if full => Collected::All(now + DRY),
                Collected::Nothing if self.outlet.is_empty() => Collected::Nothing,
                Collected::Nothing if !self.outlet.is_catching_up() => {
                    Collected::Something(self.shared.beat.after(now))
                }
                _ => Collected::All(now + DRY),
            };
            reading.dog.heard(now - reading.begun);
            reading.quiet = now;
        }
    }

    /// Whether the container's state says that its log must be at its end.
    pub(super) fn has_ended(&self) -> bool {
        let state = self.state.borrow();
        state.gone || state.restarts > self.progress.run || state.exit.is_some()
    }

    fn earlier(&self, reading: &Reading, wake: Instant) -> Instant {
        let wake = reading.collected.next().map_or(wake, |next| next.min(wake));
        if self.follow && self.outlet.is_catching_up() {
            wake.min(reading.quiet + QUIET).min(reading.begun + CATCHING_UP)
        } else {
            wake
        }
    }

    async fn woken(&mut self, reading: &mut Reading) -> Result<(), Unheard> {
        let now = Instant::now();
        match reading.collected {
            Collected::Something(until) if until <= now => reading.collected = Collected::All(now + DRY),
            Collected::All(until) if until <= now => {
                self.outlet.flush().await?;
                reading.collected = Collected::Nothing;
            }
            _ => {}
        }
        let caught_up = now >= reading.quiet + QUIET || now >= reading.begun + CATCHING_UP;
        if self.follow && caught_up && reading.run == Run::Present {
            self.outlet.caught_up();
        }
        Ok(())
    }

    /// Puts the lines of a piece into the outlet.
    fn take(&mut self, reading: &mut Reading, piece: &[u8]) {
        let Self { outlet, progress, past, follow, .. } = self;
        let Reading { splitter, stamps, resume, began, run, past_the_end, doubtful, .. } = reading;
        splitter.feed(piece, |line| {
            if *doubtful {
                return;
            }
            // Not a log's line: what a proxy on the way says, say.
            let Some((time, text)) = stamps.split(line) else { return };
            match resume.look(time) {
                Sight::Told => return,
                // A run before it that nobody has told us of may have written something.
                Sight::New if *run == Run::Present && progress.unconfirmed => {
                    if progress.position.last().is_some() && !resume.overlaps() {
                        *doubtful = true;
                        return;
                    }
                    progress.unconfirmed = false;
                }
                // A run that our last line is not of: others may have been between.
                Sight::New
                    if *run == Run::Before
                        && progress.unconfirmed
                        && !resume.overlaps()
                        && progress.position.last().is_some() =>
                {
                    progress.unconfirmed = false;
                    let from = progress.position.last().unwrap_or(time);
                    outlet.mark(from, What::Gap(Gap { from, to: Some(time) }));
                }
                Sight::New => {}
                // Before it is told, the run before is asked; what that one lacks is a gap.
                Sight::After(_) if *run == Run::Present && !progress.admits_gap => {
                    *doubtful = true;
                    return;
                }
                Sight::After(gap) => {
                    progress.admits_gap = false;
                    outlet.mark(gap.from, What::Gap(gap));
                }
            }
            progress.position.told(time);
            if *run == Run::Present {
                progress.fresh = false;
                if *follow && outlet.is_catching_up() && began.duration_since(time) < PRESENT {
                    outlet.caught_up();
                }
            }
            if past.until.is_some_and(|until| time > until) {
                *past_the_end = !*follow;
            } else if past.since.is_none_or(|since| time >= since) {
                outlet.line(time, text);
            }
        });
    }

    /// A last line without its end is not told before the log has ended for good: it may be half of one.
    fn keep_rest(&mut self, reading: &mut Reading) {
        let Some(line) = reading.splitter.rest() else { return };
        let Some((time, text)) = reading.stamps.split(line) else { return };
        if reading.resume.look(time) != Sight::Told {
            self.progress.rest = Some((time, text.to_vec()));
        }
    }

    /// Whether a log that says nothing has nothing to say.
    async fn silence(&mut self, log: &mut Log, reading: &mut Reading) -> bool {
        let newest = tokio::select! {
            biased;
            // It says something, or that it is broken: that is looked at next.
            _ = log.ready() => { reading.dog.heard(reading.begun.elapsed()); return true }
            newest = self.place.newest() => newest,
        };
        let told = self.progress.position.last().max(self.progress.odd).max(self.past.since);
        match newest {
            // Nobody answers, who knows on which side.
            Newest::Unknown => return false,
            Newest::Line(time) if told.is_none_or(|told| time > told) => {
                if tokio::time::timeout(ON_ITS_WAY, log.ready()).await.is_ok() {
                    reading.dog.heard(reading.begun.elapsed());
                    return true;
                }
                self.progress.odd = Some(time);
                return false;
            }
            Newest::Line(_) => {}
            // Rotated while this reading had it open, and would have told the rest: what comes next comes right after
            // what we have.
            Newest::None if !self.has_ended() && (reading.resume.is_proved() || reading.resume.is_past()) => {
                self.progress.position.presume_complete();
            }
            Newest::None => {}
        }
        reading.dog.silence_is_real(reading.begun.elapsed());
        true
    }

    fn failed(&mut self, error: kube::Error) -> Result<End, Error> {
        let kube::Error::Api(status) = &error else {
            tracing::debug!(pod = self.place.pod, %error, "a log was cut off");
            return Ok(End::Cut);
        };
        match status.code {
            400 | 404 => Ok(End::Absent),
            401 | 403 => {
                let since = *self.progress.refused.get_or_insert_with(Instant::now);
                let for_good = !self.shared.answered.load(Ordering::Relaxed) || since.elapsed() >= REFUSALS;
                if for_good { Err(Error::Kubernetes(Box::new(error))) } else { Ok(End::Cut) }
            }
            _ => {
                tracing::debug!(pod = self.place.pod, %error, "failed to open a log");
                Ok(End::Cut)
            }
        }
    }
}
