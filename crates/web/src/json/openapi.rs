//! The API described, as OpenAPI 3.1: routes by `utoipa` where they are written, values by the same schemas as the custom
//! resources have.

use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};
use verbs::environment::{Changed, Comparison, Detail, Entry, Explained, Exported, Report, Timeline};
use verbs::{data, gc, hostname, project};

use super::answer::Problem;
use super::backups::{Passwords, WantedBackup, WantedPasswords};
use super::clusters::Clusters;
use super::copies::{Steering, WantedCopy};
use super::environments::Environments;
use super::freeze::WantedFreeze;
use super::hostnames::WantedHost;
use super::logs::{Counts, FoundLines};
use super::plans::{Carried, PlanAnswer, Wanted};
use super::previews::{Preview, WantedPreview};
use super::projects::{AppliedProject, ProjectDetail, WantedComponent, WantedProject};
use super::reset::WantedReset;

/// What stands at its head.
pub fn begun() -> OpenApi {
    let info = InfoBuilder::new()
        .title("outboard")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Whole environments on demand, identical to production"))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()));
    OpenApiBuilder::new().info(info.build()).build()
}

/// The whole document.
pub fn document() -> Value {
    let (_, described) = super::described().split_for_parts();
    // It is made of texts and maps, which can always be written.
    let mut document = serde_json::to_value(described).unwrap_or_default();
    document["components"]["schemas"] = Value::Object(schemas());
    let whose = "Of `outboard ui`: what `--token-file` holds. Of `outboard server`: a token of its provider, or one of CI that it was told to take";
    let token = json!({"type": "http", "scheme": "bearer", "description": whose});
    document["components"]["securitySchemes"] = json!({"token": token});
    document["security"] = json!([{"token": []}]);
    document
}

fn schemas() -> Map<String, Value> {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    add::<Environments>(&mut generator);
    add::<Detail>(&mut generator);
    add::<Timeline>(&mut generator);
    add::<Changed>(&mut generator);
    add::<Comparison>(&mut generator);
    add::<Report>(&mut generator);
    add::<FoundLines>(&mut generator);
    add::<Counts>(&mut generator);
    add::<PlanAnswer<'static>>(&mut generator);
    add::<Carried<'static>>(&mut generator);
    add::<Wanted>(&mut generator);
    add::<data::Detail>(&mut generator);
    add::<WantedCopy>(&mut generator);
    add::<Clusters>(&mut generator);
    add::<WantedBackup>(&mut generator);
    add::<Passwords>(&mut generator);
    add::<WantedPasswords>(&mut generator);
    add::<WantedReset>(&mut generator);
    add::<Steering>(&mut generator);
    add::<project::Versions>(&mut generator);
    add::<Problem>(&mut generator);
    add::<WantedFreeze>(&mut generator);
    add::<api::Freeze>(&mut generator);
    add::<Explained>(&mut generator);
    add::<Exported>(&mut generator);
    add::<WantedHost>(&mut generator);
    add::<WantedPreview>(&mut generator);
    add::<Preview>(&mut generator);
    add::<gc::Swept>(&mut generator);
    add::<ProjectDetail>(&mut generator);
    add::<WantedProject>(&mut generator);
    add::<WantedComponent>(&mut generator);
    add::<AppliedProject>(&mut generator);
    let revisions = generator.subschema_for::<Vec<Entry>>().to_value();
    let copies = generator.subschema_for::<Vec<data::Summary>>().to_value();
    let backups = generator.subschema_for::<Vec<data::Backup>>().to_value();
    let hosts = generator.subschema_for::<Vec<hostname::Summary>>().to_value();
    let projects = generator.subschema_for::<Vec<project::Summary>>().to_value();
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Revisions".to_owned(), revisions);
    // A project has `Backups` of another kind.
    schemas.insert("BackupList".to_owned(), backups);
    schemas.insert("Copies".to_owned(), copies);
    schemas.insert("Hosts".to_owned(), hosts);
    schemas.insert("Projects".to_owned(), projects);
    schemas
}

fn add<T: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<T>();
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_change_of_the_api_is_reviewed() {
        insta::assert_json_snapshot!(document());
    }

    #[test]
    fn nothing_is_referred_to_that_is_not_described() {
        let document = document();
        let mut named = BTreeSet::new();
        references(&document, &mut named);
        assert!(named.len() > 5, "{named:?}");
        for name in named {
            let place = name.strip_prefix('#').unwrap_or(&name);
            assert!(document.pointer(place).is_some(), "{name} is described nowhere");
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let operations = paths.values().flat_map(|path| path.as_object().unwrap().values());
        let names: Vec<_> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
        let unique: BTreeSet<_> = names.iter().collect();
        assert!(names.len() > 10 && unique.len() == names.len(), "{names:?}");
    }

    fn references(value: &Value, named: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(name)) = map.get("$ref") {
                    named.insert(name.clone());
                }
                map.values().for_each(|value| references(value, named));
            }
            Value::Array(all) => all.iter().for_each(|value| references(value, named)),
            _ => {}
        }
    }
}
