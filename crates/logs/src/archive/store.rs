//! What is asked of a store of objects: S3, or what a test puts in its place.

use std::sync::Arc;

use aws::{Bucket, Content, Failure, Page};
use bytes::Bytes;

/// Where a line lies: of two of the same time, the one further on was written later.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Place {
    pub object: Arc<str>,
    pub offset: u64,
}

pub trait Store: Clone + Send + Sync + 'static {
    type Read: Reading;

    /// A page of the objects whose keys begin with `prefix`.
    fn list(&self, prefix: &str, next: Option<String>) -> impl Future<Output = Result<Page, Failure>> + Send;

    fn read(&self, key: &str) -> impl Future<Output = Result<Self::Read, Failure>> + Send;
}

pub trait Reading: Send {
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, Failure>> + Send;
}

impl Store for Bucket {
    type Read = Content;

    fn list(&self, prefix: &str, next: Option<String>) -> impl Future<Output = Result<Page, Failure>> + Send {
        Self::list(self, prefix, next)
    }

    fn read(&self, key: &str) -> impl Future<Output = Result<Content, Failure>> + Send {
        Self::read(self, key)
    }
}

impl Reading for Content {
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, Failure>> + Send {
        Self::next(self)
    }
}
