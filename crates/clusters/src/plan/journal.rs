//! What a run's stream says of things that a state may lack: Terraform stores it every twenty seconds and at the end, so a kill
//! can cost it the last ones.

use std::collections::{BTreeMap, BTreeSet};

use super::events::{self, Line};
use super::progress::kind;

/// Made anew without harm.
const NEED_NOT: [&str; 3] = ["aws_default_security_group", "aws_s3_bucket_object", "aws_s3_object"];
/// Their identity for an import is not the one that they have.
const CANNOT: [&str; 4] =
    ["aws_iam_role_policy_attachment", "aws_route", "aws_route_table_association", "aws_security_group_rule"];

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Lacking {
    /// Address and identity of what can be taken into the state.
    pub take: Vec<(String, String)>,
    /// Addresses of what has no identity here: it was being made when the run ended, it failed, maybe since it is there already,
    /// or it is imported by another identity.
    pub perhaps: Vec<String>,
}

/// Compares a stream with the addresses that a state holds.
pub fn lacking(stream: &str, held: &BTreeSet<String>) -> Lacking {
    let (mut made, mut begun) = (BTreeMap::new(), BTreeSet::new());
    for line in stream.lines().filter_map(events::read) {
        match line {
            Line::Started { address, action } if action == "create" => {
                begun.insert(address);
            }
            Line::Finished { address, action, id, .. } => {
                begun.remove(&address);
                match (action.as_str(), id) {
                    ("create", Some((_, id))) => {
                        made.insert(address, id);
                    }
                    ("delete", _) => {
                        made.remove(&address);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    let mut lacking = Lacking::default();
    // In their order: what others lie in comes first by no rule, but an import needs none of the others.
    for (address, id) in made.into_iter().filter(|(address, _)| !held.contains(address)) {
        match kind(&address) {
            kind if NEED_NOT.contains(&kind) => {}
            kind if CANNOT.contains(&kind) => lacking.perhaps.push(address),
            _ => lacking.take.push((address, id)),
        }
    }
    lacking.perhaps.extend(begun.into_iter().filter(|address| !held.contains(address)));
    lacking
}

/// Why nothing was imported.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// There is no such thing, or nobody asks for it any more.
    Absent,
    /// It is in the state already.
    Held,
    /// In one line.
    Other(String),
}

/// Sorts what both engines, and the provider, say of an import.
pub fn refusal(words: &str) -> Refusal {
    const ABSENT: [&str; 6] =
        ["non-existent remote object", "does not exist", "not found", "NotFound", "NoSuch", "couldn't find"];
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.contains("already managed by") {
        return Refusal::Held;
    }
    if ABSENT.iter().any(|absent| line.contains(absent)) {
        return Refusal::Absent;
    }
    Refusal::Other(line)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_made_and_is_not_in_the_state_is_found_with_its_identity() {
        let line = |kind: &str, address: &str, action: &str, id: Option<&str>| {
            let mut hook = json!({"resource": {"addr": address}, "action": action});
            if let Some(id) = id {
                hook["id_key"] = "id".into();
                hook["id_value"] = id.into();
            }
            json!({"type": kind, "hook": hook}).to_string() + "\n"
        };
        let stream = [
            line("apply_start", "module.m.aws_vpc.this", "create", None),
            line("apply_complete", "module.m.aws_vpc.this", "create", Some("vpc-1")),
            line("apply_complete", "module.m.aws_eip.nat", "create", Some("eip-1")),
            line("apply_complete", "module.m.aws_route.out", "create", Some("r-1")),
            line("apply_complete", "module.m.aws_s3_object.boot[\"x\"]", "create", Some("boot/x")),
            line("apply_complete", "module.m.aws_lb.api", "create", Some("arn")),
            line("apply_complete", "module.m.aws_lb.api", "delete", None),
            line("apply_start", "module.m.aws_nat_gateway.a", "create", None),
            line("apply_start", "module.m.aws_iam_role.a", "create", None),
            line("apply_errored", "module.m.aws_iam_role.a", "create", None),
        ]
        .concat();
        let held = ["module.m.aws_eip.nat".to_owned()].into();
        let lacking = lacking(&stream, &held);
        assert_eq!(lacking.take, [("module.m.aws_vpc.this".to_owned(), "vpc-1".to_owned())]);
        let perhaps = ["module.m.aws_route.out", "module.m.aws_iam_role.a", "module.m.aws_nat_gateway.a"];
        assert_eq!(lacking.perhaps, perhaps);
    }
    #[test]
    fn what_is_not_there_is_told_from_what_could_not_be_imported() {
        let absent = "Error: Cannot import non-existent remote\nobject\n\nWhile attempting to import";
        assert_eq!(refusal(absent), Refusal::Absent);
        assert_eq!(refusal("Error: Resource already managed by Terraform"), Refusal::Held);
        assert_eq!(
            refusal("Error: AccessDenied:\n  no"),
            Refusal::Other("Error: AccessDenied: no".to_owned())
        );
    }
}
