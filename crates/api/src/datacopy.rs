//! `DataCopy`: data of one environment's services, brought into another's, and what became of it.

mod backup;
mod chosen;
mod phase;
mod report;
mod spec;
mod status;

pub use backup::BackupPlace;
pub use chosen::{CopyEnd, CopyKeys, CopyLimits, DeniedChoice, MaskChoice, SnapshotChoice};
pub use phase::{CopyPhase, CopyStore, TargetState};
pub use report::{
    BackupReport, KeysReport, ObjectWay, ObjectsReport, Proposal, ServiceReport, Snapshot, SnapshotKind,
    ValuePath,
};
pub use spec::{DataCopy, DataCopySpec};
pub use status::{CopiedService, DataCopyStatus};
