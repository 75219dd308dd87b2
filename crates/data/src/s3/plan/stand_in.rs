//! What stands in for an object that may not be copied: of the same kind, and of nothing that was in it.

/// One transparent pixel.
const GIF: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\0\0\0!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
const PNG: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\
    \x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\x0b\x49\x44\x41\x54\x78\xda\x63\x60\x00\x02\x00\x00\x05\x00\x01\
    \xe9\xfa\xdc\xd8\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";
const SVG: &[u8] = b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\"/>\n";
const TEXT: &[u8] = b"not copied\n";

/// By its type; what has no small form of its own is empty.
pub fn content(kind: Option<&str>) -> &'static [u8] {
    let kind = kind.unwrap_or_default();
    let kind = kind.split_once(';').map_or(kind, |(kind, _)| kind).trim().to_ascii_lowercase();
    match kind.as_str() {
        "image/png" => PNG,
        "image/gif" => GIF,
        "image/svg+xml" => SVG,
        "application/json" => b"{}\n",
        "text/html" | "text/plain" | "text/markdown" => TEXT,
        _ => b"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_of_the_same_kind_and_else_empty() {
        assert!(content(Some("image/png")).starts_with(b"\x89PNG"));
        assert_eq!(content(Some("application/json; charset=utf-8")), b"{}\n");
        assert_eq!(content(Some("application/pdf")), b"");
        assert_eq!(content(None), b"");
    }

    #[test]
    fn pictures_are_whole() {
        let chunk = |from: usize, length: usize| crc32fast::hash(&PNG[from..from + length]).to_be_bytes();
        // Kind and content of a chunk, then their checksum.
        assert_eq!(PNG[29..33], chunk(12, 17));
        assert_eq!(PNG[52..56], chunk(37, 15));
    }
}
