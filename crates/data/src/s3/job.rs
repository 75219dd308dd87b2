//! The file that describes a copy of S3: `store: s3`, then from which bucket, to which, which keys, masked how, how gently.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use api::Problem;
use aws::Authority;
use serde::{Deserialize, Serialize};

use super::plan::parts;
use super::plan::scope::{self, Mask, Prefixes};
use crate::error::{Error, Result};
use crate::job::{Secret, Store, Tls, lookup};
use crate::share::Share;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Job {
    #[expect(dead_code, reason = "read before, to know that this is such a job")]
    store: Store,
    pub source: Bucket,
    pub target: Bucket,
    #[serde(default)]
    pub prefixes: Prefixes,
    /// Where in the target this copy keeps what it needs itself [default: below the bucket itself, where copies take turns].
    #[serde(default)]
    pub notes: String,
    /// What becomes of objects that the target has [default: it must have none of those that are copied].
    pub existing: Option<Existing>,
    /// Remove what the target has and the source has not, if it is no more than this.
    pub delete_up_to: Option<usize>,
    /// What becomes of the copy if objects may not be read or written [default: it fails, once all others are copied].
    #[serde(default)]
    pub denied: Denied,
    #[serde(default)]
    pub masks: Masks,
    #[serde(default)]
    pub parts: Parts,
    /// Count how many there are, while they are copied: only then is the time left known.
    #[serde(default)]
    pub count: bool,
    #[serde(default)]
    pub limits: Limits,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bucket {
    pub bucket: String,
    /// Of a server that is not AWS.
    pub endpoint: Option<String>,
    /// [default: what AWS' own tools find here]
    pub region: Option<String>,
    /// [default: whom AWS' own tools find here]
    pub access_key: Option<String>,
    pub secret_key_file: Option<PathBuf>,
    /// Name of an environment variable.
    pub secret_key_env: Option<String>,
    /// Whom its certificate is of [default: one that everybody trusts].
    pub tls: Option<Tls>,
}

impl Bucket {
    pub fn address(&self) -> String {
        match (&self.endpoint, &self.region) {
            (Some(endpoint), _) => format!("{}/{}", endpoint.trim_end_matches('/'), self.bucket),
            (None, Some(region)) => format!("s3://{} in {region}", self.bucket),
            (None, None) => format!("s3://{}", self.bucket),
        }
    }

    /// Whether one request can speak of both.
    pub fn is_beside(&self, other: &Self) -> bool {
        let who = |end: &Self| (end.access_key.clone(), end.endpoint.clone(), end.region.clone());
        who(self) == who(other)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Existing {
    /// Written over where they differ; what else the target has stays.
    Replace,
    /// Left as they are.
    Skip,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Denied {
    #[default]
    Fail,
    /// Told in the report.
    Skip,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Masks {
    pub prefixes: BTreeMap<String, Mask>,
}

/// When objects are copied in parts, and in which.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Parts {
    /// Of what passes through this copy.
    pub bytes: u64,
    /// The largest that a server copies by itself at once.
    pub by_itself: u64,
    /// And the parts in which it copies larger ones.
    pub bytes_by_itself: u64,
}

impl Default for Parts {
    fn default() -> Self {
        Self { bytes: parts::PART, by_itself: parts::BY_ITSELF, bytes_by_itself: parts::PART_BY_ITSELF }
    }
}

/// Read again while a copy runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Objects under way at once, at most; how many there are is found out.
    pub transfers: usize,
    pub bytes_per_second: Option<u64>,
    /// On both sides together.
    pub requests_per_second: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { transfers: 256, bytes_per_second: None, requests_per_second: None }
    }
}

/// A job with its secrets.
#[derive(Clone, Debug)]
pub struct Ready {
    pub job: Job,
    pub source_secret: Option<Secret>,
    pub target_secret: Option<Secret>,
    pub source_authority: Option<Authority>,
    pub target_authority: Option<Authority>,
    /// Others copy the rest of it.
    pub share: Option<Share>,
}

/// Reads and checks a job; every problem at once.
pub fn read(file: &Path, share: Option<&Share>) -> Result<Ready> {
    let wrong = |error: String| Error::Job(vec![Problem::new(file.display().to_string(), error)]);
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let job: Job = serde_saphyr::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let mut problems = vec![];
    let mut secret = |place: &str, end: &Bucket| {
        lookup(end.secret_key_file.as_deref(), end.secret_key_env.as_deref()).unwrap_or_else(|problem| {
            problems.push(Problem::new(place, problem));
            None
        })
    };
    let (source_secret, target_secret) = (secret("/source", &job.source), secret("/target", &job.target));
    let mut authority = |place: &str, end: &Bucket| {
        let file = end.tls.as_ref().and_then(|tls| tls.ca_file.as_ref())?;
        let read = std::fs::read(file).map_err(|error| format!("cannot be read: {error}"));
        let found = read.and_then(|pem| Authority::read(&pem));
        found.map_err(|problem| problems.push(Problem::new(format!("{place}/tls/caFile"), problem))).ok()
    };
    let (source_authority, target_authority) =
        (authority("/source", &job.source), authority("/target", &job.target));
    problems.extend(check(&job));
    if share.is_some() && job.existing.is_none() {
        // What another of them has put there would not be told from what was there before.
        problems.push(
            Problem::new("/existing", "has to be said where several copy together")
                .hint("say replace or skip"),
        );
    }
    if problems.is_empty() {
        let share = share.cloned();
        Ok(Ready { job, source_secret, target_secret, source_authority, target_authority, share })
    } else {
        Err(Error::Job(problems))
    }
}

/// Only the limits, as they stand in the file now; none: it cannot be read, or not yet.
pub fn limits(file: &Path) -> Option<Limits> {
    let job: Job = serde_saphyr::from_str(&std::fs::read_to_string(file).ok()?).ok()?;
    limit_problems(&job.limits).is_empty().then_some(job.limits)
}

fn check(job: &Job) -> Vec<Problem> {
    let mut problems = vec![];
    let at = |end: &Bucket| (end.endpoint.clone(), end.region.clone(), end.bucket.clone());
    if at(&job.source) == at(&job.target) {
        problems.push(Problem::new("/target", "is the source").hint("a copy goes to another bucket"));
    }
    for (place, end) in [("/source", &job.source), ("/target", &job.target)] {
        if end.bucket.is_empty() || end.bucket.contains('/') {
            problems.push(Problem::new(format!("{place}/bucket"), "is not the name of a bucket"));
        }
        let secret = end.secret_key_file.is_some() || end.secret_key_env.is_some();
        if end.access_key.is_some() != secret {
            problems.push(
                Problem::new(place, "has half of its credentials")
                    .hint("say accessKey, and secretKeyFile or secretKeyEnv, or none of them"),
            );
        }
        let plain = end.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        if plain && end.tls.is_some() {
            problems.push(
                Problem::new(format!("{place}/tls"), "is said of an endpoint without TLS")
                    .hint("let the endpoint begin with https://, or leave `tls` out"),
            );
        }
        if end.tls.as_ref().is_some_and(|tls| tls.certificate_file.is_some() || tls.key_file.is_some()) {
            problems.push(
                Problem::new(format!("{place}/tls"), "names a certificate of its own, which no S3 asks for")
                    .hint("leave certificateFile and keyFile out"),
            );
        }
        if let Some(endpoint) = &end.endpoint
            && !endpoint.starts_with("http://")
            && !endpoint.starts_with("https://")
        {
            problems
                .push(Problem::new(format!("{place}/endpoint"), format!("{endpoint} is no http(s) address")));
        }
    }
    let sizes = [("bytes", job.parts.bytes), ("bytesByItself", job.parts.bytes_by_itself)];
    for (name, size) in sizes {
        if !(parts::SMALLEST..=parts::BY_ITSELF).contains(&size) {
            problems.push(Problem::new(format!("/parts/{name}"), "has to be between 5 MiB and 5 GiB"));
        }
    }
    if job.parts.bytes > parts::HELD {
        problems.push(Problem::new("/parts/bytes", "has to be 64 MiB at most: parts are held in memory"));
    }
    if !(1..=parts::BY_ITSELF).contains(&job.parts.by_itself) {
        problems.push(Problem::new("/parts/byItself", "has to be between 1 byte and 5 GiB"));
    }
    if job.delete_up_to.is_some_and(|most| !(1..=100_000).contains(&most)) {
        problems.push(Problem::new("/deleteUpTo", "has to be between 1 and 100000"));
    }
    problems.extend(scope::problems(&job.prefixes));
    if job.masks.prefixes.len() > 10_000 {
        problems.push(Problem::new("/masks/prefixes", "are more than 10000"));
    }
    problems.extend(limit_problems(&job.limits));
    problems
}

fn limit_problems(limits: &Limits) -> Vec<Problem> {
    let mut problems = vec![];
    if !(1..=1024).contains(&limits.transfers) {
        problems.push(Problem::new("/limits/transfers", "has to be between 1 and 1024"));
    }
    for (name, limit) in
        [("bytesPerSecond", limits.bytes_per_second), ("requestsPerSecond", limits.requests_per_second)]
    {
        if limit == Some(0) {
            problems.push(Problem::new(format!("/limits/{name}"), "has to be more than 0"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_told_at_once() {
        let job: Job = serde_saphyr::from_str(
            "store: s3\nsource: {bucket: a/b, accessKey: x}\ntarget: {bucket: a/b, endpoint: there}\n\
             deleteUpTo: 0\nparts: {bytes: 1, byItself: 0}\n\
             prefixes: {include: [a/, a/], exclude: [''], rename: {b/: c/}}\n\
             limits: {transfers: 0, bytesPerSecond: 0, requestsPerSecond: 0}\n",
        )
        .unwrap();
        insta::assert_snapshot!(Error::Job(check(&job)).details().join("\n"));
    }

    #[test]
    fn certificates_to_trust_are_looked_at_with_the_rest_and_wanted_by_tls_alone() {
        let folder = std::env::temp_dir();
        let (job, pem) = (folder.join("s3-job-of-a-test.yaml"), folder.join("s3-authority-of-a-test.pem"));
        std::fs::write(&pem, "no certificate").unwrap();
        let text = format!(
            "store: s3\nsource: {{bucket: a, endpoint: 'http://a:1', tls: {{caFile: {}}}}}\n\
             target: {{bucket: b, endpoint: 'https://a:1', tls: {{caFile: /nowhere/ca.pem}}}}\n",
            pem.display()
        );
        std::fs::write(&job, text).unwrap();
        let problems = read(&job, None).unwrap_err().details();
        std::fs::remove_file(&job).unwrap();
        std::fs::remove_file(&pem).unwrap();
        insta::assert_snapshot!(problems.join("\n"));
    }

    #[test]
    fn one_request_speaks_of_two_buckets_of_one_endpoint_and_one_identity() {
        let end = |text: &str| -> Bucket { serde_saphyr::from_str(text).unwrap() };
        assert!(end("{bucket: a}").is_beside(&end("{bucket: b}")));
        assert!(!end("{bucket: a}").is_beside(&end("{bucket: b, region: eu-west-1}")));
        let here = "{bucket: a, endpoint: 'http://a:1', accessKey: x, secretKeyEnv: S}";
        assert!(end(here).is_beside(&end(&here.replace("bucket: a", "bucket: b"))));
        assert!(!end(here).is_beside(&end(&here.replace("accessKey: x", "accessKey: y"))));
    }
}
