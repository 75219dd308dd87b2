//! `data`: copies of data from environment to environment, and what a copy's own pod does as its job's file says.

mod backups;
mod begin;
mod fill;
mod list;
mod proposals;
mod read;
mod reset;
mod steer;
mod watch;

pub use ::data::courier::{Desk, run};
pub use ::data::plan::between::word::Task;
pub use ::data::stores::{back_up as store_backup, copy, plan, restore as restore_backup, scan};
pub use ::data::{Error, Event, Halt, Report, Say, Share};
pub use api::datacopy::{
    CopiedService, CopyKeys, CopyLimits, CopyPhase, CopyStore, DeniedChoice, KeysReport, MaskChoice,
    ObjectWay, ObjectsReport, ServiceReport, SnapshotChoice, SnapshotKind, TargetState, ValuePath,
};
pub use backups::{Backup, Chosen, among, back_up, backups, chosen, restore};
pub use begin::{Backing, Wanted, begin, fresh_name, into_new, named, rehearse, try_out};
pub use fill::{fill, take_over};
pub use list::{Summary, list, summary};
pub use proposals::masks;
pub use read::{Detail, detail, show};
pub use reset::{last, reset};
pub use steer::{Limits, cancel, limit, pause, resume};
pub use watch::watch;
