//! The files beside a log that rotations made of it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::print;
use crate::plan::journal::Place;
use crate::plan::rotation::{Look, is_rotated, is_telling};

/// Looks at what changes all the time.
const TRIES: usize = 20;

/// A file beside a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Beside {
    pub path: PathBuf,
    pub look: Look,
}

impl Beside {
    pub fn is_compressed(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == "gz")
    }
}

/// Every rotated file of `log`, the oldest first.
pub fn rotated(log: &Path) -> Vec<Beside> {
    let (Some(folder), Some(name)) = (log.parent(), log.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let mut found: Vec<Beside> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|other| is_rotated(name, other)))
        .filter_map(|entry| {
            let metadata = fs::metadata(entry.path()).ok().filter(fs::Metadata::is_file)?;
            Some(Beside { path: entry.path(), look: print::look(&metadata) })
        })
        .collect();
    // While it is compressed, the file it is made of is there, too, and whole.
    let paths: Vec<PathBuf> = found.iter().map(|beside| beside.path.clone()).collect();
    found.retain(|beside| !(beside.is_compressed() && paths.contains(&beside.path.with_extension(""))));
    found.sort_by(|a, b| a.look.modified.cmp(&b.look.modified).then_with(|| b.path.cmp(&a.path)));
    found
}

/// Where the rest of a file lies that no longer has its name, by now. It may be copied or compressed at this moment: what
/// is not found is looked for until nothing beside the log changes any more.
pub fn find_rest(place: &Place, log: &Path) -> io::Result<Option<Beside>> {
    let mut among = rotated(log);
    for _ in 0..TRIES {
        if let Some(rest) = rest_of(place, &among) {
            return Ok(Some(rest.clone()));
        }
        let now = rotated(log);
        if now == among {
            return Ok(None);
        }
        among = now;
    }
    Err(io::Error::other("the files beside it change all the time"))
}

/// The renamed file, a copy, or one that was compressed.
fn rest_of<'a>(place: &Place, among: &'a [Beside]) -> Option<&'a Beside> {
    if place.head.length == 0 {
        return None;
    }
    let same = |beside: &&Beside| (beside.look.device, beside.look.inode) == (place.device, place.inode);
    if let Some(renamed) = among.iter().filter(same).find(|beside| {
        File::open(&beside.path)
            .and_then(|file| print::is_of(&file, beside.look.size, place))
            .unwrap_or_default()
    }) {
        return Some(renamed);
    }
    if !is_telling(place) {
        return None;
    }
    // Of several with the same beginning the newest.
    among.iter().rev().find(|beside| {
        let known = if beside.is_compressed() {
            unpacked_is_of(&beside.path, place)
        } else {
            File::open(&beside.path).and_then(|file| print::is_of(&file, beside.look.size, place))
        };
        known.unwrap_or_default()
    })
}

/// The same for what has to be unpacked: only its beginning is looked at.
fn unpacked_is_of(path: &Path, place: &Place) -> io::Result<bool> {
    let mut beginning = Vec::new();
    MultiGzDecoder::new(File::open(path)?).take(u64::from(place.head.length)).read_to_end(&mut beginning)?;
    Ok(print::of_bytes(&beginning) == place.head)
}
