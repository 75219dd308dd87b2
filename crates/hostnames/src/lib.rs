//! Hostnames in Route 53: what is wanted against what is there (`plan`, pure). Never plans to touch a record that is not ours.

mod plan;

pub use plan::*;
