//! What is made of AWS' answers, by the real clients against one that speaks the protocol and errs as AWS does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;

#[derive(Default)]
struct Cloud {
    /// By name: the answer of DescribeSecret, and that of GetSecretValue.
    secrets: BTreeMap<String, (Value, Value)>,
    /// By name: version, sealed and open value, tag.
    parameters: BTreeMap<String, (i64, String, String, Option<String>)>,
    /// What it says instead of an answer.
    trouble: Option<(u16, Value)>,
    /// What it was asked.
    asked: Vec<String>,
}

type Shared = Arc<Mutex<Cloud>>;

async fn serve() -> (Aws, Shared) {
    let cloud = Shared::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/", post(answer)).with_state(cloud.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (Aws::at(&endpoint), cloud)
}

async fn answer(State(cloud): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let mut cloud = cloud.lock().unwrap();
    let target = headers["x-amz-target"].to_str().unwrap();
    let operation = target.split_once('.').unwrap().1.to_owned();
    let asked: Value = serde_json::from_str(&body).unwrap();
    cloud.asked.push(operation.clone());
    if let Some((status, error)) = &cloud.trouble {
        return (StatusCode::from_u16(*status).unwrap(), Json(error.clone())).into_response();
    }
    let missing = |code: &str| {
        let error = json!({"__type": code, "message": "cannot be found"});
        (StatusCode::BAD_REQUEST, Json(error)).into_response()
    };
    let parameter = |name: &str, (version, sealed, open, _): &(i64, String, String, Option<String>)| {
        let value = if asked["WithDecryption"] == true { open } else { sealed };
        json!({"Name": name, "Type": "SecureString", "Value": value, "Version": version, "LastModifiedDate": 1.5})
    };
    match operation.as_str() {
        "DescribeSecret" | "GetSecretValue" => match cloud.secrets.get(asked["SecretId"].as_str().unwrap()) {
            Some((told, value)) => {
                Json(if operation == "DescribeSecret" { told } else { value }.clone()).into_response()
            }
            None => missing("ResourceNotFoundException"),
        },
        "GetParametersByPath" => {
            let under = format!("{}/", asked["Path"].as_str().unwrap());
            // Two at a time: there is a next page.
            let begun: usize = asked["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
            let all: Vec<_> = cloud.parameters.iter().filter(|(name, _)| name.starts_with(&under)).collect();
            let page = all.iter().skip(begun).take(2).map(|(name, found)| parameter(name, found));
            let mut told = json!({"Parameters": page.collect::<Vec<_>>()});
            if begun + 2 < all.len() {
                told["NextToken"] = json!((begun + 2).to_string());
            }
            Json(told).into_response()
        }
        "GetParameter" => {
            let name = asked["Name"].as_str().unwrap();
            match cloud.parameters.get(name) {
                Some(found) => Json(json!({"Parameter": parameter(name, found)})).into_response(),
                None => missing("ParameterNotFound"),
            }
        }
        "ListTagsForResource" => match cloud.parameters.get(asked["ResourceId"].as_str().unwrap()) {
            Some((_, _, _, tag)) => {
                let tags: Vec<_> = tag.iter().map(|tag| json!({"Key": CLASSES, "Value": tag})).collect();
                Json(json!({"TagList": tags})).into_response()
            }
            None => missing("InvalidResourceId"),
        },
        "GetAuthorizationToken" => Json(json!({"authorizationData": [{
            // `AWS:t0ken`
            "authorizationToken": "QVdTOnQwa2Vu",
            "expiresAt": 4_102_444_800.0,
            "proxyEndpoint": "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        }]}))
        .into_response(),
        other => panic!("it is asked for {other}"),
    }
}

impl Cloud {
    fn secret(&mut self, version: &str, classes: Option<&str>, value: Value) {
        let tags: Vec<_> = classes.iter().map(|tag| json!({"Key": CLASSES, "Value": tag})).collect();
        let stages = json!({"old": ["AWSPREVIOUS"], version: ["AWSCURRENT"]});
        let told = json!({"Name": "payments", "Tags": tags, "VersionIdsToStages": stages});
        self.secrets.insert("payments".to_owned(), (told, value));
    }

    fn parameter(&mut self, name: &str, version: i64, value: &str, tag: Option<&str>) {
        let sealed = format!("sealed-{}", value.len());
        self.parameters.insert(name.to_owned(), (version, sealed, value.to_owned(), tag.map(str::to_owned)));
    }

    fn asked(&mut self) -> Vec<String> {
        std::mem::take(&mut self.asked)
    }
}

fn secret() -> Place {
    Place { store: Store::SecretsManager, name: "payments".to_owned(), region: None }
}

fn parameters(name: &str) -> Place {
    Place { store: Store::ParameterStore, name: name.to_owned(), region: Some("eu-west-2".to_owned()) }
}

/// Holders with their tags, keys and values.
fn shown(kept: &Kept) -> Vec<String> {
    kept.holders
        .iter()
        .map(|holder| {
            let values = holder.values.iter();
            let values = values.map(|(key, value)| format!("{key}={}", String::from_utf8_lossy(value)));
            let tag = holder.classes.as_deref().unwrap_or("nobody");
            format!("{} for {tag}: {}", holder.name, values.collect::<Vec<_>>().join(" "))
        })
        .collect()
}

/// Past the time for which an answer is believed. The connection itself lives by the real clock.
async fn later(by: Duration) {
    tokio::time::pause();
    tokio::time::advance(by).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_secret_is_read_once_and_then_asked_about_without_its_value() {
    let (aws, cloud) = serve().await;
    cloud.lock().unwrap().secret("v1", Some("shop/qa"), json!({"SecretString": r#"{"key": "sk-1"}"#}));
    let first = aws.kept(&secret(), Freshness::Lately).await.unwrap();
    assert_eq!(shown(&first), ["payments for shop/qa: key=sk-1"]);
    assert!(!first.version.contains("sk-1"));
    aws.kept(&secret(), Freshness::Lately).await.unwrap();
    assert_eq!(cloud.lock().unwrap().asked(), ["DescribeSecret", "GetSecretValue"]);

    later(LATELY).await;
    let again = aws.kept(&secret(), Freshness::Lately).await.unwrap();
    assert_eq!(again.version, first.version);
    assert_eq!(cloud.lock().unwrap().asked(), ["DescribeSecret"]);

    cloud.lock().unwrap().secret("v2", Some("shop/qa"), json!({"SecretString": "sk-2"}));
    later(LATELY).await;
    let rotated = aws.kept(&secret(), Freshness::Lately).await.unwrap();
    assert_eq!(shown(&rotated), ["payments for shop/qa: value=sk-2"]);
    assert_ne!(rotated.version, first.version);

    // Bytes are a value; another tag is another state.
    cloud.lock().unwrap().secret("v2", None, json!({"SecretBinary": "AAE="}));
    later(ANEW).await;
    let bytes = aws.kept(&secret(), Freshness::Anew).await.unwrap();
    assert_eq!(bytes.holders[0].values["value"], [0, 1]);
    assert_eq!(bytes.holders[0].classes, None);
}

#[tokio::test]
async fn parameters_under_a_path_are_keys_and_are_decrypted_only_when_they_have_changed() {
    let (aws, cloud) = serve().await;
    {
        let mut cloud = cloud.lock().unwrap();
        cloud.parameter("/shop/pay/key", 1, "sk-1", Some("shop/qa"));
        cloud.parameter("/shop/pay/mail", 1, "ann", Some("shop/qa shop/live"));
        cloud.parameter("/shop/pay/none", 1, "-", None);
        cloud.parameter("single", 7, r#"{"a": "1"}"#, Some("shop/@all"));
    }
    let first = aws.kept(&parameters("/shop/pay"), Freshness::Lately).await.unwrap();
    let told = [
        "/shop/pay/key for shop/qa: key=sk-1",
        "/shop/pay/mail for shop/qa shop/live: mail=ann",
        "/shop/pay/none for nobody: none=-",
    ];
    assert_eq!(shown(&first), told);
    let asked = cloud.lock().unwrap().asked();
    assert_eq!(asked.iter().filter(|one| *one == "GetParametersByPath").count(), 4, "two pages, twice");
    assert_eq!(asked.iter().filter(|one| *one == "ListTagsForResource").count(), 3);

    later(LATELY).await;
    aws.kept(&parameters("/shop/pay"), Freshness::Lately).await.unwrap();
    // The tag that is lacking is looked at again, the others are believed for longer.
    let asked = cloud.lock().unwrap().asked();
    assert_eq!(asked, ["GetParametersByPath", "GetParametersByPath", "ListTagsForResource"]);

    cloud.lock().unwrap().parameter("/shop/pay/key", 2, "sk-2", Some("shop/qa"));
    later(LATELY).await;
    let changed = aws.kept(&parameters("/shop/pay"), Freshness::Lately).await.unwrap();
    assert_eq!(shown(&changed)[0], "/shop/pay/key for shop/qa: key=sk-2");
    assert_ne!(changed.version, first.version);

    let single = aws.kept(&parameters("single"), Freshness::Lately).await.unwrap();
    assert_eq!(shown(&single), ["single for shop/@all: a=1"]);
    cloud.lock().unwrap().parameter("/alone", 1, "x", None);
    let alone = aws.kept(&parameters("/alone"), Freshness::Lately).await.unwrap();
    assert_eq!(shown(&alone), ["/alone for nobody: value=x"]);
    assert_eq!(aws.kept(&parameters("/nothing"), Freshness::Lately).await.err(), Some(Failure::Missing));
}

#[tokio::test]
async fn more_than_anybody_means_is_not_read() {
    let (aws, cloud) = serve().await;
    for number in 0..51 {
        cloud.lock().unwrap().parameter(&format!("/all/{number}"), 1, "x", None);
    }
    assert_eq!(aws.kept(&parameters("/all"), Freshness::Lately).await.err(), Some(Failure::TooMany(50)));
}

#[tokio::test]
async fn every_error_of_aws_is_told_apart_by_what_mends_it() {
    let (aws, cloud) = serve().await;
    let asked = async |status: u16, code: &str, message: &str| {
        cloud.lock().unwrap().trouble = Some((status, json!({"__type": code, "message": message})));
        later(Duration::from_secs(120)).await;
        aws.kept(&secret(), Freshness::Anew).await.err()
    };
    let words = "User: arn:aws:sts::1:assumed-role/outboard/x is not authorized to perform: secretsmanager:DescribeSecret";
    assert_eq!(asked(400, "AccessDeniedException", words).await, Some(Failure::Denied(words.to_owned())));
    let expired = "The security token included in the request is expired";
    assert_eq!(asked(400, "ExpiredTokenException", expired).await, Some(Failure::Denied(expired.to_owned())));
    let rate = Some(Failure::Throttled("Rate exceeded".to_owned()));
    assert_eq!(asked(400, "ThrottlingException", "Rate exceeded").await, rate);
    assert!(matches!(asked(500, "InternalServiceError", "oops").await, Some(Failure::Unreachable(_))));
    let parameter = asked(400, "InvalidParameterException", "what?").await;
    assert_eq!(parameter, Some(Failure::Refused("InvalidParameterException: what?".to_owned())));
    cloud.lock().unwrap().trouble = None;
    later(Duration::from_secs(120)).await;
    assert_eq!(aws.kept(&secret(), Freshness::Anew).await.err(), Some(Failure::Missing));
    let told = json!({"Name": "payments", "DeletedDate": 1.5, "VersionIdsToStages": {"v1": ["AWSCURRENT"]}});
    cloud.lock().unwrap().secrets.insert("payments".to_owned(), (told, json!({})));
    later(ANEW).await;
    assert_eq!(aws.kept(&secret(), Freshness::Anew).await.err(), Some(Failure::Going));
    cloud.lock().unwrap().secrets.insert("payments".to_owned(), (json!({"Name": "payments"}), json!({})));
    later(ANEW).await;
    assert_eq!(aws.kept(&secret(), Freshness::Anew).await.err(), Some(Failure::Empty));
}

#[tokio::test]
async fn without_an_aws_without_an_identity_and_without_a_region_each_is_told_as_that() {
    let nowhere = Aws::at("http://127.0.0.1:1");
    let why = nowhere.kept(&secret(), Freshness::Lately).await.err();
    assert!(
        matches!(&why, Some(Failure::Unreachable(why)) if why.to_lowercase().contains("refused")),
        "{why:?}"
    );
    let config = |region: Option<&'static str>| {
        aws_config::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(region.map(aws_config::Region::from_static))
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(Nobody))
            .build()
    };
    let stranger = Aws { access: Access::of(config(Some("eu-west-1"))), ..Aws::default() };
    let why = stranger.kept(&secret(), Freshness::Lately).await.err();
    assert!(matches!(&why, Some(Failure::NoCredentials(why)) if why.contains("instance profile")), "{why:?}");
    let lost = Aws { access: Access::of(config(None)), ..Aws::default() };
    assert_eq!(lost.kept(&secret(), Freshness::Lately).await.err(), Some(Failure::NoRegion));
}

#[tokio::test]
async fn a_login_of_a_region_is_asked_for_once_until_it_is_refused() {
    let (aws, cloud) = serve().await;
    for _ in 0..3 {
        let login = aws.login("eu-west-1").await.unwrap();
        assert_eq!((login.user.as_str(), login.password.as_str()), ("AWS", "t0ken"));
    }
    assert_eq!(cloud.lock().unwrap().asked(), ["GetAuthorizationToken"]);
    aws.forget_login("eu-west-1").await;
    aws.login("eu-west-1").await.unwrap();
    assert_eq!(cloud.lock().unwrap().asked(), ["GetAuthorizationToken"]);
}

/// A chain at whose end there is nobody.
#[derive(Debug)]
struct Nobody;

impl aws_credential_types::provider::ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let error = aws_credential_types::provider::error::CredentialsError::not_loaded_no_source();
        aws_credential_types::provider::future::ProvideCredentials::ready(Err(error))
    }
}
