//! The decisions of the slice: pure functions of values. No client, no clock, no waiting.
//!
//! `validate` may refuse; what it returns can be rendered without fail.

pub mod alike;
pub mod backoff;
pub mod changes;
pub mod component;
pub mod decide;
pub mod demand;
pub mod diagnose;
pub mod drift;
pub mod images;
pub mod pod;
pub mod pull;
pub mod readiness;
pub mod render;
pub mod restart;
pub mod route;
pub mod service;
pub mod sources;
pub mod stamp;
pub mod status;
pub mod template;
pub mod validate;
pub mod values;

#[cfg(test)]
mod tests;
