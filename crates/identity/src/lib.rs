//! Who somebody is: providers of OpenID Connect, their tokens, and which name and groups Kubernetes is told. Knows no cluster and
//! no pages, and keeps no secret of anybody.
//!
//! ```text
//! token ─▶ peek ─▶ provider (its keys) ─▶ jwt (signature, audience, times) ─▶ claims or rules ─▶ Person
//! ```

pub mod device;

mod claims;
mod gate;
mod jwt;
mod person;
mod provider;
mod refused;
mod rules;
mod sign_in;

pub use claims::{Claims, Naming};
pub use gate::{Bearer, Gate, Known};
pub use person::{Person, Unfit};
pub use provider::{Away, Provider, Trust};
pub use refused::Refused;
pub use rules::{Broken, Rules};
pub use sign_in::{Begun, Client, SignIn};
