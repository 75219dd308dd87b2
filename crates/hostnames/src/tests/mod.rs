//! The whole crate against the fake of Route 53: over HTTP with AWS' own client, and directly where it is asked very often.

mod contract;
mod generated;
mod interleavings;
mod outside;
mod world;
