//! Slice 3: the logs of environments. Lines, and the one language in which they are asked for.
//!
//! Writes no log, and nothing to Kubernetes.

pub mod level;
pub mod line;
pub mod live;
pub mod query;

pub use level::Level;
pub use line::{Line, Origin};
pub use query::{Query, QueryError};
