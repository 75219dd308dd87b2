//! What is asked of servers, one file a purpose.

pub mod connect;
pub mod finish;
pub mod ledger;
pub mod pump;
pub mod schema;
pub mod snapshot;
pub mod sums;
