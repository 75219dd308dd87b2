//! The same for what lies in AWS. A secret or parameter serves a class of a control namespace if its tag says so:
//! everybody's lie in one account, so unlike an annotation the tag names the namespace, too.

use std::collections::{BTreeMap, BTreeSet};

use ::aws::{CLASSES, Failure, Holder, Place, Store};
use api::revision::{AwsPlace, Source};

/// Why a value of AWS cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    Failed(Failure),
    /// It is there and does not serve the class; the secret or parameter of this name.
    Class(String),
    Key(String),
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    pub namespace: &'a str,
    pub class: &'a str,
}

/// Where in AWS a source lies, if it lies there.
pub fn place(source: &Source) -> Option<Place> {
    let of = |store: Store, place: &AwsPlace| {
        Some(Place { store, name: place.name.clone(), region: place.region.clone() })
    };
    match source {
        Source::SecretsManager(place) => of(Store::SecretsManager, place),
        Source::Ssm(place) => of(Store::ParameterStore, place),
        Source::Kubernetes(_) | Source::Service { .. } => None,
    }
}

/// The values of `keys` that may be had, and what speaks against the others.
pub fn of_holders(
    holders: &[Holder],
    keys: &BTreeSet<&str>,
    asker: Asker<'_>,
) -> (BTreeMap<String, Vec<u8>>, Vec<Lack>) {
    let (mut values, mut lacks) = (BTreeMap::new(), BTreeSet::new());
    // One that holds everything says nothing about its keys to whom it does not serve.
    let closed = |holder: &Holder| !holder.serves(asker.namespace, asker.class);
    if let [only] = holders
        && closed(only)
    {
        return (values, vec![Lack::Class(only.name.clone())]);
    }
    for key in keys {
        match holders.iter().find(|holder| holder.values.contains_key(*key)) {
            Some(holder) if closed(holder) => drop(lacks.insert(Lack::Class(holder.name.clone()))),
            Some(holder) => {
                values.extend(holder.values.get(*key).map(|value| ((*key).to_owned(), value.clone())));
            }
            None => drop(lacks.insert(Lack::Key((*key).to_owned()))),
        }
    }
    (values, lacks.into_iter().collect())
}

/// Whether waiting alone may mend it.
pub fn passes(lack: &Lack) -> bool {
    matches!(lack, Lack::Failed(failure) if failure.passes())
}

pub fn message(lack: &Lack, place: &Place, asker: Asker<'_>) -> String {
    let what = described(place);
    match lack {
        Lack::Failed(Failure::Missing) => match place.store {
            Store::SecretsManager => format!("there is no {what}"),
            Store::ParameterStore => format!("there is no {what} and nothing under it"),
        },
        Lack::Failed(Failure::Going) => format!("{what} is scheduled for deletion"),
        Lack::Failed(Failure::Empty) => format!("{what} has no current value"),
        Lack::Failed(Failure::TooMany(most)) => format!("more than {most} parameters lie under {what}"),
        Lack::Failed(Failure::Denied(words)) => format!("AWS does not let outboard read {what}: {words}"),
        Lack::Failed(Failure::Throttled(words)) => {
            format!("AWS refuses for now to tell {what}, it has been asked too often: {words}")
        }
        Lack::Failed(Failure::NoCredentials(words)) => {
            format!("outboard has no AWS credentials to read {what}: {words}")
        }
        Lack::Failed(Failure::NoRegion) => format!("nobody said in which region {what} lies"),
        Lack::Failed(Failure::Unreachable(words)) => format!("AWS does not answer about {what}: {words}"),
        Lack::Failed(Failure::Refused(words)) => format!("AWS does not tell {what}: {words}"),
        Lack::Class(holder) => {
            let Asker { namespace, class } = asker;
            format!("{} does not serve class {class} of namespace {namespace}", of_store(place.store, holder))
        }
        Lack::Key(key) => format!("{what} has no key `{key}`"),
    }
}

pub fn fix(lack: &Lack, place: &Place, asker: Asker<'_>) -> String {
    let serving = format!("{}/{}", asker.namespace, asker.class);
    match lack {
        Lack::Failed(Failure::Missing) => {
            format!(
                "create it, tagged {CLASSES}: {serving}, or correct its name or `region` in outboard.yaml"
            )
        }
        Lack::Failed(Failure::Going) => {
            format!("aws secretsmanager restore-secret --secret-id {}", place.name)
        }
        Lack::Failed(Failure::Empty) => "put a value into it".to_owned(),
        Lack::Failed(Failure::TooMany(_)) => "name a longer path in outboard.yaml".to_owned(),
        Lack::Failed(Failure::Denied(_)) => format!(
            "let the operator's role do {} on it, and kms:Decrypt with a key of your own",
            match place.store {
                Store::SecretsManager => "secretsmanager:DescribeSecret and secretsmanager:GetSecretValue",
                Store::ParameterStore => {
                    "ssm:GetParameter, ssm:GetParametersByPath and ssm:ListTagsForResource"
                }
            }
        ),
        Lack::Failed(Failure::NoCredentials(_)) => {
            "give the operator a role: outboard install --aws-role ARN, or another of the guide's ways"
                .to_owned()
        }
        Lack::Failed(Failure::NoRegion) => {
            "say `region` beside its name, or for all of them: outboard install --env AWS_REGION=REGION"
                .to_owned()
        }
        Lack::Failed(Failure::Throttled(_) | Failure::Unreachable(_)) => {
            "it is asked again until it answers".to_owned()
        }
        Lack::Failed(Failure::Refused(_)) => "correct its name in outboard.yaml".to_owned(),
        Lack::Class(_) => format!("if it is meant to, add {serving} to its tag {CLASSES}"),
        Lack::Key(_) => "add the key, or correct its name in outboard.yaml".to_owned(),
    }
}

fn described(place: &Place) -> String {
    let what = of_store(place.store, &place.name);
    // An ARN says it itself.
    match place.region.as_deref().filter(|_| !place.name.starts_with("arn:")) {
        Some(region) => format!("{what} ({region})"),
        None => what,
    }
}

fn of_store(store: Store, name: &str) -> String {
    match store {
        Store::SecretsManager => format!("secret {name} in Secrets Manager"),
        Store::ParameterStore => format!("parameter {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QA: Asker<'static> = Asker { namespace: "shop", class: "qa" };

    fn holder(name: &str, tag: Option<&str>, keys: &[&str]) -> Holder {
        let values = keys.iter().map(|key| ((*key).to_owned(), b"x".to_vec()));
        Holder { name: name.to_owned(), classes: tag.map(str::to_owned), values: values.collect() }
    }

    #[test]
    fn of_what_does_not_serve_not_even_its_keys_are_told() {
        let keys = BTreeSet::from(["a", "b"]);
        let (values, lacks) = of_holders(&[holder("pay", Some("shop/production"), &["a"])], &keys, QA);
        assert_eq!((values.len(), lacks), (0, vec![Lack::Class("pay".to_owned())]));
    }

    #[test]
    fn under_a_path_each_parameter_serves_by_itself_and_only_those_that_are_wanted_count() {
        let holders = [
            holder("/pay/a", Some("shop/qa"), &["a"]),
            holder("/pay/b", None, &["b"]),
            holder("/pay/c", None, &["c"]),
        ];
        let (values, lacks) = of_holders(&holders, &BTreeSet::from(["a", "b", "d"]), QA);
        assert_eq!(values.into_keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(lacks, [Lack::Class("/pay/b".to_owned()), Lack::Key("d".to_owned())]);
    }
}
