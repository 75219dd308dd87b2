//! Image references, taken apart.

/// Repository, and tag or digest: of both, the digest says more.
pub fn split(reference: &str) -> (String, Option<String>) {
    let (rest, digest) = match reference.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest.to_owned())),
        None => (reference, None),
    };
    // A colon before the last slash belongs to the registry's port.
    let name = rest.rfind('/').map_or(0, |slash| slash + 1);
    match rest[name..].find(':') {
        Some(colon) => {
            let (repository, tag) = rest.split_at(name + colon);
            (repository.to_owned(), digest.or_else(|| Some(tag[1..].to_owned())))
        }
        None => (rest.to_owned(), digest),
    }
}

/// The last part of a repository's name: `bitnami/redis` is `redis`.
pub fn base(repository: &str) -> &str {
    repository.rsplit('/').next().unwrap_or(repository)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_of_a_registry_is_no_tag() {
        assert_eq!(split("r.example:5000/a/web"), ("r.example:5000/a/web".into(), None));
        assert_eq!(split("r.example:5000/a/web:1"), ("r.example:5000/a/web".into(), Some("1".into())));
        assert_eq!(split("web:1@sha256:ab"), ("web".into(), Some("sha256:ab".into())));
        assert_eq!(split(""), (String::new(), None));
    }
}
