//! What pages show, as values: made of what `verbs` knows, drawn by the templates. Pure: no cluster, no clock.

pub mod address;
pub mod backup;
pub mod carried;
pub mod clusters;
pub mod copy;
pub mod copy_button;
pub mod detail;
pub mod drift;
pub mod histogram;
pub mod hosts;
pub mod log;
pub mod masks;
mod once;
pub mod passwords;
pub mod plan;
pub mod query;
pub mod report;
pub mod revision;
pub mod row;
pub mod sample;
pub mod table;
pub mod ticked;
pub mod timeline;
pub mod tone;
pub mod versions;
