//! From what a provider says of somebody to a name and groups: those of people, by two claims. Pure.

use serde_json::{Map, Value};

use crate::{Person, Refused};

/// What a token says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims(pub Map<String, Value>);

impl Claims {
    /// A claim as text, whatever it is; lists and objects have none.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Bool(_) | Value::Number(_) => self.0.get(name).map(Value::to_string),
            _ => None,
        }
    }

    /// Whether a claim, or one of several that it lists, is so.
    pub(crate) fn says(&self, name: &str, so: impl Fn(&str) -> bool) -> bool {
        match self.0.get(name) {
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).any(so),
            _ => self.text(name).is_some_and(|said| so(&said)),
        }
    }

    pub(crate) fn seconds(&self, name: &str) -> Option<i64> {
        let value = self.0.get(name)?;
        // A fraction of a second is allowed, and does not matter.
        let cut = |seconds: f64| seconds as i64;
        value.as_i64().or_else(|| value.as_f64().map(cut))
    }
}

/// Which claims people are named by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Naming {
    pub name: String,
    pub groups: String,
    /// Groups that begin with one of these are kept; none: all of them.
    pub kept: Vec<String>,
    /// Addresses of which the provider does not say that they were checked are names, too.
    pub unverified: bool,
}

impl Default for Naming {
    fn default() -> Self {
        Self { name: "email".to_owned(), groups: "groups".to_owned(), kept: vec![], unverified: false }
    }
}

impl Naming {
    pub fn person(&self, claims: &Claims) -> Result<Person, Refused> {
        let missing = || Refused::Missing { claim: self.name.clone() };
        let name = match claims.0.get(&self.name).ok_or_else(missing)? {
            Value::String(name) => name.clone(),
            _ => return Err(Refused::Shape { claim: self.name.clone() }),
        };
        // Whoever may type an address of their own must not become whoever has it.
        let verified = claims.0.get("email_verified").map(is_true).unwrap_or(self.unverified);
        if self.name == "email" && !verified {
            return Err(Refused::Unverified { email: name });
        }
        let groups = match claims.0.get(&self.groups) {
            None | Some(Value::Null) => vec![],
            Some(Value::String(group)) => vec![group.clone()],
            Some(Value::Array(groups)) => {
                let texts = groups.iter().map(|group| group.as_str().map(str::to_owned));
                let wrong = || Refused::Shape { claim: self.groups.clone() };
                texts.collect::<Option<Vec<_>>>().ok_or_else(wrong)?
            }
            Some(_) => return Err(Refused::Shape { claim: self.groups.clone() }),
        };
        Ok(Person::new(name, groups.into_iter().filter(|group| self.keeps(group)))?)
    }

    fn keeps(&self, group: &str) -> bool {
        self.kept.is_empty() || self.kept.iter().any(|begin| group.starts_with(begin))
    }

    /// The same without groups that are not kept.
    pub(crate) fn kept(&self, person: Person) -> Person {
        let kept: Vec<String> = person.groups().iter().filter(|group| self.keeps(group)).cloned().collect();
        person.only(&kept)
    }
}

/// Some providers say it as text.
fn is_true(value: &Value) -> bool {
    matches!(value, Value::Bool(true)) || value.as_str() == Some("true")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Unfit;

    fn claims(value: Value) -> Claims {
        let Value::Object(claims) = value else { panic!("claims are an object") };
        Claims(claims)
    }

    fn person(value: Value) -> Result<Person, Refused> {
        Naming::default().person(&claims(value))
    }

    #[test]
    fn people_are_named_by_their_address_and_groups() {
        let ann =
            person(json!({"email": "ann@example.com", "email_verified": true, "groups": ["qa", "dev"]}));
        assert_eq!(
            ann.unwrap(),
            Person::new("ann@example.com", ["dev".to_owned(), "qa".to_owned()]).unwrap()
        );
        let one =
            person(json!({"email": "ann@example.com", "email_verified": true, "groups": "qa"})).unwrap();
        assert_eq!(one.groups(), ["qa"]);
        assert!(
            person(json!({"email": "ann@example.com", "email_verified": true})).unwrap().groups().is_empty()
        );
    }

    #[test]
    fn an_address_that_nobody_has_checked_is_nobodys() {
        let unsaid = person(json!({"email": "ann@example.com"}));
        assert!(matches!(unsaid, Err(Refused::Unverified { .. })));
        let lax = Naming { unverified: true, ..Naming::default() };
        assert!(lax.person(&claims(json!({"email": "ann@example.com"}))).is_ok());
        assert!(lax.person(&claims(json!({"email": "ann@example.com", "email_verified": false}))).is_err());
        for verified in [json!(false), json!("false"), json!(0), json!(null)] {
            let refused = person(json!({"email": "ann@example.com", "email_verified": verified}));
            assert!(matches!(refused, Err(Refused::Unverified { .. })), "{verified}");
        }
        assert!(person(json!({"email": "ann@example.com", "email_verified": "true"})).is_ok());
    }

    #[test]
    fn claims_of_another_shape_or_of_kubernetes_own_names_are_refused() {
        assert!(matches!(person(json!({"groups": []})), Err(Refused::Missing { .. })));
        assert!(matches!(person(json!({"email": ["a"]})), Err(Refused::Shape { .. })));
        for groups in [json!([1]), json!({"a": 1}), json!([["a"]]), json!(7)] {
            let refused =
                person(json!({"email": "ann@example.com", "email_verified": true, "groups": groups}));
            assert!(matches!(refused, Err(Refused::Shape { .. })), "{groups}");
        }
        let refused =
            person(json!({"email": "ann@example.com", "email_verified": true, "groups": ["system:masters"]}));
        assert!(matches!(refused, Err(Refused::Unfit(Unfit::Reserved { .. }))));
        assert!(matches!(
            person(json!({"email": "system:admin", "email_verified": true})),
            Err(Refused::Unfit(_))
        ));
    }

    #[test]
    fn of_very_many_groups_those_are_kept_that_count() {
        let naming = Naming { kept: vec!["shop-".into()], ..Naming::default() };
        let many: Vec<String> =
            (0..500).map(|number| format!("other-{number}")).chain(["shop-qa".into()]).collect();
        let ann = naming
            .person(&claims(json!({"email": "ann@example.com", "email_verified": true, "groups": many})))
            .unwrap();
        assert_eq!(ann.groups(), ["shop-qa"]);
    }
}
