//! Why an archive could not be searched, with the bucket's name and the right that is lacking.

use aws::Failure;
use thiserror::Error;

use super::Estimate;

#[derive(Clone, Debug, Error, PartialEq)]
pub enum Error {
    #[error("failed to {doing} bucket `{bucket}`: {}", words(.failure))]
    Bucket { bucket: String, doing: Doing, failure: Failure },
    #[error("more than {most} objects lie in that time")]
    TooManyObjects { most: usize },
    /// At least this.
    #[error("more than a search may read lies in that time")]
    TooMuch(Estimate),
}

/// What was asked of a bucket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Doing {
    Reach,
    List,
    Read,
}

impl Doing {
    /// The right it takes.
    pub fn right(self, bucket: &str) -> String {
        match self {
            Self::Reach | Self::List => format!("s3:ListBucket on arn:aws:s3:::{bucket}"),
            Self::Read => format!("s3:GetObject on arn:aws:s3:::{bucket}/*"),
        }
    }
}

impl std::fmt::Display for Doing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Reach => "reach",
            Self::List => "list",
            Self::Read => "read",
        })
    }
}

fn words(failure: &Failure) -> String {
    match failure {
        Failure::Missing => "it does not exist".to_owned(),
        Failure::Denied(words) => format!("access is denied ({words})"),
        Failure::Throttled(words) => format!("it is asked too often ({words})"),
        Failure::NoCredentials(words) => format!("you have no AWS credentials: {words}"),
        Failure::NoRegion => "nobody says in which region it is".to_owned(),
        Failure::Unreachable(words) => format!("it cannot be reached ({words})"),
        Failure::Refused(words) => words.clone(),
        // Not said of buckets.
        Failure::Going | Failure::Empty | Failure::TooMany(_) => "it has no such content".to_owned(),
    }
}
