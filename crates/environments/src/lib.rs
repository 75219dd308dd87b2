//! Slice 2: from project revision to running namespace.
//!
//! `controller` gathers, asks `plan` what to do, applies it and writes the status. The other files are
//! one outside thing each.

mod access;
mod announce;
mod clients;
pub mod context;
pub mod controller;
pub mod draft;
pub mod error;
pub mod evidence;
mod exec;
pub mod file;
pub mod gateway;
pub mod heal;
mod hold;
pub mod hosts;
pub mod import;
pub mod keep;
pub mod memory;
pub mod observe;
mod owners;
mod passwords;
pub mod plan;
pub mod planning;
pub mod project;
mod questions;
pub mod quotas;
mod refusals;
pub mod registry;
pub mod rest;
mod restore;
pub mod retention;
pub mod revisions;
pub mod rollout;
mod rotation;
pub mod secrets;
pub mod settings;
mod sources;
pub mod streaks;
mod stuck;
mod takes;
pub mod teardown;
pub mod trial;
mod underway;
mod versions;
mod volumes;
pub mod wanted;
pub mod watch;
mod webhook;

pub use observe::Observer;
pub use settings::Settings;
pub use webhook::Webhook;
