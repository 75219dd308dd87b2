//! The decisions of the slice: pure functions of values. No client, no clock, no waiting.
//!
//! `validate` may refuse; what it returns can be rendered without fail.

pub mod component;
pub mod decide;
pub mod diagnose;
pub mod mariadb;
pub mod pod;
pub mod readiness;
pub mod render;
pub mod route;
pub mod status;
pub mod template;
pub mod validate;

#[cfg(test)]
mod tests;
