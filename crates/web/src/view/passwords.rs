//! What other passwords would mean, and how far a change of them is.

use std::collections::BTreeMap;

use api::{Rotation, RotationPhase};
use askama::Template;
use verbs::environment::{LeftOut, Turning};

use super::tone::Chip;

#[derive(Template)]
#[template(path = "_passwords.html")]
pub struct Passwords {
    pub last: Vec<Last>,
}

/// How the last change of a service's password stands.
pub struct Last {
    pub chip: Chip,
    pub said: String,
    pub at: Option<String>,
}

impl Passwords {
    pub fn of(rotations: &BTreeMap<String, Rotation>) -> Self {
        let last = rotations.iter().map(|(service, rotation)| Last {
            chip: match rotation.phase {
                RotationPhase::Done => Chip::new("good", "circle-check", "Changed"),
                RotationPhase::Refused => Chip::new("bad", "circle-x", "Refused"),
                RotationPhase::Waiting => Chip::new("wait", "circle-dashed", "Waiting"),
                _ => Chip::new("wait", "loader-circle", "Under way"),
            },
            said: words::rotation(service, rotation),
            at: rotation.rotated_at.as_ref().map(|at| at.0.to_string()),
        });
        Self { last: last.collect() }
    }
}

/// What would happen, service by service.
pub struct Turns {
    pub services: Vec<Turn>,
    pub left_out: Vec<LeftOut>,
    /// Of which all of this is said.
    pub revision: Option<i64>,
}

pub struct Turn {
    pub service: String,
    pub joins: bool,
    /// Parts and environments that get new pods.
    pub restarts: Vec<String>,
}

impl Turns {
    pub fn of(turning: Turning) -> Self {
        let services = turning.services.into_iter().map(|turn| {
            let elsewhere = turn.elsewhere.iter();
            let others = elsewhere.flat_map(|(environment, parts)| {
                parts.iter().map(move |part| format!("{part} of {environment}"))
            });
            Turn {
                service: turn.service,
                joins: turn.joins,
                restarts: turn.restarts.iter().cloned().chain(others).collect(),
            }
        });
        Self { services: services.collect(), left_out: turning.left_out, revision: turning.revision }
    }

    /// Everything that was asked for runs already.
    pub fn all_run(&self) -> bool {
        self.services.iter().all(|turn| turn.joins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample::rotations;

    #[test]
    fn how_far_a_change_of_passwords_is_stands_in_words() {
        insta::assert_snapshot!(Passwords::of(&rotations()).render().unwrap());
    }
}
