//! Copies of data, as a job's file describes them.

pub use ::data::copy::{copy, plan};
pub use ::data::scan::scan;
pub use ::data::{Error, Event, Report, Say};
