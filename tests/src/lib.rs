//! What stories are told with: a [`World`] of one's own on a real cluster, the real `outboard`, the real gateway.
//!
//! Never looks into outboard's insides: it types what a user types and reads what Kubernetes says.

pub mod backups;
mod binary;
mod cert_manager;
mod chatter;
mod claim;
mod cloud;
mod cluster;
mod construction;
mod copies;
mod data_copy;
pub mod dns;
mod events;
mod gateway;
mod github;
pub mod goods;
mod images;
mod installation;
mod leftovers;
mod light;
mod logs;
pub mod mariadb;
mod metrics;
pub mod newcomers;
pub mod pantry;
mod patience;
mod person;
mod pod_network;
mod private_registry;
mod prometheus;
mod proxy;
mod receiver;
pub mod redis_server;
mod refusing_registry;
mod registry;
mod report;
mod running;
mod runtime_class;
pub mod shelf;
mod signing;
mod size;
mod soak;
mod socket;
pub mod stumbling;
mod talk;
pub mod terraform;
pub mod torture;
mod ui;
pub mod versity;
mod watched;
mod world;

pub use binary::{Output, outboard, outboard_with, path as binary};
pub use cert_manager::CertManager;
pub use chatter::{Following, Summary, chatter};
pub use claim::{contains, same};
pub use cloud::Cloud;
pub use cluster::{Uids, client, kubeconfig_file};
pub use construction::{Construction, NOT_IN_MOTO, PLANTED, engine};
pub use data_copy::{CopyJob, Ended, RunningCopy, number};
pub use events::Events;
pub use gateway::{Answer, GATEWAY, Load, Tally, ask, ask_for, post_form, put};
pub use github::{GitHub, TOKEN as GITHUB_TOKEN};
pub use images::images;
pub use installation::{
    HostOperator, arguments, installed_with, operator_pods, operator_user, restart_operator, without_operator,
};
pub use leftovers::leftovers;
pub use light::light;
pub use logs::follow_through_everything;
pub use metrics::Metrics;
pub use patience::{millis, until};
pub use person::{Person, kubectl};
pub use pod_network::{PodNetworks, Port};
pub use private_registry::{PRIVATE, PrivateRegistry};
pub use prometheus::Prometheus;
pub use proxy::Proxy;
pub use receiver::{Receiver, Told};
pub use refusing_registry::refusing_registry;
pub use registry::{forget, only_for, tag, vary};
pub use running::Running;
pub use runtime_class::{forget as forget_runtime_class, runtime_class};
pub use signing::{
    Audited, Behind, Provider, Rights, Server, Site, Terminal, behind_the_gateway, form_token, issuers,
    records, rights, shop,
};
pub use size::size;
pub use soak::soak;
pub use socket::Socket;
pub use talk::talk;
pub use ui::{Page, Ui, browse, shots, visit};
pub use watched::{Watched, files};
pub use world::{World, story};
