//! The services as a class has them: replaced where it names a type, else with what it changes.

use std::collections::BTreeMap;

use super::{ClassService, ProjectSpec, Service, ServiceSettings};

impl ProjectSpec {
    /// The services in `class`, as `environment` runs them: what it would take from itself is its own.
    pub fn services_in(&self, class: &str, environment: &str) -> BTreeMap<String, Service> {
        let chosen = self.class(class).unwrap_or_default().services;
        let of = |(name, service): (&String, &Service)| (name.clone(), service.in_class(chosen.get(name)));
        let mut services: BTreeMap<String, Service> = self.services.iter().map(of).collect();
        for service in services.values_mut() {
            service.settings.from.take_if(|from| from == environment);
        }
        services
    }
}

impl Service {
    /// The service in one class.
    pub fn in_class(&self, class: Option<&ClassService>) -> Self {
        let Some(class) = class else { return self.clone() };
        if let Some(r#type) = class.r#type {
            return Self { r#type, settings: class.settings.clone() };
        }
        let (mut service, change) = (self.clone(), class.settings.clone());
        let ServiceSettings { storage, config, resources, from, .. } = &mut service.settings;
        *storage = change.storage.or(storage.take());
        *resources = change.resources.or(resources.take());
        *from = change.from.or(from.take());
        config.extend(change.config);
        service
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec() -> ProjectSpec {
        serde_json::from_value(json!({
            "components": {},
            "services": {"db": {"type": "mariadb", "storage": "1Gi", "config": {"a": "1", "b": "1"}}},
            "classes": {
                "qa": {"services": {"db": {"from": "data"}}},
                "load": {"services": {"db": {"storage": "9Gi", "config": {"b": "2"}}}},
                "production": {"services": {"db": {"type": "external", "host": "db.example.com"}}},
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_class_changes_some_settings_or_replaces_the_service() {
        let settings = |class: &str| spec().services_in(class, "qa-1").remove("db").unwrap();
        let load = settings("load");
        assert_eq!(load.settings.storage.as_deref(), Some("9Gi"));
        assert_eq!(load.settings.config["a"], "1");
        assert_eq!(load.settings.config["b"], "2");
        let production = settings("production");
        assert_eq!(production.r#type.as_str(), "external");
        assert_eq!(production.settings.storage, None);
    }

    #[test]
    fn the_environment_that_others_take_a_service_from_runs_it() {
        let from = |environment: &str| spec().services_in("qa", environment)["db"].settings.from.clone();
        assert_eq!(from("qa-1").as_deref(), Some("data"));
        assert_eq!(from("data"), None);
    }
}
