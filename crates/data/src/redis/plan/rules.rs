//! Which values of which keys are masked, and how. The same value has the same mask as in a column of a database.

use api::{MaskSpec, Problem};

use super::glob::matches;
use super::value::Value;
use crate::masks::{Keyed, Mask};
use crate::plan::schema::Column;
use crate::redis::job::MaskRule;

#[derive(Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    /// What no rule names is left behind.
    deny: bool,
}

#[derive(Debug)]
struct Rule {
    keys: Vec<u8>,
    /// Of hashes and streams; none: every value.
    field: Option<Vec<u8>>,
    /// None: it is kept.
    mask: Option<Mask>,
    label: String,
    /// Whether its values can be looked for elsewhere: a document is not found within another.
    tells: bool,
}

/// The rules for one key.
#[derive(Clone, Debug)]
pub struct Masking<'a> {
    rules: Vec<&'a Rule>,
    deny: bool,
}

impl Rules {
    pub fn new(rules: &[MaskRule], deny: bool, keyed: Option<&Keyed>) -> Self {
        let rule = |rule: &MaskRule| {
            let spec = rule.mask.clone().unwrap_or(MaskSpec::Null);
            let mask = match (&spec, keyed) {
                (MaskSpec::Keep, _) | (_, None) => None,
                (spec, Some(keyed)) => Some(Mask::new(spec.clone(), keyed.clone(), &as_column(spec))),
            };
            Rule {
                keys: rule.keys.as_bytes().to_vec(),
                field: rule.field.as_ref().map(|field| field.as_bytes().to_vec()),
                tells: mask.is_some() && !matches!(spec, MaskSpec::Json(_)),
                mask,
                label: label(rule),
            }
        };
        Self { rules: rules.iter().map(rule).collect(), deny }
    }

    /// None: nothing in it is masked or kept on purpose.
    pub fn of(&self, key: &[u8]) -> Option<Masking<'_>> {
        let rules: Vec<&Rule> = self.rules.iter().filter(|rule| matches(&rule.keys, key)).collect();
        (!rules.is_empty()).then_some(Masking { rules, deny: self.deny })
    }

    pub fn masks_any(&self) -> bool {
        self.deny || self.rules.iter().any(|rule| rule.mask.is_some())
    }

    /// Whether values of any rule can be looked for elsewhere of whose words more are wanted.
    pub fn wants(&self, wanted: impl Fn(&str) -> bool) -> bool {
        self.rules.iter().any(|rule| rule.tells && wanted(&rule.label))
    }

    /// Whether the key may be copied at all.
    pub fn takes(&self, key: &[u8]) -> bool {
        !self.deny || self.rules.iter().any(|rule| matches(&rule.keys, key))
    }

    pub fn denies(&self) -> bool {
        self.deny
    }
}

impl Masking<'_> {
    pub fn masks_any(&self) -> bool {
        self.rules.iter().any(|rule| rule.mask.is_some())
            || (self.deny && self.rules.iter().all(|rule| rule.field.is_some()))
    }

    /// The first that speaks of a field, or of a value without one.
    fn rule(&self, field: Option<&[u8]>) -> Option<&Rule> {
        let speaks = |rule: &&&Rule| match (&rule.field, field) {
            (None, _) => true,
            (Some(pattern), Some(field)) => matches(pattern, field),
            (Some(_), None) => false,
        };
        self.rules.iter().find(speaks).copied()
    }

    pub fn apply(&self, value: &mut Value) {
        each(value, |field, text| {
            match self.rule(field) {
                Some(Rule { mask: Some(mask), .. }) => {
                    let mut masked = vec![];
                    // Redis knows no NULL: what is emptied is empty.
                    if !mask.apply(text, &mut masked) {
                        masked.clear();
                    }
                    *text = masked;
                }
                Some(_) => {}
                None if self.deny => text.clear(),
                None => {}
            }
        });
    }

    /// Whether it has values to be looked for elsewhere, of a rule of whose words more are wanted.
    pub fn wants(&self, wanted: impl Fn(&str) -> bool) -> bool {
        self.rules.iter().any(|rule| rule.tells && wanted(&rule.label))
    }

    /// Values that are masked, each with its rule's words, to be looked for elsewhere.
    pub fn tell(&self, value: &mut Value, tell: &mut dyn FnMut(&str, &[u8])) {
        each(value, |field, text| {
            if let Some(rule) = self.rule(field).filter(|rule| rule.tells) {
                tell(&rule.label, text);
            }
        });
    }

    /// Values of which no rule speaks, and which are sent.
    pub fn others(&self, value: &mut Value, look: &mut dyn FnMut(&[u8])) {
        each(value, |field, text| {
            if self.rule(field).is_none() && !self.deny {
                look(text);
            }
        });
    }
}

/// Every value in a value, with the name of its field where it has one. Fields' names are no values.
fn each(value: &mut Value, mut act: impl FnMut(Option<&[u8]>, &mut Vec<u8>)) {
    match value {
        Value::String(text) => act(None, text),
        Value::List(list) | Value::Set(list) => list.iter_mut().for_each(|text| act(None, text)),
        Value::Sorted(list) => list.iter_mut().for_each(|(member, _)| act(None, member)),
        Value::Hash(fields) => fields.iter_mut().for_each(|field| act(Some(&field.name), &mut field.value)),
        Value::Stream(entries, _) => {
            for entry in entries {
                for pair in entry.fields.chunks_exact_mut(2) {
                    if let [name, value] = pair {
                        act(Some(name), value);
                    }
                }
            }
        }
    }
}

fn label(rule: &MaskRule) -> String {
    match &rule.field {
        Some(field) => format!("{} {field}", rule.keys),
        None => rule.keys.clone(),
    }
}

/// The column that a value without a type is most like. To most columns upper and lower case are the same.
fn as_column(spec: &MaskSpec) -> Column {
    let kind = match spec {
        MaskSpec::Number => "decimal",
        MaskSpec::DateShift(_) => "datetime",
        _ => "text",
    };
    Column {
        name: String::new(),
        kind: kind.to_owned(),
        full: kind.to_owned(),
        charset: Some("utf8mb4".to_owned()),
        collation: Some("utf8mb4_general_ci".to_owned()),
        nullable: true,
        generated: false,
        length: None,
    }
}

/// What cannot work, each with its place in the job.
pub fn problems(rules: &[MaskRule]) -> Vec<Problem> {
    let mut problems = vec![];
    for (index, rule) in rules.iter().enumerate() {
        let place = format!("/masks/values/{index}");
        if rule.keys.is_empty() {
            problems.push(Problem::new(&place, "has no keys").hint("a pattern such as `user:*`"));
        }
        let Some(MaskSpec::Json(paths)) = &rule.mask else { continue };
        for (path, inner) in paths {
            if api::mask::path(path).is_none() {
                let words = format!("`{path}` is no path: write `$.customer.email` or `$.items[*].note`");
                problems.push(Problem::new(&place, words));
            }
            if matches!(inner, MaskSpec::Json(_) | MaskSpec::DateShift(_)) {
                let words = format!("mask {} does not work within a document", inner.word());
                problems.push(Problem::new(&place, words));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::column;
    use crate::redis::plan::value::{Entry, Field};

    fn keyed() -> Keyed {
        Keyed::new(b"a key of the project")
    }

    fn rules(list: &[(&str, Option<&str>, MaskSpec)]) -> Rules {
        let rule = |(keys, field, mask): &(&str, Option<&str>, MaskSpec)| MaskRule {
            keys: (*keys).to_owned(),
            field: field.map(str::to_owned),
            mask: Some(mask.clone()),
        };
        Rules::new(&list.iter().map(rule).collect::<Vec<_>>(), false, Some(&keyed()))
    }

    fn hash(pairs: &[(&str, &str)]) -> Value {
        let field = |(name, value): &(&str, &str)| Field {
            name: name.as_bytes().to_vec(),
            value: value.as_bytes().to_vec(),
            expires: None,
        };
        Value::Hash(pairs.iter().map(field).collect())
    }

    fn masked(rules: &Rules, key: &str, mut value: Value) -> Vec<String> {
        rules.of(key.as_bytes()).unwrap().apply(&mut value);
        let mut texts = vec![];
        value.texts(&mut |text| texts.push(String::from_utf8(text.to_vec()).unwrap()));
        texts
    }

    #[test]
    fn an_address_is_the_same_in_a_column_a_hash_and_a_document() {
        let (mask, mut out) = (Mask::new(MaskSpec::Email, keyed(), &column("email", "varchar")), vec![]);
        assert!(mask.apply(b"Ann@Example.org", &mut out));
        let in_column = String::from_utf8(out).unwrap();
        let json = MaskSpec::Json([("$.email".to_owned(), MaskSpec::Email)].into());
        let rules = rules(&[("user:*", Some("email"), MaskSpec::Email), ("session:*", None, json)]);
        assert_eq!(masked(&rules, "user:1", hash(&[("email", "ann@example.org"), ("n", "1")]))[1], in_column);
        let document = Value::String(br#"{"email":"ann@example.org","n":1}"#.to_vec());
        assert_eq!(masked(&rules, "session:1", document), [format!(r#"{{"email":"{in_column}","n":1}}"#)]);
        // As in a document that stands in a column.
        let json = MaskSpec::Json([("$.email".to_owned(), MaskSpec::Email)].into());
        let (mask, mut out) = (Mask::new(json, keyed(), &column("data", "json")), vec![]);
        assert!(mask.apply(br#"{"email":"ANN@example.org"}"#, &mut out));
        assert_eq!(String::from_utf8(out).unwrap(), format!(r#"{{"email":"{in_column}"}}"#));
    }

    #[test]
    fn what_is_not_named_stays_behind_if_it_is_said_so() {
        let rule = |keys: &str, field: Option<&str>, mask| MaskRule {
            keys: keys.to_owned(),
            field: field.map(str::to_owned),
            mask,
        };
        let list =
            [rule("user:*", Some("name"), Some(MaskSpec::Keep)), rule("page:*", None, Some(MaskSpec::Keep))];
        let rules = Rules::new(&list, true, Some(&keyed()));
        assert!(rules.takes(b"user:1") && rules.takes(b"page:1") && !rules.takes(b"session:1"));
        assert_eq!(
            masked(&rules, "user:1", hash(&[("name", "Ann"), ("note", "private")])),
            ["name", "Ann", "note", ""]
        );
        assert!(rules.of(b"user:1").unwrap().masks_any() && !rules.of(b"page:1").unwrap().masks_any());
        let (masking, mut seen) = (rules.of(b"user:1").unwrap(), 0);
        masking.others(&mut hash(&[("note", "private")]), &mut |_| seen += 1);
        assert_eq!(seen, 0, "what is emptied is sent nowhere");
    }

    #[test]
    fn only_what_a_rule_speaks_of_is_masked_and_the_first_one_counts() {
        let rules = rules(&[
            ("user:*", Some("note*"), MaskSpec::Keep),
            ("user:*", None, MaskSpec::Constant("x".into())),
            ("feed", Some("who"), MaskSpec::Null),
        ]);
        assert!(rules.of(b"other").is_none());
        assert_eq!(masked(&rules, "user:1", hash(&[("note1", "a"), ("b", "c")])), ["note1", "a", "b", "x"]);
        let entry = Entry {
            id: b"1-1".to_vec(),
            fields: [b"who".to_vec(), b"ann".to_vec(), b"k".to_vec(), b"v".to_vec()].into(),
        };
        assert_eq!(masked(&rules, "feed", Value::Stream(vec![entry], None)), ["who", "", "k", "v"]);
        assert_eq!(masked(&rules, "user:9", Value::List(vec![b"a".to_vec(), b"b".to_vec()])), ["x", "x"]);
    }

    #[test]
    fn what_cannot_work_is_told_with_its_place() {
        let json = MaskSpec::Json([("email".to_owned(), MaskSpec::DateShift(3))].into());
        let rule = MaskRule { keys: String::new(), field: None, mask: Some(json) };
        let problems = problems(&[rule]);
        assert_eq!(problems.len(), 3);
        assert!(problems.iter().all(|problem| problem.pointer == "/masks/values/0"));
    }
}
