//! Files that are followed: found, known again after a rotation or a restart, and read to their end.

pub mod beside;
mod copies;
pub mod following;
pub mod print;
pub mod reading;
mod resume;
pub mod source;
pub mod spool;
