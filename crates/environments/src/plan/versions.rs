//! Which of a repository's tags are offered, in which order, and what the labels of an image say. Labels are what strangers wrote:
//! short, in one line, and without anything that turns text around. Reads no registry.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use api::RegistryVersion;
use api::names::Version;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;

/// Longer words of a label are cut.
const LONGEST: usize = 80;
/// What calls itself older was built so that its bytes are always the same, and does not say when.
const REPRODUCED: i64 = 631_152_000;

const BRANCH: &str = "org.opencontainers.image.ref.name";
const REVISION: &str = "org.opencontainers.image.revision";
const AUTHORS: &str = "org.opencontainers.image.authors";
const VERSION: &str = "org.opencontainers.image.version";
const CREATED: &str = "org.opencontainers.image.created";

/// The part of an image's configuration that is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    created: Option<String>,
    author: Option<String>,
    config: Option<Settings>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Settings {
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

/// What an image says about itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Says {
    pub created: Option<Timestamp>,
    pub branch: Option<String>,
    pub revision: Option<String>,
    pub author: Option<String>,
    pub version: Option<String>,
}

impl Says {
    pub fn of(image: &ImageConfig) -> Self {
        let none = BTreeMap::new();
        let labels = image.config.as_ref().and_then(|config| config.labels.as_ref()).unwrap_or(&none);
        let label = |name: &str| labels.get(name).and_then(|text| plain(text));
        let time = |text: Option<&String>| {
            let time = text.and_then(|text| text.trim().parse::<Timestamp>().ok());
            time.filter(|time| time.as_second() > REPRODUCED)
        };
        let revision = label(REVISION);
        Self {
            created: time(image.created.as_ref()).or_else(|| time(labels.get(CREATED))),
            // An image inherits the labels of the one that it was built on, and Ubuntu's say `ref.name: ubuntu`. Whoever
            // knows the branch knows the commit.
            branch: label(BRANCH).filter(|_| revision.is_some()),
            version: label(VERSION).filter(|_| revision.is_some()),
            author: label(AUTHORS).or_else(|| image.author.as_deref().and_then(plain)),
            revision,
        }
    }

    /// The version of that tag.
    pub fn into_version(self, tag: String, digest: Option<String>) -> RegistryVersion {
        RegistryVersion {
            digest,
            created: self.created.map(Time),
            branch: self.branch,
            revision: self.revision,
            author: self.author,
            version: self.version.filter(|version| *version != tag),
            tag,
        }
    }
}

/// The text in one line of a length that fits; none if nothing is left of it.
pub fn plain(text: &str) -> Option<String> {
    within(text, LONGEST)
}

/// The same, of at most so many characters.
pub fn within(text: &str, longest: usize) -> Option<String> {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}' | '\u{61c}' | '\u{e0000}'..='\u{e007f}')
    };
    // So much is enough to find the beginning of whatever it says.
    let words: String = text.chars().take(longest * 8).map(|c| if harmful(c) { ' ' } else { c }).collect();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let short = match words.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    };
    (!short.is_empty()).then_some(short)
}

/// The tags that match, the newest versions first: those that begin with what was said, then those that have it in them.
/// Signatures and the like, which registries keep as tags, are none.
pub fn matching<'a>(tags: &'a [String], said: &str) -> Vec<&'a str> {
    let said = said.to_lowercase();
    let mut found: Vec<(bool, &str)> = tags
        .iter()
        .map(String::as_str)
        .filter(|tag| Version::parse(tag).is_ok() && !is_attached(tag))
        .filter_map(|tag| {
            let tag_said = tag.to_lowercase();
            tag_said.contains(&said).then(|| (!tag_said.starts_with(&said), tag))
        })
        .collect();
    found.sort_by(|(one_inside, one), (other_inside, other)| {
        one_inside.cmp(other_inside).then_with(|| newest_first(one, other))
    });
    found.dedup();
    found.into_iter().map(|(_, tag)| tag).collect()
}

/// The tags whose images are looked at: where some of those to be shown are no versions more than that, since only dates put those in
/// order; and whether a newer one may be among those that are left out.
pub fn candidates<'a>(matching: &[&'a str], limit: usize, most: usize) -> (Vec<&'a str>, bool) {
    let words = matching.iter().take(limit).any(|tag| !is_version(tag));
    let many = if words { most.max(limit) } else { limit };
    (matching.iter().copied().take(many).collect(), words && matching.len() > many)
}

/// What cosign and registries without referrers keep beside an image: `sha256-…`, with or without `.sig`, `.att`, `.sbom`.
fn is_attached(tag: &str) -> bool {
    let hex = tag.strip_prefix("sha256-").unwrap_or_default();
    hex.len() >= 64 && hex.bytes().take(64).all(|digit| digit.is_ascii_hexdigit())
}

/// Where tags are no versions, the dates of their images say which is newer. Those that are stay in the order of versions.
pub fn by_date(versions: &mut [RegistryVersion], said: &str) {
    let said = said.to_lowercase();
    let begins = |version: &RegistryVersion| version.tag.to_lowercase().starts_with(&said);
    let kind = |version: &RegistryVersion| (is_version(&version.tag), begins(version));
    // What begins as was said comes first all the same, however old it is.
    for same in versions.chunk_by_mut(|one, other| kind(one) == kind(other)) {
        if same.first().is_some_and(|first| is_version(&first.tag)) {
            continue;
        }
        same.sort_by(|one, other| {
            let date = |version: &RegistryVersion| version.created.as_ref().map(|time| time.0);
            date(other).cmp(&date(one))
        });
    }
}

/// Versions before words, the newest version first.
pub fn newest_first(one: &str, other: &str) -> Ordering {
    is_version(other).cmp(&is_version(one)).then_with(|| natural(other, one)).then_with(|| other.cmp(one))
}

/// `1`, `v1.4.2`, `2026.11-rc1`: numbers, before anything else.
fn is_version(tag: &str) -> bool {
    let digits = bare(tag);
    let number = digits.trim_start_matches(|c: char| c.is_ascii_digit());
    // A commit may begin with digits, too.
    number.len() < digits.len() && (number.is_empty() || number.starts_with(['.', '-', '_', '+']))
}

fn bare(tag: &str) -> &str {
    let rest = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
    if rest.starts_with(|c: char| c.is_ascii_digit()) { rest } else { tag }
}

/// Piece by piece, numbers as numbers. What is added to a version behind a `-` comes before it, as semver has it; a further
/// number comes after.
fn natural(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (pieces(bare(one)), pieces(bare(other)));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(more)) => return more.against_nothing().reverse(),
            (Some(more), None) => return more.against_nothing(),
            (Some(one), Some(other)) => match one.compare(&other) {
                Ordering::Equal => {}
                order => return order,
            },
        }
    }
}

enum Piece<'a> {
    Number(&'a str),
    Word(&'a str),
}

impl Piece<'_> {
    /// Whether a tag with this piece more is newer than one without.
    fn against_nothing(&self) -> Ordering {
        match self {
            Self::Word(word) if word.starts_with('-') => Ordering::Less,
            _ => Ordering::Greater,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => {
                let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
                one.len().cmp(&other.len()).then_with(|| one.cmp(other))
            }
            (Self::Word(one), Self::Word(other)) => {
                // `1.4-rc1` is older than `1.4.1`.
                other.starts_with('-').cmp(&one.starts_with('-')).then_with(|| one.cmp(other))
            }
            (Self::Number(_), Self::Word(_)) => Ordering::Less,
            (Self::Word(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}

/// A tag in numbers and what stands between them.
fn pieces(tag: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = tag;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let is_number = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != is_number).unwrap_or(rest.len());
        let (piece, behind) = rest.split_at(end);
        rest = behind;
        Some(if is_number { Piece::Number(piece) } else { Piece::Word(piece) })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn says(config: serde_json::Value) -> Says {
        Says::of(&serde_json::from_value(config).unwrap())
    }

    fn owned(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    #[test]
    fn the_newest_version_comes_first_and_words_after_versions() {
        let tags = owned(&[
            "1.9",
            "latest",
            "v1.10",
            "1.10.1",
            "1.10-rc2",
            "1.10-rc10",
            "2.0.0-beta",
            "main",
            "1.9.0",
            "9f86d08",
        ]);
        let order = matching(&tags, "");
        let wanted = [
            "2.0.0-beta",
            "1.10.1",
            "v1.10",
            "1.10-rc10",
            "1.10-rc2",
            "1.9.0",
            "1.9",
            "main",
            "latest",
            "9f86d08",
        ];
        assert_eq!(order, wanted);
    }

    #[test]
    fn numbers_that_no_machine_can_count_are_put_in_order_all_the_same() {
        let tags =
            owned(&["1.99999999999999999999999999999998", "1.99999999999999999999999999999999", "1.0007"]);
        assert_eq!(
            matching(&tags, ""),
            ["1.99999999999999999999999999999999", "1.99999999999999999999999999999998", "1.0007"]
        );
    }

    #[test]
    fn what_begins_as_was_said_comes_before_what_only_has_it_in_it() {
        let tags = owned(&["3.1.4", "1.4.2", "1.4.10", "PR-1.4", "2.0"]);
        assert_eq!(matching(&tags, "1.4"), ["1.4.10", "1.4.2", "3.1.4", "PR-1.4"]);
        assert_eq!(matching(&tags, "pr"), ["PR-1.4"]);
        assert_eq!(matching(&tags, "nothing"), Vec::<&str>::new());
    }

    #[test]
    fn signatures_and_what_could_be_no_version_are_left_out() {
        let hex = "9".repeat(64);
        let tags = owned(&[
            "1",
            "1",
            &format!("sha256-{hex}"),
            &format!("sha256-{hex}.sig"),
            "sha256-short",
            "",
            "a b",
            "a\u{1b}[31m",
            "../../x",
        ]);
        assert_eq!(matching(&tags, ""), ["1", "sha256-short"]);
    }

    #[test]
    fn the_order_of_tags_is_one() {
        let tags = ["1", "v1", "1.0", "1.0-rc", "1-0", "1.a", "a1", "a", "01", "v", "-", "1.0-rc.1", "1.0.1"];
        for one in tags {
            assert_eq!(newest_first(one, one), Ordering::Equal, "{one}");
            for other in tags {
                assert_eq!(newest_first(one, other), newest_first(other, one).reverse(), "{one} {other}");
                for third in tags {
                    if newest_first(one, other).is_lt() && newest_first(other, third).is_lt() {
                        assert!(newest_first(one, third).is_lt(), "{one} {other} {third}");
                    }
                }
            }
        }
    }

    #[test]
    fn tags_that_are_no_versions_are_put_in_order_by_date() {
        let at = |tag: &str, second: Option<i64>| RegistryVersion {
            tag: tag.to_owned(),
            created: second.map(|second| Time(Timestamp::from_second(second).unwrap())),
            ..RegistryVersion::default()
        };
        let mut versions = vec![
            at("1.1", Some(1)),
            at("1.0", Some(9)),
            at("old", Some(2)),
            at("what", None),
            at("new", Some(8)),
        ];
        by_date(&mut versions, "");
        let order: Vec<_> = versions.iter().map(|version| version.tag.as_str()).collect();
        assert_eq!(order, ["1.1", "1.0", "new", "old", "what"]);

        let mut versions =
            vec![at("main-a", Some(1)), at("Main-b", Some(2)), at("domain", Some(9)), at("remain", None)];
        by_date(&mut versions, "main");
        let order: Vec<_> = versions.iter().map(|version| version.tag.as_str()).collect();
        assert_eq!(order, ["Main-b", "main-a", "domain", "remain"]);
    }

    #[test]
    fn of_commits_all_are_looked_at_that_may_be_and_else_it_is_said_that_a_newer_one_may_lack() {
        let commits = ["c0ffee", "beef01", "abad1d"];
        assert_eq!(candidates(&commits, 1, 3), (commits.to_vec(), false));
        assert_eq!(candidates(&commits, 1, 2), (vec!["c0ffee", "beef01"], true));
        assert_eq!(
            candidates(&["1.1", "1.0", "main"], 2, 3),
            (vec!["1.1", "1.0"], false),
            "versions are in order"
        );
        assert_eq!(candidates(&["1.1", "main", "dev"], 2, 3), (vec!["1.1", "main", "dev"], false));
    }

    #[test]
    fn labels_say_where_an_image_comes_from() {
        let said = says(json!({
            "created": "2026-11-20T10:00:00.123Z",
            "config": {"Labels": {
                REVISION: "9f86d081884c7d65", BRANCH: "feature/basket", AUTHORS: "Ada <ada@example.com>", VERSION: "1.4.2",
            }},
        }));
        assert_eq!(said.created, Some("2026-11-20T10:00:00.123Z".parse().unwrap()));
        assert_eq!(said.branch.as_deref(), Some("feature/basket"));
        assert_eq!(said.author.as_deref(), Some("Ada <ada@example.com>"));
        assert_eq!(said.clone().into_version("1.4.2".into(), None).version, None);
        assert_eq!(said.into_version("stable".into(), None).version.as_deref(), Some("1.4.2"));
    }

    #[test]
    fn labels_that_came_with_the_base_image_name_no_branch() {
        let said = says(json!({"config": {"Labels": {BRANCH: "ubuntu", VERSION: "24.04"}}, "author": "ops"}));
        assert_eq!((said.branch, said.version, said.author.as_deref()), (None, None, Some("ops")));
    }

    #[test]
    fn an_image_that_does_not_say_when_it_was_built_says_so_by_label_or_not_at_all() {
        let label = json!({"Labels": {CREATED: "2026-11-20T10:00:00Z"}});
        for epoch in ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1980-01-01T00:00:01Z", "yesterday", ""]
        {
            assert_eq!(says(json!({"created": epoch})).created, None, "{epoch}");
            assert!(says(json!({"created": epoch, "config": label})).created.is_some(), "{epoch}");
        }
        assert_eq!(says(json!({"config": {"Labels": null}})), Says::default());
        assert_eq!(says(json!({"config": null})), Says::default());
    }

    #[test]
    fn what_a_stranger_wrote_stays_in_its_place() {
        assert_eq!(
            plain("\u{1b}[31mred\u{7}\nnext\u{202e}line\u{200b}"),
            Some("[31mred next line".to_owned())
        );
        assert_eq!(plain(" \n\u{202e}\t\u{61c}\u{ad}\u{e0041}"), None);
        let long = plain(&"ä".repeat(10_000)).unwrap();
        assert_eq!(long.chars().count(), LONGEST + 1);
        assert!(long.ends_with('…'));
    }
}
