//! Settings of one environment that differ from its project by hand, as they are typed: `web.env.LOG_LEVEL=debug`.

use std::fmt;
use std::str::FromStr;

use api::names::PartName;
use api::overrides::ScaleOverride;
use api::project::Resources;
use api::{Override, Overrides, ProjectSpec};
use environments::plan::plain;

use super::choose;
use crate::Error;

/// What of a component can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Env(String),
    Cpu,
    Memory,
    Min,
    Max,
    ScaleCpu,
}

/// The words of a key, as they are typed after the component.
const KEYS: &str = "env.NAME, resources.cpu, resources.memory, scale.min, scale.max, scale.cpu";

impl Key {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "resources.cpu" => Self::Cpu,
            "resources.memory" => Self::Memory,
            "scale.min" => Self::Min,
            "scale.max" => Self::Max,
            "scale.cpu" => Self::ScaleCpu,
            _ => Self::Env(text.strip_prefix("env.").filter(|name| !name.is_empty())?.to_owned()),
        })
    }
}

/// One setting and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    component: PartName,
    key: Key,
    value: String,
    /// As it was typed, without the value.
    path: String,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || {
            format!(
                "`{text}` is not of the form COMPONENT.KEY=VALUE, such as `web.env.LOG_LEVEL=debug`; keys are {KEYS}"
            )
        };
        let (path, value) = text.split_once('=').ok_or_else(form)?;
        let (component, key) = path.split_once('.').ok_or_else(form)?;
        let component = PartName::parse(component).map_err(|error| error.to_string())?;
        let key = Key::parse(key).ok_or_else(form)?;
        match key {
            Key::Min | Key::Max | Key::ScaleCpu => {
                let number = value.parse::<u32>().ok().filter(|number| (1..=1000).contains(number));
                number.ok_or_else(|| format!("`{path}` is a whole number from 1 to 1000, not `{value}`"))?;
            }
            Key::Cpu if !is_quantity(value, &["m", ""]) => {
                return Err(format!("`{path}` is cores, such as `100m` or `2`, not `{value}`"));
            }
            Key::Memory if !is_quantity(value, &["Ki", "Mi", "Gi", "Ti", "k", "M", "G", "T", ""]) => {
                return Err(format!("`{path}` is bytes, such as `256Mi`, not `{value}`"));
            }
            _ => {}
        }
        Ok(Self { component, key, value: value.to_owned(), path: path.to_owned() })
    }
}

fn is_quantity(value: &str, units: &[&str]) -> bool {
    let end = value.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(value.len());
    let (number, unit) = value.split_at(end);
    number.parse::<f64>().is_ok() && units.contains(&unit)
}

/// Whether an environment of that class may have them, before anything is written.
pub fn check(
    environment: &str,
    project: &str,
    spec: &ProjectSpec,
    class: &str,
    settings: &[Setting],
) -> Result<(), Error> {
    let named = settings.iter().map(|setting| (setting.component.to_string(), String::new())).collect();
    choose::check_components(project, spec, &named)?;
    if !settings.is_empty() && spec.class(class).is_some_and(|class| class.protected) {
        return Err(Error::Protected { environment: environment.to_owned(), class: class.to_owned() });
    }
    Ok(())
}

/// What is to be as the project says again: one setting, or all of a component below a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unset(String);

impl FromStr for Unset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let component = text.split('.').next().unwrap_or_default();
        PartName::parse(component).map_err(|error| error.to_string())?;
        if text.contains('=') {
            return Err(format!("`{text}` names no setting: leave the value out"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Unset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As it is put on record: not with a value that looks like a secret.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = matches!(&self.key, Key::Env(name) if plain::looks_secret(name, &self.value));
        write!(f, "{}={}", self.path, if secret { plain::MASK } else { &self.value })
    }
}

impl Setting {
    /// Puts the setting among those there are.
    pub fn put_into(&self, overrides: &mut Overrides) {
        let change = overrides.entry(self.component.to_string()).or_default();
        let value = || Some(self.value.clone());
        let number = self.value.parse().ok();
        match &self.key {
            Key::Env(name) => drop(change.env.insert(name.clone(), self.value.clone())),
            Key::Cpu => change.resources.get_or_insert_default().cpu = value(),
            Key::Memory => change.resources.get_or_insert_default().memory = value(),
            Key::Min => change.scale.get_or_insert_default().min = number,
            Key::Max => change.scale.get_or_insert_default().max = number,
            Key::ScaleCpu => change.scale.get_or_insert_default().cpu = number,
        }
    }
}

impl Unset {
    /// Takes it away; whether there was anything of it.
    pub fn take_from(&self, overrides: &mut Overrides) -> bool {
        let before = overrides.clone();
        for (component, change) in overrides.iter_mut() {
            let named = |key: &str| {
                let path = format!("{component}.{key}");
                path.strip_prefix(&self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            let Override { env, resources, scale } = change;
            env.retain(|name, _| !named(&format!("env.{name}")));
            if let Some(Resources { cpu, memory }) = resources {
                cpu.take_if(|_| named("resources.cpu"));
                memory.take_if(|_| named("resources.memory"));
            }
            if let Some(ScaleOverride { min, max, cpu }) = scale {
                min.take_if(|_| named("scale.min"));
                max.take_if(|_| named("scale.max"));
                cpu.take_if(|_| named("scale.cpu"));
            }
            resources.take_if(|resources| *resources == Resources::default());
            scale.take_if(|scale| *scale == ScaleOverride::default());
        }
        overrides.retain(|_, change| *change != Override::default());
        *overrides != before
    }
}

#[cfg(test)]
mod tests {
    use api::overrides::listed;

    use super::*;

    fn set(typed: &[&str]) -> Overrides {
        let mut overrides = Overrides::new();
        for text in typed {
            text.parse::<Setting>().unwrap().put_into(&mut overrides);
        }
        overrides
    }

    fn shown(overrides: &Overrides) -> Vec<String> {
        listed(overrides).into_iter().map(|(setting, value)| format!("{setting}={value}")).collect()
    }

    #[test]
    fn settings_are_listed_as_they_were_typed_and_the_last_one_counts() {
        let all =
            ["web.env.A=1", "web.env.B.c=x=y", "web.resources.cpu=100m", "web.scale.min=2", "web.env.A=2"];
        assert_eq!(
            shown(&set(&all)),
            ["web.env.A=2", "web.env.B.c=x=y", "web.resources.cpu=100m", "web.scale.min=2"]
        );
    }

    #[test]
    fn unsetting_takes_one_setting_or_all_below_a_word_and_leaves_no_empty_rest() {
        let all = set(&["web.env.A=1", "web.env.AB=1", "web.scale.max=3", "api.env.A=1"]);
        let left = |name: &str| {
            let mut overrides = all.clone();
            let took = name.parse::<Unset>().unwrap().take_from(&mut overrides);
            (took, shown(&overrides))
        };
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        assert_eq!(left("web.env.A"), (true, lines(&["api.env.A=1", "web.env.AB=1", "web.scale.max=3"])));
        assert_eq!(left("web.env"), (true, lines(&["api.env.A=1", "web.scale.max=3"])));
        assert_eq!(left("web"), (true, lines(&["api.env.A=1"])));
        assert!(!left("web.env.C").0);
    }

    #[test]
    fn what_looks_like_a_secret_is_not_put_on_record() {
        let setting: Setting = "web.env.API_TOKEN=hunter2".parse().unwrap();
        assert_eq!(setting.to_string(), "web.env.API_TOKEN=•••");
    }

    #[test]
    fn what_is_no_setting_is_answered_with_the_form() {
        for (typed, words) in [
            ("web", "COMPONENT.KEY=VALUE"),
            ("web=2", "COMPONENT.KEY=VALUE"),
            ("web.image=x", "keys are env.NAME"),
            ("web.scale.min=0", "from 1 to 1000"),
            ("web.resources.memory=much", "bytes"),
            ("Web.env.A=1", "lower-case"),
        ] {
            let error = typed.parse::<Setting>().unwrap_err();
            assert!(error.contains(words), "{typed}: {error}");
        }
        assert!("web.env.A=1".parse::<Unset>().is_err());
    }
}
