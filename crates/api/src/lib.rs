//! The types everybody shares: custom resources, names, marks, conditions, verdicts and exit codes.
//!
//! Pure values only: nothing here talks to Kubernetes, reads a clock or waits.

pub mod condition;
pub mod crds;
pub mod cron;
pub mod datacopy;
pub mod environment;
pub mod exit;
pub mod host;
pub mod hostname;
pub mod kept;
pub mod marks;
pub mod mask;
pub mod names;
pub mod overlay;
pub mod overrides;
pub mod plan;
pub mod problem;
pub mod project;
pub mod revision;
pub mod rotation;
pub mod tag;
pub mod verdict;
pub mod version_query;

pub use condition::{Condition, ConditionStatus};
pub use datacopy::{DataCopy, DataCopySpec, DataCopyStatus};
pub use environment::{
    Change, Drift, DriftPolicy, Environment, EnvironmentSpec, EnvironmentStatus, Freeze, KeptVolume,
    PartState, PartStatus, Protection, Role, Teardown,
};
pub use exit::Exit;
pub use host::HostClaim;
pub use hostname::{Hostname, HostnameSpec, HostnameStatus};
pub use kept::KeptVolumes;
pub use mask::{MaskSpec, ObjectMask};
pub use overlay::{Held, Overlay, OverlayPatch};
pub use overrides::{Override, Overrides};
pub use plan::{Plan, PlanSpec, PlanStatus};
pub use problem::Problem;
pub use project::{Project, ProjectSpec, ProjectStatus};
pub use revision::{EnvironmentRevision, Part, ProjectRevision};
pub use rotation::{Rotation, RotationPhase};
pub use tag::Tag;
pub use verdict::{Cause, Given, Verdict};
pub use version_query::{RegistryVersion, VersionQuery, VersionQuerySpec, VersionQueryStatus};

/// The API group of every custom resource.
pub const GROUP: &str = "outboard.dev";
/// The one version of the API; fields are only ever added to it.
pub const VERSION: &str = "v1alpha1";
/// `apiVersion` as it stands in every file and object.
pub const API_VERSION: &str = "outboard.dev/v1alpha1";
