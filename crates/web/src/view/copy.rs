//! Copies of data, as they are listed and as one of them is shown and sent again while it goes on.

use askama::Template;
use jiff::Timestamp;
use verbs::data::{CopiedService, CopyPhase, Detail, MaskChoice, Summary};
use words::copy::{doing, facts, found, share};
use words::time::{age_at, span};

use super::detail::Judged;
use super::query::encoded;
use super::tone::{Chip, of_phase};

/// All of them, the newest first.
#[derive(Template)]
#[template(path = "_copies.html")]
pub struct Copies {
    pub rows: Vec<Row>,
    /// Whether they are of several namespaces.
    pub namespaces: bool,
    pub silence: Option<String>,
}

pub struct Row {
    pub summary: Summary,
    pub chip: Chip,
    pub share: String,
    pub left: Option<String>,
    pub age: String,
}

impl Row {
    pub fn of(summary: Summary, now: Timestamp) -> Self {
        let left = summary.eta_seconds.filter(|_| !summary.phase.is_final()).map(span);
        Self {
            chip: of_phase(summary.phase),
            share: share(&summary),
            left,
            age: age_at(summary.created.as_deref(), now),
            summary,
        }
    }

    pub fn path(&self) -> String {
        path(&self.summary)
    }
}

fn path(summary: &Summary) -> String {
    format!("/copies/{}/{}", summary.namespace, summary.name)
}

impl Copies {
    pub fn of(mut all: Vec<Summary>, silence: Option<String>, now: Timestamp) -> Self {
        all.sort_by(|one, other| (&other.created, &other.name).cmp(&(&one.created, &one.name)));
        let namespaces = all.windows(2).any(|two| two[0].namespace != two[1].namespace);
        Self { rows: all.into_iter().map(|summary| Row::of(summary, now)).collect(), namespaces, silence }
    }
}

/// One of them in full.
#[derive(Template)]
#[template(path = "_copy.html")]
pub struct Body {
    pub detail: Detail,
    pub chip: Chip,
    pub facts: Vec<(&'static str, String)>,
    pub services: Vec<Service>,
    pub verdict: Option<Judged>,
    pub silence: Option<String>,
    /// What the buttons of this page carry.
    pub token: String,
    /// Whoever looks at it may not press them.
    pub barred: bool,
}

pub struct Service {
    pub name: String,
    pub chip: Chip,
    pub doing: String,
    /// Of a hundred, while it moves and a total is known.
    pub percent: Option<u64>,
    pub lines: Vec<String>,
}

impl Body {
    pub fn of(detail: Detail, silence: Option<String>, token: String, now: Timestamp) -> Self {
        let services = detail.services.iter().map(|service| Service {
            name: service.name.clone(),
            chip: of_phase(service.phase),
            doing: after_phase(service),
            percent: percent(service),
            lines: found(&detail.summary, service),
        });
        Self {
            chip: of_phase(detail.summary.phase),
            facts: facts(&detail, now),
            services: services.collect(),
            verdict: detail.verdict.as_ref().map(Judged::of),
            silence,
            token,
            barred: false,
            detail,
        }
    }

    fn base(&self) -> String {
        path(&self.detail.summary)
    }

    fn is_over(&self) -> bool {
        self.detail.summary.phase.is_final()
    }

    fn is_paused(&self) -> bool {
        self.detail.summary.phase == CopyPhase::Paused
    }

    /// The form that asks for the same, filled in as this one was.
    fn again(&self) -> String {
        let summary = &self.detail.summary;
        let at = format!("/environments/{}/{}", summary.namespace, summary.to);
        let to = match &summary.backup {
            Some(backup) => format!("{at}/restore?backup={}", encoded(backup)),
            None => format!("{at}/data?from={}", summary.from),
        };
        let services = summary.services.iter().map(|service| format!("&service={}", encoded(service)));
        let bare = (self.detail.masks == MaskChoice::None).then_some("&masks=none");
        [to].into_iter().chain(services).chain(bare.map(str::to_owned)).collect()
    }

    /// It only said what it would do, and could: it can be made now.
    fn can_follow(&self) -> bool {
        self.detail.summary.dry_run && self.detail.summary.phase == CopyPhase::Done
    }
}

/// The chip says the phase already.
fn after_phase(service: &CopiedService) -> String {
    let told = doing(service);
    told.strip_prefix(service.phase.as_str())
        .map_or(told.as_str(), |rest| rest.trim_start_matches(", "))
        .to_owned()
}

fn percent(service: &CopiedService) -> Option<u64> {
    let moves = !service.phase.is_final() && service.rows_total > 0;
    // What the source guesses may be less than there is.
    moves.then(|| (service.rows.saturating_mul(100) / service.rows_total).min(99))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample::{NOW, copies};

    #[test]
    fn the_newest_copy_comes_first_and_says_how_far_it_is() {
        let all = copies().into_iter().map(|detail| detail.summary).collect();
        insta::assert_snapshot!(Copies::of(all, None, *NOW).render().unwrap());
    }

    #[test]
    fn a_copy_on_its_way_shows_how_far_each_service_is() {
        let body = Body::of(copies().swap_remove(0), None, "t".into(), *NOW);
        insta::assert_snapshot!(body.render().unwrap());
    }

    #[test]
    fn a_copy_that_failed_says_why_and_what_it_left() {
        let body = Body::of(copies().swap_remove(1), None, "t".into(), *NOW);
        insta::assert_snapshot!(body.render().unwrap());
    }

    #[test]
    fn no_copies_teach_the_next_step() {
        insta::assert_snapshot!(Copies::of(vec![], None, *NOW).render().unwrap());
    }

    #[test]
    fn what_was_looked_at_can_be_asked_for_with_all_that_was_chosen() {
        let mut detail = copies().swap_remove(0);
        detail.masks = MaskChoice::None;
        detail.summary.services = vec!["db".into(), "cache".into()];
        let base = format!("/environments/shop/{}/data?from={}", detail.summary.to, detail.summary.from);
        let body = Body::of(detail, None, "t".into(), *NOW);
        assert_eq!(body.again(), format!("{base}&service=db&service=cache&masks=none"));
        // Of a backup it is no other environment's data, as it is there by now.
        let mut detail = copies().swap_remove(0);
        (detail.summary.backup, detail.summary.to) = (Some("live-1".to_owned()), "qa".to_owned());
        let body = Body::of(detail, None, "t".into(), *NOW);
        assert_eq!(body.again(), "/environments/shop/qa/restore?backup=live-1");
    }

    #[test]
    fn a_guess_of_the_source_is_never_all_of_it() {
        let service = CopiedService { rows: 5, rows_total: 4, ..CopiedService::default() };
        assert_eq!(percent(&service), Some(99));
        assert_eq!(percent(&CopiedService { phase: CopyPhase::Done, ..service }), None);
    }
}
