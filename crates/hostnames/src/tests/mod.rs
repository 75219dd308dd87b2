//! The whole crate against the fake of Route 53: over HTTP with AWS' own client, and directly where it is asked very often.

mod contract;
pub mod direct;
mod generated;
mod interleavings;
mod outside;
mod passes;
pub mod world;
