//! Tokens and sign-ins against a provider that is there, away, mistaken or replayed.

use reqwest::Url;
use serde_json::json;

use super::*;
use crate::sign_in::{Client, SignIn};
use oidc_fake::{CLIENT, Fake, SECRET, Signer, TERMINAL};

async fn gate(fake: &Fake, rules: &str) -> Gate {
    let people = Known {
        provider: Provider::new(&fake.issuer()).unwrap(),
        audiences: vec![CLIENT.into(), TERMINAL.into()],
        naming: Naming::default(),
    };
    Gate::new(people, Rules::parse(rules).unwrap(), &Trust::default()).unwrap()
}

fn client() -> Client {
    Client {
        id: CLIENT.into(),
        secret: Some(SECRET.into()),
        back: "https://outboard.example.com/sign-in/back".into(),
        scopes: vec!["openid".into(), "email".into()],
    }
}

/// What the browser brings back from the provider.
async fn code(begun: &str) -> String {
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = browser.get(begun).send().await.unwrap();
    let back = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
}

const NOBODY: &str = "issuers: []";

#[tokio::test]
async fn somebody_signs_in_once_with_each_code() {
    let fake = Fake::start().await;
    let gate = gate(&fake, NOBODY).await;
    let begun = gate.begin(&client()).await.unwrap();
    let code = code(&begun.address).await;
    let ann = gate.end(&client(), &begun.kept, &code, Timestamp::now()).await.unwrap();
    assert_eq!((ann.name(), ann.groups()), ("ann@example.com", &["dev".to_owned()][..]));
    let again = gate.end(&client(), &begun.kept, &code, Timestamp::now()).await;
    assert!(
        matches!(&again, Err(Refused::Declined { reason }) if reason.contains("invalid_grant")),
        "{again:?}"
    );
}

#[tokio::test]
async fn a_code_is_no_good_to_whoever_did_not_begin() {
    let fake = Fake::start().await;
    let gate = gate(&fake, NOBODY).await;
    let (mine, theirs) = (gate.begin(&client()).await.unwrap(), gate.begin(&client()).await.unwrap());
    let code = code(&mine.address).await;
    let stolen = gate.end(&client(), &theirs.kept, &code, Timestamp::now()).await;
    assert!(matches!(stolen, Err(Refused::Declined { .. })), "{stolen:?}");
}

#[tokio::test]
async fn a_token_of_another_sign_in_is_told_by_its_nonce() {
    let fake = Fake::start().await;
    let gate = gate(&fake, NOBODY).await;
    fake.inside().replays = true;
    let begun = gate.begin(&client()).await.unwrap();
    let code = code(&begun.address).await;
    let replayed = gate.end(&client(), &begun.kept, &code, Timestamp::now()).await;
    assert!(matches!(replayed, Err(Refused::Nonce)), "{replayed:?}");
}

#[tokio::test]
async fn a_wrong_secret_is_the_providers_to_refuse() {
    let fake = Fake::start().await;
    let gate = gate(&fake, NOBODY).await;
    let wrong = Client { secret: Some("guess".into()), ..client() };
    let begun = gate.begin(&wrong).await.unwrap();
    let refused = gate.end(&wrong, &begun.kept, &code(&begun.address).await, Timestamp::now()).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("invalid_client") && !refused.contains("guess"), "{refused}");
}

#[tokio::test]
async fn new_keys_are_found_and_unknown_ones_are_not_looked_for_again_and_again() {
    let fake = Fake::start().await;
    let gate = gate(&fake, NOBODY).await;
    let good = fake.token(&json!({}));
    assert!(gate.person(&good, Timestamp::now()).await.is_ok());
    assert_eq!(fake.inside().keys_read, 1);
    let stranger =
        Signer::new("two").sign(&json!({"iss": fake.issuer(), "aud": CLIENT, "exp": 9_999_999_999_i64}));
    for _ in 0..20 {
        assert!(matches!(gate.person(&stranger, Timestamp::now()).await, Err(Refused::Key { .. })));
    }
    assert_eq!(fake.inside().keys_read, 1, "a key was read a moment ago");
}

#[tokio::test]
async fn a_provider_that_is_away_or_another_is_told_and_does_not_let_in() {
    let fake = Fake::start().await;
    let token = fake.token(&json!({}));
    fake.inside().away = Some(503);
    let known = gate(&fake, NOBODY).await;
    let away = known.person(&token, Timestamp::now()).await;
    assert!(
        matches!(&away, Err(Refused::Away(away)) if !away.lasting && away.reason.contains("503")),
        "{away:?}"
    );
    fake.inside().away = None;
    fake.inside().calls_itself = Some("https://evil.example".into());
    let known = gate(&fake, NOBODY).await;
    let other = known.people.provider.look().await.unwrap_err();
    assert!(other.lasting && other.reason.contains("evil.example"), "{other:?}");
}

#[tokio::test]
async fn keys_that_were_read_are_good_while_the_provider_is_away() {
    let fake = Fake::start().await;
    let gate = gate(&fake, NOBODY).await;
    let token = fake.token(&json!({"aud": TERMINAL}));
    assert!(gate.person(&token, Timestamp::now()).await.is_ok());
    fake.inside().away = Some(500);
    assert!(gate.person(&token, Timestamp::now()).await.is_ok());
}

#[tokio::test]
async fn a_program_is_named_by_its_rule_and_never_as_a_person_is() {
    let (fake, ci) = (Fake::start().await, Fake::start().await);
    let rules = format!(
        "issuers: [{{issuer: {}, audiences: [https://outboard.example.com], prefix: 'ci:', \
         people: [{{when: {{repository: shop/*}}, name: '${{repository}}', groups: [deployers]}}]}}]",
        ci.issuer()
    );
    let gate = gate(&fake, &rules).await;
    let now = Timestamp::now();
    ci.inside().claims = json!({"repository": "shop/web", "email": "ann@example.com", "groups": ["dev"]});
    let aud = "https://outboard.example.com";
    let (program, _) = gate.person(&ci.token(&json!({"aud": aud})), now).await.unwrap();
    assert_eq!((program.name(), program.groups()), ("ci:shop/web", &["ci:deployers".to_owned()][..]));
    let refused = gate.person(&ci.token(&json!({"aud": CLIENT})), now).await;
    assert!(matches!(refused, Err(Refused::Audience { .. })), "{refused:?}");
    let refused = gate.person(&ci.token(&json!({"aud": aud, "repository": "evil/web"})), now).await;
    assert!(matches!(refused, Err(Refused::Nobody { .. })), "{refused:?}");
    let refused = gate.person(&fake.token(&json!({"groups": ["ci:deployers"]})), now).await;
    assert!(matches!(refused, Err(Refused::Prefix { what: "group", .. })), "{refused:?}");
    // Its key, and a claim to be the provider of people.
    let posing = ci.token(&json!({"iss": fake.issuer()}));
    let refused = gate.person(&posing, now).await;
    assert!(matches!(refused, Err(Refused::Signature { .. })), "{refused:?}");
    let refused = gate.person(&ci.token(&json!({"iss": "https://nobody.example"})), now).await;
    assert!(matches!(refused, Err(Refused::Issuer { .. })), "{refused:?}");
}

#[tokio::test]
async fn what_a_browser_keeps_reads_back() {
    let fake = Fake::start().await;
    let begun = gate(&fake, NOBODY).await.begin(&client()).await.unwrap();
    let kept: SignIn = serde_json::from_str(&serde_json::to_string(&begun.kept).unwrap()).unwrap();
    assert_eq!(kept, begun.kept);
    for said in ["code_challenge_method=S256", "scope=openid+email", "response_type=code", "nonce=", "state="]
    {
        assert!(begun.address.contains(said), "{said}: {}", begun.address);
    }
}

#[tokio::test]
async fn of_groups_only_those_count_that_are_named_whoever_has_them() {
    let fake = Fake::start().await;
    let gate = gate(&fake, NOBODY).await.only(vec!["dev".into()]);
    let token = fake.token(&json!({"groups": ["dev", "qa"]}));
    let (ann, _) = gate.person(&token, Timestamp::now()).await.unwrap();
    assert_eq!(ann.groups(), ["dev"]);
}

#[tokio::test]
async fn an_access_token_makes_nobody_a_person() {
    let fake = Fake::start().await;
    let gate = gate(&fake, NOBODY).await;
    for kind in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        let refused = gate.person(&fake.token_as(kind, &json!({})), Timestamp::now()).await;
        assert!(matches!(refused, Err(Refused::Access)), "{kind}: {refused:?}");
    }
    assert!(gate.person(&fake.token_as("JWT", &json!({})), Timestamp::now()).await.is_ok());
}

#[tokio::test]
async fn somebody_who_came_before_counts_by_the_settings_of_now() {
    let fake = Fake::start().await;
    let person =
        |groups: &[&str]| Person::new("ann", groups.iter().map(|group| (*group).to_owned())).unwrap();
    let ann = person(&["dev", "qa", "shop-a"]);
    assert_eq!(gate(&fake, NOBODY).await.still(ann.clone()).unwrap(), ann);
    let narrow = gate(&fake, NOBODY).await.only(vec!["dev".into()]);
    assert_eq!(narrow.still(ann.clone()).unwrap(), person(&["dev"]));
    let mut kept = gate(&fake, NOBODY).await;
    kept.people.naming.kept = vec!["shop-".into()];
    assert_eq!(kept.still(ann).unwrap(), person(&["shop-a"]));
    // The prefix is an issuer's since.
    let rules = "issuers: [{issuer: https://ci.example, audiences: [a], prefix: 'github:', people: [{when: {a: b}, name: c}]}]";
    let refused = gate(&fake, rules).await.still(person(&["github:deployers"]));
    assert!(matches!(refused, Err(Refused::Prefix { what: "group", .. })), "{refused:?}");
}

#[tokio::test]
async fn where_anybody_has_an_account_only_those_come_in_who_are_meant() {
    let fake = Fake::start().await;
    let required =
        vec![("hd".to_owned(), "example.com".to_owned()), ("roles".to_owned(), "shop-*".to_owned())];
    let gate = gate(&fake, NOBODY).await.requiring(required);
    let said = async |claims: serde_json::Value| gate.person(&fake.token(&claims), Timestamp::now()).await;
    assert!(said(json!({"hd": "example.com", "roles": ["x", "shop-qa"]})).await.is_ok());
    for (claims, wanted) in [
        (json!({"roles": ["shop-qa"]}), "hd"),
        (json!({"hd": "example.com.evil.example", "roles": ["shop-qa"]}), "hd"),
        (json!({"hd": {"example.com": 1}, "roles": ["shop-qa"]}), "hd"),
        (json!({"hd": "example.com"}), "roles"),
        (json!({"hd": "example.com", "roles": []}), "roles"),
    ] {
        let refused = said(claims).await;
        assert!(matches!(&refused, Err(Refused::Required { claim }) if claim == wanted), "{refused:?}");
    }
    // Who signs in with a browser is looked at in the same way.
    let begun = gate.begin(&client()).await.unwrap();
    let code = code(&begun.address).await;
    let refused = gate.end(&client(), &begun.kept, &code, Timestamp::now()).await;
    assert!(matches!(refused, Err(Refused::Required { .. })), "{refused:?}");
}
