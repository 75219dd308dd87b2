//! Why Route 53 did not do something, told apart by what can be done about it.

use crate::plan::Name;

#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The account has asked too often.
    #[error("Route 53 is asked too often: {0}")]
    Throttled(String),
    /// Somebody else's change of the zone is not done yet.
    #[error("Route 53 still works on an earlier change of the zone: {0}")]
    PriorRequestNotComplete(String),
    /// Nothing of the batch was done. `names`: those that Route 53 complains about, as far as it says.
    #[error("Route 53 refuses the changes: {words}")]
    InvalidBatch { names: Vec<Name>, words: String },
    #[error("there is no hosted zone {0}: look at its id, and whether it is of this account")]
    NoSuchZone(String),
    #[error("Route 53 knows no change {0}")]
    NoSuchChange(String),
    #[error("outboard's identity may not do this in Route 53: {0}")]
    Denied(String),
    #[error("outboard has no identity of AWS: {0}")]
    NoCredentials(String),
    /// It may have been done nevertheless.
    #[error("Route 53 does not answer: {0}")]
    Unreachable(String),
    #[error("Route 53 answers with something else: {0}")]
    Refused(String),
}

impl Failure {
    /// Whether the same may be asked again, since nothing was done.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Throttled(_) | Self::PriorRequestNotComplete(_))
    }

    /// Whether a change may have been made although it was not answered.
    pub fn leaves_doubt(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }
}

/// The names in what Route 53 says of a batch: `[name='…', type='A']`, `DNS name …,` and `resource record set 'A …'`.
pub fn names_in(words: &str) -> Vec<Name> {
    let mut names = vec![];
    for (before, end) in [("name='", "'"), ("DNS name ", ", "), ("DNS name ", " is "), ("record set '", "'")]
    {
        for piece in words.split(before).skip(1) {
            let Some((text, _)) = piece.split_once(end) else { continue };
            // The kind stands before the name.
            let text = text.rsplit(' ').next().unwrap_or(text);
            if text.ends_with('.') {
                names.push(Name::from_route53(text));
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_route_53_complains_about_are_found() {
        let names = |words: &str| names_in(words).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            names(
                "[Tried to delete resource record set [name='\\052.apps.example.com.', type='A'] but the values \
                 provided do not match the current values, Tried to create resource record set [name='b.example.com.', \
                 type='A', set-identifier='c/b'] but it already exists]"
            ),
            ["*.apps.example.com", "b.example.com"]
        );
        assert_eq!(
            names(
                "[RRSet of type CNAME with DNS name www.example.com. is not permitted as it conflicts with other \
                 records with the same DNS name in zone example.com.]"
            ),
            ["www.example.com"]
        );
        assert_eq!(
            names(
                "[RRSet with DNS name a.example.com., type A cannot be created as other RRSets exist with the same \
                 name and type.]"
            ),
            ["a.example.com"]
        );
        assert_eq!(
            names(
                "[The request contains an invalid set of changes for a resource record set 'A c.example.com.']"
            ),
            ["c.example.com"]
        );
        assert!(names("[Number of records limit of 1000 exceeded.]").is_empty());
    }
}
