//! The decisions of a copy between two environments: whether it may be made, what is done next, what its pods are made
//! from, and what is said of it. Talks to no server and to no cluster.

pub mod admit;
pub mod next;
pub mod render;
pub mod together;
pub mod trouble;
pub mod verdict;
pub mod word;
