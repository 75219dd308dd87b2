//! `forward`: connections to a port on this machine go to a port of a part, each to a pod that is ready then.

mod carry;
mod port;

use std::net::{Ipv4Addr, SocketAddr};

use api::Role;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::carry::{Carried, Carrier};
pub use self::port::Port;
use super::enter::{self, Inside};
use super::error::Trouble;
use super::pods;
use crate::{Cluster, Error, Result};

/// What is to be reached.
#[derive(Clone, Debug)]
pub struct Forward {
    pub environment: String,
    /// A component or service.
    pub part: String,
    /// `None`: the first it has.
    pub port: Option<Port>,
}

/// What happens while it is reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Forwarding {
    /// Connections are accepted.
    Listening {
        environment: String,
        part: String,
        address: SocketAddr,
        port: u16,
        /// The port's name, where it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// A connection came to nothing; the next one may not.
    Refused {
        part: String,
        port: u16,
        #[serde(skip_serializing_if = "Option::is_none")]
        pod: Option<String>,
        reason: String,
    },
    /// The environment is gone: nothing more can be reached.
    Destroyed { environment: String },
}

/// Forwards until the environment is destroyed.
pub async fn forward(
    cluster: &Cluster,
    control: &str,
    wanted: &Forward,
    tell: &mut (dyn FnMut(Forwarding) -> Result<()> + Send),
) -> Result<()> {
    let roles = [Role::Component, Role::Service];
    let inside = enter::enter(cluster, control, &wanted.environment, &wanted.part, &roles).await?;
    let (port, name) = remote(cluster, &inside, wanted.port.as_ref()).await?;
    let listener = listen(wanted.port.as_ref().and_then(|port| port.local), port).await?;
    let address = listener.local_addr().map_err(|error| unable(port, &error))?;
    let part = wanted.part.clone();
    tell(Forwarding::Listening { environment: wanted.environment.clone(), part, address, port, name })?;

    let (out, mut carried) = mpsc::channel(64);
    let mut connections = JoinSet::new();
    let carrier = Carrier::new(cluster, control, inside, port, out);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((connection, _)) => {
                    connections.spawn(carrier.clone().carry(connection));
                }
                // A connection that was gone before it was taken, or no file left for it: the next may do better.
                Err(error) => {
                    let reason = error.to_string();
                    tell(Forwarding::Refused { part: wanted.part.clone(), port, pod: None, reason })?;
                }
            },
            Some(_) = connections.join_next() => {}
            Some(news) = carried.recv() => match news {
                Carried::Refused { pod, reason } => {
                    tell(Forwarding::Refused { part: wanted.part.clone(), port, pod, reason })?;
                }
                Carried::Destroyed => {
                    return tell(Forwarding::Destroyed { environment: wanted.environment.clone() });
                }
            },
        }
    }
}

/// The number and name of the port that is meant.
async fn remote(cluster: &Cluster, inside: &Inside, port: Option<&Port>) -> Result<(u16, Option<String>)> {
    let found = pods::of_part(cluster, inside).await?;
    let pod = pods::choose(&found).or_else(|| pods::newest(&found));
    let container = pod.and_then(|pod| pods::container(pod, &inside.part.name));
    let declared = container.and_then(|container| container.ports.clone()).unwrap_or_default();
    let known: Vec<(u16, Option<String>)> = declared
        .into_iter()
        .filter_map(|port| Some((u16::try_from(port.container_port).ok()?, port.name)))
        .collect();
    if known.is_empty() && pod.is_none() && port.is_none_or(|port| port.number().is_none()) {
        return Err(pods::none_ready(inside, &found));
    }
    port::find(port, &known, &inside.part_words())
}

/// Listens on this machine alone. Where no port was asked for, the remote one's number is only a wish; 0 is any.
async fn listen(asked: Option<u16>, remote: u16) -> Result<TcpListener> {
    let on = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    match asked {
        Some(port) => on(port).await.map_err(|error| unable(port, &error)),
        None => match on(remote).await {
            Ok(listener) => Ok(listener),
            Err(_) => on(0).await.map_err(|error| unable(0, &error)),
        },
    }
}

fn unable(port: u16, error: &std::io::Error) -> Error {
    let reason = error.to_string();
    let reason = reason.split(" (os error").next().unwrap_or(&reason).to_lowercase();
    Trouble::Listen { address: format!("127.0.0.1:{port}"), reason }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn zero_is_any_port_and_a_number_that_was_asked_for_is_not_replaced() {
        let taken = listen(Some(0), 1).await.unwrap();
        let number = taken.local_addr().unwrap().port();
        let any = listen(Some(0), number).await.unwrap();
        assert_ne!(any.local_addr().unwrap().port(), number);
        let instead = listen(None, number).await.unwrap();
        assert_ne!(instead.local_addr().unwrap().port(), number);
        let error = listen(Some(number), 80).await.unwrap_err();
        assert!(matches!(error, Error::Inside(Trouble::Listen { .. })), "{error}");
    }
}
