//! Checksums of content, as S3 knows them: computed while it passes through, and compared with what stores computed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;

/// Of the whole content, whatever parts it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Crc64Nvme,
    Crc32c,
    Crc32,
}

impl Algorithm {
    fn crc(self) -> CrcAlgorithm {
        match self {
            Self::Crc64Nvme => CrcAlgorithm::Crc64Nvme,
            Self::Crc32c => CrcAlgorithm::Crc32Iscsi,
            Self::Crc32 => CrcAlgorithm::Crc32IsoHdlc,
        }
    }

    pub fn of(self, content: &[u8]) -> Sum {
        Sum { algorithm: self, value: crc_fast::checksum(self.crc(), content), size: content.len() as u64 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    pub algorithm: Algorithm,
    value: u64,
    size: u64,
}

impl Sum {
    /// As a header has it, of content of this size; none: it is no such sum.
    pub fn read(algorithm: Algorithm, text: &str, size: u64) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        let wanted = if algorithm == Algorithm::Crc64Nvme { 8 } else { 4 };
        let value = bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        (bytes.len() == wanted).then_some(Self { algorithm, value, size })
    }

    /// What follows is of this sum: both together.
    pub fn and(self, next: Self) -> Self {
        let value = crc_fast::checksum_combine(self.algorithm.crc(), self.value, next.value, next.size);
        Self { value, size: self.size + next.size, ..self }
    }

    /// As headers have it.
    pub fn text(&self) -> String {
        let bytes = self.value.to_be_bytes();
        match self.algorithm {
            Algorithm::Crc64Nvme => STANDARD.encode(bytes),
            Algorithm::Crc32c | Algorithm::Crc32 => STANDARD.encode(&bytes[4..]),
        }
    }
}

/// What a store says of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub crc64: Option<String>,
    pub crc32c: Option<String>,
    pub crc32: Option<String>,
    /// A digest of its parts' digests.
    pub of_parts: bool,
}

impl Told {
    /// Of the whole content.
    pub fn whole(&self) -> Option<(Algorithm, &str)> {
        let told = [
            (Algorithm::Crc64Nvme, &self.crc64),
            (Algorithm::Crc32c, &self.crc32c),
            (Algorithm::Crc32, &self.crc32),
        ];
        let mut whole = told.into_iter().filter_map(|(algorithm, text)| Some((algorithm, text.as_deref()?)));
        whole.find(|(_, text)| !self.of_parts && !text.contains('-'))
    }

    /// Whether both speak of the same sum, and what they say; none: they do not.
    pub fn agree(&self, other: &Self) -> Option<bool> {
        let (algorithm, text) = self.whole()?;
        other.says(algorithm).map(|said| said == text)
    }

    /// Whether it is the sum of this; none: it speaks of another kind of sum.
    pub fn is(&self, sum: &Sum) -> Option<bool> {
        self.says(sum.algorithm).map(|said| said == sum.text())
    }

    fn says(&self, algorithm: Algorithm) -> Option<&str> {
        let text = match algorithm {
            Algorithm::Crc64Nvme => &self.crc64,
            Algorithm::Crc32c => &self.crc32c,
            Algorithm::Crc32 => &self.crc32,
        };
        text.as_deref().filter(|text| !self.of_parts && !text.contains('-'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_s3() {
        // Of the checks that the definitions of these sums come with.
        let nine = b"123456789";
        assert_eq!(
            Algorithm::Crc64Nvme.of(nine).text(),
            STANDARD.encode(0xae8b_1486_0a79_9888_u64.to_be_bytes())
        );
        assert_eq!(Algorithm::Crc32c.of(nine).text(), STANDARD.encode(0xe306_9283_u32.to_be_bytes()));
        assert_eq!(Algorithm::Crc32.of(nine).text(), STANDARD.encode(0xcbf4_3926_u32.to_be_bytes()));
    }

    #[test]
    fn sums_of_parts_make_that_of_the_whole() {
        for algorithm in [Algorithm::Crc64Nvme, Algorithm::Crc32c, Algorithm::Crc32] {
            let parts = algorithm.of(b"1234").and(algorithm.of(b"")).and(algorithm.of(b"56789"));
            assert_eq!(parts, algorithm.of(b"123456789"));
            assert_eq!(Sum::read(algorithm, &parts.text(), 9), Some(parts));
        }
    }

    #[test]
    fn sums_of_another_kind_are_not_compared() {
        let sum = Algorithm::Crc32c.of(b"a");
        let told = |text: &str, of_parts| Told { crc32c: Some(text.into()), of_parts, ..Told::default() };
        assert_eq!(told(&sum.text(), false).is(&sum), Some(true));
        assert_eq!(told("AAAAAA==", false).is(&sum), Some(false));
        assert_eq!(told(&sum.text(), true).is(&sum), None);
        assert_eq!(told("AAAAAA==-2", false).is(&sum), None);
        assert_eq!(Told::default().agree(&told("AAAAAA==", false)), None);
    }
}
