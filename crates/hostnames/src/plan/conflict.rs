//! Why a host is left as it is: one sentence each, with what to do. Other hosts go on.

use serde::Serialize;

use super::name::Name;
use super::ownership::Holder;
use super::record::Kind;

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub enum Conflict {
    #[error(
        "{record} belongs to {holder}; it was left untouched: let go of it there, or choose another hostname"
    )]
    ForeignOwner { record: String, holder: Holder },
    #[error(
        "{record} is there and nothing says whose it is, so somebody made it by hand; it was left untouched: delete it, \
         or choose another hostname"
    )]
    MadeByHand { record: String },
    #[error(
        "{txt} is where the record of ownership belongs, and {record} stands there; it was left untouched: delete it, \
         or choose another hostname"
    )]
    OwnershipTaken { txt: Name, record: String },
    #[error(
        "{record} answers alone, and beside it there can be no record with a weight: whoever has it has to give it a \
         weight and an identifier, or delete it"
    )]
    SimpleBesideWeighted { record: String },
    #[error(
        "{record} shares the name with others, and beside it nothing can answer alone: delete it, or give this host a \
         weight"
    )]
    WeightedBesideSimple { record: String },
    #[error(
        "{record} is chosen by something else than weight, and one name can't have both: delete it, or choose another \
         hostname"
    )]
    OtherRouting { record: String },
    #[error("{record} stands at the same name, where a CNAME has to be alone: delete it, or use an address")]
    CnameBesideOthers { record: String },
    #[error("{record} has another time to live than the {ttl} s of this host; all of one name have the same")]
    TtlDiffers { record: String, ttl: u32 },
    #[error(
        "no other {kind} record of the name would have a weight above 0, and when all are at 0 each gets an equal share: \
         raise another one first and wait until it is in sync"
    )]
    AllAtZero { kind: Kind },
    #[error(
        "{record} was changed by somebody into a record that is not understood here; it was left untouched: delete it, \
         and it is made again"
    )]
    NotUnderstood { record: String },
    #[error("{by} stands at or below this hostname, so the wildcard does not answer for it: delete it")]
    Hidden { by: String },
    #[error("the wildcard of {domain} can't be had, and nothing else answers for this host")]
    NoWildcard { domain: Name },
    #[error("it is not one part below {domain}, so its wildcard does not answer for it")]
    OutsideWildcard { domain: Name },
    #[error("it does not lie in the zone {zone}")]
    OutsideZone { zone: Name },
    #[error("a zone's own name can't be a CNAME: use a load balancer or addresses")]
    CnameAtApex,
    #[error("it would be a CNAME of itself")]
    CnameOfItself,
    #[error("it has neither an IPv4 nor an IPv6 address")]
    NoAddress,
    #[error("it has {values} addresses of one kind; Route 53 takes {most}")]
    TooManyValues { values: usize, most: usize },
    #[error("a time to live of {ttl} s is more than Route 53 takes")]
    BadTtl { ttl: u32 },
    #[error("{hostname} is no load balancer of AWS that is known here: say its canonical zone")]
    NoCanonicalZone { hostname: Name },
    #[error(
        "its first part, {label}, is longer than the {most} characters that leave room for the record of ownership"
    )]
    TooLong { label: String, most: usize },
    #[error("it is wanted more than once: by {}", by.join(" and by "))]
    WantedTwice { by: Vec<String> },
    #[error(
        "it is a CNAME where the record of ownership of {host} belongs: use an address, or another hostname"
    )]
    CnameOverOwnership { host: Name },
    #[error("its records are more than one request to Route 53 holds")]
    TooLarge,
}

impl Conflict {
    /// Whether it would be the same in an empty zone.
    pub(super) fn is_of_what_is_wanted(&self) -> bool {
        matches!(
            self,
            Self::OutsideWildcard { .. }
                | Self::OutsideZone { .. }
                | Self::CnameAtApex
                | Self::CnameOfItself
                | Self::NoAddress
                | Self::TooManyValues { .. }
                | Self::BadTtl { .. }
                | Self::NoCanonicalZone { .. }
                | Self::TooLong { .. }
                | Self::WantedTwice { .. }
                | Self::CnameOverOwnership { .. }
                | Self::TooLarge
        )
    }
}
