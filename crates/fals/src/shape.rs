//! What lines become: an object of Firehose, or a tagged line of a container's output.

use api::Tag;

use crate::plan::cut::Piece;
use crate::record::{Origin, Template};

/// A tagged line has to come through the container runtime, and fit into a record again.
const TAGGED_ROOM: usize = 256 * 1024;
/// More than the path of a file ever takes, once escaped.
const PATH: usize = 8 * 1024;

#[derive(Clone, Debug)]
pub enum Shape {
    Object(Template),
    /// Of the output of a component's sidecar.
    Untagged(Untagged),
    /// Of this file.
    Tagged(String),
}

/// An object of each line: of those that carry a tag as if the component had written them, and of what the sidecar says
/// itself as its own.
#[derive(Clone, Debug)]
pub struct Untagged {
    files: Template,
    own: Template,
}

impl Untagged {
    /// `sidecar`: where its output comes from.
    pub fn of(sidecar: &Origin) -> Self {
        let component = Origin { container: Some(sidecar.component.clone()), ..sidecar.clone() };
        Self { files: Template::of(&component), own: Template::of(sidecar) }
    }
}

impl Shape {
    /// How much escaped text one line may have. `record`: how much a record holds.
    pub fn room(&self, record: usize) -> usize {
        match self {
            Self::Object(template) => template.room(record),
            Self::Untagged(Untagged { files, own }) => {
                files.room(record.saturating_sub(PATH)).min(own.room(record))
            }
            Self::Tagged(_) => TAGGED_ROOM.min(record),
        }
    }

    pub fn write(&self, piece: &Piece<'_>, at: i64, resent: bool, out: &mut Vec<u8>) {
        match self {
            Self::Object(template) => template.write(piece, None, at, resent, out),
            Self::Untagged(Untagged { files, own }) => match Tag::read(piece.text) {
                Some((tag, text)) => {
                    let line = Piece { text, part: tag.part, more: tag.more, ..*piece };
                    files.write(&line, Some(tag.file), at, resent || tag.resent, out);
                }
                None => own.write(piece, None, at, resent, out),
            },
            Self::Tagged(file) => {
                Tag { file, part: piece.part, more: piece.more, resent }.write(out);
                out.extend_from_slice(piece.text);
                out.push(b'\n');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &[u8]) -> Piece<'_> {
        Piece { text, time: None, stream: None, part: None, more: false }
    }

    #[test]
    fn a_line_of_a_file_becomes_the_components_own_and_what_the_sidecar_says_stays_its() {
        let sidecar = Origin {
            component: "web".into(),
            pod: Some("web-1".into()),
            container: Some("outboard-logs".into()),
            ..Origin::default()
        };
        let mut tagged = Vec::new();
        let line = Piece { part: Some(1), more: true, ..piece(b"GET /") };
        Shape::Tagged("/var/log/a.log".into()).write(&line, 7, true, &mut tagged);
        assert_eq!(tagged, b"[/var/log/a.log part 1 more resent] GET /\n");
        let untagged = Shape::Untagged(Untagged::of(&sidecar));
        let written = |text: &[u8]| {
            let mut out = Vec::new();
            untagged.write(&piece(text), 7, false, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            written(tagged.trim_ascii_end()),
            concat!(
                r#"{"Project":"","Env":"","Component":"web","Text":"GET /","Timestamp":7,"Pod":"web-1","Container":"web","#,
                r#""File":"/var/log/a.log","Part":1,"More":true,"Resent":true}"#,
                "\n"
            )
        );
        assert!(
            written(b"WARN no room").contains(
                r#""Text":"WARN no room","Timestamp":7,"Pod":"web-1","Container":"outboard-logs"}"#
            )
        );
    }

    #[test]
    fn what_the_sidecar_wrote_fits_into_a_record() {
        let tagged = Shape::Tagged("/var/log/a.log".into()).room(1_000_000);
        assert!(tagged + PATH < Shape::Untagged(Untagged::of(&Origin::default())).room(1_000_000));
    }
}
