//! What becomes of one host: the records that are ours against those that it needs, and what stands in the way.
//!
//! All of a host is replaced at once: DELETE of everything of ours, exactly as it was read, then CREATE of everything it
//! needs. Whatever somebody changed in between makes Route 53 refuse the whole: compare and swap.

use std::collections::BTreeSet;

use super::ownership::{self, Holder};
use super::present::Present;
use super::record::{Kind, OF_HOSTS, RecordSet, Routing};
use super::wanted::WantedHost;
use super::{Action, Change, Conflict, Host, Memory, Name, Outcome, Role, Site, batches};

/// Of TXT records that share their name with no other's.
const TXT_TTL: u32 = 300;

/// One host in one zone.
pub(super) struct Case<'a> {
    pub site: &'a Site<'a>,
    pub present: &'a Present,
    pub name: &'a Name,
    pub own: BTreeSet<&'a RecordSet>,
}

impl<'a> Case<'a> {
    pub fn new(site: &'a Site<'a>, present: &'a Present, memory: &'a Memory, name: &'a Name) -> Self {
        let mut case = Self { site, present, name, own: BTreeSet::new() };
        let mut own = BTreeSet::new();
        for kind in &OF_HOSTS {
            let at = ownership::name_of_ours(name, kind, site.zone);
            let txts = present.at(&at).filter(|txt| {
                ownership::ours(txt, site.owner).is_some_and(|(host, of)| host == *name && of == *kind)
            });
            for txt in txts {
                own.insert(txt);
                let record = present.at(name).find(|set| set.key() == (name, kind, txt.identifier()));
                own.extend(record.filter(|set| case.holders(&set.kind, set.identifier()).is_empty()));
            }
        }
        let remembered = present.at(name).filter(|set| memory.knows(name, set));
        own.extend(remembered.filter(|set| case.holders(&set.kind, set.identifier()).is_empty()));
        case.own = own;
        case
    }

    /// Who else says to have the record.
    fn holders(&self, kind: &Kind, identifier: Option<&str>) -> Vec<Holder> {
        ownership::names_to_read(self.name, kind, self.site.zone, self.site.formats)
            .iter()
            .flat_map(|at| self.present.at(at))
            .filter_map(|txt| ownership::holder(txt, self.name, kind, identifier, self.site.who()))
            .collect()
    }

    pub fn decide(&self, wanted: Option<&WantedHost>) -> Host {
        let needed = wanted.map(|wanted| self.needed(wanted)).unwrap_or_default();
        let mut conflicts = BTreeSet::new();
        for set in &needed {
            self.against(set, &mut conflicts);
        }
        let odd = self.own.iter().filter(|set| !set.is_understood());
        conflicts.extend(odd.map(|set| Conflict::NotUnderstood { record: set.to_string() }));
        if !conflicts.is_empty() {
            return self.host(Outcome::Conflict(conflicts.into_iter().collect()), vec![]);
        }
        if self.own.iter().copied().eq(&needed) {
            return self.host(Outcome::Nothing, vec![]);
        }
        let guards = match self.guards(&needed) {
            Ok(guards) => guards,
            Err(conflicts) => return self.host(Outcome::Conflict(conflicts), vec![]),
        };
        let changes = changes(&self.own, &needed, &guards);
        if !batches::fits(&changes) {
            return self.host(Outcome::Conflict(vec![Conflict::TooLarge]), vec![]);
        }
        let outcome = if needed.is_empty() {
            Outcome::Delete
        } else if self.own.iter().all(|set| set.kind == Kind::Txt) {
            Outcome::Create
        } else {
            Outcome::Change
        };
        let mut host = self.host(outcome, changes);
        host.why = match wanted {
            Some(wanted) => wanted.resource.clone(),
            None => "nothing wants it any more".to_owned(),
        };
        host
    }

    pub fn host(&self, outcome: Outcome, changes: Vec<Change>) -> Host {
        Host { name: self.name.clone(), outcome, changes, why: String::new() }
    }

    /// The records that it needs, and for each what says whose it is.
    fn needed(&self, wanted: &WantedHost) -> BTreeSet<RecordSet> {
        let text = self.site.owner.text(&wanted.resource);
        let mut needed = BTreeSet::new();
        for record in wanted.records(self.site.owner) {
            let at = ownership::name_of_ours(self.name, &record.kind, self.site.zone);
            // Beside those of others it has their time to live.
            let beside = self.present.at(&at).find(|set| set.kind == Kind::Txt && !self.own.contains(set));
            let ttl = beside.and_then(RecordSet::ttl).unwrap_or(TXT_TTL);
            needed.insert(ownership::txt(&record, text.clone(), ttl, self.site.zone));
            needed.insert(record);
        }
        needed
    }

    /// What of others keeps `set` from being there.
    fn against(&self, set: &RecordSet, conflicts: &mut BTreeSet<Conflict>) {
        let is_txt = set.kind == Kind::Txt;
        let holders = if is_txt { vec![] } else { self.holders(&set.kind, set.identifier()) };
        let foreign = !holders.is_empty();
        for holder in holders {
            let record = format!("{} {}", set.name, set.kind);
            conflicts.insert(Conflict::ForeignOwner { record, holder });
        }
        for other in self.present.at(&set.name).filter(|other| !self.own.contains(other)) {
            let record = other.to_string();
            if is_txt {
                conflicts.extend(self.against_txt(set, other));
            } else if (other.kind == Kind::Cname) != (set.kind == Kind::Cname) {
                conflicts.insert(Conflict::CnameBesideOthers { record });
            } else if other.kind == set.kind {
                let conflict = match (&set.routing, &other.routing) {
                    _ if other.key() == set.key() => (!foreign).then_some(Conflict::MadeByHand { record }),
                    (Routing::Weighted { .. }, Routing::Simple) => {
                        Some(Conflict::SimpleBesideWeighted { record })
                    }
                    (Routing::Weighted { .. }, Routing::Other { .. }) => {
                        Some(Conflict::OtherRouting { record })
                    }
                    (Routing::Weighted { .. }, Routing::Weighted { .. }) => {
                        let differs = |ttl: &u32| other.ttl().is_some_and(|theirs| theirs != *ttl);
                        set.ttl().filter(differs).map(|ttl| Conflict::TtlDiffers { record, ttl })
                    }
                    _ => Some(Conflict::WeightedBesideSimple { record }),
                };
                conflicts.extend(conflict);
            }
        }
    }

    /// The same where a record of ownership belongs.
    fn against_txt(&self, set: &RecordSet, other: &RecordSet) -> Option<Conflict> {
        let shares = other.kind == Kind::Txt
            && other.key() != set.key()
            && matches!((&set.routing, &other.routing), (Routing::Weighted { .. }, Routing::Weighted { .. }));
        let harmless = other.kind != Kind::Txt && other.kind != Kind::Cname;
        // Somebody's record of ownership is told as that already.
        let told = OF_HOSTS.iter().any(|kind| {
            ownership::name_of_ours(self.name, kind, self.site.zone) == set.name
                && ownership::holder(other, self.name, kind, set.identifier(), self.site.who()).is_some()
        });
        (!shares && !harmless && !told)
            .then(|| Conflict::OwnershipTaken { txt: set.name.clone(), record: other.to_string() })
    }

    /// Records of others that have to stay as they are while ours changes, so that not all are at 0 afterwards.
    fn guards(&self, needed: &BTreeSet<RecordSet>) -> Result<Vec<&'a RecordSet>, Vec<Conflict>> {
        let (mut guards, mut conflicts) = (vec![], vec![]);
        for kind in &OF_HOSTS {
            let weight = |set: &RecordSet| (set.kind == *kind).then(|| set.weight()).flatten();
            let before = self.own.iter().find_map(|set| weight(set));
            let after = needed.iter().find_map(weight);
            let others =
                || self.present.at(self.name).filter(|set| weight(set).is_some() && !self.own.contains(set));
            let matters = match (before, after) {
                (_, Some(weight)) => weight == 0,
                (Some(weight), None) => weight > 0 && others().next().is_some(),
                (None, None) => false,
            };
            if !matters {
                continue;
            }
            let heaviest = others().filter(|set| set.is_understood()).max_by_key(|set| set.weight());
            match heaviest.filter(|set| set.weight() > Some(0)) {
                Some(heaviest) => guards.push(heaviest),
                None => conflicts.push(Conflict::AllAtZero { kind: kind.clone() }),
            }
        }
        if conflicts.is_empty() { Ok(guards) } else { Err(conflicts) }
    }
}

fn changes(own: &BTreeSet<&RecordSet>, needed: &BTreeSet<RecordSet>, guards: &[&RecordSet]) -> Vec<Change> {
    let role = |set: &RecordSet| {
        if own.contains(set) && needed.contains(set) { Role::Kept } else { Role::Written }
    };
    let change = |action, role, set: &RecordSet| Change { action, set: set.clone(), role };
    let guard = |action| guards.iter().map(move |set| change(action, Role::Guard, set));
    let deletes = own.iter().map(|set| change(Action::Delete, role(set), set)).chain(guard(Action::Delete));
    let creates =
        needed.iter().map(|set| change(Action::Create, role(set), set)).chain(guard(Action::Create));
    deletes.chain(creates).collect()
}
