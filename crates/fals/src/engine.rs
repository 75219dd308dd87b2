//! The loop that ships: look at the files, fill a parcel, write down that it goes, send it, write down that it arrived.
//! One parcel is on its way while the next is filled, and no more: what does not fit waits in its file.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::{Firehose, Key};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use secrecy::ExposeSecret;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::Error;
use crate::config::StaticKey;
use crate::error::AwsTrouble;
use crate::gather::Gatherer;
use crate::metrics::Metrics;
use crate::parcel::Parcel;
use crate::plan::batch::Limits;
use crate::send::deliver;
use crate::tail::source::Wanted;

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(250);
/// What goes to the output in one go.
const OUTPUT: Limits = Limits { records: usize::MAX, bytes: 1024 * 1024, record: 1024 * 1024 };

/// Where lines go.
#[derive(Clone, Debug)]
pub enum Target {
    Firehose(Stream),
    /// This process's own output.
    Output,
}

/// A delivery stream, and as whom.
#[derive(Clone, Debug)]
pub struct Stream {
    pub name: String,
    pub region: Option<String>,
    pub key: Option<StaticKey>,
}

/// What is to be done from now on.
pub struct Orders {
    pub wanted: Vec<Wanted>,
    /// None: the same as before.
    pub target: Option<Target>,
    pub interval: Option<Duration>,
}

/// Says what is to be followed; asked at every look.
pub trait Supply {
    /// Nothing: as before. `asked`: somebody wants everything to be read anew.
    fn orders(&mut self, gatherer: &mut Gatherer, asked: bool) -> Option<Orders>;

    /// Whether files end with this process: then what has no line end is a line as well.
    fn closes(&self) -> bool {
        false
    }
}

/// How the loop is run.
#[derive(Clone, Debug)]
pub struct Running<'a> {
    pub state: &'a Path,
    /// Bytes of files without a name that are copied at most.
    pub spool: u64,
    /// How long it may take to send what is there once it is asked to stop.
    pub drain: Duration,
}

enum Sink {
    Firehose(Arc<Firehose>),
    Output,
}

/// Ships until SIGTERM or SIGINT.
pub async fn run(
    running: &Running<'_>,
    target: Target,
    metrics: &Metrics,
    mut supply: impl Supply,
) -> Result<(), Error> {
    let mut signals = Signals::listen()?;
    open_many();
    let limits = if matches!(target, Target::Output) { OUTPUT } else { Limits::FIREHOSE };
    let gatherer = Gatherer::open(running.state, running.spool, limits, metrics.clone())?;
    let mut engine = Engine {
        gatherer,
        limits,
        sink: Sink::open(&target).await?,
        interval: Duration::ZERO,
        metrics: metrics.clone(),
        filling: Parcel::new(limits),
        sending: None,
        next: None,
        troubled: false,
    };
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut asked = false;
        let arrived = tokio::select! {
            _ = ticks.tick() => false,
            _ = signals.hangup.recv() => { asked = true; false }
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            arrived = engine.arrival() => {
                if !engine.arrived(arrived) {
                    return Err(Error::Output);
                }
                true
            }
        };
        if !arrived {
            if let Some(orders) = supply.orders(&mut engine.gatherer, asked) {
                engine.obey(orders);
            }
            engine.gatherer.look(Instant::now());
        }
        engine.change_sink().await;
        engine.step(false);
    }
    if supply.closes() {
        engine.gatherer.close();
    }
    engine.drain(running.drain).await;
    Ok(())
}

struct Engine {
    gatherer: Gatherer,
    limits: Limits,
    sink: Sink,
    interval: Duration,
    metrics: Metrics,
    filling: Parcel,
    sending: Option<(Parcel, JoinHandle<bool>)>,
    /// Takes the sink's place once nothing is under way.
    next: Option<Target>,
    /// The journal could not be written, and that is told.
    troubled: bool,
}

impl Engine {
    fn obey(&mut self, orders: Orders) {
        self.gatherer.follow(orders.wanted);
        if let Some(interval) = orders.interval {
            self.interval = interval;
        }
        self.next = orders.target.or(self.next.take());
    }

    async fn change_sink(&mut self) {
        let Some(target) = self.next.take() else { return };
        if self.sending.is_some() {
            self.next = Some(target);
            return;
        }
        match Sink::open(&target).await {
            Ok(sink) => self.sink = sink,
            Err(error) => tracing::error!("Records go where they went before: {error}"),
        }
    }

    /// Resolves when the parcel on its way has arrived; true unless it could not be delivered at all.
    async fn arrival(&mut self) -> bool {
        match &mut self.sending {
            Some((_, task)) => task.await.unwrap_or_default(),
            None => std::future::pending().await,
        }
    }

    /// False: it never will.
    fn arrived(&mut self, all: bool) -> bool {
        let Some((parcel, _)) = self.sending.take() else { return true };
        if all {
            self.metrics.lines.inc_by(parcel.batch.objects() as u64);
            self.metrics.resent.inc_by(parcel.resent as u64);
            self.gatherer.accepted(&parcel);
        }
        all
    }

    /// Fills, and sends if it is time. True: something is under way.
    fn step(&mut self, at_once: bool) -> bool {
        self.fill();
        let due = self.filling.full
            || self.filling.since.is_some_and(|since| at_once || since.elapsed() >= self.interval);
        if self.sending.is_some() {
            return true;
        }
        let written = if due { self.gatherer.intend(&self.filling) } else { self.gatherer.settle() };
        match (&written, self.troubled) {
            (Err(error), false) => {
                tracing::error!("Nothing is sent until the journal can be written: {error}");
            }
            (Ok(()), true) => tracing::info!("The journal can be written again"),
            _ => {}
        }
        self.troubled = written.is_err();
        if !due || written.is_err() {
            return false;
        }
        let mut parcel = std::mem::replace(&mut self.filling, Parcel::new(self.limits));
        let records = parcel.batch.take_records();
        let task = match &self.sink {
            Sink::Firehose(firehose) => {
                let (firehose, metrics) = (firehose.clone(), self.metrics.clone());
                tokio::spawn(async move {
                    deliver(firehose, records, metrics).await;
                    true
                })
            }
            Sink::Output => tokio::task::spawn_blocking(move || print(&records)),
        };
        self.sending = Some((parcel, task));
        self.fill();
        true
    }

    fn fill(&mut self) {
        let at = jiff::Timestamp::now().as_second();
        self.gatherer.fill(&mut self.filling, Instant::now(), at);
    }

    /// Sends what is there, as long as that takes no longer than it may.
    async fn drain(&mut self, at_most: Duration) {
        let all = async {
            loop {
                if self.sending.is_some() {
                    let arrived = self.arrival().await;
                    if !self.arrived(arrived) {
                        return;
                    }
                }
                self.gatherer.look(Instant::now());
                if !self.step(true) {
                    return;
                }
            }
        };
        if tokio::time::timeout(at_most, all).await.is_err() {
            tracing::warn!("Stopping before everything is sent: the rest goes on at the next start");
        }
        if let Some((_, task)) = &self.sending {
            task.abort();
        }
        if let Err(error) = self.gatherer.settle() {
            tracing::error!("Failed to write the journal: {error}");
        }
    }
}

impl Sink {
    async fn open(target: &Target) -> Result<Self, Error> {
        let Target::Firehose(stream) = target else { return Ok(Self::Output) };
        let key = stream
            .key
            .as_ref()
            .map(|key| Key { id: key.id.clone(), secret: key.secret.expose_secret().to_owned() });
        let firehose = Firehose::reach(stream.region.as_deref(), &stream.name, key)
            .await
            .map_err(|failure| Error::Aws(AwsTrouble(failure)))?;
        Ok(Self::Firehose(Arc::new(firehose)))
    }
}

/// As many files as this process may have open, rather than as many as it is given at first.
fn open_many() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        tracing::info!("No more files can be open than usual: {error}");
    }
}

/// False: nobody takes the output.
fn print(records: &[Vec<u8>]) -> bool {
    let mut output = std::io::stdout().lock();
    records.iter().try_for_each(|record| output.write_all(record)).and_then(|()| output.flush()).is_ok()
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(Error::Signals);
        Ok(Self {
            hangup: listen(SignalKind::hangup())?,
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }
}
