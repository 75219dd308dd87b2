//! The decisions of shipping, as functions of values: where lines end, what fits into a call, what a file that looks
//! different means, and how far things had come when everything was killed.

pub mod backoff;
pub mod batch;
pub mod cri;
pub mod cut;
pub mod journal;
pub mod rotation;
