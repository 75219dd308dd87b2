//! The decisions of the slice: pure functions of values. No client, no clock, no waiting.
//!
//! `validate` may refuse; what it returns can be rendered without fail.

pub mod access;
pub mod alike;
pub mod announce;
pub mod backoff;
pub mod bounds;
pub mod changes;
pub mod component;
pub mod decide;
pub mod demand;
pub mod diagnose;
pub mod directories;
pub mod drift;
pub mod export;
pub mod hold;
pub mod hosts;
pub mod images;
pub mod isolation;
pub mod keep;
pub mod limits;
pub mod logs;
pub mod manifests;
pub mod order;
pub mod overlay;
pub mod overrides;
pub mod owners;
pub mod plain;
pub mod pod;
pub mod probes;
pub mod pull;
pub mod quantity;
pub mod quota;
pub mod readiness;
pub mod refusal;
pub mod render;
pub mod restart;
pub mod retention;
pub mod rotation;
pub mod route;
pub mod scaling;
pub mod service;
pub mod sources;
pub mod stamp;
pub mod standard;
pub mod status;
pub mod template;
pub mod validate;
pub mod values;
pub mod verdicts;
pub mod versions;
pub mod volumes;

#[cfg(test)]
mod tests;
