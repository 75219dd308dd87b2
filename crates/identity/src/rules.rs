//! Issuers for programs, and who is who there: a small file of settings. Pure.
//!
//! Names and groups of such an issuer all begin with its prefix, so none of them can ever be a person's or another issuer's.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use thiserror::Error;

use crate::claims::Claims;
use crate::{Person, Refused};

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    pub issuers: Vec<Issuer>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// As its tokens say it, to the letter.
    pub issuer: String,
    /// One of these a token has to be for.
    pub audiences: Vec<String>,
    /// What all names and groups of it begin with, such as `github:`.
    pub prefix: String,
    /// The first that fits says who it is; if none does, nobody comes in.
    pub people: Vec<Rule>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What claims have to be; `*` stands for anything without `/`.
    pub when: BTreeMap<String, String>,
    /// With `${claim}` where a claim belongs.
    pub name: String,
    #[serde(default)]
    pub groups: Vec<String>,
}

/// Why the file cannot be used.
#[derive(Debug, Error)]
pub enum Broken {
    #[error("it is not as it should be: {0}")]
    Unreadable(String),
    #[error("issuer {issuer}: {problem}")]
    Issuer { issuer: String, problem: String },
}

impl Rules {
    pub fn parse(text: &str) -> Result<Self, Broken> {
        let rules: Self =
            serde_saphyr::from_str(text).map_err(|error| Broken::Unreadable(error.to_string()))?;
        let mut issuers = BTreeSet::new();
        for (index, issuer) in rules.issuers.iter().enumerate() {
            let broken = |problem: String| Broken::Issuer { issuer: issuer.issuer.clone(), problem };
            if !issuers.insert(&issuer.issuer) {
                return Err(broken("it is there twice: put all its rules under one".to_owned()));
            }
            issuer.check().map_err(&broken)?;
            let like = |other: &&Issuer| {
                other.prefix.starts_with(&issuer.prefix) || issuer.prefix.starts_with(&other.prefix)
            };
            if let Some(other) = rules.issuers[..index].iter().find(like) {
                let problem =
                    format!("its prefix `{}` begins as that of {} does", issuer.prefix, other.issuer);
                return Err(broken(problem));
            }
        }
        Ok(rules)
    }
}

impl Issuer {
    fn check(&self) -> Result<(), String> {
        if self.audiences.is_empty() || self.audiences.iter().any(|audience| audience.trim().is_empty()) {
            return Err(
                "say for whom its tokens are: `audiences`, with this server's address, say".to_owned()
            );
        }
        let prefixed = self.prefix.strip_suffix(':').is_some_and(|word| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        });
        if !prefixed || self.prefix == "system:" {
            return Err(format!(
                "`{}` is no prefix: write a word of lower-case letters and a colon, such as `github:`",
                self.prefix
            ));
        }
        if self.people.is_empty() {
            return Err("nobody is said to come in by it: give it rules in `people`".to_owned());
        }
        for rule in &self.people {
            if rule.when.is_empty() {
                return Err(
                    "a rule without `when` would let in whoever can have a token there: say at least one claim".to_owned()
                );
            }
            for template in rule.groups.iter().chain([&rule.name]) {
                pieces(template)?;
            }
        }
        Ok(())
    }

    /// Who that is.
    pub fn person(&self, claims: &Claims) -> Result<Person, Refused> {
        let fits = |rule: &&Rule| {
            rule.when
                .iter()
                .all(|(claim, wanted)| claims.text(claim).is_some_and(|said| matches(wanted, &said)))
        };
        let nobody = || Refused::Nobody { issuer: self.issuer.clone() };
        let rule = self.people.iter().find(fits).ok_or_else(nobody)?;
        let filled = |template: &String| fill(template, claims).map(|text| format!("{}{text}", self.prefix));
        let groups = rule.groups.iter().map(filled).collect::<Result<Vec<_>, _>>()?;
        Ok(Person::new(filled(&rule.name)?, groups)?)
    }
}

enum Piece<'a> {
    Text(&'a str),
    Claim(&'a str),
}

fn pieces(template: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = vec![];
    let mut rest = template;
    while let Some((text, after)) = rest.split_once("${") {
        let Some((claim, after)) = after.split_once('}').filter(|(claim, _)| !claim.is_empty()) else {
            return Err(format!("`{template}`: write ${{CLAIM}}"));
        };
        pieces.extend([Piece::Text(text), Piece::Claim(claim)]);
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    if template.trim().is_empty() {
        return Err("a name or group is empty".to_owned());
    }
    Ok(pieces)
}

fn fill(template: &str, claims: &Claims) -> Result<String, Refused> {
    let mut filled = String::new();
    for piece in pieces(template).unwrap_or_default() {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Claim(claim) => {
                let missing = || Refused::Missing { claim: claim.to_owned() };
                filled.push_str(&claims.text(claim).filter(|text| !text.is_empty()).ok_or_else(missing)?);
            }
        }
    }
    Ok(filled)
}

/// `*` stands for anything without `/`, which is what separates owner, repository and branch.
pub(crate) fn matches(wanted: &str, said: &str) -> bool {
    match wanted.split_once('*') {
        None => wanted == said,
        Some((begin, rest)) => {
            let Some(after) = said.strip_prefix(begin) else { return false };
            let end = after.find('/').unwrap_or(after.len());
            let mut cuts = after.char_indices().map(|(index, _)| index).chain([after.len()]);
            cuts.by_ref().take_while(|cut| *cut <= end).any(|cut| matches(rest, &after[cut..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GITHUB: &str = r#"
issuers:
- issuer: https://token.actions.githubusercontent.com
  audiences: [https://outboard.example.com]
  prefix: "github:"
  people:
  - when: {repository: shop/shop, ref: refs/heads/main}
    name: "${repository}"
    groups: [deployers, "${repository_owner}"]
  - when: {repository: "shop/*", ref: "refs/pull/*/merge"}
    name: "${repository}/pulls"
"#;

    fn person(claims: serde_json::Value) -> Result<Person, Refused> {
        let serde_json::Value::Object(claims) = claims else { panic!("claims are an object") };
        Rules::parse(GITHUB).unwrap().issuers[0].person(&Claims(claims))
    }

    #[test]
    fn the_first_rule_that_fits_names_a_program_under_its_issuers_prefix() {
        let main = json!({"repository": "shop/shop", "ref": "refs/heads/main", "repository_owner": "shop"});
        let main = person(main).unwrap();
        assert_eq!(main.name(), "github:shop/shop");
        assert_eq!(main.groups(), ["github:deployers", "github:shop"]);
        let pull = person(json!({"repository": "shop/web", "ref": "refs/pull/7/merge"})).unwrap();
        assert_eq!((pull.name(), pull.groups().len()), ("github:shop/web/pulls", 0));
    }

    #[test]
    fn whoever_fits_no_rule_is_nobody() {
        for claims in [
            json!({}),
            json!({"repository": "shop/shop"}),
            json!({"repository": "shop/shop", "ref": "refs/heads/main2"}),
            json!({"repository": "evil/shop", "ref": "refs/heads/main"}),
            json!({"repository": "shop/a/b", "ref": "refs/pull/7/merge"}),
            json!({"repository": ["shop/shop"], "ref": "refs/heads/main"}),
        ] {
            assert!(matches!(person(claims.clone()), Err(Refused::Nobody { .. })), "{claims}");
        }
        let unnamed = json!({"repository": "shop/shop", "ref": "refs/heads/main"});
        assert!(matches!(person(unnamed), Err(Refused::Missing { .. })));
    }

    #[test]
    fn a_star_does_not_lead_out_of_its_part() {
        assert!(matches("shop/*", "shop/web") && matches("*", "") && matches("a*b*c", "a1b2c"));
        assert!(matches("refs/pull/*/merge", "refs/pull/é/merge"));
        assert!(!matches("shop/*", "shop/web/x") && !matches("*", "a/b") && !matches("a*", "ba"));
        assert!(!matches("", "a") && !matches("a*b", "ab/b"));
    }

    #[test]
    fn what_would_let_in_too_many_is_told_at_the_start() {
        let with = |from: &str, to: &str| {
            Rules::parse(&GITHUB.replace(from, to)).map(|_| ()).map_err(|error| error.to_string())
        };
        for (from, to, told) in [
            ("{repository: shop/shop, ref: refs/heads/main}", "{}", "at least one claim"),
            ("[https://outboard.example.com]", "[]", "for whom"),
            ("\"github:\"", "\"\"", "no prefix"),
            ("\"github:\"", "\"system:\"", "no prefix"),
            ("\"github:\"", "github", "no prefix"),
            ("\"${repository}\"", "\"${repository\"", "write ${CLAIM}"),
            ("prefix", "prefx", "prefx"),
        ] {
            let error = with(from, to).unwrap_err();
            assert!(error.contains(told), "{to}: {error}");
        }
        let second =
            "- {issuer: https://b, audiences: [a], prefix: 'github:', people: [{when: {a: b}, name: c}]}\n";
        let error = Rules::parse(&format!("{GITHUB}{second}")).unwrap_err().to_string();
        assert!(error.contains("begins as"), "{error}");
    }
}
