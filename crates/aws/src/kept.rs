//! What others keep in AWS, as values.

use std::collections::BTreeMap;

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
