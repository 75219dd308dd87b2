//! Copies of data, as a job's file describes them.

pub use ::data::copy::{copy, plan};
pub use ::data::courier::{Desk, run};
pub use ::data::plan::between::word::Task;
pub use ::data::scan::scan;
pub use ::data::{Error, Event, Report, Say};
