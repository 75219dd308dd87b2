//! testbed
pub mod image;
