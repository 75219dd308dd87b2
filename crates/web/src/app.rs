//! What every handler has at hand: the cluster, what is known of its environments, the plans that were shown.

use std::sync::Arc;

use api::{DataCopy, Environment};
use tokio::sync::OnceCell;
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
    /// What is known of copies of data, once somebody asked for them and might.
    pub copies: OnceCell<Watched<DataCopy>>,
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

    /// The same for those who look on: that there is none is no error.
    pub async fn find(&self, namespace: &str, name: &str) -> Result<Option<Arc<Environment>>> {
        match self.watched.find(namespace, name) {
            Some(known) => Ok(Some(known)),
            None => Ok(environment::find(&self.cluster, namespace, name).await?.map(Arc::new)),
        }
    }

    /// Begun with the first who asks. What fails is tried again with the next: a right may be given, an outage may end.
    pub async fn copies(&self) -> Result<&Watched<DataCopy>> {
        let begin = || Watched::begin(&self.cluster, self.namespace.as_deref());
        Ok(self.copies.get_or_try_init(begin).await?)
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
