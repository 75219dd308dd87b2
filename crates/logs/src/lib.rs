//! Slice 3: the logs of environments. Lines, the one language in which they are asked for, what containers write as they write
//! it, and the archive of what was shipped.
//!
//! Writes no log, and nothing to Kubernetes.

pub mod archive;
pub mod histogram;
pub mod level;
pub mod line;
pub mod live;
pub mod query;
pub mod timeline;

pub use histogram::Histogram;
pub use level::Level;
pub use line::{Line, Origin};
pub use query::{Query, QueryError};
pub use timeline::Timeline;
