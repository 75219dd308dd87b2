//! What every handler has at hand: the cluster, what is known of its environments, the plans that were shown.

use std::sync::Arc;

use api::{DataCopy, Environment};
use verbs::{Cluster, Error, Watched, environment};

use crate::desk::Desk;
use crate::door::Door;
use crate::failure::Failure;

pub type Result<T, E = Failure> = std::result::Result<T, E>;

#[derive(Clone)]
pub struct App(Arc<Inside>);

pub struct Inside {
    pub cluster: Cluster,
    /// The control namespace that is shown; none: all of them.
    pub namespace: Option<String>,
    /// Who the cluster says we are.
    pub who: Option<String>,
    pub watched: Watched<Environment>,
    /// What is known of copies of data, or why nothing is.
    pub copies: Result<Watched<DataCopy>>,
    pub desk: Desk,
    pub door: Door,
}

impl App {
    pub fn new(inside: Inside) -> Self {
        Self(Arc::new(inside))
    }

    /// An environment as it is known; one that was made a moment ago may have to be asked for.
    pub async fn environment(&self, namespace: &str, name: &str) -> Result<Arc<Environment>> {
        self.within(namespace)?;
        match self.watched.find(namespace, name) {
            Some(known) => Ok(known),
            None => Ok(Arc::new(environment::get(&self.cluster, namespace, name).await?)),
        }
    }

    pub fn copies(&self) -> Result<&Watched<DataCopy>> {
        self.copies.as_ref().map_err(Failure::clone)
    }

    /// Whether that namespace is shown here at all.
    pub fn within(&self, namespace: &str) -> Result<()> {
        match &self.namespace {
            Some(shown) if shown != namespace => Err(Failure::from(Error::NotFound {
                kind: "namespace",
                name: namespace.to_owned(),
                place: "what is shown here".to_owned(),
                known: vec![shown.clone()],
                nearest: None,
            })),
            _ => Ok(()),
        }
    }
}

impl std::ops::Deref for App {
    type Target = Inside;

    fn deref(&self) -> &Inside {
        &self.0
    }
}
