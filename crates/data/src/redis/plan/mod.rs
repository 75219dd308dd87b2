//! The decisions of a copy of Redis, as functions of values: which keys, under which names, masked how, and whether two
//! values are the same. Talks to no server.

pub mod glob;
pub mod names;
pub mod pace;
pub mod payload;
pub mod rdb;
pub mod rules;
pub mod value;
