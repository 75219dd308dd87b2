//! Answers about versions that were given a moment ago: whoever loads a page again has no question written. Each is its asker's alone:
//! whether somebody else may know it Kubernetes decides.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::{VersionQuerySpec, VersionQueryStatus};
use serde_json::json;

/// The operator takes a list for new a while itself; both add up until a tag that was just pushed is seen.
const FRESH: Duration = Duration::from_secs(15);
/// A few kilobytes each.
const MOST: usize = 200;

/// Clones share what they know, and see that of one person.
#[derive(Clone, Default)]
pub struct Kept {
    who: String,
    answers: Arc<Mutex<BTreeMap<String, (Instant, VersionQueryStatus)>>>,
}

impl Kept {
    /// The same, for another person.
    #[must_use]
    pub(crate) fn of(&self, name: &str, groups: &[String]) -> Self {
        Self { who: json!([name, groups]).to_string(), answers: self.answers.clone() }
    }

    /// `image`: what the project says now, where it is the project that counts.
    pub(crate) fn key(&self, namespace: &str, image: Option<&str>, spec: &VersionQuerySpec) -> String {
        json!([self.who, namespace, image, spec]).to_string()
    }

    pub(crate) fn find(&self, key: &str, now: Instant) -> Option<VersionQueryStatus> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, answer) = answers.get(key)?;
        is_fresh(*at, now).then(|| answer.clone())
    }

    /// What the registry does not tell may be mended by now, and is asked anew.
    pub(crate) fn put(&self, key: String, answer: &VersionQueryStatus, now: Instant) {
        if answer.verdict.is_some() {
            return;
        }
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.retain(|_, (at, _)| is_fresh(*at, now));
        if answers.len() >= MOST {
            let oldest = answers.iter().min_by_key(|(_, (at, _))| *at).map(|(key, _)| key.clone());
            oldest.map(|oldest| answers.remove(&oldest));
        }
        answers.insert(key, (now, answer.clone()));
    }
}

fn is_fresh(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < FRESH
}

#[cfg(test)]
mod tests {
    use api::{Cause, Verdict};

    use super::*;

    fn spec(component: &str) -> VersionQuerySpec {
        VersionQuerySpec { component: component.to_owned(), ..VersionQuerySpec::default() }
    }

    #[test]
    fn an_answer_is_its_askers_alone_and_for_a_moment() {
        let (all, now) = (Kept::default(), Instant::now());
        let ann = all.of("ann", &["dev".to_owned()]);
        let key = ann.key("shop", Some("r/web"), &spec("web"));
        ann.put(key.clone(), &VersionQueryStatus { tags: 3, ..VersionQueryStatus::default() }, now);
        assert_eq!(all.of("ann", &["dev".to_owned()]).find(&key, now).map(|found| found.tags), Some(3));
        assert_eq!(ann.find(&key, now + FRESH), None);
        let others = [
            all.key("shop", Some("r/web"), &spec("web")),
            all.of("ann", &[]).key("shop", Some("r/web"), &spec("web")),
            ann.key("other", Some("r/web"), &spec("web")),
            ann.key("shop", Some("r/api"), &spec("web")),
            ann.key("shop", Some("r/web"), &spec("api")),
        ];
        assert!(others.iter().all(|other| ann.find(other, now).is_none()), "{others:?}");
    }

    #[test]
    fn what_is_kept_is_bounded_and_no_failure_is() {
        let (kept, now) = (Kept::default(), Instant::now());
        let verdict = Verdict {
            cause: Cause::ImageDenied,
            about: "component web".into(),
            message: "m".into(),
            evidence: vec![],
            fix: "f".into(),
            terminal: true,
            holds: false,
        };
        let failed = VersionQueryStatus { verdict: Some(verdict), ..VersionQueryStatus::default() };
        kept.put("denied".into(), &failed, now);
        assert_eq!(kept.find("denied", now), None);
        for number in 0..MOST + 3 {
            let at = now + Duration::from_millis(u64::try_from(number).unwrap());
            kept.put(number.to_string(), &VersionQueryStatus::default(), at);
        }
        let at = now + Duration::from_secs(1);
        assert_eq!(kept.find("2", at), None, "the oldest goes first");
        assert!(kept.find("3", at).is_some());
    }
}
