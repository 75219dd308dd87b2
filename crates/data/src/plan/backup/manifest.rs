//! What a backup says of itself: written last, so that one without it is none. Names no secret, and no value of a row.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::job::Store;

/// The only form there is so far; what another outboard wrote in another one is refused.
pub const FORM: &str = "outboard.dev/backup/v1";
/// Its name in the folder of a backup.
pub const NAME: &str = "manifest.json";

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub form: String,
    #[serde(flatten)]
    pub about: About,
    /// When the first service was begun, and the last one ended.
    pub begun: String,
    pub ended: String,
    pub services: Vec<Piece>,
}

/// Whose backup it is.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    pub backup: String,
    pub outboard: String,
    pub install: String,
    pub control_namespace: String,
    pub project: String,
    pub project_revision: String,
    pub environment: String,
    pub class: String,
}

/// One service of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Piece {
    pub service: String,
    pub store: Store,
    /// The database that was dumped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// In the backup's folder: a file, or a folder of objects.
    pub path: String,
    /// As they are stored.
    pub bytes: u64,
    /// Of the file, as it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Rows, keys or objects.
    pub rows: u64,
    /// Rows by table, of a database.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, u64>,
    /// What is worth knowing besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    pub begun: String,
    pub ended: String,
}

/// Where the piece of a service is noted before all are there.
pub fn note(service: &str) -> String {
    format!("{service}.json")
}

/// Where objects of a bucket lie in the folder of a backup, and beside them, while it is made, what the engine notes.
pub fn objects(service: &str) -> String {
    format!("{service}/objects/")
}

pub fn notes(service: &str) -> String {
    format!("{service}/")
}

/// Of all services, as they are asked for; none: some are not there yet.
pub fn sealed(about: &About, wanted: &[String], pieces: Vec<Piece>) -> Option<Manifest> {
    let all = wanted.iter().all(|name| pieces.iter().any(|piece| piece.service == *name));
    let begun = pieces.iter().map(|piece| piece.begun.clone()).min()?;
    let ended = pieces.iter().map(|piece| piece.ended.clone()).max()?;
    all.then(|| Manifest { form: FORM.to_owned(), about: about.clone(), begun, ended, services: pieces })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(service: &str, begun: &str, ended: &str) -> Piece {
        Piece {
            service: service.into(),
            store: Store::Redis,
            database: None,
            path: format!("{service}.rdb.gz"),
            bytes: 10,
            sha256: Some("ab".into()),
            rows: 3,
            tables: BTreeMap::new(),
            notes: vec![],
            begun: begun.into(),
            ended: ended.into(),
        }
    }

    #[test]
    fn a_backup_is_one_once_every_service_is_there_and_says_when_it_began_and_ended() {
        let wanted = ["cache".to_owned(), "db".to_owned()];
        let (cache, db) = (
            piece("cache", "2026-11-26T03:00:01Z", "2026-11-26T03:00:09Z"),
            piece("db", "2026-11-26T03:00:00Z", "2026-11-26T03:00:05Z"),
        );
        assert_eq!(sealed(&About::default(), &wanted, vec![cache.clone()]), None);
        let manifest = sealed(&About::default(), &wanted, vec![cache, db]).unwrap();
        assert_eq!(
            (manifest.begun.as_str(), manifest.ended.as_str()),
            ("2026-11-26T03:00:00Z", "2026-11-26T03:00:09Z")
        );
        let text = serde_json::to_string(&manifest).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest);
    }

    #[test]
    fn a_manifest_reads_as_people_expect() {
        let about =
            About { backup: "qa-20261126t030000z".into(), project: "shop".into(), ..About::default() };
        let piece = Piece {
            store: Store::MariaDb,
            database: Some("app".into()),
            tables: [("products".into(), 3)].into(),
            ..piece("db", "a", "b")
        };
        let manifest = sealed(&about, &["db".into()], vec![piece]).unwrap();
        insta::assert_json_snapshot!(manifest);
    }
}
