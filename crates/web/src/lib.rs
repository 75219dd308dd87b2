//! outboard in a browser, and over HTTP: pages, a JSON API, live updates. Everything is done by `verbs`, with the identity of
//! whoever it is done for; nothing here speaks to Kubernetes, and no secret ever reaches a page.
//!
//! ```text
//! request ─▶ door (host, session, origin, form's token) ─▶ pages, json ─▶ verbs
//!                                                           └─▶ view (values in, values out) ─▶ templates
//! ```
//!
//! A change is asked for first ([`ask`]) and then carried out as it was shown ([`desk`]).

mod actor;
mod app;
mod ask;
mod assets;
mod audit;
mod begun;
mod command;
mod desk;
mod door;
mod drawn;
mod failure;
#[cfg(test)]
mod fake;
mod icon;
mod json;
mod known;
mod lines;
mod live;
mod pages;
mod proxy;
#[cfg(test)]
mod requests;
mod searched;
mod serve;
mod server;
mod sight;
mod token;
mod view;

pub use door::site::Public;
pub use json::openapi::document;
pub use serve::{Error, Options, Serving};
pub use server::{Server, Settings};
