//! What it means that a file looks different from before, and which files beside it are what it was.

use super::journal::{Place, Print};

/// A file as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    pub device: u64,
    pub inode: u64,
    pub size: u64,
    /// In nanoseconds.
    pub modified: i64,
}

/// What has become of a file that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is the same one, longer perhaps.
    Same,
    /// It is the same one and begins anew.
    Truncated,
    /// Another one has its name.
    Replaced,
}

/// `read`: how far it has been read. `head_holds`: whether its first bytes are still what they were.
pub fn change(place: &Place, read: u64, now: &Look, head_holds: bool) -> Change {
    if (now.device, now.inode) != (place.device, place.inode) {
        Change::Replaced
    } else if now.size < read.max(u64::from(place.head.length)) || !head_holds {
        Change::Truncated
    } else {
        Change::Same
    }
}

/// Whether `name` is what a rotation makes of `file`: `access.log.1`, `access.log-20260101.gz`, `0.log.20260101-120000`.
pub fn is_rotated(file: &str, name: &str) -> bool {
    let Some(rest) = name.strip_prefix(file) else { return false };
    let rest = rest.strip_suffix(".gz").unwrap_or(rest);
    let Some(mark) = rest.strip_prefix(['.', '-', '_']) else { return false };
    mark == "old"
        || (mark.starts_with(|c: char| c.is_ascii_digit())
            && mark.chars().all(|c| c.is_ascii_digit() || "-_.:TZ".contains(c)))
}

/// Whether the bytes that are known again are enough to say so of a file that has another identity.
pub fn is_telling(place: &Place) -> bool {
    const ENOUGH: u32 = 16;
    place.head.length >= ENOUGH && (place.offset == 0 || place.tail.length > 0)
}

/// Whether what a file begins with, and what stands before the place, are as remembered.
pub fn holds(known: &Print, found: Option<&Print>) -> bool {
    known.length == 0 || found == Some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            device: 1,
            inode: 2,
            offset: 10,
            head: Print { length: 20, hash: "h".into() },
            ..Place::default()
        }
    }

    fn look(inode: u64, size: u64) -> Look {
        Look { device: 1, inode, size, modified: 0 }
    }

    #[test]
    fn a_file_that_grows_is_the_same_and_one_that_shrinks_begins_anew() {
        assert_eq!(change(&place(), 30, &look(2, 30), true), Change::Same);
        assert_eq!(change(&place(), 30, &look(2, 99), true), Change::Same);
        assert_eq!(change(&place(), 30, &look(2, 29), true), Change::Truncated);
        assert_eq!(
            change(&place(), 10, &look(2, 15), true),
            Change::Truncated,
            "shorter than what is known of it"
        );
        assert_eq!(
            change(&place(), 30, &look(2, 99), false),
            Change::Truncated,
            "and has grown past it since"
        );
        assert_eq!(change(&place(), 30, &look(3, 30), true), Change::Replaced);
    }

    #[test]
    fn rotated_files_are_known_by_their_names() {
        for name in [
            "a.log.1",
            "a.log.2.gz",
            "a.log-20260101",
            "a.log-20260101.gz",
            "a.log.20260101-120000",
            "a.log.old",
        ] {
            assert!(is_rotated("a.log", name), "{name}");
        }
        for name in
            ["a.log", "a.log.json", "a.log.d", "b.log.1", "a.log.1.tmp", "a.logs", "a.log.gz", "a.log.1.bz2"]
        {
            assert!(!is_rotated("a.log", name), "{name}");
        }
    }
}
