//! The JSON Schema of `outboard.yaml`, generated from our own types, and its errors in plain words.

use std::sync::OnceLock;

use api::problem::pointer;
use api::{API_VERSION, MaskSpec, ObjectMask, Problem, ProjectSpec};
use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{ValidationError, Validator};
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::plan::validate::masks::MOST_DAYS;
use crate::plan::validate::suggest;

/// The schema for editors: with all that a mask can be.
pub fn json_schema() -> Value {
    let mut schema = shape();
    schema["properties"]["spec"]["properties"]["masks"]["additionalProperties"] = masks();
    schema
}

/// Columns, or values of keys, and their masks. A choice of shapes is told poorly by a validator: files are checked by
/// [`validate::masks`](crate::plan::validate), word by word.
fn masks() -> Value {
    let words = MaskSpec::PLAIN.iter().map(|word| json!(word)).chain([Value::Null]);
    let plain = json!({"enum": words.collect::<Vec<_>>()});
    let one = |properties: Value| json!({"type": "object", "properties": properties, "additionalProperties": false, "minProperties": 1, "maxProperties": 1});
    let constant = json!({"type": "string", "description": "Always this."});
    let within = json!({"anyOf": [plain, one(json!({"constant": constant}))]});
    let shift = json!({
        "type": "integer", "minimum": 1, "maximum": MOST_DAYS,
        "description": "Up to so many days earlier or later.",
    });
    let document = json!({
        "type": "object", "minProperties": 1, "additionalProperties": within,
        "description": "Within a JSON document: paths such as `$.customer.email` or `$.items[*].note`.",
    });
    let mask =
        json!({"anyOf": [plain, one(json!({"constant": constant, "dateShift": shift, "json": document}))]});
    let mut column = mask.clone();
    column["description"] = json!("`TABLE.COLUMN` and its mask.");
    let pattern = |description: &str| json!({"type": "string", "minLength": 1, "description": description});
    let rule = json!({
        "type": "object",
        "required": ["keys", "mask"],
        "additionalProperties": false,
        "properties": {
            "keys": pattern("A pattern of keys' names, such as `user:*`."),
            "field": pattern("A pattern of fields of hashes and streams (default: every value)."),
            "mask": mask,
        },
    });
    json!({
        "type": "object",
        "propertyNames": {"pattern": r"^(deny|values|prefixes|[^.]+\..+)$"},
        "properties": {
            "deny": {
                "type": "boolean",
                "description": "Text and bytes that no mask is given for are emptied, keys of Redis and objects of S3 that none names are left out (default: copied as they are).",
            },
            "values": {
                "type": "array",
                "description": "Of Redis: which values of which keys, and their masks. The first that fits counts.",
                "items": rule,
            },
            "prefixes": {
                "type": "object",
                "description": "Of S3: what becomes of objects by how their keys begin. The longest that fits counts.",
                "additionalProperties": {"enum": ObjectMask::WORDS},
            },
        },
        "additionalProperties": column,
    })
}

/// The schema that files are checked with: unknown keys are errors.
fn shape() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut spec = settings.into_generator().into_root_schema_for::<ProjectSpec>().to_value();
    strict(&mut spec);
    let masks = &mut spec["properties"]["masks"]["additionalProperties"];
    masks["additionalProperties"] = Value::Bool(true);
    masks["properties"]["values"]["items"] = Value::Bool(true);
    masks["properties"]["prefixes"]["additionalProperties"] = Value::Bool(true);
    // Of the file, not of the object: whoever reads the file puts in what it names.
    spec["properties"]["include"] = json!({
        "type": "array",
        "items": {"type": "string"},
        "description": "Files with more of these keys, such as `./teams/*.yaml`, beside or below this one.",
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "outboard.yaml",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"const": "Project"},
            "metadata": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": false,
                "properties": {"name": {"type": "string", "description": "The project's name."}},
            },
            "spec": spec,
        },
    })
}

/// The schema of one component, for a file that holds nothing else.
pub fn component_schema() -> Value {
    shape()["properties"]["spec"]["properties"]["components"]["additionalProperties"].clone()
}

/// Closes every object that lists its properties.
pub fn strict(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") && !fields.contains_key("additionalProperties") {
                fields.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            fields.values_mut().for_each(strict);
        }
        Value::Array(items) => items.iter_mut().for_each(strict),
        _ => {}
    }
}

/// Everything in the document that the schema does not allow.
pub fn check(document: &Value) -> Vec<Problem> {
    static SCHEMA: OnceLock<Option<(Value, Validator)>> = OnceLock::new();
    let compiled = SCHEMA.get_or_init(|| {
        let schema = shape();
        let validator = jsonschema::validator_for(&schema).ok()?;
        Some((schema, validator))
    });
    // The schema is generated and compiled in a test; without it the types still refuse what they cannot hold.
    let Some((schema, validator)) = compiled else { return Vec::new() };
    validator.iter_errors(document).flat_map(|error| in_words(&error, schema)).collect()
}

/// The same against another schema.
pub fn check_against(schema: &Value, document: &Value) -> Vec<Problem> {
    let Ok(validator) = jsonschema::validator_for(schema) else { return Vec::new() };
    validator.iter_errors(document).flat_map(|error| in_words(&error, schema)).collect()
}

fn in_words(error: &ValidationError<'_>, schema: &Value) -> Vec<Problem> {
    let at = error.instance_path().as_str();
    let value = error.instance();
    match error.kind() {
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            // An optional value is "this or null": the first branch is the one that was meant.
            context.first().into_iter().flatten().flat_map(|inner| in_words(inner, schema)).collect()
        }
        Kind::AdditionalProperties { unexpected } => {
            let known = known_keys(schema, error.schema_path().as_str());
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            unexpected
                .iter()
                .map(|key| match not_yet(at, key) {
                    Some(instead) => {
                        Problem::new(pointer(at, key), format!("`{key}` does not work yet")).hint(instead)
                    }
                    None => Problem::new(pointer(at, key), format!("unknown key `{key}`"))
                        .hint(suggest(key, known.iter().copied())),
                })
                .collect()
        }
        Kind::Required { property } => {
            let key = property.as_str().unwrap_or_default();
            vec![Problem::new(at, format!("`{key}` is missing"))]
        }
        Kind::Type { .. } => {
            let wanted = wanted_type(schema, error.schema_path().as_str());
            let problem = Problem::new(at, format!("expected {wanted}, found {}", found(value)));
            let quote = wanted.contains("text") && (value.is_number() || value.is_boolean());
            vec![if quote { problem.hint(format!("put it in quotes: \"{}\"", **value)) } else { problem }]
        }
        Kind::Enum { options } => {
            let options: Vec<&str> =
                options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let wrong = value.as_str().unwrap_or_default();
            vec![Problem::new(at, format!("`{wrong}` is not known here")).hint(suggest(wrong, options))]
        }
        Kind::Constant { expected_value } => {
            vec![Problem::new(at, format!("expected {expected_value}, found {}", found(value)))]
        }
        Kind::Pattern { .. } => {
            let problem = Problem::new(at, format!("{} is not valid here", found(value)));
            vec![match description(schema, error.schema_path().as_str()) {
                Some(description) => problem.hint(description),
                None => problem,
            }]
        }
        Kind::Minimum { limit } => vec![Problem::new(at, format!("{} is less than {limit}", **value))],
        Kind::Maximum { limit } => vec![Problem::new(at, format!("{} is more than {limit}", **value))],
        _ => vec![Problem::new(at, error.to_string())],
    }
}

/// Keys that the design has and this version does not: what to do instead.
fn not_yet(at: &str, word: &str) -> Option<&'static str> {
    const LEAVE: Option<&str> = Some("leave it out: nothing is accepted and ignored");
    match (at.split('/').skip(1).collect::<Vec<_>>().as_slice(), word) {
        (["spec", "classes", _], "ttl" | "sleep") => LEAVE,
        (["spec", "routes", _], "tcp" | "tls" | "protocol") => Some(
            "a route carries HTTP, gRPC and websockets; components reach any port at `NAME:PORT`, people by `outboard forward`",
        ),
        _ => None,
    }
}

fn found(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("`{value}`"),
        Value::Number(value) => format!("the number {value}"),
        Value::String(value) => format!("`{value}`"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
    }
}

/// The schema around the keyword that failed.
fn around<'a>(schema: &'a Value, keyword_path: &str) -> Option<&'a Value> {
    schema.pointer(keyword_path.rsplit_once('/')?.0)
}

fn known_keys(schema: &Value, keyword_path: &str) -> Vec<String> {
    let properties =
        around(schema, keyword_path).and_then(|object| object.get("properties")).and_then(Value::as_object);
    properties.into_iter().flat_map(|map| map.keys().cloned()).collect()
}

fn description(schema: &Value, keyword_path: &str) -> Option<String> {
    around(schema, keyword_path)?.get("description")?.as_str().map(|text| text.replace('\n', " "))
}

fn wanted_type(schema: &Value, keyword_path: &str) -> String {
    let r#type = around(schema, keyword_path).and_then(|object| object.get("type"));
    let names: Vec<&str> = match r#type {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect()
        }
        _ => Vec::new(),
    };
    let words: Vec<&str> = names
        .iter()
        .map(|name| match *name {
            "string" => "text",
            "object" => "a map",
            "array" => "a list",
            "integer" => "a whole number",
            "number" => "a number",
            "boolean" => "true or false",
            other => other,
        })
        .collect();
    if words.is_empty() { "something else".to_owned() } else { words.join(" or ") }
}
