//! What somebody asks to be changed, whether in a form or in JSON: checked here, made into a wish by `verbs`.

use std::collections::BTreeMap;
use std::str::FromStr;

use api::names::{ClassName, EnvironmentName, PartName, ProjectName, Version};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use verbs::data::{self, MaskChoice};
use verbs::environment::{self, Choice, Lost, Setting, Settings, Wanted, Wish};
use verbs::{Cluster, Error, Event};

use crate::app::Result;
use crate::failure::Failure;
use crate::pages::namespace;

/// A change of one environment.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Ask {
    /// A new environment.
    Create {
        environment: String,
        /// None: the only project of the namespace.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        project: Option<String>,
        /// None: the only class there is, else `qa`; with `from`: its class.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<String>,
        /// The environment whose bytes and settings it starts from; none: what the project says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// The environment whose data it starts with. None: it starts empty.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<String>,
        /// The backup whose data it starts with, in place of an environment's: its name, or `OTHER/latest` of an environment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        backup: Option<String>,
        /// Whether personal data in it is masked as the project says, or comes as it is.
        #[serde(default, skip_serializing_if = "is_masked")]
        masks: MaskChoice,
        /// Versions by component, where they are to be others.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        versions: BTreeMap<String, String>,
        /// Values by setting that differ by hand from the project, not with `from`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        settings: BTreeMap<String, String>,
        /// The revision of the project, not with `from`; none: the newest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<String>,
    },
    /// Other versions, and settings that differ by hand from the project.
    Set {
        environment: String,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        versions: BTreeMap<String, String>,
        /// Values by setting: `web.env.LOG_LEVEL`, `web.scale.min`, `web.resources.memory`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        settings: BTreeMap<String, String>,
        /// Settings that are to be as the project says again, or a word before several: `web.env`, `web`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unset: Vec<String>,
    },
    /// The newest revision of the project, or a named one.
    Update {
        environment: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<String>,
    },
    /// New pods of the named components; none named: of all.
    Restart {
        environment: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        components: Vec<String>,
    },
    /// Exactly what was tested in another environment: its project revision, versions and bytes.
    Promote {
        environment: String,
        from: String,
        /// Only this revision of `from`; if it is at another one by now, it is a conflict. None: what is there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<i64>,
    },
    /// An earlier revision; none: the newest that was ready before.
    Rollback {
        environment: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<i64>,
    },
    /// What was changed by hand becomes a revision of its own.
    Keep {
        environment: String,
        /// The same write ends a freeze, so that nothing is put back in between.
        #[serde(default)]
        thaw: bool,
    },
    /// One that was destroyed, with the volumes that its class kept, where no job runs again.
    Restore {
        environment: String,
        /// None: the last one that was ready.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<i64>,
        /// Of several that ended with the same revision, the record of what was kept of one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<String>,
        /// With empty services, for which jobs run; volumes that were kept stay as they are.
        #[serde(default)]
        without_data: bool,
    },
}

impl Ask {
    pub fn environment(&self) -> &str {
        match self {
            Self::Create { environment, .. }
            | Self::Set { environment, .. }
            | Self::Update { environment, .. }
            | Self::Restart { environment, .. }
            | Self::Promote { environment, .. }
            | Self::Rollback { environment, .. }
            | Self::Keep { environment, .. }
            | Self::Restore { environment, .. } => environment,
        }
    }

    /// The copy with whose data a new environment starts; nothing is written.
    pub async fn copy(&self, cluster: &Cluster, namespace: &str) -> Result<Option<data::Wanted>> {
        let Self::Create { environment, data, backup, masks, .. } = self else { return Ok(None) };
        let wanted = match (data, backup) {
            (None, None) if is_masked(masks) => return Ok(None),
            (None, None) => {
                return Err(Failure::said(
                    "it is said how data comes, and not whose",
                    "name an environment or a backup, or leave masks out",
                ));
            }
            (Some(_), Some(_)) => {
                return Err(Failure::said(
                    "a new environment starts with the data of an environment or of a backup, not of both",
                    "say one of them",
                ));
            }
            (Some(data), None) => {
                let data = EnvironmentName::parse(data).map_err(Error::from)?;
                data::into_new(data.as_str(), environment, cluster.now().await)
            }
            (None, Some(backup)) => {
                let chosen =
                    data::chosen(cluster, namespace, (environment.as_str(), backup.as_str()), &[]).await?;
                data::restore(&chosen, environment, vec![], cluster.now().await)
            }
        };
        Ok(Some(data::Wanted { masks: *masks, ..wanted }))
    }

    /// What `verbs` makes of it; nothing is written.
    pub async fn wish(&self, cluster: &Cluster, namespace: &str) -> Result<Wish> {
        let name = EnvironmentName::parse(self.environment()).map_err(Error::from)?;
        let mut deaf = |_: Event| {};
        let wish = match self {
            Self::Create { project, class, from: None, versions, settings, revision, .. } => {
                if let Some(revision) = revision {
                    named(revision)?;
                }
                let parsed = |text: &Option<String>| text.as_deref().map(ProjectName::parse).transpose();
                let wanted = Wanted {
                    name,
                    project: parsed(project).map_err(Error::from)?,
                    class: class.as_deref().map(ClassName::parse).transpose().map_err(Error::from)?,
                    versions: choices(versions)?,
                    settings: all_of(settings)?,
                    revision: revision.clone(),
                };
                environment::create(cluster, namespace, &wanted, &mut deaf).await?
            }
            Self::Create { class, from: Some(from), versions, settings, revision, .. } => {
                if !settings.is_empty() || revision.is_some() {
                    return Err(Failure::said(
                        "what starts from an environment has its settings and its revision of the project",
                        "leave out `settings` and `revision`, and change them afterwards",
                    ));
                }
                let from = EnvironmentName::parse(from).map_err(Error::from)?;
                let class = class.as_deref().map(ClassName::parse).transpose().map_err(Error::from)?;
                let class = class.as_ref().map(ClassName::as_str);
                let wish = environment::clone(cluster, namespace, from.as_str(), &name, class).await?;
                environment::with_versions(cluster, namespace, wish, &choices(versions)?).await?
            }
            Self::Set { versions, settings, unset, .. } => {
                if versions.is_empty() && settings.is_empty() && unset.is_empty() {
                    return Err(Failure::said(
                        "no version was chosen, and no setting",
                        "choose another version of a component, or a setting",
                    ));
                }
                let settings = Settings {
                    versions: choices(versions)?,
                    settings: all_of(settings)?,
                    unset: unset.iter().map(|path| typed(path)).collect::<Result<_>>()?,
                };
                environment::set(cluster, namespace, name.as_str(), &settings).await?
            }
            Self::Update { revision, .. } => {
                if let Some(revision) = revision {
                    named(revision)?;
                }
                environment::update(cluster, namespace, name.as_str(), revision.as_deref(), &mut deaf).await?
            }
            Self::Restart { components, .. } => {
                environment::restart(cluster, namespace, name.as_str(), components).await?
            }
            Self::Promote { from, revision, .. } => {
                let from = EnvironmentName::parse(from).map_err(Error::from)?;
                environment::promote(cluster, namespace, from.as_str(), name.as_str(), *revision).await?
            }
            Self::Rollback { to, .. } => {
                environment::rollback(cluster, namespace, name.as_str(), *to).await?
            }
            Self::Keep { thaw, .. } => environment::keep(cluster, namespace, name.as_str(), *thaw).await?,
            Self::Restore { revision, kept, without_data, .. } => {
                if *without_data && kept.is_some() {
                    return Err(Failure::said(
                        "what comes back without data has no record of what was kept",
                        "say `kept` or `withoutData`",
                    ));
                }
                let lost =
                    Lost { name, revision: *revision, kept: kept.clone(), without_data: *without_data };
                environment::restore(cluster, namespace, &lost).await?
            }
        };
        Ok(wish)
    }
}

impl Ask {
    /// Whether what a form says in it can be names: what is told as a command must have nothing in it that a command line would take
    /// for an option. A new environment that has no name yet is called `nameless`.
    pub fn is_named(&self, nameless: &str) -> bool {
        let is_environment = |name: &String| EnvironmentName::parse(name).is_ok();
        let is_revision = |revision: &Option<String>| revision.iter().all(|revision| named(revision).is_ok());
        match self {
            Self::Create { environment, project, class, from, data, backup, versions, revision, .. } => {
                // Of an environment it is the latest: `OTHER/latest`.
                let is_backup = |said: &String| said.split('/').all(|word| namespace(word).is_ok());
                (environment == nameless || is_environment(environment))
                    && project.iter().all(|project| ProjectName::parse(project).is_ok())
                    && class.iter().all(|class| ClassName::parse(class).is_ok())
                    && from.iter().chain(data).all(is_environment)
                    && backup.iter().all(is_backup)
                    && is_revision(revision)
                    && choices(versions).is_ok()
            }
            Self::Set { environment, versions, .. } => {
                is_environment(environment) && choices(versions).is_ok()
            }
            Self::Update { environment, revision } => is_environment(environment) && is_revision(revision),
            Self::Restart { environment, components } => {
                is_environment(environment)
                    && components.iter().all(|component| PartName::parse(component).is_ok())
            }
            Self::Promote { environment, from, .. } => is_environment(environment) && is_environment(from),
            Self::Rollback { environment, .. }
            | Self::Keep { environment, .. }
            | Self::Restore { environment, .. } => is_environment(environment),
        }
    }
}

fn is_masked(masks: &MaskChoice) -> bool {
    *masks == MaskChoice::Project
}

/// A project revision is an object's name, and nothing that leads elsewhere.
fn named(revision: &str) -> Result<()> {
    let known = revision.strip_prefix("p-").is_some_and(|hash| {
        !hash.is_empty() && hash.len() <= 40 && hash.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    if known {
        return Ok(());
    }
    let sentence = format!("`{revision}` is no project revision");
    Err(Failure::said(sentence, "name it as it is shown: `p-` and ten characters"))
}

fn all_of(settings: &BTreeMap<String, String>) -> Result<Vec<Setting>> {
    settings.iter().map(|(path, value)| setting(path, value)).collect()
}

/// As it is typed after `env set`; `path` is no place for a value.
fn setting(path: &str, value: &str) -> Result<Setting> {
    if path.contains('=') {
        let sentence = format!("`{}` names no setting", path.escape_debug());
        return Err(Failure::said(sentence, "name it as `env set` does, such as `web.env.LOG_LEVEL`"));
    }
    typed(&format!("{path}={value}"))
}

fn typed<T: FromStr<Err = String>>(text: &str) -> Result<T> {
    text.parse().map_err(|wrong: String| {
        Failure::said(wrong, "settings are named as `outboard env set --help` names them")
    })
}

pub fn choices(versions: &BTreeMap<String, String>) -> Result<Vec<Choice>> {
    versions.iter().map(|(component, version)| choice(component, version)).collect()
}

fn choice(component: &str, version: &str) -> Result<Choice> {
    Ok(Choice {
        component: PartName::parse(component).map_err(Error::from)?,
        version: Version::parse(version).map_err(Error::from)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fake::{self, list, object};

    #[test]
    fn a_key_that_nobody_knows_is_refused_not_ignored() {
        let ask = |text: &str| serde_json::from_str::<Ask>(text).map_err(|error| error.to_string());
        assert!(ask(r#"{"action": "set", "environment": "qa", "versions": {"web": "2"}}"#).is_ok());
        assert!(ask(r#"{"action": "set", "environment": "qa", "versions": {}, "force": true}"#).is_err());
        assert!(ask(r#"{"action": "destroy", "environment": "qa"}"#).is_err());
        assert!(ask(r#"{"action": "rollback", "environment": "qa"}"#).is_ok());
        assert!(ask(r#"{"action": "promote", "environment": "qa", "from": "dev"}"#).is_ok());
        assert!(ask(r#"{"action": "promote", "environment": "qa", "from": "dev", "revision": 3}"#).is_ok());
        assert!(ask(r#"{"action": "promote", "environment": "qa"}"#).is_err());
        assert!(ask(r#"{"action": "keep", "environment": "qa", "thaw": true}"#).is_ok());
        assert!(ask(r#"{"action": "restore", "environment": "qa", "withoutData": true}"#).is_ok());
        assert!(ask(r#"{"action": "restore", "environment": "qa", "without_data": true}"#).is_err());
    }

    #[test]
    fn an_option_is_no_name_of_anything() {
        let named = |ask: Value| serde_json::from_value::<Ask>(ask).unwrap().is_named("NAME");
        for name in ["qa-42", "NAME"] {
            assert!(named(
                json!({"action": "create", "environment": name, "from": "live", "backup": "live/latest"})
            ));
        }
        assert!(named(json!({"action": "restart", "environment": "qa", "components": ["web"]})));
        let create = |field: &str| {
            let mut ask = json!({"action": "create", "environment": "qa"});
            ask[field] = json!("--yes");
            named(ask)
        };
        for field in ["environment", "project", "class", "from", "data", "backup", "revision"] {
            assert!(!create(field), "{field}");
        }
        assert!(!named(json!({"action": "promote", "environment": "qa", "from": "--yes"})));
        assert!(!named(json!({"action": "restart", "environment": "qa", "components": ["--yes"]})));
        assert!(!named(json!({"action": "set", "environment": "NAME", "versions": {"web": "2"}})));
        assert!(!named(json!({"action": "set", "environment": "qa", "versions": {"--yes": "2"}})));
        assert!(!named(json!({"action": "update", "environment": "qa", "revision": "--yes"})));
    }

    #[test]
    fn a_setting_is_what_env_set_takes_and_what_is_none_is_refused_with_the_form() {
        assert_eq!(setting("web.env.LOG_LEVEL", "a=b").unwrap().to_string(), "web.env.LOG_LEVEL=a=b");
        for (path, value) in [("web.image", "x"), ("web.scale.min", "0"), ("web.env.A=1;web.env.B", "2")] {
            assert!(setting(path, value).is_err(), "{path}");
        }
        assert!(typed::<verbs::environment::Unset>("web.env").is_ok());
        assert!(typed::<verbs::environment::Unset>("web.env.A=1").is_err());
    }

    #[tokio::test]
    async fn a_new_environment_starts_with_the_data_of_any_other_or_of_a_backup() {
        let kept = object(
            "DataCopy",
            "gold-1",
            &json!({"from": {"environment": "gold"}, "to": {"environment": "gold"}, "backup": true}),
            &json!({"phase": "Done", "finished": "2026-11-27T03:00:00Z"}),
        );
        let cluster = fake::cluster(move |_, address| {
            let kept = kept.clone();
            async move {
                match address.split('?').next().unwrap_or_default() {
                    path if path.ends_with("/datacopies") => (200, list("DataCopy", &[kept])),
                    path if path.ends_with("/environments") => (200, list("Environment", &[])),
                    path if path.ends_with("/version") => (200, json!({"major": "1", "minor": "36"})),
                    _ => fake::refusal(404, "NotFound"),
                }
            }
        });
        let copy = async |said: Value| {
            let mut ask = json!({"action": "create", "environment": "qa"});
            ask.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
            serde_json::from_value::<Ask>(ask).unwrap().copy(&cluster, "shop").await
        };
        assert!(copy(json!({})).await.unwrap().is_none());
        let of = copy(json!({"data": "golden", "from": "production"})).await.unwrap().unwrap();
        assert_eq!((of.from.as_str(), of.to.as_str(), of.masks), ("golden", "qa", MaskChoice::Project));
        for said in ["gold-1", "gold/latest"] {
            let of = copy(json!({"backup": said, "masks": "none"})).await.unwrap().unwrap();
            assert_eq!(of.backing, data::Backing::From("gold-1".into()));
            assert_eq!((of.from.as_str(), of.masks, of.quiesce), ("gold", MaskChoice::None, true));
        }
        for wrong in [
            json!({"data": "production", "backup": "gold-1"}),
            json!({"masks": "none"}),
            json!({"data": "../production"}),
            json!({"backup": "nothing"}),
            json!({"backup": "qa/latest"}),
        ] {
            assert!(copy(wrong.clone()).await.is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn what_starts_from_another_environment_takes_its_settings_and_nothing_is_read_before_that_is_said()
    {
        let cluster = crate::fake::cluster(|_, _| async { crate::fake::refusal(404, "NotFound") });
        for (text, wrong) in [
            (
                r#"{"action": "create", "environment": "qa", "from": "a", "settings": {"web.scale.min": "2"}}"#,
                "settings",
            ),
            (
                r#"{"action": "create", "environment": "qa", "from": "a", "revision": "p-0123456789"}"#,
                "settings",
            ),
            (r#"{"action": "create", "environment": "qa", "revision": "p-../x"}"#, "project revision"),
        ] {
            let refused =
                serde_json::from_str::<Ask>(text).unwrap().wish(&cluster, "shop").await.unwrap_err();
            assert!(refused.words.sentence.contains(wrong), "{}", refused.words.sentence);
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_no_names() {
        for name in ["p-../../secrets", "p-", "../x", "p-%2e%2e"] {
            assert!(named(name).is_err(), "{name}");
        }
        assert!(named("p-0123456789").is_ok());
        let versions = |component: &str| BTreeMap::from([(component.to_owned(), "1".to_owned())]);
        assert!(choices(&versions("../web")).is_err());
        assert!(choices(&versions("web")).is_ok());
    }
}
