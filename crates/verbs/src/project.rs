//! Projects: apply a checked file, list what is stored.

mod apply;
mod list;
mod read;

pub use apply::{Applied, apply};
pub use list::{Summary, list};
pub use read::{choose, get, revision, stored};
