//! Slice 4: data between environments. What is here decides how databases are copied, and what takes the place of personal
//! values; it talks to no server.

pub mod masks;
pub mod plan;
