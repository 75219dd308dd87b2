//! Decisions of a copy of S3: which keys, in which ranges, what becomes of each object, how fast. Pure.

pub mod board;
pub mod deal;
pub mod join;
pub mod keys;
pub mod level;
pub mod parts;
pub mod rows;
pub mod scope;
pub mod search;
pub mod segment;
pub mod stand_in;
