//! Inside an environment: run a command in a component or service, reach its ports, debug it, run one-off pods.
//!
//! With the caller's own rights, and without changing anything that outboard compares.

mod debug;
mod enter;
mod error;
mod exec;
mod forward;
mod output;
mod pods;
mod process;
mod run;
mod session;
mod start;
mod watch;

pub use debug::{Debug, debug};
pub use error::Trouble;
pub use exec::{Exec, exec};
pub use forward::{Forward, Forwarding, Port, forward};
pub use process::Step;
pub use run::{Ran, Run, run};
pub use session::{Size, Streams};
