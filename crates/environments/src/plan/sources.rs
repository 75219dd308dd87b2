//! Whether an environment may have what others keep: which Secrets it asks for, and what speaks against each.
//!
//! A Secret that does not serve the environment's class is treated as one that nobody may look into: whoever may
//! write an Environment could else read production's passwords through the operator.

use std::collections::{BTreeMap, BTreeSet};

use api::marks::serves;
use api::revision::{SecretRecipe, Source};
use api::{Cause, Verdict, marks};

pub mod aws;

use self::aws::Asker;

/// Every source that `recipes` name, and the keys wanted of it.
pub fn wanted(recipes: &[SecretRecipe]) -> BTreeMap<&Source, BTreeSet<&str>> {
    let mut wanted: BTreeMap<&Source, BTreeSet<&str>> = BTreeMap::new();
    for (source, key) in recipes.iter().flat_map(SecretRecipe::sources) {
        wanted.entry(source).or_default().insert(key);
    }
    wanted
}

/// Why a source, or a key of it, cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    Secret {
        name: String,
    },
    /// It is there and does not serve the class.
    Class {
        name: String,
    },
    Key {
        name: String,
        key: String,
    },
    Environment {
        name: String,
        why: Unfit,
    },
    /// The other environment runs no such service itself.
    Service {
        environment: String,
        service: String,
    },
    /// It is to come from AWS.
    Aws {
        source: Source,
        lack: aws::Lack,
    },
}

/// Why another environment's services cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    Missing,
    OtherProject,
    OtherClass,
    Going,
}

/// What a Secret of the control namespace lacks. `found`: its annotation and its keys.
pub fn of_secret(
    name: &str,
    found: Option<(Option<&str>, BTreeSet<&str>)>,
    keys: &BTreeSet<&str>,
    class: &str,
) -> Vec<Lack> {
    let name = name.to_owned();
    match found {
        None => vec![Lack::Secret { name }],
        Some((classes, _)) if !serves(classes, class) => vec![Lack::Class { name }],
        Some((_, has)) => keys
            .difference(&has)
            .map(|key| Lack::Key { name: name.clone(), key: (*key).to_owned() })
            .collect(),
    }
}

/// All that is lacking, as one verdict. The operator goes on by itself once it is there.
pub fn verdict(
    lacks: &[Lack],
    recipes: &[SecretRecipe],
    control: &str,
    environment: &str,
    class: &str,
) -> Verdict {
    let messages: Vec<String> = lacks.iter().map(|lack| message(lack, control, class)).collect();
    let mut fixes: Vec<String> = Vec::new();
    for fix in lacks.iter().map(|lack| fix(lack, control, class)) {
        if !fixes.contains(&fix) {
            fixes.push(fix);
        }
    }
    let passes = |lack: &Lack| matches!(lack, Lack::Aws { lack, .. } if aws::passes(lack));
    Verdict {
        cause: if lacks.iter().all(|lack| matches!(lack, Lack::Environment { .. } | Lack::Service { .. })) {
            Cause::ServiceNotFound
        } else {
            Cause::SecretMissing
        },
        about: format!("environment {environment}"),
        message: messages.join("; "),
        evidence: users(lacks, recipes),
        fix: fixes.join("; "),
        terminal: !lacks.iter().all(passes),
        holds: true,
    }
}

fn message(lack: &Lack, control: &str, class: &str) -> String {
    match lack {
        Lack::Secret { name } => format!("there is no Secret {name} in namespace {control}"),
        Lack::Class { name } => format!("Secret {name} does not serve class {class}"),
        Lack::Key { name, key } => format!("Secret {name} has no key `{key}`"),
        Lack::Environment { name, why: Unfit::Missing } => format!("there is no environment {name}"),
        Lack::Environment { name, why: Unfit::OtherProject } => {
            format!("environment {name} is another project's")
        }
        Lack::Environment { name, why: Unfit::OtherClass } => {
            format!("environment {name} is not of class {class}")
        }
        Lack::Environment { name, why: Unfit::Going } => format!("environment {name} is being destroyed"),
        Lack::Service { environment, service } => {
            format!("environment {environment} runs no service {service} of its own yet")
        }
        Lack::Aws { source, lack } => {
            let asker = Asker { namespace: control, class };
            aws::place(source).map(|place| aws::message(lack, &place, asker)).unwrap_or_default()
        }
    }
}

fn fix(lack: &Lack, control: &str, class: &str) -> String {
    match lack {
        Lack::Secret { .. } => format!("create it, annotated {}: {class}", marks::CLASSES),
        Lack::Class { name } => format!(
            "if it is meant to: kubectl -n {control} annotate secret {name} --overwrite {}={class}",
            marks::CLASSES
        ),
        Lack::Key { .. } => "add the key, or correct its name in outboard.yaml".to_owned(),
        Lack::Environment { name, why: Unfit::Missing | Unfit::Going } => {
            format!("create it first: outboard env create {name} --class {class}")
        }
        Lack::Environment { .. } => "choose one of this project and class in `from`".to_owned(),
        Lack::Service { environment, .. } => {
            format!("wait until it is ready, or see outboard env show {environment}")
        }
        Lack::Aws { source, lack } => {
            let asker = Asker { namespace: control, class };
            aws::place(source).map(|place| aws::fix(lack, &place, asker)).unwrap_or_default()
        }
    }
}

/// Who wants what is lacking: `web wants STRIPE_KEY`.
fn users(lacks: &[Lack], recipes: &[SecretRecipe]) -> Vec<String> {
    let lacking = |source: &Source, key: &str| {
        lacks.iter().any(|lack| match (lack, source) {
            (Lack::Secret { name } | Lack::Class { name }, Source::Kubernetes(of)) => name == of,
            (Lack::Key { name, key: missing }, Source::Kubernetes(of)) => name == of && missing == key,
            (Lack::Environment { name, .. }, Source::Service { environment, .. }) => name == environment,
            (Lack::Service { environment, service }, Source::Service { environment: of, service: what }) => {
                (environment, service) == (of, what)
            }
            (Lack::Aws { source: of, lack: aws::Lack::Key(missing) }, source) => {
                of == source && missing == key
            }
            (Lack::Aws { source: of, .. }, source) => of == source,
            _ => false,
        })
    };
    let mut users = Vec::new();
    for recipe in recipes {
        for (name, pieces) in &recipe.keys {
            let wants = pieces.iter().any(|piece| {
                matches!(piece, api::revision::SecretPiece::FromSource { source, key } if lacking(source, key))
            });
            if wants {
                users.push(format!("{} needs it for {name}", recipe.part));
            }
        }
    }
    users
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys<'a>(keys: &[&'a str]) -> BTreeSet<&'a str> {
        keys.iter().copied().collect()
    }

    #[test]
    fn a_secret_serves_the_classes_that_it_names_and_no_other() {
        assert!(serves(Some("qa, production"), "production"));
        assert!(serves(Some("*"), "qa"));
        assert!(!serves(Some("production"), "prod"));
        assert!(!serves(None, "qa"));
    }

    #[test]
    fn of_a_secret_that_does_not_serve_not_even_its_keys_are_told() {
        let found = Some((Some("production"), keys(&["a"])));
        assert_eq!(of_secret("s", found, &keys(&["a", "b"]), "qa"), [Lack::Class { name: "s".into() }]);
    }

    #[test]
    fn only_what_waiting_may_mend_is_waited_for() {
        let source = Source::SecretsManager(api::revision::AwsPlace { name: "pay".into(), region: None });
        let failed = |failure| Lack::Aws { source: source.clone(), lack: aws::Lack::Failed(failure) };
        let busy = failed(::aws::Failure::Throttled("Rate exceeded".into()));
        let denied = failed(::aws::Failure::Denied("not authorized".into()));
        assert!(!verdict(std::slice::from_ref(&busy), &[], "shop", "qa-42", "qa").terminal);
        assert!(verdict(&[busy, denied], &[], "shop", "qa-42", "qa").terminal);
    }

    #[test]
    fn everything_that_is_lacking_is_told_at_once_with_who_wants_it() {
        let recipes: Vec<SecretRecipe> = serde_json::from_value(serde_json::json!([
            {"name": "web-env", "part": "web", "keys": {
                "STRIPE_KEY": [{"fromSource": {"source": {"kubernetes": "payments"}, "key": "stripe_key"}}],
                "MAIL": [{"fromSource": {"source": {"kubernetes": "mail"}, "key": "password"}}],
                "TAX": [{"fromSource": {"source": {"kubernetes": "tax"}, "key": "key"}}],
                "DB": [{"fromSource": {"source": {"service": {"environment": "data", "service": "db"}}, "key": "password"}}],
                "SMS": [{"fromSource": {"source": {"secretsManager": {"name": "shop/sms"}}, "key": "token"}}],
                "MAP": [{"fromSource": {"source": {"ssm": {"name": "/shop/map", "region": "us-east-1"}}, "key": "key"}}],
            }},
        ]))
        .unwrap();
        let wanted = wanted(&recipes);
        let of = |name: &str| &wanted[&Source::Kubernetes(name.to_owned())];
        let mut lacks = of_secret("payments", Some((Some("qa"), keys(&["stripe"]))), of("payments"), "qa");
        lacks.extend(of_secret("mail", None, of("mail"), "qa"));
        lacks.extend(of_secret("tax", Some((None, keys(&["key"]))), of("tax"), "qa"));
        lacks.push(Lack::Environment { name: "data".into(), why: Unfit::Missing });
        let aws = |name: &str, region: Option<&str>| api::revision::AwsPlace {
            name: name.to_owned(),
            region: region.map(str::to_owned),
        };
        let lack = aws::Lack::Key("token".into());
        lacks.push(Lack::Aws { source: Source::SecretsManager(aws("shop/sms", None)), lack });
        let lack = aws::Lack::Class("/shop/map/key".into());
        lacks.push(Lack::Aws { source: Source::Ssm(aws("/shop/map", Some("us-east-1"))), lack });
        insta::assert_yaml_snapshot!(verdict(&lacks, &recipes, "shop", "qa-42", "qa"));
    }
}
