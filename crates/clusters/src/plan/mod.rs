//! The decisions: what a file means, what is written for Terraform, what its plans, streams and locks say.

pub mod addons;
pub mod cidr;
pub mod contract;
pub mod cost;
pub mod diagnosis;
pub mod drift;
pub mod events;
pub mod giving_back;
pub mod journal;
pub mod lock;
pub mod names;
pub mod orphans;
pub mod permissions;
pub mod preflight;
pub mod progress;
pub mod root;
pub mod rules;
pub mod scrub;
pub mod spec;
pub mod state;
pub mod summary;
pub mod sweep;
pub mod validate;

#[cfg(test)]
pub mod tests;
