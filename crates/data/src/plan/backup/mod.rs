//! The decisions of backups: what their manifest says, what is counted as it passes, and what the pods are told.

pub mod beside;
pub mod due;
pub mod manifest;
pub mod rows;
pub mod told;

/// What an errand's file is called, beside the job's.
pub const ERRAND: &str = "backup.json";
/// Where both containers of a pod see what they share.
pub const EXCHANGE: &str = "/exchange";
/// Where a server that was filled from a backup listens, to its pod alone, and whom it knows.
pub const SCRATCH_PORT: u16 = 16_000;
pub const SCRATCH_USER: &str = "outboard";
