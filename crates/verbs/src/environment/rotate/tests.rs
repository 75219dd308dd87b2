//! Which services' passwords turn, what that restarts, and what is refused.

use api::{EnvironmentSpec, EnvironmentStatus};

use super::*;

fn environment(asked: Option<&str>, told: Option<(&str, RotationPhase)>) -> Environment {
    let rotations = asked.map(|asked| ("db".to_owned(), asked.to_owned())).into_iter().collect();
    let mut environment = Environment::new("qa", EnvironmentSpec { rotations, ..EnvironmentSpec::default() });
    environment.metadata.generation = Some(2);
    let rotation = told.map(|(request, phase)| Rotation {
        request: request.to_owned(),
        phase,
        message: "its pod is away".to_owned(),
        rotated_at: None,
    });
    environment.status = Some(EnvironmentStatus {
        observed_generation: 2,
        rotations: rotation.map(|rotation| ("db".to_owned(), rotation)).into_iter().collect(),
        ..EnvironmentStatus::default()
    });
    environment
}

fn turning(request: &str) -> Turning {
    let turn = Turn {
        service: "db".into(),
        request: request.into(),
        joins: false,
        restarts: vec![],
        elsewhere: BTreeMap::new(),
    };
    Turning { environment: "qa".into(), services: vec![turn], left_out: vec![], revision: Some(1) }
}

#[test]
fn what_runs_is_joined_and_what_has_ended_is_not() {
    use RotationPhase::{Done, Refused, Replacing};
    let joined = |asked, told| running(&environment(asked, told), "db");
    assert_eq!(joined(None, None), None);
    assert_eq!(joined(Some("1"), None).as_deref(), Some("1"));
    assert_eq!(joined(Some("1"), Some(("1", Replacing))).as_deref(), Some("1"));
    // The entry is gone, and what began goes on.
    assert_eq!(joined(None, Some(("1", Replacing))).as_deref(), Some("1"));
    assert_eq!(joined(Some("2"), Some(("1", Replacing))).as_deref(), Some("2"));
    assert_eq!(joined(Some("1"), Some(("1", Done))), None);
    assert_eq!(joined(Some("1"), Some(("1", Refused))), None);
    assert_eq!(joined(Some("2"), Some(("1", Done))).as_deref(), Some("2"));
}

#[test]
fn a_request_is_known_by_its_name_also_when_it_has_ended() {
    use RotationPhase::{Done, Refused, Replacing};
    let known = |asked, told| is_last(&environment(asked, told), "db", "1");
    assert!(known(Some("1"), None));
    assert!(known(Some("1"), Some(("1", Replacing))));
    assert!(known(None, Some(("1", Done))));
    assert!(known(Some("1"), Some(("1", Refused))));
    assert!(!known(None, None));
    assert!(!known(Some("2"), Some(("2", Done))));
}

#[tokio::test]
async fn sent_twice_at_the_same_time_it_is_written_once() {
    let mut there = environment(Some("2"), None);
    there.status.as_mut().unwrap().revision = Some(1);
    let there = serde_json::to_value(there).unwrap();
    let cluster = crate::fake::cluster(move |count, _| {
        assert_eq!(count, 0, "it is written again");
        Some((200, there.clone()))
    });
    let found = rotate(&cluster, "shop", &turning("2"), &mut |_: Event| {}).await.unwrap();
    assert_eq!(found.spec.rotations["db"], "2");
}

#[test]
fn waiting_ends_with_ones_own_request_and_not_with_an_earlier_one() {
    use RotationPhase::{Done, Refused, Retiring};
    let look = |asked, told| outlook(&turning("2"), &environment(Some(asked), told));
    assert!(matches!(look("2", None), Ok(Look::Wait)));
    assert!(matches!(look("2", Some(("1", Done))), Ok(Look::Wait)));
    assert!(matches!(look("2", Some(("2", Retiring))), Ok(Look::Wait)));
    assert!(matches!(look("2", Some(("2", Done))), Ok(Look::Done(_))));
    assert!(
        matches!(look("2", Some(("2", Refused))), Err(Error::RotationRefused { why, .. }) if why == "its pod is away")
    );
    assert!(matches!(look("3", None), Err(Error::Changed { .. })));
    // It runs, and another one was asked for after it.
    assert!(matches!(look("3", Some(("2", Retiring))), Ok(Look::Wait)));
    let mut unseen = environment(Some("2"), None);
    unseen.metadata.generation = Some(3);
    assert!(matches!(outlook(&turning("2"), &unseen), Ok(Look::Lagging)));
}

fn revision(rotates: bool) -> EnvironmentRevision {
    let mut part = json!({"name": "db", "role": "service", "objects": []});
    if rotates {
        part["rotates"] = json!("mariadb");
    }
    serde_json::from_value(json!({
            "project": "shop", "projectRevision": "p-1", "class": "qa", "requested": {}, "versions": {}, "renderer": "0",
            "urls": {}, "parts": [part, {"name": "web", "role": "component", "objects": []}, {"name": "migrate", "role": "job", "objects": []}],
            "secrets": [
                {"name": "web-env", "part": "web", "keys": {"URL": [{"fromSecret": {"secret": "db-credentials", "key": "password"}}]}},
                {"name": "migrate-env", "part": "migrate", "keys": {"URL": [{"fromSecret": {"secret": "db-credentials", "key": "password"}}]}},
            ],
        }))
        .unwrap()
}

#[test]
fn what_cannot_be_rotated_says_why_and_what_to_do_instead() {
    let service = |value: serde_json::Value| serde_json::from_value::<Service>(value).unwrap();
    let told = |value, revision: &EnvironmentRevision| {
        why_not("qa", "db", &service(value), revision).map(|out| format!("{}; {}", out.why, out.fix))
    };
    let (new, old) = (revision(true), revision(false));
    insta::assert_yaml_snapshot!([
        told(json!({"type": "mariadb"}), &new),
        told(json!({"type": "mariadb"}), &old),
        told(json!({"type": "redis", "from": "data"}), &new),
        told(json!({"type": "external", "host": "db.example.com"}), &new),
        told(json!({"type": "container", "image": "queue"}), &new),
        told(json!({"type": "s3"}), &new),
    ]);
    assert_eq!(parts(&new, &new.secrets, From::Own("db")), ["web"]);
}
