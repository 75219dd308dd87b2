//! Projects: apply a checked file, list what is stored, and what registries have of their components.

mod apply;
mod list;
mod read;
mod versions;

pub use apply::{Applied, Wanted, apply, outlook};
pub use list::{Summary, list};
pub use read::{choose, get, own_files, revision, stored};
pub use versions::{Kept as KeptVersions, Version, Versions, Wanted as WantedVersions, versions};
