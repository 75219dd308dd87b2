//! Progress for a terminal: one line a part, turning until it is ready.

use std::collections::HashMap;
use std::time::Duration;

use api::{PartState, PartStatus};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use verbs::Event;
use verbs::data::{CopiedService, CopyPhase};
use words::{copy, doing};

use super::sentence;
use crate::output::colour::Paint;

const TURN: Duration = Duration::from_millis(100);

pub struct Live {
    lines: MultiProgress,
    parts: HashMap<String, ProgressBar>,
    /// What is going on that belongs to no part: shown last, until something happens.
    now: Option<ProgressBar>,
    paint: Paint,
}

impl Live {
    pub fn new(paint: Paint) -> Self {
        Self { lines: MultiProgress::new(), parts: HashMap::new(), now: None, paint }
    }

    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Part { part, .. } => self.part(part),
            Event::Teardown { step, .. } => self.now(step),
            Event::OperatorSilent { .. } => self.now(&sentence(event).unwrap_or_default()),
            Event::EnvironmentStored { .. } | Event::ProjectStored { .. } => {
                self.say(event);
                self.now("waiting for the operator");
            }
            Event::Observed { .. } => self.quiet(),
            Event::ServerSilent { .. }
            | Event::ServerBack { .. }
            | Event::NamespaceCreated { .. }
            | Event::Verdict { .. } => {
                self.say(event);
            }
            Event::CopyStored { .. } => {
                self.say(event);
                self.now("waiting for the operator");
            }
            Event::CopyPhase { phase, .. } => self.now(phase.as_str()),
            Event::Hostname { .. } | Event::CopyWaits { .. } | Event::Rotation { .. } => {
                self.now(&sentence(event).unwrap_or_default());
            }
            Event::Copied { service, .. } => self.service(service),
            Event::Condition { .. } => {
                if let Some(text) = sentence(event) {
                    self.now(&text);
                }
            }
        }
    }

    fn say(&self, event: &Event) {
        if let Some(text) = sentence(event) {
            self.note(&text);
        }
    }

    /// A line above the turning ones.
    pub fn note(&self, text: &str) {
        // A terminal that is gone is no reason to stop.
        let _ = self.lines.println(text);
    }

    fn now(&mut self, text: &str) {
        let lines = &self.lines;
        let line = self.now.get_or_insert_with(|| {
            let line = lines.add(ProgressBar::new_spinner());
            line.enable_steady_tick(TURN);
            line
        });
        line.set_message(text.to_owned());
    }

    fn quiet(&mut self) {
        if let Some(line) = self.now.take() {
            line.finish_and_clear();
        }
    }

    fn part(&mut self, part: &PartStatus) {
        let lines = &self.lines;
        let line = self.parts.entry(format!("{} {}", part.role.as_str(), part.name)).or_insert_with(|| {
            let line = lines.add(ProgressBar::new_spinner());
            line.enable_steady_tick(TURN);
            line
        });
        let mark = match part.state {
            PartState::Waiting => Some(self.paint.aside("·")),
            PartState::Progressing => None,
            PartState::Ready => Some(self.paint.good("✓")),
            PartState::Failed => Some(self.paint.bad("✗")),
        };
        let is_over = matches!(part.state, PartState::Ready | PartState::Failed);
        line.set_style(style(mark.as_deref()));
        let version = part.version.as_deref().unwrap_or("");
        let name = format!("{:<16}", part.name);
        let role = self.paint.aside(format!("{:<9}", part.role.as_str()));
        let told = if part.state == PartState::Ready { String::new() } else { doing(part) };
        line.set_message(format!("{role} {} {version:<10} {told}", self.paint.strong(name)));
        if is_over && !line.is_finished() {
            line.abandon();
        } else if !is_over && line.is_finished() {
            line.reset();
            line.enable_steady_tick(TURN);
        }
    }

    fn service(&mut self, service: &CopiedService) {
        let lines = &self.lines;
        let line = self.parts.entry(format!("copied {}", service.name)).or_insert_with(|| {
            let line = lines.add(ProgressBar::new_spinner());
            line.enable_steady_tick(TURN);
            line
        });
        let mark = match service.phase {
            CopyPhase::Done => Some(self.paint.good("✓")),
            CopyPhase::Failed | CopyPhase::Cancelled => Some(self.paint.bad("✗")),
            CopyPhase::Paused => Some(self.paint.aside("·")),
            _ => None,
        };
        line.set_style(style(mark.as_deref()));
        let name = self.paint.strong(format!("{:<16}", service.name));
        line.set_message(format!("{name} {}", copy::doing(service)));
        if service.phase.is_final() && !line.is_finished() {
            line.abandon();
        }
    }

    pub fn end(self) {
        if let Some(line) = self.now {
            line.finish_and_clear();
        }
        for line in self.parts.values().filter(|line| !line.is_finished()) {
            line.abandon();
        }
    }
}

fn style(mark: Option<&str>) -> ProgressStyle {
    let template = match mark {
        Some(mark) => format!("{mark} {{wide_msg}} {{elapsed:>4.dim}}"),
        None => "{spinner:.yellow} {wide_msg} {elapsed:>4.dim}".to_owned(),
    };
    // The templates above are right; the plain spinner is as good if they should not be.
    ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
}
