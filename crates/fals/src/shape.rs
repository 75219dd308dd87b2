//! What lines become: an object of Firehose, or a tagged line of a container's output.

use crate::plan::cut::Piece;
use crate::record::Template;
use crate::tag;

/// A tagged line has to come through the container runtime in one piece.
const TAGGED_ROOM: usize = 256 * 1024;

#[derive(Clone, Debug)]
pub enum Shape {
    Object(Template),
    /// An object of each line that carries a tag, with what the tag says.
    Untagged(Template),
    /// Of this file.
    Tagged(String),
}

impl Shape {
    /// How much escaped text one line may have. `record`: how much a record holds.
    pub fn room(&self, record: usize) -> usize {
        match self {
            Self::Object(template) | Self::Untagged(template) => template.room(record, None),
            Self::Tagged(_) => TAGGED_ROOM.min(record),
        }
    }

    pub fn write(&self, piece: &Piece<'_>, at: i64, resent: bool, out: &mut Vec<u8>) {
        match self {
            Self::Object(template) => template.write(piece, None, at, resent, out),
            Self::Untagged(template) => match tag::read(piece.text) {
                Some(tagged) => {
                    let inner = Piece { text: tagged.text, part: tagged.part, more: tagged.more, ..*piece };
                    template.write(&inner, Some(tagged.file), at, resent || tagged.resent, out);
                }
                None => template.write(piece, None, at, resent, out),
            },
            Self::Tagged(file) => tag::write(file, piece, resent, out),
        }
    }
}
