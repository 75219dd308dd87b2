//! Progress: one line for each step when it ends, with its time. A failed step gives its name to the error.

use std::io::IsTerminal;
use std::time::Instant;

use anyhow::Context;

/// What a step found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    Work,
    /// It was done before.
    Nothing,
}

pub fn step(name: &str, run: impl FnOnce() -> anyhow::Result<Did>) -> anyhow::Result<()> {
    let start = Instant::now();
    match run() {
        Ok(did) => {
            let took = match did {
                Did::Work => format!("{:.1} s", start.elapsed().as_secs_f64()),
                Did::Nothing => "(cached)".to_owned(),
            };
            println!("{} {name:<28} {took}", mark("✓", "32"));
            Ok(())
        }
        Err(error) => {
            println!("{} {name:<28} failed after {:.1} s", mark("✗", "31"), start.elapsed().as_secs_f64());
            Err(error).with_context(|| format!("the step `{name}` failed"))
        }
    }
}

pub fn mark(sign: &str, colour: &str) -> String {
    if std::io::stdout().is_terminal() { format!("\x1b[{colour}m{sign}\x1b[0m") } else { sign.to_owned() }
}
