//! What others keep in AWS, as values.

use std::collections::BTreeMap;

/// Every class of a namespace.
const ALL: &str = "@all";

/// The tag of a secret or parameter that names whom it serves.
pub const CLASSES: &str = "outboard.dev/classes";

/// Where something is kept.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Place {
    pub store: Store,
    /// Of a secret its name or ARN; of parameters the name of one, or the path under which they lie.
    pub name: String,
    /// None: the one that outboard runs in.
    pub region: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Store {
    SecretsManager,
    ParameterStore,
}

/// How new an answer has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Somebody waits who may have corrected it just now.
    Anew,
    /// It is followed.
    Lately,
}

/// What was found at a place.
pub struct Kept {
    pub holders: Vec<Holder>,
    /// Stands for the content and for whom it serves; holds no value.
    pub version: String,
}

/// One secret or one parameter.
pub struct Holder {
    pub name: String,
    /// Its tag [`CLASSES`].
    pub classes: Option<String>,
    pub values: BTreeMap<String, Vec<u8>>,
}

impl Holder {
    /// Whether it serves a class of a control namespace. Everybody's lie in one account, so unlike an annotation the
    /// tag names the namespace, too. Tags hold no commas and no `*`.
    pub fn serves(&self, namespace: &str, class: &str) -> bool {
        self.classes.as_deref().unwrap_or_default().split_whitespace().any(|served| {
            served.split_once('/').is_some_and(|(space, of)| space == namespace && (of == ALL || of == class))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_serves_the_classes_of_the_namespaces_that_it_names_and_no_other() {
        let serves = |tag: Option<&str>| {
            let classes = tag.map(str::to_owned);
            Holder { name: "pay".into(), classes, values: BTreeMap::new() }.serves("shop", "qa")
        };
        assert!(serves(Some("blog/qa shop/qa")));
        assert!(serves(Some("shop/@all")));
        for other in
            ["qa", "shop", "shop/production", "blog/qa", "shop/q", "@all/qa", "@all", "blog/@all", ""]
        {
            assert!(!serves(Some(other)), "{other}");
        }
        assert!(!serves(None));
    }
}
