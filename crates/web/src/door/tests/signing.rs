//! People: there, back, out, and what becomes of what they were doing when their session ended.

use axum::http::{Method, StatusCode, header};
use serde_json::json;

use super::world::{HOST, ORIGIN, World, parts};
use crate::door::site::Limits;

const HTML: (&str, &str) = ("accept", "text/html");

fn cookies(headers: &axum::http::HeaderMap) -> Vec<&str> {
    headers.get_all(header::SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap()).collect()
}

/// Name and value, as a browser says them.
fn kept(cookie: &str) -> &str {
    cookie.split(';').next().unwrap()
}

fn place(headers: &axum::http::HeaderMap) -> &str {
    headers[header::LOCATION].to_str().unwrap()
}

#[tokio::test]
async fn somebody_signs_in_and_comes_back_to_where_they_were() {
    let world = World::new().await;
    let (status, headers, _) = world.get("/environments/shop/qa?x=1", &[HTML]).await;
    assert_eq!(
        (status, place(&headers)),
        (StatusCode::SEE_OTHER, "/sign-in?to=%2Fenvironments%2Fshop%2Fqa%3Fx%3D1")
    );
    let (_, headers, _) = world.get(place(&headers), &[HTML]).await;
    let back = world.provider.authorize(place(&headers));
    let away = cookies(&headers)[0].to_owned();
    assert!(away.starts_with("__Host-outboard-sign-in=") && !away.contains("state"), "{away}");
    world.provider.inside().claims =
        json!({"email": "vera", "email_verified": true, "groups": ["dev", "qa"]});
    let (status, headers, _) = world.get(&format!("/sign-in/back?{back}"), &[("cookie", kept(&away))]).await;
    assert_eq!((status, place(&headers)), (StatusCode::SEE_OTHER, "/environments/shop/qa?x=1"));
    let session = cookies(&headers)[0];
    for said in
        ["__Host-outboard-session=", "; Path=/;", "; HttpOnly", "; SameSite=Lax", "; Secure", "; Max-Age="]
    {
        assert!(session.contains(said), "{said}: {session}");
    }
    assert!(!session.contains("Domain") && !session.contains("vera"), "{session}");
    let (status, _, page) = world.get("/who", &[HTML, ("cookie", kept(session))]).await;
    assert_eq!(status, StatusCode::OK);
    for said in ["oidc:vera", "oidc:dev", "oidc:qa", "#outboard-help"] {
        assert!(page.contains(said), "{said}: {page}");
    }
}

#[tokio::test]
async fn a_sign_in_is_good_once_for_whoever_began_it_and_not_for_long() {
    let mut world = World::new().await;
    let begun = async |world: &World| {
        let (_, headers, _) = world.get("/sign-in", &[HTML]).await;
        (
            kept(cookies(&headers)[0]).to_owned(),
            format!("/sign-in/back?{}", world.provider.authorize(place(&headers))),
        )
    };
    let refused = async |world: &World, cookie: &str, back: &str| {
        let (status, headers, page) = world.get(back, &[("cookie", cookie)]).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{page}");
        assert!(cookies(&headers).is_empty(), "{page}");
        page
    };
    let (mine, back) = begun(&world).await;
    let (theirs, _) = begun(&world).await;
    assert!(refused(&world, "", &back).await.contains("not asked for"));
    assert!(refused(&world, &theirs, &back).await.contains("not asked for"));
    assert!(refused(&world, "__Host-outboard-sign-in=forged", &back).await.contains("not asked for"));
    let (status, ..) = world.get(&back, &[("cookie", &mine)]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(refused(&world, &mine, &back).await.contains("used already"));
    let (late, back) = begun(&world).await;
    world.later(15 * 60);
    refused(&world, &late, &back).await;
    // The provider said no, in words that end up on a page.
    let (cookie, back) = begun(&world).await;
    let state = back.split("state=").nth(1).unwrap();
    let no = format!("/sign-in/back?state={state}&error=access_denied&error_description=%3Cscript%3E");
    let page = refused(&world, &cookie, &no).await;
    assert!(page.contains("did not sign you in") && !page.contains("<script>"), "{page}");
    // A token that was made for another sign-in.
    let (cookie, _) = begun(&world).await;
    world.provider.inside().replays = true;
    let (_, headers, _) = world.get("/sign-in", &[HTML]).await;
    let back = world.provider.authorize(place(&headers));
    let again = kept(cookies(&headers)[0]).to_owned();
    assert_ne!(cookie, again);
    refused(&world, &again, &format!("/sign-in/back?{back}")).await;
    let kept = std::iter::from_fn(|| world.lines.try_recv().ok());
    let outcomes: Vec<(String, u16)> = kept.map(|line| (line.who, line.status)).collect();
    // Those who did not come in are strangers, and fill nothing.
    assert_eq!(outcomes, [("ann@example.com".to_owned(), 303)]);
}

#[tokio::test]
async fn whoever_signs_out_is_out_with_every_copy_of_their_cookie() {
    let world = World::new().await;
    let (cookie, forms) = world.signed("vera");
    assert_eq!(world.get("/who", &[("cookie", &cookie)]).await.0, StatusCode::OK);
    assert_eq!(world.post("/sign-out", &cookie, "token=guess").await.0, StatusCode::FORBIDDEN);
    let (status, headers, _) = world.post("/sign-out", &cookie, &format!("token={forms}")).await;
    assert_eq!((status, place(&headers)), (StatusCode::SEE_OTHER, "/signed-out"));
    assert!(cookies(&headers)[0].contains("Max-Age=0"));
    assert_eq!(world.get("/who", &[("cookie", &cookie)]).await.0, StatusCode::UNAUTHORIZED);
    let (status, ..) = world.get("/signed-out", &[HTML]).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn what_somebody_sent_too_late_waits_until_they_have_signed_in() {
    let world = World::new().await;
    let (cookie, forms) = world.signed("dora");
    world.later(8 * 3600);
    let body = format!("token={forms}&name=qa&uid=1+%3C");
    let (status, _, page) = world.post("/environments/shop/qa/destroy", &cookie, &body).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.reached(), Vec::<String>::new(), "nothing was done");
    let id = page.split("/go-on/").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let (again, fresh) = world.signed("dora");
    let (status, _, page) = world.get(&format!("/go-on/{id}"), &[HTML, ("cookie", &again)]).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("action=\"/environments/shop/qa/destroy\""), "{page}");
    assert!(page.contains(&fresh) && !page.contains(&forms), "{page}");
    assert!(page.contains("name=\"name\" value=\"qa\"") && page.contains("value=\"1 &#60;\""), "{page}");
    // Somebody else sees nothing of it.
    let (other, _) = world.signed("vera");
    let (status, _, page) = world.get(&format!("/go-on/{id}"), &[HTML, ("cookie", &other)]).await;
    assert_eq!(status, StatusCode::GONE);
    assert!(!page.contains("destroy"), "{page}");
}

#[tokio::test]
async fn nobody_else_can_put_a_form_where_somebody_goes_on() {
    let world = World::new().await;
    let (cookie, forms) = world.signed("dora");
    world.later(8 * 3600);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let body = format!("token={forms}&name=qa");
    for (headers, body) in [
        (vec![("cookie", cookie.as_str()), ("origin", "https://evil.example"), form], body.as_str()),
        (vec![("cookie", cookie.as_str()), form], body.as_str()),
        (vec![("cookie", cookie.as_str()), ("origin", ORIGIN), form], "name=qa"),
        (vec![("cookie", cookie.as_str()), ("origin", ORIGIN), form], "name=qa&token=guess"),
    ] {
        let answer = world.ask(Method::POST, "/environments/shop/qa/destroy", &headers, body).await;
        let (status, _, page) = parts(answer).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(!page.contains("/go-on/"), "{page}");
    }
    for path in ["//evil.example/x", "/\\evil.example/x"] {
        let (_, _, page) = world.post(path, &cookie, &body).await;
        assert!(!page.contains("/go-on/"), "{page}");
    }
}

#[tokio::test]
async fn a_session_is_good_where_its_provider_is_that_of_the_server() {
    // The same key, the same address, and another provider, by whom the same name may be another person's.
    let (here, there) = (World::new().await, World::new().await);
    let (cookie, _) = there.signed("root");
    let (status, headers, _) = here.get("/environments", &[HTML, ("cookie", &cookie)]).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{headers:?}");
    assert_eq!(here.get("/api/v1/environments", &[("cookie", &cookie)]).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(there.get("/environments", &[HTML, ("cookie", &cookie)]).await.0, StatusCode::OK);
}

#[tokio::test]
async fn somebody_whose_name_became_a_programs_signs_in_anew() {
    let rules = "issuers: [{issuer: 'https://ci.example', audiences: [a], prefix: 'github:', people: [{when: {a: b}, name: c}]}]";
    let world = World::with(Limits::of(1e9, 1e9, 1e9), true, rules).await;
    let (cookie, _) = world.signed("github:shop");
    assert_eq!(world.get("/api/v1/environments", &[("cookie", &cookie)]).await.0, StatusCode::UNAUTHORIZED);
    let (cookie, _) = world.signed("vera");
    assert_eq!(world.get("/api/v1/environments", &[("cookie", &cookie)]).await.0, StatusCode::OK);
}

#[tokio::test]
async fn somebody_sees_what_they_may_and_is_told_whom_to_ask_for_the_rest() {
    let world = World::new().await;
    let see = async |name: &str| {
        let (cookie, _) = world.signed(name);
        world.get("/environments", &[HTML, ("cookie", &cookie)]).await.2
    };
    let page = see("vera").await;
    assert!(page.contains("shop/qa") && !page.contains("gold") && !page.contains("vault"), "{page}");
    let page = see("root").await;
    assert!(page.contains("shop/qa") && page.contains("vault/gold"), "{page}");
    let page = see("sam").await;
    assert!(!page.contains("shop/qa") && !page.contains("gold"), "{page}");
    assert!(page.contains("oidc:sam") && page.contains("#outboard-help"), "{page}");
    let (cookie, _) = world.signed("vera");
    for path in
        ["/environments/vault/gold", "/environments/vault/gold/change", "/api/v1/environments/vault/gold"]
    {
        let (status, _, page) = world.get(path, &[("cookie", &cookie)]).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}: {page}");
    }
    // The page knows who they are, and how to be somebody else.
    let (_, _, page) = world.get("/environments/vault/gold", &[HTML, ("cookie", &cookie)]).await;
    assert!(page.contains(r#"href="/who""#) && page.contains("#outboard-help"), "{page}");
    let (_, _, listed) = world.get("/api/v1/environments", &[("cookie", &cookie)]).await;
    assert!(listed.contains("qa") && !listed.contains("gold"), "{listed}");
}

#[tokio::test]
async fn files_of_clusters_are_for_those_who_may_see_the_machines() {
    let world = World::new().await;
    for path in ["/clusters", "/api/v1/clusters"] {
        let see = async |name: &str| {
            let (cookie, _) = world.signed(name);
            world.get(path, &[("cookie", &cookie)]).await.2
        };
        for name in ["vera", "sam"] {
            let page = see(name).await;
            assert!(!page.contains("hidden.yaml") && !page.contains("\"files\""), "{name} {path}: {page}");
        }
        let page = see("root").await;
        assert!(
            page.contains("hidden.yaml") && page.contains("the log of the server says why"),
            "{path}: {page}"
        );
    }
}

#[tokio::test]
async fn without_an_answer_to_what_somebody_may_nothing_is_shown() {
    let world = World::with(Limits::of(1e9, 1e9, 1e9), false, "issuers: []").await;
    let (cookie, _) = world.signed("root");
    for path in
        ["/environments", "/environments/shop/qa", "/api/v1/environments", "/api/v1/projects", "/copies"]
    {
        let (status, _, page) = world.get(path, &[HTML, ("cookie", &cookie)]).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}: {page}");
        assert!(!page.contains("gold") && !page.contains("\"qa\""), "{path}: {page}");
    }
}

#[tokio::test]
async fn everything_is_asked_as_whoever_asks() {
    let world = World::new().await;
    let (cookie, _) = world.signed("vera");
    world.get("/environments/shop/qa", &[("cookie", &cookie)]).await;
    let seen = world.seen.lock().unwrap();
    let theirs: Vec<_> = seen.iter().filter(|asked| !asked.address.contains("watch=true")).collect();
    assert!(!theirs.is_empty());
    for asked in theirs {
        let said = |name: &str| {
            asked
                .headers
                .get_all(name)
                .iter()
                .map(|value| value.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(said("impersonate-user"), ["oidc:vera"], "{}", asked.address);
        assert_eq!(said("impersonate-group"), ["oidc:dev"], "{}", asked.address);
    }
}

#[tokio::test]
async fn only_its_own_name_is_answered() {
    let world = World::new().await;
    let (cookie, _) = world.signed("vera");
    for host in ["evil.example", "outboard.example.com:444", "outboard.example.com.evil.example", "127.0.0.1"]
    {
        let (status, ..) = world.get("/who", &[("host", host), ("cookie", &cookie)]).await;
        assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
    let (status, ..) = world.get("/healthz", &[("host", "10.0.0.7:8090")]).await;
    assert_eq!(status, StatusCode::OK);
    let (status, headers, _) = world.get("/who", &[("host", HOST), ("cookie", &cookie)]).await;
    assert_eq!(status, StatusCode::OK);
    for (name, said) in [
        ("strict-transport-security", "max-age="),
        ("content-security-policy", "default-src 'none'; script-src 'self'"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ] {
        assert!(headers[name].to_str().unwrap().starts_with(said), "{name}: {:?}", headers[name]);
    }
    assert!(!headers["content-security-policy"].to_str().unwrap().contains("unsafe"));
}

#[tokio::test]
async fn what_came_to_the_gateway_in_clear_is_not_answered() {
    let world = World::new().await;
    let (cookie, _) = world.signed("vera");
    for (said, wanted) in [
        ("http", StatusCode::FORBIDDEN),
        ("https, http", StatusCode::FORBIDDEN),
        ("https", StatusCode::OK),
        ("http, https", StatusCode::OK),
    ] {
        let (status, ..) = world.get("/who", &[("x-forwarded-proto", said), ("cookie", &cookie)]).await;
        assert_eq!(status, wanted, "{said}");
    }
}

#[tokio::test]
async fn what_somebody_who_hangs_up_began_is_on_record() {
    let mut world = World::new().await;
    let (cookie, forms) = world.signed("vera");
    let body = format!("token={forms}&name=qa");
    let mut asking = Box::pin(world.post("/environments/shop/qa/destroy", &cookie, &body));
    // Once: it has begun, and nobody listens any more.
    assert!(futures::poll!(&mut asking).is_pending());
    drop(asking);
    let line = world.lines.recv().await.unwrap();
    assert_eq!(line.who, "vera");
    assert!((400..500).contains(&line.status), "{line:?}");
    assert!(line.what.is_some_and(|what| what.contains("env destroy qa")));
}

#[tokio::test]
async fn somebody_who_is_refused_is_on_record_and_a_stranger_is_not() {
    let mut world = World::new().await;
    let (cookie, _) = world.signed("vera");
    world.post("/environments/shop/qa/destroy", &cookie, "name=qa").await;
    world.post("/environments/shop/qa/destroy", "", "name=qa").await;
    let line = world.lines.try_recv().unwrap();
    assert_eq!((line.who.as_str(), line.status, line.from.as_str()), ("vera", 403, ""));
    assert!(world.lines.try_recv().is_err());
}

#[tokio::test]
async fn whoever_comes_too_often_waits() {
    let world = World::with(Limits::of(6.0, 1e9, 1e9), true, "issuers: []").await;
    let from = |address: &'static str| [("x-forwarded-for", address), HTML];
    let mut last = StatusCode::OK;
    for _ in 0..7 {
        let (status, headers, _) = world.get("/signed-out", &from("203.0.113.1")).await;
        if status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(headers[header::RETRY_AFTER], "10");
        }
        last = status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(world.get("/signed-out", &from("203.0.113.2")).await.0, StatusCode::OK);
    // What is said before the Gateway's own word counts for nothing.
    assert_eq!(
        world.get("/signed-out", &from("203.0.113.9, 203.0.113.1")).await.0,
        StatusCode::TOO_MANY_REQUESTS
    );
    world.later(10);
    assert_eq!(world.get("/signed-out", &from("203.0.113.1")).await.0, StatusCode::OK);
    let world = World::with(Limits::of(1e9, 1e9, 2.0), true, "issuers: []").await;
    let (cookie, _) = world.signed("vera");
    let (other, _) = world.signed("dora");
    for wanted in [StatusCode::OK, StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        assert_eq!(world.get("/who", &[("cookie", &cookie)]).await.0, wanted);
    }
    assert_eq!(world.get("/who", &[("cookie", &other)]).await.0, StatusCode::OK);
}

#[tokio::test]
async fn of_several_each_is_on_record_with_what_became_of_it() {
    let mut world = World::new().await;
    let (cookie, forms) = world.signed("vera");
    let body = format!("token={forms}&action=destroy&count=2&pick=shop/qa&pick=vault/gold");
    let (status, ..) = world.post("/environments/several/carry-out", &cookie, &body).await;
    assert_eq!(status, StatusCode::OK);
    let lines: Vec<_> = std::iter::from_fn(|| world.lines.try_recv().ok()).collect();
    let mut told: Vec<(&str, u16)> =
        lines.iter().map(|line| (line.what.as_deref().unwrap_or_default(), line.status)).collect();
    let wanted = [("outboard -n shop env destroy qa", 403), ("outboard -n vault env destroy gold", 403)];
    told.sort_unstable();
    assert_eq!(told, wanted);
}
