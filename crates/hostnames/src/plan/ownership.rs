//! Whose a record is: TXT records in external-dns' format, ours and those of others.
//!
//! Ours are known by one form alone, the one that is written here. Of others every form counts that external-dns has ever
//! written, so what is in doubt is theirs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::default_host::shortened;
use super::name::{LONGEST_LABEL, Name};
use super::record::{Content, Kind, OF_HOSTS, RecordSet, Routing};

const HERITAGE: &str = "heritage=external-dns";
const LABEL: &str = "external-dns/";
/// Stands in records of ours alone, so one with it is never of external-dns' older forms.
const CLUSTER: &str = "outboard-cluster";
/// No host can be called so: `*.example.com` and `wildcard.example.com` never share a TXT.
pub const WILDCARD: &str = "_wildcard";
/// The same for a zone's own name, beside which no name of the zone can stand.
const APEX: &str = "_apex";
/// What one string of a TXT record holds.
const LONGEST_TEXT: usize = 255;
/// What AES-GCM puts around a text: a nonce and a tag.
const SEALED: usize = 28;

/// Who writes: an installation of outboard, and the cluster for which it does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Owner {
    id: String,
    cluster: String,
}

#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{0}` can't be the name of an owner of records: 1 to 63 lower-case letters, digits, `-`, `.` and `/` may stand in it"
)]
pub struct BadOwner(pub String);

impl Owner {
    pub fn new(installation: &str, cluster: &str) -> Result<Self, BadOwner> {
        for text in [installation, cluster] {
            let fits = (1..=63).contains(&text.len())
                && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'/'));
            if !fits {
                return Err(BadOwner(text.to_owned()));
            }
        }
        Ok(Self { id: format!("outboard/{installation}"), cluster: cluster.to_owned() })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The text of the TXT beside a record that serves `resource`.
    pub fn text(&self, resource: &str) -> String {
        let front =
            format!("{HERITAGE},{LABEL}{CLUSTER}={},{LABEL}owner={},{LABEL}resource=", self.cluster, self.id);
        // It only tells people more; whose the record is stands before it.
        let resource = shortened(resource, &[resource], LONGEST_TEXT.saturating_sub(front.len()));
        format!("\"{front}{resource}\"")
    }
}

/// What a TXT record says about another record.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Said {
    By {
        owner: String,
        cluster: Option<String>,
        resource: Option<String>,
    },
    /// Only who has the key knows by whom.
    Sealed,
}

/// Somebody else who has a record.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Holder {
    ExternalDns { owner: String, resource: Option<String> },
    Outboard { owner: String, cluster: String, resource: Option<String> },
    OctoDns,
    Sealed,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (who, resource) = match self {
            Self::ExternalDns { owner, resource } => (format!("owner `{owner}` of external-dns"), resource),
            Self::Outboard { owner, cluster, resource } => {
                (format!("`{owner}` for cluster {cluster}"), resource)
            }
            Self::OctoDns => ("octoDNS".to_owned(), &None),
            Self::Sealed => ("somebody who encrypts records of ownership".to_owned(), &None),
        };
        match resource {
            Some(resource) => write!(formatter, "{who}, for {resource}"),
            None => formatter.write_str(&who),
        }
    }
}

/// How an external-dns that shares the zone names its TXT records, if not as it does unasked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Format {
    pub prefix: String,
    pub suffix: String,
    pub wildcard: Option<String>,
}

const TYPE: &str = "%{record_type}";

impl Format {
    /// Every name under which this external-dns may say whose a record is: its current form, the one for aliases that
    /// it had before, and the first, which names no kind.
    fn names(&self, host: &Name, kind: &Kind) -> Vec<Name> {
        let first = match (host.is_wildcard(), &self.wildcard) {
            (true, Some(instead)) => instead.to_lowercase(),
            _ => host.split().0.to_owned(),
        };
        let templated = self.prefix.contains(TYPE) || self.suffix.contains(TYPE);
        let affixed = |kind: &str, first: &str| {
            let fill = |affix: &str| affix.to_lowercase().replace(TYPE, kind);
            let whole = format!("{}{first}{}", fill(&self.prefix), fill(&self.suffix));
            Name::from_route53(host.with_first(&whole).as_str())
        };
        let of = |kind: &Kind| {
            let kind = kind.as_str().to_lowercase();
            if templated { affixed(&kind, &first) } else { affixed("", &format!("{kind}-{first}")) }
        };
        vec![of(kind), of(&Kind::Cname), affixed("", &first)]
    }
}

/// Where the TXT of ours stands.
pub fn name_of_ours(host: &Name, kind: &Kind, zone: &Name) -> Name {
    let kind = kind.as_str().to_lowercase();
    if host == zone {
        return host.below(&format!("{kind}-{APEX}"));
    }
    let first = if host.is_wildcard() { WILDCARD } else { host.split().0 };
    host.with_first(&format!("{kind}-{first}"))
}

/// The longest first part of a host that has records of its own: its TXT's has to be no longer than DNS holds.
pub const LONGEST_OWN: usize = LONGEST_LABEL - "cname-".len();

/// Whose TXT it would be, were it ours.
fn of_ours(txt: &Name) -> Option<(Name, Kind)> {
    let (kind, first) = txt.split().0.split_once('-')?;
    let kind = OF_HOSTS.into_iter().find(|known| known.as_str().to_lowercase() == kind)?;
    let host = match first {
        APEX => Name::from_route53(txt.split().1?),
        WILDCARD => txt.with_first("*"),
        first => txt.with_first(first),
    };
    Some((host, kind))
}

/// The host and kind that a TXT of ours speaks for.
pub fn ours(set: &RecordSet, owner: &Owner) -> Option<(Name, Kind)> {
    if set.kind != Kind::Txt {
        return None;
    }
    match said(set)? {
        Said::By { owner: id, cluster: Some(cluster), .. } if id == owner.id && cluster == owner.cluster => {
            of_ours(&set.name)
        }
        _ => None,
    }
}

/// Every name at which somebody may say whose a record of this host and kind is.
pub fn names_to_read(host: &Name, kind: &Kind, zone: &Name, formats: &[Format]) -> Vec<Name> {
    let mut names = vec![name_of_ours(host, kind, zone), octodns(host, kind)];
    names.extend(Format::default().names(host, kind));
    names.extend(formats.iter().flat_map(|format| format.names(host, kind)));
    names.retain(|name| name.is_within(zone));
    names.sort();
    names.dedup();
    names
}

fn octodns(host: &Name, kind: &Kind) -> Name {
    let host = if host.is_wildcard() { host.with_first(WILDCARD) } else { host.clone() };
    host.below(&kind.as_str().to_lowercase()).below("_owner")
}

/// Who else has the record of this host, kind and identifier, as `txt` says it. `txt` stands at one of the names to read.
pub fn holder(
    txt: &RecordSet,
    host: &Name,
    kind: &Kind,
    identifier: Option<&str>,
    (owner, zone): (&Owner, &Name),
) -> Option<Holder> {
    // A simple TXT speaks for every identifier; one with an identifier for its own.
    let concerned = match (txt.identifier(), identifier) {
        (Some(theirs), Some(ours)) => theirs == ours,
        _ => true,
    };
    if txt.kind != Kind::Txt || !concerned {
        return None;
    }
    if txt.name == octodns(host, kind) {
        return Some(Holder::OctoDns);
    }
    match said(txt)? {
        Said::Sealed if txt.name == *host => None,
        Said::Sealed => Some(Holder::Sealed),
        Said::By { owner: id, cluster: Some(cluster), resource } => {
            let of_this = txt.name == name_of_ours(host, kind, zone);
            let mine = id == owner.id && cluster == owner.cluster;
            (of_this && !mine).then_some(Holder::Outboard { owner: id, cluster, resource })
        }
        Said::By { owner, cluster: None, resource } => Some(Holder::ExternalDns { owner, resource }),
    }
}

fn said(txt: &RecordSet) -> Option<Said> {
    let Content::Records { values, .. } = &txt.content else { return None };
    // external-dns writes one value.
    let text = unquoted(values.first()?);
    let text = text.trim_matches('"');
    if !text.split(',').any(|token| token.trim() == HERITAGE) {
        return is_sealed(text).then_some(Said::Sealed);
    }
    let label = |wanted: &str| {
        text.split(',').find_map(|token| {
            let (key, value) = token.trim().strip_prefix(LABEL)?.split_once('=')?;
            (key == wanted).then(|| value.to_owned())
        })
    };
    Some(Said::By {
        owner: label("owner").unwrap_or_default(),
        cluster: label(CLUSTER),
        resource: label("resource"),
    })
}

/// A text that external-dns has encrypted: base64 of a nonce, something and a tag.
fn is_sealed(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|bytes| bytes.len() > SEALED)
}

/// The text of quoted strings, one after the other, as a TXT record holds them.
fn unquoted(value: &str) -> String {
    if !value.starts_with('"') {
        return value.to_owned();
    }
    let mut text = String::new();
    let (mut inside, mut escaped) = (false, false);
    for letter in value.chars() {
        match letter {
            _ if escaped => {
                text.push(letter);
                escaped = false;
            }
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            _ if inside => text.push(letter),
            _ => {}
        }
    }
    text
}

/// The TXT beside `record`.
pub fn txt(record: &RecordSet, text: String, ttl: u32, zone: &Name) -> RecordSet {
    let routing = match &record.routing {
        // As external-dns does: the TXT has the record's identifier and weight.
        Routing::Weighted { identifier, weight } => {
            Routing::Weighted { identifier: identifier.clone(), weight: *weight }
        }
        _ => Routing::Simple,
    };
    RecordSet {
        name: name_of_ours(&record.name, &record.kind, zone),
        kind: Kind::Txt,
        routing,
        content: Content::Records { ttl, values: [text].into() },
        health_check: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::from_route53(text)
    }

    fn owner() -> Owner {
        Owner::new("main", "eu-1").unwrap()
    }

    fn at(at: &str, value: &str) -> RecordSet {
        RecordSet {
            name: name(at),
            kind: Kind::Txt,
            routing: Routing::Simple,
            content: Content::Records { ttl: 300, values: [value.to_owned()].into() },
            health_check: None,
        }
    }

    fn zone() -> Name {
        name("example.com")
    }

    fn held(txt: &RecordSet, host: &str, kind: &Kind) -> Option<Holder> {
        let host = name(host);
        let read = names_to_read(&host, kind, &zone(), &[]).contains(&txt.name);
        read.then(|| holder(txt, &host, kind, None, (&owner(), &zone()))).flatten()
    }

    const THEIRS: &str =
        "\"heritage=external-dns,external-dns/owner=default,external-dns/resource=ingress/shop/web\"";

    fn external() -> Option<Holder> {
        let resource = Some("ingress/shop/web".to_owned());
        Some(Holder::ExternalDns { owner: "default".to_owned(), resource })
    }

    #[test]
    fn what_is_written_is_external_dns_own_format() {
        assert_eq!(
            owner().text("environment/team/qa"),
            "\"heritage=external-dns,external-dns/outboard-cluster=eu-1,external-dns/owner=outboard/main,\
             external-dns/resource=environment/team/qa\""
        );
        let beside = |host: &str, kind| name_of_ours(&name(host), &kind, &zone());
        assert_eq!(beside("www.example.com", Kind::A), name("a-www.example.com"));
        assert_eq!(beside("*.apps.example.com", Kind::Aaaa), name("aaaa-_wildcard.apps.example.com"));
        // Beside the zone's own name there is nothing that is of the zone.
        assert_eq!(beside("example.com", Kind::A), name("a-_apex.example.com"));
    }

    #[test]
    fn every_form_that_external_dns_has_written_counts() {
        let host = "www.example.com";
        for at_name in ["a-www.example.com", "cname-www.example.com", "www.example.com"] {
            assert_eq!(held(&at(at_name, THEIRS), host, &Kind::A), external(), "{at_name}");
        }
        assert_eq!(held(&at("aaaa-www.example.com", THEIRS), host, &Kind::A), None);
        for at_name in ["a-*.example.com", "*.example.com"] {
            assert_eq!(held(&at(at_name, THEIRS), "*.example.com", &Kind::A), external(), "{at_name}");
        }
        assert_eq!(held(&at("a-www.example.com", "\"v=spf1 -all\""), host, &Kind::A), None);
    }

    #[test]
    fn prefixes_suffixes_and_stand_ins_for_wildcards_are_read_as_configured() {
        let names = |prefix: &str, suffix: &str, wildcard: Option<&str>, host: &str| {
            let format = Format {
                prefix: prefix.to_owned(),
                suffix: suffix.to_owned(),
                wildcard: wildcard.map(str::to_owned),
            };
            format.names(&name(host), &Kind::Aaaa).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let www = "www.example.com";
        assert_eq!(
            names("xdns-", "", None, www),
            ["xdns-aaaa-www.example.com", "xdns-cname-www.example.com", "xdns-www.example.com"]
        );
        assert_eq!(
            names("%{record_type}.dns.", "", None, www),
            ["aaaa.dns.www.example.com", "cname.dns.www.example.com", ".dns.www.example.com"]
        );
        assert_eq!(names("", "-%{record_type}", None, www)[0], "www-aaaa.example.com");
        assert_eq!(names("X.", "", Some("any"), "*.example.com")[0], "x.aaaa-any.example.com");
    }

    #[test]
    fn octodns_and_whoever_encrypts_are_others() {
        let octodns = at("_owner.a.www.example.com", "\"*octodns*\"");
        assert_eq!(held(&octodns, "www.example.com", &Kind::A), Some(Holder::OctoDns));
        let sealed = format!("\"{}\"", STANDARD.encode([7_u8; 80]));
        let sealed = at("a-www.example.com", &sealed);
        assert_eq!(held(&sealed, "www.example.com", &Kind::A), Some(Holder::Sealed));
    }

    #[test]
    fn ours_are_known_by_installation_and_cluster() {
        let mine =
            |who: &Owner, at_name: &str| ours(&at(at_name, &who.text("environment/team/qa")), &owner());
        assert_eq!(mine(&owner(), "cname-www.example.com"), Some((name("www.example.com"), Kind::Cname)));
        assert_eq!(mine(&owner(), "a-_wildcard.example.com"), Some((name("*.example.com"), Kind::A)));
        assert_eq!(mine(&owner(), "a-_apex.example.com"), Some((name("example.com"), Kind::A)));
        // What is not written here is not ours, whoever it names.
        assert_eq!(mine(&owner(), "www.example.com"), None);
        assert_eq!(mine(&owner(), "mx-www.example.com"), None);
        for other in [Owner::new("main", "eu-2"), Owner::new("second", "eu-1")] {
            let other = other.unwrap();
            assert_eq!(mine(&other, "a-www.example.com"), None);
            let held = held(&at("a-www.example.com", &other.text("x")), "www.example.com", &Kind::A);
            assert!(matches!(held, Some(Holder::Outboard { .. })));
        }
    }

    #[test]
    fn a_txt_of_ours_says_nothing_about_the_host_that_is_called_like_it() {
        let ours = at("a-www.example.com", &owner().text("x"));
        assert_eq!(held(&ours, "a-www.example.com", &Kind::A), None);
        let others = at("a-www.example.com", &Owner::new("second", "eu-1").unwrap().text("x"));
        assert_eq!(held(&others, "a-www.example.com", &Kind::A), None);
    }

    #[test]
    fn a_txt_with_an_identifier_speaks_for_that_one() {
        let mut txt = at("a-www.example.com", THEIRS);
        txt.routing = Routing::Weighted { identifier: "blue".to_owned(), weight: 1 };
        let held =
            |identifier| holder(&txt, &name("www.example.com"), &Kind::A, identifier, (&owner(), &zone()));
        assert_eq!(held(Some("blue")), external());
        assert_eq!(held(Some("green")), None);
        assert_eq!(held(None), external());
    }

    #[test]
    fn a_long_resource_is_shortened_and_the_owner_stays_readable() {
        let long = Owner::new(&"i".repeat(63), &"c".repeat(63)).unwrap();
        let text = long.text(&format!("environment/{}/{}", "n".repeat(63), "e".repeat(63)));
        assert!(text.len() <= LONGEST_TEXT + 2, "{}", text.len());
        assert_eq!(ours(&at("a-www.example.com", &text), &long), Some((name("www.example.com"), Kind::A)));
    }

    #[test]
    fn an_owner_that_would_break_the_format_is_refused() {
        for bad in ["", "a,b", "a=b", "a\"b", "A", &"a".repeat(64)] {
            assert_eq!(Owner::new(bad, "eu-1"), Err(BadOwner(bad.to_owned())));
            assert_eq!(Owner::new("main", bad), Err(BadOwner(bad.to_owned())));
        }
    }

    #[test]
    fn several_strings_of_a_txt_are_one_text() {
        assert_eq!(unquoted(r#""a\"b" "c\\d""#), r#"a"bc\d"#);
        assert_eq!(unquoted("plain"), "plain");
    }
}
