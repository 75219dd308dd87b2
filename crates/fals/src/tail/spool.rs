//! Copies of what nobody else keeps any longer: the rest of deleted files, and of files that were compressed before they
//! were read. Bounded; a copy has the places of its original, so nothing before the rest takes room.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

/// The folder and what lies in it.
pub struct Spool {
    folder: PathBuf,
    most: u64,
    sizes: BTreeMap<u64, u64>,
}

impl Spool {
    /// `live`: what is still to be shipped from it; everything else goes.
    pub fn open(state: &Path, most: u64, live: &BTreeMap<u64, u64>) -> io::Result<Self> {
        let folder = state.join("spool");
        fs::create_dir_all(&folder)?;
        let mut sizes = BTreeMap::new();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let id = entry.file_name().to_str().and_then(|name| name.parse::<u64>().ok());
            match id.and_then(|id| Some((id, *live.get(&id)?))) {
                Some((id, offset)) => {
                    sizes.insert(id, entry.metadata()?.len().saturating_sub(offset));
                }
                None => fs::remove_file(entry.path())?,
            }
        }
        Ok(Self { folder, most, sizes })
    }

    pub fn bytes(&self) -> u64 {
        self.sizes.values().sum()
    }

    pub fn path(&self, id: u64) -> PathBuf {
        self.folder.join(id.to_string())
    }

    /// Copies what `original` has from `from` on, or has got since. False: there is no room.
    pub fn keep(&mut self, id: u64, original: &File, from: u64) -> io::Result<bool> {
        let mut copy = OpenOptions::new().create(true).truncate(false).write(true).open(self.path(id))?;
        let begin = copy.metadata()?.len().max(from);
        let size = original.metadata()?.len();
        let more = size.saturating_sub(begin);
        if self.bytes() + more > self.most {
            return Ok(false);
        }
        let mut original = original.try_clone()?;
        original.seek(SeekFrom::Start(begin))?;
        copy.seek(SeekFrom::Start(begin))?;
        io::copy(&mut original.take(more), &mut copy)?;
        copy.sync_data()?;
        *self.sizes.entry(id).or_default() += more;
        Ok(true)
    }

    /// Unpacks what a compressed file has from `from` on. False: there is no room.
    pub fn unpack(&mut self, id: u64, packed: &Path, from: u64) -> io::Result<bool> {
        let mut copy = File::create(self.path(id))?;
        let mut unpacked = MultiGzDecoder::new(File::open(packed)?);
        io::copy(&mut (&mut unpacked).take(from), &mut io::sink())?;
        copy.seek(SeekFrom::Start(from))?;
        let room = self.most.saturating_sub(self.bytes());
        let taken = io::copy(&mut (&mut unpacked).take(room), &mut copy)?;
        if unpacked.read(&mut [0])? > 0 {
            drop(copy);
            fs::remove_file(self.path(id))?;
            return Ok(false);
        }
        if taken == 0 {
            copy.set_len(from)?;
        }
        copy.flush()?;
        copy.sync_all()?;
        self.sizes.insert(id, taken);
        Ok(true)
    }

    /// What was kept is shipped.
    pub fn forget(&mut self, id: u64) {
        if self.sizes.remove(&id).is_some() {
            // At the next start it would be swept.
            let _ = fs::remove_file(self.path(id));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn only_the_rest_takes_room_and_there_is_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let original = folder.path().join("a");
        fs::write(&original, vec![b'x'; 1000]).unwrap();
        let file = File::open(&original).unwrap();
        let mut spool = Spool::open(folder.path(), 300, &BTreeMap::new()).unwrap();
        assert!(!spool.keep(1, &file, 600).unwrap());
        assert!(spool.keep(1, &file, 900).unwrap());
        assert_eq!(spool.bytes(), 100);
        OpenOptions::new().append(true).open(&original).unwrap().write_all(b"more").unwrap();
        assert!(spool.keep(1, &file, 950).unwrap());
        assert_eq!(spool.bytes(), 104);
        let mut end = [0; 5];
        File::open(spool.path(1)).unwrap().read_exact_at(&mut end, 999).unwrap();
        assert_eq!(&end, b"xmore");
        let live = BTreeMap::from([(1, 900)]);
        assert_eq!(Spool::open(folder.path(), 300, &live).unwrap().bytes(), 104);
        assert_eq!(Spool::open(folder.path(), 300, &BTreeMap::new()).unwrap().bytes(), 0);
    }

    #[test]
    fn a_compressed_file_is_unpacked_from_where_it_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let packed = folder.path().join("a.gz");
        let mut encoder = GzEncoder::new(File::create(&packed).unwrap(), Compression::fast());
        encoder.write_all(b"0123456789").unwrap();
        encoder.finish().unwrap();
        let mut spool = Spool::open(folder.path(), 4, &BTreeMap::new()).unwrap();
        assert!(!spool.unpack(1, &packed, 5).unwrap());
        assert!(spool.unpack(1, &packed, 6).unwrap());
        let mut rest = [0; 4];
        File::open(spool.path(1)).unwrap().read_exact_at(&mut rest, 6).unwrap();
        assert_eq!(&rest, b"6789");
        spool.forget(1);
        assert_eq!(spool.bytes(), 0);
    }
}
