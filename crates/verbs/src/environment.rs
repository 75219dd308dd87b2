//! Environments: create, change, watch, list, show and destroy them.

mod choose;
mod create;
mod destroy;
mod list;
mod outlook;
mod progress;
mod read;
mod set;
mod show;
mod watch;

pub use choose::Choice;
pub use create::{Wanted, create};
pub use destroy::{Destroyed, destroy};
pub use list::{State, Summary, list, summary};
pub use outlook::{Outlook, outlook, pending};
pub use read::get;
pub use set::set;
pub use show::{Detail, detail, show};
pub use watch::watch;
