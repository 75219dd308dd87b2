//! What can be wrong with `masks`: services that have nothing to mask, names that are none, masks that nobody knows. Whether
//! the columns exist only their database can tell.

use api::mask::path;
use api::problem::pointer;
use api::project::{ProjectSpec, ServiceMasks, ServiceType};
use api::{MaskSpec, ObjectMask, Problem};
use serde_json::{Map, Value};

use super::suggest;

/// A date is not moved by more days than this: a hundred years.
pub const MOST_DAYS: u64 = 36_525;
/// Masks that need more than their word.
const WITH: [(&str, &str); 3] = [
    ("constant", "{constant: TEXT}"),
    ("dateShift", "{dateShift: DAYS}"),
    ("json", "{json: {$.customer.email: email}}"),
];

pub fn check(spec: &ProjectSpec, problems: &mut Vec<Problem>) {
    let masked = || {
        let names = spec.services.keys().map(String::as_str);
        names.filter(|name| [DATABASES, REDIS, OBJECTS].into_iter().any(|kinds| is(spec, name, kinds)))
    };
    for (name, masks) in &spec.masks {
        let at = pointer("/spec/masks", name);
        match spec.services.get(name) {
            None => problems.push(
                Problem::new(&at, format!("there is no service `{name}`")).hint(suggest(name, masked())),
            ),
            Some(service) => problems.extend(misplaced(spec, name, service.r#type.as_str(), masks, &at)),
        }
        for (index, value) in masks.values.iter().enumerate() {
            rule(value, &pointer(&pointer(&at, "values"), &index.to_string()), problems);
        }
        for (prefix, mask) in &masks.prefixes {
            objects(mask, &pointer(&pointer(&at, "prefixes"), prefix), problems);
        }
        for (name, mask) in &masks.columns {
            let at = pointer(&at, name);
            match no_column(name, &at) {
                Some(problem) => problems.push(problem),
                None => self::mask(mask, &at, false, problems),
            }
        }
    }
}

/// What others run may be anything.
const DATABASES: &[ServiceType] = &[ServiceType::Mariadb, ServiceType::Mysql, ServiceType::External];
const REDIS: &[ServiceType] = &[ServiceType::Redis, ServiceType::External];
const OBJECTS: &[ServiceType] = &[ServiceType::S3, ServiceType::External];

/// Whether it is of one of these types, in any of its classes.
fn is(spec: &ProjectSpec, name: &str, kinds: &[ServiceType]) -> bool {
    let of_classes = spec.classes.values().filter_map(|class| class.services.get(name)?.r#type);
    let own = spec.services.get(name).map(|service| service.r#type);
    own.into_iter().chain(of_classes).any(|kind| kinds.contains(&kind))
}

/// Masks of what the service does not have.
fn misplaced(spec: &ProjectSpec, name: &str, kind: &str, masks: &ServiceMasks, at: &str) -> Option<Problem> {
    let (database, redis) = (is(spec, name, DATABASES), is(spec, name, REDIS));
    let bucket = is(spec, name, OBJECTS);
    let problem = |at: &str, hint: &str| {
        Problem::new(at, format!("`{name}` is a service of type {kind}")).hint(hint.to_owned())
    };
    if !database && !redis && !bucket {
        return Some(problem(at, "only databases, Redis and S3 have something to mask"));
    }
    if !database && !masks.columns.is_empty() {
        return Some(problem(
            at,
            match redis {
                true => "it has no columns: write `values: [{keys: \"user:*\", field: email, mask: email}]`",
                false => "it has no columns: write `prefixes: {\"avatars/\": placeholder}`",
            },
        ));
    }
    if !bucket && !masks.prefixes.is_empty() {
        let hint = if redis { "write its `values`" } else { "write `TABLE.COLUMN` and its mask" };
        return Some(problem(&pointer(at, "prefixes"), &format!("only S3 has objects: {hint}")));
    }
    if !redis && !masks.values.is_empty() {
        return Some(problem(
            &pointer(at, "values"),
            "only Redis has keys: write `TABLE.COLUMN` and its mask",
        ));
    }
    None
}

/// A mask for values of keys.
fn rule(value: &Value, at: &str, problems: &mut Vec<Problem>) {
    const SHAPE: &str = "write {keys: \"user:*\", field: email, mask: email}";
    let Value::Object(fields) = value else {
        problems.push(Problem::new(at, "expected keys and their mask").hint(SHAPE));
        return;
    };
    for (key, value) in fields {
        let at = pointer(at, key);
        match (key.as_str(), value) {
            ("mask", mask) => self::mask(mask, &at, false, problems),
            ("keys" | "field", Value::String(pattern)) if !pattern.is_empty() => {}
            ("keys" | "field", _) => {
                problems.push(
                    Problem::new(&at, "expected a pattern").hint("such as `user:*`; `*` is everything"),
                );
            }
            (unknown, _) => problems.push(
                Problem::new(&at, format!("unknown key `{unknown}`"))
                    .hint(suggest(unknown, ["keys", "field", "mask"])),
            ),
        }
    }
    for key in ["keys", "mask"].into_iter().filter(|key| !fields.contains_key(*key)) {
        problems.push(Problem::new(at, format!("`{key}` is missing")).hint(SHAPE));
    }
}

/// What becomes of objects.
fn objects(value: &Value, at: &str, problems: &mut Vec<Problem>) {
    match value {
        Value::String(word) if ObjectMask::WORDS.contains(&word.as_str()) => {}
        Value::String(word) => problems.push(
            Problem::new(at, format!("objects cannot be masked by `{word}`"))
                .hint(suggest(word, ObjectMask::WORDS)),
        ),
        _ => problems.push(
            Problem::new(at, "expected what becomes of these objects").hint(suggest("", ObjectMask::WORDS)),
        ),
    }
}

/// Why a name is no column, if it is none.
fn no_column(name: &str, at: &str) -> Option<Problem> {
    if name.split_once('.').is_some_and(|(table, column)| !table.is_empty() && !column.is_empty()) {
        return None;
    }
    let near =
        ["deny", "values", "prefixes"].into_iter().find(|known| strsim::jaro_winkler(name, known) > 0.8);
    let hint =
        near.map_or_else(|| "write `TABLE.COLUMN`".to_owned(), |known| format!("did you mean `{known}`?"));
    Some(Problem::new(at, format!("`{name}` is no column")).hint(hint))
}

/// One mask; `inside` a document.
fn mask(value: &Value, at: &str, inside: bool, problems: &mut Vec<Problem>) {
    match value {
        Value::String(word) if MaskSpec::PLAIN.contains(&word.as_str()) => {}
        Value::String(word) => problems.push(match WITH.iter().find(|(known, _)| known == word) {
            Some((_, whole)) => Problem::new(at, format!("mask `{word}` needs more than its word"))
                .hint(format!("write {whole}")),
            None => Problem::new(at, format!("there is no mask `{word}`")).hint(suggest(word, words(inside))),
        }),
        Value::Object(fields) => match (fields.len(), fields.iter().next()) {
            (1, Some((word, value))) => with(word, value, &pointer(at, word), inside, problems),
            _ => problems.push(
                Problem::new(at, "a mask is one word, or one word with what it needs").hint(example(inside)),
            ),
        },
        _ => problems.push(Problem::new(at, "expected a mask").hint(suggest("", words(inside)))),
    }
}

/// A mask with what it needs.
fn with(word: &str, value: &Value, at: &str, inside: bool, problems: &mut Vec<Problem>) {
    match (word, value) {
        ("dateShift" | "json", _) if inside => problems.push(
            Problem::new(at, format!("mask `{word}` does not work within a document"))
                .hint(suggest("", words(true))),
        ),
        ("constant", Value::String(_)) => {}
        ("constant", value) => {
            let problem = Problem::new(at, "a constant is text");
            problems.push(match value {
                Value::Number(_) | Value::Bool(_) => problem.hint(format!("put it in quotes: \"{value}\"")),
                _ => problem.hint("an empty one is \"\"; the mask `null` leaves nothing"),
            });
        }
        ("dateShift", days) => {
            if !days.as_u64().is_some_and(|days| (1..=MOST_DAYS).contains(&days)) {
                let message = format!("a number of days is between 1 and {MOST_DAYS}");
                problems.push(Problem::new(at, message).hint("such as {dateShift: 30}"));
            }
        }
        ("json", Value::Object(paths)) if !paths.is_empty() => document(paths, at, problems),
        ("json", _) => problems
            .push(Problem::new(at, "no path is given").hint("write {json: {$.customer.email: email}}")),
        (word, _) if MaskSpec::PLAIN.contains(&word) => {
            problems
                .push(Problem::new(at, format!("mask `{word}` takes nothing")).hint(format!("write {word}")));
        }
        (word, _) => {
            problems.push(
                Problem::new(at, format!("there is no mask `{word}`")).hint(suggest(word, words(inside))),
            );
        }
    }
}

fn document(paths: &Map<String, Value>, at: &str, problems: &mut Vec<Problem>) {
    for (text, value) in paths {
        let at = pointer(at, text);
        if path(text).is_none() {
            problems.push(
                Problem::new(&at, format!("`{text}` is no path"))
                    .hint("write `$.customer.email` or `$.items[*].note`"),
            );
        }
        mask(value, &at, true, problems);
    }
}

fn words(inside: bool) -> impl Iterator<Item = &'static str> {
    MaskSpec::PLAIN
        .into_iter()
        .chain(WITH.iter().map(|(word, _)| *word).filter(move |word| !inside || *word == "constant"))
}

fn example(inside: bool) -> &'static str {
    if inside { "such as email, or {constant: TEXT}" } else { "such as email, or {dateShift: 30}" }
}
