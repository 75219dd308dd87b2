//! How objects reach Kubernetes: created by POST, kept by server-side apply, scaled through `/scale`,
//! pruned by mark, and never taken from somebody else.
//!
//! Knows nothing of what the objects mean; a slice decides, this crate writes.

pub mod bundle;
pub mod bundle_writer;
pub mod claim;
pub mod cluster_kinds;
pub mod drift;
pub mod error;
pub mod fingerprint;
pub mod host;
pub mod keep;
pub mod kinds;
pub mod ownership;
pub mod recognise;
pub mod standing;
pub mod trial;
pub mod view;
pub mod watch;
pub mod writer;

pub use bundle::{Bundle, Compared};
pub use bundle_writer::{Done, compare, write};
pub use claim::{Claim, claim_namespace};
pub use error::Error;
pub use host::{claim_host, judge_host, look_up_host, release_host, release_hosts};
pub use ownership::Managers;
pub use standing::Standing;
pub use view::{Seen, View};
pub use writer::{Ensured, Writer};
