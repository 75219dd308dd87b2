//! What goes through, and what does not.

use http::HeaderName;

use super::*;

fn read(method: &str, address: &str) -> Result<Option<Asked>, Barred> {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    Asked::read(&method.parse().unwrap(), path, query)
}

fn said(method: &str, address: &str) -> String {
    match read(method, address) {
        Ok(Some(asked)) => asked.to_string(),
        Ok(None) => "version".to_owned(),
        Err(barred) => format!("barred: {barred}"),
    }
}

#[test]
fn requests_are_read_as_kubernetes_reads_them() {
    for (method, address, wanted) in [
        ("GET", "/version", "version"),
        ("GET", "/apis/outboard.dev/v1alpha1/environments", "list environments.outboard.dev"),
        (
            "GET",
            "/apis/outboard.dev/v1alpha1/namespaces/shop/environments?limit=1",
            "list environments.outboard.dev shop",
        ),
        (
            "GET",
            "/apis/outboard.dev/v1alpha1/namespaces/shop/environments?watch=true",
            "watch environments.outboard.dev shop",
        ),
        (
            "GET",
            "/apis/outboard.dev/v1alpha1/namespaces/shop/environments?watch=1&x",
            "watch environments.outboard.dev shop",
        ),
        (
            "GET",
            "/apis/outboard.dev/v1alpha1/namespaces/shop/environments?watch",
            "watch environments.outboard.dev shop",
        ),
        (
            "GET",
            "/apis/outboard.dev/v1alpha1/namespaces/shop/environments?watch=false&labelSelector=a%3Db",
            "list environments.outboard.dev shop",
        ),
        (
            "GET",
            "/apis/outboard.dev/v1alpha1/namespaces/shop/environments/qa",
            "get environments.outboard.dev shop/qa",
        ),
        ("POST", "/apis/outboard.dev/v1alpha1/namespaces/shop/plans", "create plans.outboard.dev shop"),
        (
            "PATCH",
            "/apis/outboard.dev/v1alpha1/namespaces/shop/environments/qa",
            "patch environments.outboard.dev shop/qa",
        ),
        (
            "DELETE",
            "/apis/outboard.dev/v1alpha1/namespaces/shop/environments/qa",
            "delete environments.outboard.dev shop/qa",
        ),
        ("GET", "/api/v1/namespaces/shop-qa/pods/web-1/log?follow=true", "get pods/log shop-qa/web-1"),
        ("GET", "/api/v1/namespaces/shop-qa/pods/web-1/exec?command=sh", "get pods/exec shop-qa/web-1"),
        ("GET", "/api/v1/namespaces/shop-qa", "get namespaces shop-qa"),
        ("POST", "/api/v1/namespaces", "create namespaces"),
        (
            "POST",
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            "create selfsubjectreviews.authentication.k8s.io",
        ),
    ] {
        // A namespace by itself is a name, as Kubernetes reads it, too.
        assert_eq!(said(method, address), wanted, "{method} {address}");
    }
}

#[test]
fn what_is_not_listed_does_not_go_through() {
    for (method, address) in [
        ("GET", "/api/v1/namespaces/shop/secrets"),
        ("GET", "/api/v1/namespaces/shop/secrets/db"),
        ("GET", "/api/v1/secrets?watch=true"),
        ("POST", "/api/v1/namespaces/shop/serviceaccounts/default/token"),
        ("GET", "/api/v1/nodes"),
        ("GET", "/api/v1/namespaces/shop/pods/web-1/proxy"),
        ("GET", "/api/v1/namespaces/shop/services/web/proxy"),
        ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"),
        ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews"),
        ("POST", "/apis/authentication.k8s.io/v1/tokenreviews"),
        ("DELETE", "/apis/outboard.dev/v1alpha1/namespaces/shop/environments"),
        ("PUT", "/apis/outboard.dev/v1alpha1/namespaces/shop/environments/qa/status"),
        ("PUT", "/apis/apps/v1/namespaces/shop-qa/deployments/web"),
        ("PATCH", "/apis/apps/v1/namespaces/shop/controllerrevisions/qa-r1"),
        ("GET", "/apis/evil.example/v1/namespaces/shop/environments"),
        ("GET", "/api/v1/watch/namespaces/shop/secrets"),
        ("GET", "/api/v2/namespaces/shop/pods"),
        ("GET", "/api"),
        ("GET", "/apis"),
        ("GET", "/metrics"),
        ("GET", "/healthz"),
        ("GET", "/"),
        ("GET", ""),
        ("POST", "/version"),
        ("HEAD", "/api/v1/namespaces/shop/pods"),
        ("OPTIONS", "/api/v1/namespaces/shop/pods"),
        ("CONNECT", "/api/v1/namespaces/shop/pods"),
    ] {
        assert!(read(method, address).is_err(), "{method} {address}: {}", said(method, address));
    }
}

#[test]
fn an_address_that_would_have_to_be_decoded_or_leads_elsewhere_is_none() {
    for address in [
        "/api/v1/namespaces/shop/pods/../secrets",
        "/api/v1/namespaces/shop/./pods",
        "/api/v1/namespaces/shop/pods/%2e%2e/secrets",
        "/api/v1/namespaces/shop/%73ecrets",
        "/api/v1/namespaces/shop%2fsecrets",
        "/api/v1//namespaces/shop/pods",
        "//api/v1/namespaces/shop/pods",
        "/api/v1/namespaces/shop/pods/",
        "/api/v1/namespaces/shop/pods;x/web",
        "/api/v1/namespaces/shop/pods/web/log/more",
        "/api/v1/namespaces/shop/pods/web\\log",
        "/api/v1/namespaces/shop/pods/é",
        "api/v1/namespaces/shop/pods",
    ] {
        assert!(read("GET", address).is_err(), "{address}: {}", said("GET", address));
    }
}

#[test]
fn secrets_are_in_no_line_of_the_list_and_nothing_stands_for_everything() {
    for (group, resource, verbs) in LISTED {
        assert!(
            !resource.contains("secret") && !resource.contains('*') && !group.contains('*'),
            "{resource}"
        );
        assert!(
            !verbs.contains(&"deletecollection")
                && !resource.ends_with("/proxy")
                && !resource.ends_with("/token")
        );
    }
}

#[test]
fn being_inside_a_container_counts_as_a_change() {
    let changes = |method, address| read(method, address).unwrap().unwrap().changes();
    assert!(changes("GET", "/api/v1/namespaces/shop-qa/pods/web-1/exec"));
    assert!(changes("DELETE", "/apis/outboard.dev/v1alpha1/namespaces/shop/environments/qa"));
    assert!(!changes("GET", "/api/v1/namespaces/shop-qa/pods/web-1/log"));
    assert!(!changes("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews"));
}

#[test]
fn nothing_that_says_who_somebody_is_goes_on() {
    let mut headers = HeaderMap::new();
    for name in [
        "authorization",
        "cookie",
        "impersonate-user",
        "impersonate-group",
        "impersonate-uid",
        "impersonate-extra-a",
        "x-remote-user",
        "x-remote-group",
        "x-forwarded-for",
        "host",
        "connection",
        "transfer-encoding",
        "accept",
        "content-type",
    ] {
        headers.insert(HeaderName::from_static(name), http::HeaderValue::from_static("x"));
    }
    let mut kept: Vec<String> = going_on(&headers, false).keys().map(ToString::to_string).collect();
    kept.sort();
    assert_eq!(kept, ["accept", "content-type"]);
    let protocols = "v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.dG9rZW4, v4.channel.k8s.io";
    headers.insert("sec-websocket-protocol", http::HeaderValue::from_static(protocols));
    headers.insert("upgrade", http::HeaderValue::from_static("websocket"));
    assert!(!going_on(&headers, false).contains_key("upgrade"));
    let going = going_on(&headers, true);
    assert_eq!(going["sec-websocket-protocol"], "v5.channel.k8s.io, v4.channel.k8s.io");
    assert_eq!(
        (&going["upgrade"], &going["connection"]),
        (&"websocket".parse().unwrap(), &"Upgrade".parse().unwrap())
    );
}

#[test]
fn only_ways_into_a_container_change_their_protocol() {
    let asked = |address| read("GET", address).unwrap().unwrap();
    let exec = asked("/api/v1/namespaces/shop-qa/pods/web-1/exec");
    assert!(exec.may_upgrade("websocket") && exec.may_upgrade("WebSocket"));
    assert!(
        !exec.may_upgrade("SPDY/3.1")
            && !exec.may_upgrade("h2c")
            && !exec.may_upgrade("websocket, h2c")
            && !exec.may_upgrade("")
    );
    assert!(!asked("/api/v1/namespaces/shop-qa/pods/web-1/log").may_upgrade("websocket"));
    assert!(!asked("/apis/outboard.dev/v1alpha1/environments").may_upgrade("websocket"));
}

#[test]
fn what_is_made_is_named_by_what_is_sent_or_by_what_kubernetes_answers() {
    let plans = "/apis/outboard.dev/v1alpha1/namespaces/shop/plans";
    let mut made = read("POST", plans).unwrap().unwrap();
    assert!(made.name_in(br#"{"metadata": {"name": "qa", "generateName": "x-"}}"#));
    assert_eq!(made.to_string(), "create plans.outboard.dev shop/qa");
    let mut drawn = read("POST", plans).unwrap().unwrap();
    assert!(!drawn.name_in(br#"{"metadata": {"generateName": "qa-"}}"#));
    assert_eq!(drawn.to_string(), "create plans.outboard.dev shop/qa-*");
    assert!(drawn.name_in(br#"{"metadata": {"generateName": "qa-", "name": "qa-x7"}}"#));
    assert_eq!(drawn.to_string(), "create plans.outboard.dev shop/qa-x7");
    // What is no object, or has a name that would be another line, names nothing.
    for object in [&b"nonsense"[..], br#"{"metadata": {"name": "a\nb"}}"#, br#"{"metadata": 7}"#, b""] {
        let mut made = read("POST", plans).unwrap().unwrap();
        assert!(!made.name_in(object));
        assert_eq!(made.to_string(), "create plans.outboard.dev shop");
    }
    // An address that has a name already needs none.
    let mut changed = read("PATCH", &format!("{plans}/qa")).unwrap().unwrap();
    assert!(changed.name_in(br#"{"metadata": {"name": "other"}}"#));
    assert_eq!(changed.to_string(), "patch plans.outboard.dev shop/qa");
}

#[test]
fn nothing_that_somebody_adds_makes_less_of_a_change_on_record() {
    let qa = "/apis/outboard.dev/v1alpha1/namespaces/shop/environments/qa";
    // With a body of its own Kubernetes does not look at the query of a deletion; exec knows no dryRun.
    assert_eq!(said("DELETE", &format!("{qa}?dryRun=All")), "delete environments.outboard.dev shop/qa");
    assert_eq!(said("PATCH", &format!("{qa}?dryRun=All")), "patch environments.outboard.dev shop/qa");
    let exec = "/api/v1/namespaces/shop-qa/pods/web-1/exec?command=sh&dryRun=All";
    assert_eq!(said("POST", exec), "create pods/exec shop-qa/web-1");
}

#[test]
fn a_query_that_could_be_read_in_two_ways_does_not_go_through() {
    let list = "/apis/outboard.dev/v1alpha1/namespaces/shop/environments";
    for query in [
        "dryRun=All;",
        "dryRun=All%zz",
        "dryRun=All%4",
        "dryRun=All%",
        "a;b=c",
        "%77atch=1",
        "wa+tch=1",
        "watch=%31",
        "watch=TRUE",
        "watch=true&watch=false",
        "é=1",
    ] {
        assert_eq!(read("GET", &format!("{list}?{query}")), Err(Barred::Query), "{query}");
    }
    for query in ["", "&", "limit=500&continue=abc%3D%3d", "labelSelector=a%2Cb+c", "command=sh&command=-c"] {
        assert!(read("GET", &format!("{list}?{query}")).is_ok(), "{query}");
    }
}

#[test]
fn a_name_that_is_known_is_kept_where_the_answer_says_none() {
    let mut drawn = read("POST", "/apis/outboard.dev/v1alpha1/namespaces/shop/plans").unwrap().unwrap();
    assert!(!drawn.name_in(br#"{"metadata": {"generateName": "qa-"}}"#));
    for answer in [&br#"{"kind": "Table", "metadata": {}}"#[..], b"metadata: {name: qa-x7}", b"k8s\0\x0a"] {
        assert!(!drawn.name_in(answer));
        assert_eq!(drawn.to_string(), "create plans.outboard.dev shop/qa-*");
    }
}

#[test]
fn what_makes_an_object_speaks_json() {
    let said = |kinds: &[&'static str]| {
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("application/json;as=Table;g=meta.k8s.io;v=v1"));
        for kind in kinds {
            headers.append("content-type", HeaderValue::from_static(kind));
        }
        speak_json(&mut headers).then_some(headers)
    };
    for kind in ["application/json", "Application/JSON; charset=utf-8"] {
        let headers = said(&[kind]).unwrap();
        assert_eq!(
            (&headers["accept"], &headers["content-type"]),
            (&"application/json".parse().unwrap(), &"application/json".parse().unwrap())
        );
    }
    for kinds in [
        &[][..],
        &["application/yaml"],
        &["application/vnd.kubernetes.protobuf"],
        &["application/cbor"],
        &["application/json", "application/yaml"],
        &["application/jsonx"],
    ] {
        assert_eq!(said(kinds), None, "{kinds:?}");
    }
}
