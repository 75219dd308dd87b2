//! A plan that was carried out a moment ago: each of its objects, and how far the environment says that it is. Pure.

use api::plan::{Action, ObjectChange};
use api::{PartState, PartStatus};
use askama::Template;
use verbs::environment::{Detail, State};
use words::doing;

use super::tone::Chip;

#[derive(Clone, Debug, Template)]
#[template(path = "_carried.html")]
pub struct Carried {
    pub objects: Vec<Object>,
    /// How many are as they were planned.
    pub done: usize,
    /// Nobody has looked at it yet.
    pub unseen: bool,
}

#[derive(Clone, Debug)]
pub struct Object {
    pub name: String,
    pub chip: Chip,
    /// What is known besides, if that says more.
    pub doing: String,
}

impl Carried {
    /// None: there is nothing to wait for, since all of it is ready or goes.
    pub fn of(changes: &[ObjectChange], detail: &Detail) -> Option<Self> {
        let state = detail.summary.state;
        if changes.is_empty() || matches!(state, State::Ready | State::Destroying) {
            return None;
        }
        let unseen = state == State::Unseen;
        let objects: Vec<Object> = changes.iter().map(|change| object(change, detail, unseen)).collect();
        let done = objects.iter().filter(|object| object.chip.tone == "good").count();
        Some(Self { objects, done, unseen })
    }
}

fn object(change: &ObjectChange, detail: &Detail, unseen: bool) -> Object {
    let of_part = |part: &&PartStatus| part.name == change.part && part.role == change.role;
    let part = detail.parts.iter().find(of_part).filter(|_| !unseen);
    let chip = match (part.map(|part| part.state), change.action) {
        // A part that goes as a whole is told of no more: its objects go once the others are as they are to be.
        (None, Action::Delete) if !unseen => Chip::new("quiet", "circle-dashed", "Going"),
        // What is to go goes when its part has become what it is to be.
        (Some(PartState::Ready), Action::Delete) => Chip::new("good", "circle-check", "Gone"),
        (None | Some(PartState::Waiting), _) => Chip::new("quiet", "circle-dashed", "Waiting"),
        (Some(PartState::Progressing), Action::Create) => Chip::new("wait", "loader-circle", "Creating"),
        (Some(PartState::Progressing), Action::Change) => Chip::new("wait", "loader-circle", "Changing"),
        (Some(PartState::Progressing), Action::Delete) => Chip::new("wait", "loader-circle", "Deleting"),
        (Some(PartState::Ready), _) => Chip::new("good", "circle-check", "Ready"),
        (Some(PartState::Failed), _) => Chip::new("bad", "circle-x", "Failed"),
    };
    // Whatever is ready need not say so twice.
    let said = part.filter(|part| part.state != PartState::Ready).and_then(|part| {
        let said = doing(part);
        (said != part.state.as_str()).then_some(said)
    });
    Object { name: change.object.clone(), chip, doing: said.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use api::Role;

    use super::*;
    use crate::view::sample::{detail, world};

    fn change(part: &str, role: Role, object: &str, action: Action) -> ObjectChange {
        ObjectChange {
            part: part.to_owned(),
            role,
            object: object.to_owned(),
            action,
            effect: String::new(),
            fields: vec![],
        }
    }

    fn told(state: State, parts: &[(&str, Role, PartState)]) -> Option<Vec<(String, &'static str)>> {
        let mut detail = detail(&world()[1], None);
        detail.summary.state = state;
        let status = |(name, role, state): &(&str, Role, PartState)| PartStatus {
            name: (*name).to_owned(),
            role: *role,
            version: None,
            digest: None,
            state: *state,
            replicas: None,
            message: String::new(),
        };
        detail.parts = parts.iter().map(status).collect();
        let changes = [
            change("db", Role::Service, "StatefulSet db", Action::Create),
            change("web", Role::Component, "Deployment web", Action::Change),
            change("old", Role::Component, "Deployment old", Action::Delete),
            change("web", Role::Route, "HTTPRoute web", Action::Create),
        ];
        let carried = Carried::of(&changes, &detail)?;
        Some(carried.objects.into_iter().map(|object| (object.name, object.chip.word)).collect())
    }

    #[test]
    fn each_planned_object_says_how_far_it_is() {
        use PartState::{Failed, Progressing, Ready};
        let words = |state, parts: &[_]| -> Option<Vec<&'static str>> {
            Some(told(state, parts)?.into_iter().map(|(_, word)| word).collect())
        };
        // What stands in the status is of before.
        let before = [("web", Role::Component, Ready), ("old", Role::Component, Ready)];
        assert_eq!(words(State::Unseen, &before).unwrap(), ["Waiting"; 4]);
        let begun = [("db", Role::Service, Ready), ("web", Role::Component, Progressing)];
        assert_eq!(words(State::Progressing, &begun).unwrap(), ["Ready", "Changing", "Going", "Waiting"]);
        let stuck = [("db", Role::Service, Failed), ("old", Role::Component, Progressing)];
        assert_eq!(words(State::Failed, &stuck).unwrap(), ["Failed", "Waiting", "Deleting", "Waiting"]);
        assert_eq!(words(State::Ready, &begun), None);
    }
}
