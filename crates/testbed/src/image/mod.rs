//! Container images without a container engine: described, built to the same bytes every time, kept, pushed.
//!
//! The way of one image: [`ImageSpec`] says what is in it → [`build`] turns it into layers and a manifest in the
//! [`Store`] → [`Registry`] pushes it, or [`archive`] writes it as one file. Nothing here starts a container.

mod applications;
pub mod archive;
pub mod build;
mod cargo;
mod catalogue;
pub mod cli;
mod debian;
mod registry;
mod rootfs;
mod spec;
mod store;
mod tree;

pub use applications::applications;
pub use catalogue::{catalogue, mysql, storage};
pub use registry::{Pushed, Registry};
pub use spec::{ImageSpec, Name, Source};
pub use store::{ImageRecord, Layer, Store};

/// The registry as pods and nodes call it; whoever pushes says which address to dial.
pub const REGISTRY: &str = "registry.testbed:5000";
