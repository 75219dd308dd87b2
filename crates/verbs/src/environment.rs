//! Environments: create, change, watch, list, show, compare and destroy them.

mod change;
mod choose;
mod create;
mod declared;
mod destroy;
mod diff;
mod drift;
mod export;
mod history;
mod list;
mod outlook;
mod progress;
mod read;
mod schema;
mod setting;
mod show;
mod watch;
mod wish;

pub use change::{Planned, carry_out, plan};
pub use choose::Choice;
pub use create::{Wanted, create};
pub use declared::declared;
pub use destroy::{Destroyed, destroy};
pub use diff::{Comparison, diff};
pub use drift::{Report, drift, freeze, thaw};
pub use export::{Exported, Form, export};
pub use history::{Entry, Numbered, Retained, history, revision};
pub use list::{State, Summary, list, summary};
pub use outlook::{Outlook, outlook, pending};
pub use read::{find, get};
pub use schema::{Found, Schema, State as SchemaState, Table};
pub use setting::{Setting, Unset};
pub use show::{Detail, detail, show};
pub use watch::{Until, watch};
pub use wish::{Settings, Wish, clone, keep, promote, restart, rollback, set, update, with_versions};
