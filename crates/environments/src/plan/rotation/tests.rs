//! Whatever is killed, restarts or comes late in whatever order: no client is ever refused, and in the end the old password is.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// A Secret, or what a pod was last given of it.
#[derive(Clone, Default)]
struct Secret {
    password: u32,
    next: Option<u32>,
    previous: Option<u32>,
    state: Option<State>,
}

impl Secret {
    fn passwords(&self) -> BTreeSet<u32> {
        [Some(self.password), self.next, self.previous].into_iter().flatten().collect()
    }
}

/// A Secret that is put together from the password, and the pods that are started with it.
#[derive(Clone, Default)]
struct Home {
    composed: u32,
    /// What the kubelet last saw of it.
    seen: u32,
    settles: bool,
    /// Of each pod: what it has, and whether it was made after pods were told of what is there now.
    pods: Vec<(u32, bool)>,
}

struct World {
    secret: Secret,
    /// In the server's pod.
    file: Secret,
    takes: BTreeSet<u32>,
    up: bool,
    homes: [Home; 2],
    drawn: u32,
    wanted: Option<String>,
    told: Option<Rotation>,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// The operator looks; or is killed once it knows what comes next, and before it is written.
    Look,
    LookAndDie,
    /// The kubelet brings the credentials into the server's pod.
    Bring,
    Crash,
    Up,
    /// The server loses one of two by other hands; the operator looks before anybody comes.
    Lose,
    /// A new pod of the server, maybe on another node.
    Replace,
    Compose(usize),
    See(usize),
    Mark(usize),
    Start(usize),
    /// One pod is replaced, as a rollout does, or one ends.
    Roll(usize),
    End(usize),
    Ask,
}

impl World {
    fn new() -> Self {
        let home = Home { composed: 1, seen: 1, settles: false, pods: vec![(1, true), (1, true)] };
        let secret = Secret { password: 1, ..Secret::default() };
        Self {
            file: secret.clone(),
            secret,
            takes: BTreeSet::from([1]),
            up: true,
            homes: [home.clone(), home],
            drawn: 1,
            wanted: Some("r1".to_owned()),
            told: None,
        }
    }

    fn service(&self) -> Service<'_> {
        Service {
            name: "db",
            environment: "qa",
            wanted: self.wanted.as_deref(),
            rotates: Some(Rotates::Mariadb),
            state: self.secret.state.clone(),
            unread: false,
            told: self.told.as_ref(),
            hindered: None,
            frozen: false,
        }
    }

    fn look(&mut self, dies: bool) {
        let need = need(&self.service());
        let found = match need {
            Need::Nothing => Found::Nothing,
            Need::Clients if self.up => {
                self.takes = self.file.passwords();
                let late = |home: &Home| {
                    home.composed != self.secret.password
                        || home.settles
                        || home.pods.iter().any(|(_, fresh)| !fresh)
                };
                Found::Clients(
                    self.homes.iter().filter(|home| late(home)).map(|_| "late".to_owned()).collect(),
                )
            }
            Need::Ask | Need::Take | Need::Clients if !self.up => Found::Server(Err("it is away".to_owned())),
            Need::Ask | Need::Take | Need::Clients => {
                if need == Need::Take {
                    self.takes = self.file.passwords();
                }
                let holds = self.file.state.as_ref().map(State::text).unwrap_or_default();
                Found::Server(Ok(Answer { version: "10.11.2-MariaDB".to_owned(), holds }))
            }
        };
        let act = next(&self.service(), &found, Timestamp::UNIX_EPOCH);
        if dies {
            return;
        }
        let told = told(&self.service(), &act);
        if let Act::Write(keys, state) = act {
            let secret = &mut self.secret;
            match keys {
                Keys::Draw => {
                    self.drawn += 1;
                    secret.next = Some(self.drawn);
                }
                Keys::Exchange => {
                    secret.previous = Some(secret.password);
                    secret.password = secret.next.take().expect("there is a next one");
                }
                Keys::Forget => secret.previous = None,
                Keys::Stay => {}
            }
            secret.state = Some(state);
        }
        self.told = told;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Look => self.look(false),
            Event::LookAndDie => self.look(true),
            Event::Bring => self.file = self.secret.clone(),
            Event::Crash => self.up = false,
            Event::Up => {
                if !self.up {
                    self.takes = self.file.passwords();
                }
                self.up = true;
            }
            Event::Lose => {
                if self.secret.state.as_ref().is_some_and(|state| state.step == Step::Exchanged) {
                    self.takes.remove(&self.secret.password);
                    self.look(false);
                }
            }
            Event::Replace => {
                self.file = self.secret.clone();
                self.takes = self.file.passwords();
                self.up = true;
            }
            Event::Compose(home) => {
                let home = &mut self.homes[home];
                if home.composed != self.secret.password {
                    home.composed = self.secret.password;
                    home.settles = true;
                    home.pods.iter_mut().for_each(|(_, fresh)| *fresh = false);
                }
            }
            Event::See(home) => self.homes[home].seen = self.homes[home].composed,
            Event::Mark(home) => {
                // By then every kubelet has seen it.
                self.homes[home].seen = self.homes[home].composed;
                self.homes[home].settles = false;
            }
            Event::Start(home) => {
                let home = &mut self.homes[home];
                home.pods.push((home.seen, !home.settles));
            }
            Event::Roll(home) => {
                let home = &mut self.homes[home];
                let old = home.pods.iter().position(|(_, fresh)| !fresh).filter(|_| !home.settles);
                if let Some(old) = old {
                    home.pods[old] = (home.seen, true);
                }
            }
            Event::End(home) => drop(self.homes[home].pods.pop()),
            Event::Ask => self.wanted = Some("r2".to_owned()),
        }
    }

    fn check(&self, event: Event) {
        if !self.up {
            return;
        }
        for (password, _) in self.homes.iter().flat_map(|home| &home.pods) {
            assert!(
                self.takes.contains(password),
                "after {event:?} a client is refused: {:?}",
                self.secret.state
            );
        }
    }

    /// Everything happens sooner or later.
    fn settle(&mut self) {
        let fair = [
            Event::Up,
            Event::Look,
            Event::Bring,
            Event::Compose(0),
            Event::Compose(1),
            Event::Mark(0),
            Event::Mark(1),
            Event::Roll(0),
            Event::Roll(1),
        ];
        for event in fair.iter().copied().cycle().take(fair.len() * 60) {
            self.happen(event);
            self.check(event);
        }
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let home = 0..2usize;
    let one = prop_oneof![
        8 => Just(Event::Look),
        2 => Just(Event::LookAndDie),
        3 => Just(Event::Bring),
        1 => Just(Event::Crash),
        2 => Just(Event::Up),
        1 => Just(Event::Lose),
        1 => Just(Event::Replace),
        2 => home.clone().prop_map(Event::Compose),
        1 => home.clone().prop_map(Event::See),
        2 => home.clone().prop_map(Event::Mark),
        1 => home.clone().prop_map(Event::Start),
        4 => home.clone().prop_map(Event::Roll),
        1 => home.prop_map(Event::End),
        1 => Just(Event::Ask),
    ];
    proptest::collection::vec(one, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nobody_is_ever_refused_and_in_the_end_the_old_password_is(events in events()) {
        let mut world = World::new();
        for event in events {
            world.happen(event);
            world.check(event);
        }
        world.settle();
        prop_assert_eq!(world.secret.state.as_ref().map(|state| state.step), Some(Step::Done));
        prop_assert_eq!(&world.takes, &BTreeSet::from([world.secret.password]));
        prop_assert!(world.secret.password > 1);
        prop_assert_eq!(world.told.map(|told| told.phase), Some(RotationPhase::Done));
    }
}

fn service(state: Option<Step>) -> Service<'static> {
    Service {
        name: "db",
        environment: "qa",
        wanted: Some("r1"),
        rotates: Some(Rotates::Redis),
        state: state.map(|step| State { request: "r1".into(), step, at: None }),
        unread: false,
        told: None,
        hindered: None,
        frozen: false,
    }
}

fn answer(version: &str) -> Found {
    Found::Server(Ok(Answer { version: version.to_owned(), holds: String::new() }))
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_is_drawn_and_not_tried_again() {
    let next = |service: &Service<'_>, found| next(service, &found, Timestamp::UNIX_EPOCH);
    let begun = service(None);
    assert!(matches!(next(&begun, answer("5.0.14")), Act::Refuse(why) if why.contains("from 6 on")));
    assert!(matches!(next(&begun, answer("7.0.15")), Act::Write(Keys::Draw, State { step: Step::Both, .. })));
    let plain = Service { rotates: None, ..service(None) };
    assert_eq!(need(&plain), Need::Nothing);
    let refusal = next(&plain, Found::Nothing);
    assert!(matches!(&refusal, Act::Refuse(why) if why.contains("outboard env update qa")));
    let said = told(&plain, &refusal).unwrap();
    assert_eq!(said.phase, RotationPhase::Refused);
    // Rendered anew meanwhile: the same request stays refused, another one is looked at.
    let again = Service { told: Some(&said), ..service(None) };
    assert_eq!(next(&again, answer("7.0.15")), Act::Rest);
    assert_eq!(told(&again, &Act::Rest).as_ref(), Some(&said));
    let other = Service { told: Some(&said), wanted: Some("r2"), ..service(None) };
    assert!(matches!(next(&other, answer("7.0.15")), Act::Write(Keys::Draw, _)));
    for request in ["", "a b", "$(id)", &"r".repeat(65)] {
        let odd = Service { wanted: Some(request), ..service(None) };
        assert!(matches!(next(&odd, answer("7.0.15")), Act::Refuse(_)), "{request}");
    }
}

#[test]
fn nothing_begins_while_something_hinders_it_and_nothing_goes_on_in_a_freeze() {
    let next = |service: &Service<'_>| next(service, &Found::Nothing, Timestamp::UNIX_EPOCH);
    let waits = Service { hindered: Some("it is not ready"), ..service(None) };
    assert_eq!((need(&waits), next(&waits)), (Need::Nothing, Act::Wait("it is not ready".into())));
    // What has begun goes on: half of everybody may have the new one.
    let runs = Service { hindered: Some("it is not ready"), ..service(Some(Step::Exchanged)) };
    assert_eq!(need(&runs), Need::Clients);
    for state in [None, Some(Step::Both), Some(Step::Exchanged)] {
        let frozen = Service { frozen: true, ..service(state) };
        assert_eq!(
            (need(&frozen), next(&frozen)),
            (Need::Nothing, Act::Wait("the environment is frozen".into()))
        );
    }
    assert_eq!(next(&Service { frozen: true, ..service(Some(Step::Done)) }), Act::Rest);
}

#[test]
fn what_a_newer_outboard_began_is_left_to_it() {
    assert_eq!(State::read(br#"{"request":"r1","step":"verifying"}"#), None);
    let unread = Service { unread: true, ..service(None) };
    assert_eq!(need(&unread), Need::Nothing);
    let act = next(&unread, &answer("7.0.15"), Timestamp::UNIX_EPOCH);
    assert!(matches!(&act, Act::Wait(why) if why.contains("another outboard")), "{act:?}");
    assert_eq!(told(&unread, &act).unwrap().phase, RotationPhase::Waiting);
}

#[test]
fn the_same_request_twice_is_one_and_what_began_ends_whatever_is_asked_meanwhile() {
    let done = service(Some(Step::Done));
    assert_eq!(next(&done, &Found::Nothing, Timestamp::UNIX_EPOCH), Act::Rest);
    let another = Service { wanted: Some("r2"), ..service(Some(Step::Both)) };
    assert_eq!(need(&another), Need::Take);
    let gone = Service { wanted: None, ..service(Some(Step::Forgetting)) };
    assert_eq!(need(&gone), Need::Take);
    assert_eq!(told(&gone, &Act::Wait("a".into())).unwrap().request, "r1");
}

#[test]
fn a_server_that_takes_two_no_more_is_waited_for_and_what_it_says_is_not_believed() {
    for step in [Step::Both, Step::Exchanged, Step::Forgetting] {
        let runs = Service { rotates: Some(Rotates::Mariadb), ..service(Some(step)) };
        let holds = runs.state.as_ref().unwrap().text();
        let said =
            |version: &str| Found::Server(Ok(Answer { version: version.into(), holds: holds.clone() }));
        let next = |found| next(&runs, &found, Timestamp::UNIX_EPOCH);
        assert!(
            matches!(next(said("10.3.39-MariaDB")), Act::Wait(why) if why.contains("from 10.4 on")),
            "{step:?}"
        );
        assert_eq!(matches!(next(said("10.11.2-MariaDB")), Act::Write(..)), step != Step::Exchanged);
    }
}

#[test]
fn only_what_no_event_tells_of_is_looked_at_again_soon() {
    let waits = |service: &Service<'_>| again(service, &Act::Wait("a".into()));
    assert_eq!(waits(&service(Some(Step::Both))), Some(SOON));
    assert_eq!(waits(&service(Some(Step::Forgetting))), Some(SOON));
    assert_eq!(waits(&service(Some(Step::Exchanged))), Some(LATER));
    // Not begun: the server is asked again, and that the environment gets ready is an event.
    assert_eq!(waits(&service(None)), Some(LATER));
    assert_eq!(waits(&Service { hindered: Some("it is not ready"), ..service(None) }), None);
    for state in [None, Some(Step::Both), Some(Step::Exchanged)] {
        assert_eq!(waits(&Service { frozen: true, ..service(state) }), None);
    }
    let written = Act::Write(Keys::Exchange, service(Some(Step::Exchanged)).state.unwrap());
    assert_eq!(again(&service(Some(Step::Both)), &written), Some(SOON));
    assert_eq!(again(&service(Some(Step::Done)), &Act::Rest), None);
}

#[test]
fn who_is_waited_for_is_named_and_of_many_some() {
    let clients = |count: usize| Found::Clients((1..=count).map(|number| format!("pod {number}")).collect());
    let next = |found| next(&service(Some(Step::Exchanged)), &found, Timestamp::UNIX_EPOCH);
    assert_eq!(next(clients(5)), Act::Wait("pod 1; pod 2; pod 3; and 2 more".into()));
    assert_eq!(next(clients(1)), Act::Wait("pod 1".into()));
    assert!(matches!(next(clients(0)), Act::Write(Keys::Forget, _)));
}

#[test]
fn a_revision_whose_server_takes_one_password_waits_until_there_is_one() {
    let revision = |rotates: bool| -> EnvironmentRevision {
        let mut part = serde_json::json!({"name": "db", "role": "service", "objects": []});
        if rotates {
            part["rotates"] = serde_json::json!("mysql");
        }
        serde_json::from_value(serde_json::json!({
            "project": "shop", "projectRevision": "p-1", "class": "qa", "requested": {}, "versions": {}, "renderer": "0",
            "urls": {}, "parts": [part], "secrets": [],
        }))
        .unwrap()
    };
    let rotations = |phase| {
        let told = Rotation { request: "r1".into(), phase, message: String::new(), rotated_at: None };
        BTreeMap::from([("db".to_owned(), told)])
    };
    let verdict = waits("qa", &revision(false), &rotations(RotationPhase::Replacing)).unwrap();
    assert!(verdict.holds && verdict.message.contains("service db"));
    assert_eq!(waits("qa", &revision(true), &rotations(RotationPhase::Replacing)), None);
    for over in [RotationPhase::Waiting, RotationPhase::Done, RotationPhase::Refused] {
        assert_eq!(waits("qa", &revision(false), &rotations(over)), None);
    }
    assert_eq!(waits("qa", &revision(false), &BTreeMap::new()), None);
}
