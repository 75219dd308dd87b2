//! How good or bad something is: a colour and an icon, always with the word.

use api::PartState;
use api::plan::Action;
use askama::Template;
use verbs::data::CopyPhase;
use verbs::environment::State;

/// A state as people see it.
#[derive(Clone, Debug, Eq, PartialEq, Template)]
#[template(
    source = r#"<span class="chip {{ tone }}">{{ crate::icon::icon(icon_name)|safe }}{{ word }}</span>"#,
    ext = "html"
)]
pub struct Chip {
    /// A class of the style sheet: `good`, `wait`, `bad`, `quiet`.
    pub tone: &'static str,
    pub icon_name: &'static str,
    pub word: &'static str,
}

impl Chip {
    pub const fn new(tone: &'static str, icon_name: &'static str, word: &'static str) -> Self {
        Self { tone, icon_name, word }
    }
}

pub fn of_state(state: State) -> Chip {
    match state {
        State::Unseen => Chip::new("wait", "circle-dashed", "Not seen yet"),
        State::Progressing => Chip::new("wait", "loader-circle", "Progressing"),
        State::Held => Chip::new("wait", "circle-pause", "Held"),
        State::Ready => Chip::new("good", "circle-check", "Ready"),
        State::Failed => Chip::new("bad", "circle-x", "Failed"),
        State::Destroying => Chip::new("wait", "trash-2", "Destroying"),
    }
}

pub fn of_part(state: PartState) -> Chip {
    match state {
        PartState::Waiting => Chip::new("quiet", "circle-dashed", "Waiting"),
        PartState::Progressing => Chip::new("wait", "loader-circle", "Progressing"),
        PartState::Ready => Chip::new("good", "circle-check", "Ready"),
        PartState::Failed => Chip::new("bad", "circle-x", "Failed"),
    }
}

pub fn of_action(action: Action) -> Chip {
    match action {
        Action::Create => Chip::new("good", "plus", "Create"),
        Action::Change => Chip::new("wait", "pencil", "Change"),
        Action::Delete => Chip::new("bad", "minus", "Delete"),
    }
}

pub fn of_phase(phase: CopyPhase) -> Chip {
    match phase {
        CopyPhase::Pending => Chip::new("quiet", "circle-dashed", "Pending"),
        CopyPhase::Planning => Chip::new("wait", "loader-circle", "Planning"),
        CopyPhase::Quiescing => Chip::new("wait", "loader-circle", "Quiescing"),
        CopyPhase::Copying => Chip::new("wait", "loader-circle", "Copying"),
        CopyPhase::Paused => Chip::new("wait", "circle-pause", "Paused"),
        CopyPhase::Verifying => Chip::new("wait", "loader-circle", "Verifying"),
        CopyPhase::Finishing => Chip::new("wait", "loader-circle", "Finishing"),
        CopyPhase::Done => Chip::new("good", "circle-check", "Done"),
        CopyPhase::Failed => Chip::new("bad", "circle-x", "Failed"),
        CopyPhase::Cancelled => Chip::new("quiet", "circle-x", "Cancelled"),
    }
}

/// Every state that can be asked for.
pub const STATES: [State; 6] =
    [State::Ready, State::Progressing, State::Failed, State::Held, State::Unseen, State::Destroying];
