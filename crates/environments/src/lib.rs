//! Slice 2: from project revision to running namespace.

pub mod controller;
pub mod file;
pub mod plan;
pub mod settings;

pub use settings::Settings;
