//! Beside a component in its pod: writes the lines of its files, tagged, to its own output, where everybody who reads
//! logs finds them. Sends nothing anywhere, so it needs no credentials.

use std::path::PathBuf;
use std::time::Duration;

use crate::Error;
use crate::engine::{self, Orders, Running, Supply, Target};
use crate::gather::Gatherer;
use crate::metrics::Metrics;
use crate::plan::cut::Format;
use crate::shape::Shape;
use crate::tail::source::Wanted;

/// How the command was called.
#[derive(Clone, Debug)]
pub struct Options {
    pub files: Vec<PathBuf>,
    /// Goes with the pod, so that a container that starts again says nothing twice.
    pub state: PathBuf,
    pub spool: u64,
    pub drain: Duration,
}

pub async fn run(options: &Options) -> Result<(), Error> {
    let running = Running { state: &options.state, spool: options.spool, drain: options.drain };
    let sidecar = Sidecar { wanted: Some(wanted(&options.files)) };
    engine::run(&running, Target::Output, &Metrics::default(), sidecar).await
}

fn wanted(files: &[PathBuf]) -> Vec<Wanted> {
    files
        .iter()
        .map(|path| {
            let key = path.display().to_string();
            let (format, shape) = (Format::Lines, Shape::Tagged(key.clone()));
            Wanted { key, path: path.clone(), format, shape, origin: None }
        })
        .collect()
}

struct Sidecar {
    wanted: Option<Vec<Wanted>>,
}

impl Supply for Sidecar {
    fn orders(&mut self, _: &mut Gatherer, _: bool) -> Option<Orders> {
        Some(Orders { wanted: self.wanted.take()?, target: None, interval: None })
    }

    fn closes(&self) -> bool {
        true
    }
}
