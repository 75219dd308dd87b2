//! Projects: apply a checked file, list what is stored.

mod apply;
mod list;
mod read;

pub use apply::{Applied, Wanted, apply, outlook};
pub use list::{Summary, list};
pub use read::{choose, get, own_files, revision, stored};
