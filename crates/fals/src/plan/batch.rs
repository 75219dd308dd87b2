//! What goes into one call: many objects in a record, several records, within all limits of Firehose.

use crate::record::RESENT_LENGTH;

/// What one call may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub records: usize,
    /// Of all records together.
    pub bytes: usize,
    /// Of one record.
    pub record: usize,
}

impl Limits {
    /// Firehose's own, before base64.
    pub const FIREHOSE: Self = Self { records: 500, bytes: 4 * 1024 * 1024, record: 1000 * 1024 };
}

/// Records that are being filled.
#[derive(Clone, Debug)]
pub struct Batch {
    limits: Limits,
    records: Vec<Vec<u8>>,
    /// As if every object were marked as sent again: marking must not break a limit.
    record: usize,
    bytes: usize,
    objects: usize,
}

impl Batch {
    pub fn new(limits: Limits) -> Self {
        Self { limits, records: Vec::new(), record: 0, bytes: 0, objects: 0 }
    }

    /// Adds an object with its newline, unless it no longer fits.
    pub fn push(&mut self, object: &[u8]) -> bool {
        let size = object.len() + RESENT_LENGTH;
        if self.bytes + size > self.limits.bytes {
            return false;
        }
        let open = self.records.last_mut().filter(|_| self.record + size <= self.limits.record);
        if let Some(open) = open {
            open.extend_from_slice(object);
            self.record += size;
        } else if self.records.len() == self.limits.records || size > self.limits.record {
            return false;
        } else {
            self.records.push(object.to_vec());
            self.record = size;
        }
        self.bytes += size;
        self.objects += 1;
        true
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub fn objects(&self) -> usize {
        self.objects
    }

    /// What it holds; the counts stay.
    pub fn take_records(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.records)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::mark_resent;

    proptest! {
        #[test]
        fn no_limit_is_broken_not_even_once_everything_is_marked(sizes in prop::collection::vec(1_usize..40, 0..60)) {
            let limits = Limits { records: 4, bytes: 300, record: 90 };
            let mut batch = Batch::new(limits);
            let mut taken = Vec::new();
            for size in sizes {
                let object = format!("{{\"{}\"}}\n", "x".repeat(size)).into_bytes();
                if batch.push(&object) {
                    taken.extend_from_slice(&object);
                }
            }
            let records = batch.take_records();
            prop_assert_eq!(records.concat(), taken);
            prop_assert!(records.len() <= limits.records);
            let marked: Vec<_> = records.iter().map(|record| mark_resent(record)).collect();
            prop_assert!(marked.iter().all(|record| record.len() <= limits.record));
            prop_assert!(marked.iter().map(Vec::len).sum::<usize>() <= limits.bytes);
        }
    }

    #[test]
    fn lines_share_records() {
        let mut batch = Batch::new(Limits::FIREHOSE);
        assert!((0..10_000).all(|_| batch.push(b"{}\n")));
        assert_eq!((batch.objects(), batch.take_records().len()), (10_000, 1));
    }
}
