//! The door of a server, from the request to what Kubernetes was asked: who comes in, as whom, and what nobody may.

mod away;
mod kube;
mod matrix;
mod protected;
mod signing;
mod tokens;
mod world;
