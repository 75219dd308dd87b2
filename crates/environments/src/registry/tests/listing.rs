//! What is listed of a registry that errs as real ones do: pages, links that lead elsewhere, answers without end, images that
//! are none.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::extract::Query;
use axum::http::Uri;
use oci_client::manifest::{IMAGE_CONFIG_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::*;
use crate::registry::repository::Repository;
use crate::registry::shelf::{Asker, Shelf};
use crate::registry::{image, tags};

/// What lies in a repository, and what was asked of it.
#[derive(Default)]
struct Store {
    /// By tag and by digest.
    manifests: BTreeMap<String, Vec<u8>>,
    blobs: BTreeMap<String, Vec<u8>>,
    /// Leaves the digest to whoever asks.
    silent: bool,
    asked: Mutex<Vec<String>>,
}

impl Store {
    fn put(&mut self, value: &Value) -> String {
        let bytes = value.to_string().into_bytes();
        let digest = sum(&bytes);
        self.manifests.insert(digest.clone(), bytes);
        digest
    }

    /// An image with that configuration; its digest.
    fn image(&mut self, config: &Value) -> String {
        let bytes = config.to_string().into_bytes();
        let digest = sum(&bytes);
        self.blobs.insert(digest.clone(), bytes);
        let config = json!({"mediaType": IMAGE_CONFIG_MEDIA_TYPE, "digest": digest, "size": 1});
        self.put(
            &json!({"schemaVersion": 2, "mediaType": OCI_IMAGE_MEDIA_TYPE, "config": config, "layers": []}),
        )
    }

    fn index(&mut self, entries: &[(&str, &str)]) -> String {
        let entries = entries.iter().map(|(digest, architecture)| {
            let os = if *architecture == "unknown" { "unknown" } else { "linux" };
            json!({"digest": digest, "platform": {"os": os, "architecture": architecture}})
        });
        let entries: Vec<Value> = entries.collect();
        self.put(&json!({"schemaVersion": 2, "mediaType": OCI_IMAGE_INDEX_MEDIA_TYPE, "manifests": entries}))
    }

    fn tag(&mut self, tag: &str, digest: &str) {
        let bytes = self.manifests[digest].clone();
        self.manifests.insert(tag.to_owned(), bytes);
    }
}

fn sum(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Serves it; answers with settings that lead there.
async fn serve(store: Store) -> (Arc<Store>, Settings) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let store = Arc::new(store);
    let router = Router::new()
        .route("/v2/", get(async || StatusCode::OK))
        .route("/v2/{name}/tags/list", get(list))
        .route("/v2/{name}/manifests/{reference}", get(manifest))
        .route("/v2/{name}/blobs/{digest}", get(blob))
        .with_state(store.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let _ = rustls::crypto::ring::default_provider().install_default();
    let registries = [("registry.example.com".to_owned(), format!("http://{address}"))].into();
    (store, Settings { registries, ..Settings::default() })
}

async fn open<'a>(name: &str, settings: &Settings, aws: &'a Aws) -> Repository<'a> {
    let repository = format!("registry.example.com/{name}");
    Repository::open(&repository, settings, &Credentials::default(), aws)
        .await
        .unwrap_or_else(|_| panic!("closed"))
}

fn asker() -> Arc<Asker> {
    let (control, class) = ("shop".to_owned(), "qa".to_owned());
    Arc::new(Asker { control, class, repository: "registry.example.com/web".to_owned() })
}

async fn read(name: &str) -> Result<tags::Tags, Failure> {
    let (_, settings) = serve(Store::default()).await;
    let aws = Aws::default();
    tags::read(&open(name, &settings, &aws).await).await
}

/// Lists in the many ways in which registries do.
async fn list(
    State(store): State<Arc<Store>>,
    Path(name): Path<String>,
    Query(asked): Query<BTreeMap<String, String>>,
    uri: Uri,
) -> Response {
    store.asked.lock().unwrap().push(uri.to_string());
    let last: usize = asked.get("last").and_then(|last| last.parse().ok()).unwrap_or(0);
    let page = |from: usize, many: usize| (from..from + many).map(|tag| tag.to_string()).collect::<Vec<_>>();
    let linked = |tags: Vec<String>, link: String| {
        let link = HeaderValue::from_str(&link).unwrap();
        ([(header::LINK, link)], Json(json!({"name": "x", "tags": tags}))).into_response()
    };
    match name.as_str() {
        // As one behind a proxy that calls itself by a name nobody can reach.
        "paged" if last < 6 => linked(
            page(last, 3),
            format!("<http://inner.invalid/v2/paged/tags/list?last={}&n=3>; rel=\"next\"", last + 3),
        ),
        "paged" => Json(json!({"tags": page(last, 2)})).into_response(),
        "none" => Json(json!({"name": "none", "tags": null})).into_response(),
        "circle" => linked(page(0, 2), "</v2/circle/tags/list?n=1000>; rel=next".to_owned()),
        "endless" => {
            linked(page(last, 1_000), format!("</v2/endless/tags/list?last={}>; rel=\"next\"", last + 1_000))
        }
        "slow" => linked(page(last, 1), format!("</v2/slow/tags/list?last={}>; rel=\"next\"", last + 1)),
        // Ten names a page, each longer than a tag may be.
        "long" => linked(
            vec!["x".repeat(50 * 1024); 10],
            format!("</v2/long/tags/list?last={}>; rel=\"next\"", last + 1),
        ),
        "flood" => vec![b' '; 5 * 1024 * 1024].into_response(),
        "page" => "<html>Sign in</html>".into_response(),
        "broken" => (StatusCode::BAD_GATEWAY, "<html>\u{1b}[31m").into_response(),
        "busy" => too_often(),
        "closed" => (StatusCode::FORBIDDEN, "no").into_response(),
        _ => {
            let unknown =
                json!({"errors": [{"code": "NAME_UNKNOWN", "message": "repository name not known"}]});
            (StatusCode::NOT_FOUND, Json(unknown)).into_response()
        }
    }
}

async fn manifest(
    State(store): State<Arc<Store>>,
    Path((_, reference)): Path<(String, String)>,
    uri: Uri,
) -> Response {
    store.asked.lock().unwrap().push(uri.path().to_owned());
    match store.manifests.get(&reference) {
        Some(bytes) if store.silent => bytes.clone().into_response(),
        Some(bytes) => ([("docker-content-digest", sum(bytes))], bytes.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn blob(
    State(store): State<Arc<Store>>,
    Path((_, digest)): Path<(String, String)>,
    uri: Uri,
) -> Response {
    store.asked.lock().unwrap().push(uri.path().to_owned());
    store
        .blobs
        .get(&digest)
        .map_or(StatusCode::NOT_FOUND.into_response(), |bytes| bytes.clone().into_response())
}

#[tokio::test]
async fn tags_are_read_page_by_page_from_the_registry_that_was_asked() {
    let (store, settings) = serve(Store::default()).await;
    let aws = Aws::default();
    let found = tags::read(&open("paged", &settings, &aws).await).await.unwrap();
    assert_eq!(found.names, ["0", "1", "2", "3", "4", "5", "6", "7"]);
    assert!(!found.cut);
    // A mirror is told which registry is meant, on every page.
    let asked = store.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked.iter().all(|uri| uri.ends_with("ns=registry.example.com")), "{asked:?}");
    assert_eq!(read("none").await, Ok(tags::Tags::default()));
}

#[tokio::test]
async fn a_registry_without_end_is_read_so_far_and_no_further() {
    let endless = read("endless").await.unwrap();
    assert_eq!((endless.names.len(), endless.cut), (tags::MOST, true));
    let slow = read("slow").await.unwrap();
    assert_eq!((slow.names.len(), slow.cut), (100, true));
    let circle = read("circle").await.unwrap();
    assert_eq!((circle.names.len(), circle.cut), (2, true));
    let long = read("long").await.unwrap();
    assert_eq!((long.names.len(), long.cut), (0, true));
    let Err(Failure::Unreachable(why)) = read("flood").await else { panic!("it was read whole") };
    assert!(why.contains("larger than"), "{why}");
}

#[tokio::test]
async fn what_a_registry_says_instead_of_tags_is_told_apart() {
    assert_eq!(read("nope").await, Err(Failure::Missing));
    assert_eq!(read("closed").await, Err(Failure::Denied));
    assert_eq!(read("busy").await, Err(Failure::Limited("You have reached your pull rate limit".into())));
    assert_eq!(read("broken").await, Err(Failure::Unreachable("it answers 502 Bad Gateway".into())));
    let Err(Failure::Unreachable(why)) = read("page").await else { panic!("a page is no list") };
    assert!(why.contains("no list of tags"), "{why}");
}

#[tokio::test]
async fn an_image_is_asked_once_what_it_says() {
    let mut store = Store::default();
    let labels =
        json!({"org.opencontainers.image.revision": "9f86d08", "org.opencontainers.image.ref.name": "main"});
    let says = store.image(&json!({"created": "2026-11-20T10:00:00Z", "config": {"Labels": labels}}));
    let attested = store.image(&json!({}));
    let both = store.index(&[(&attested, "unknown"), (&says, "amd64")]);
    store.tag("1", &both);
    let (store, settings) = serve(store).await;
    let (aws, shelf) = (Aws::default(), Shelf::default());
    let repository = open("web", &settings, &aws).await;
    assert_eq!(image::digest(&repository, "1").await, Ok(Some(both.clone())));
    assert_eq!(image::digest(&repository, "2").await, Ok(None), "it is gone");
    let said = image::says(&repository, &both, &asker(), &shelf).await.unwrap();
    assert_eq!((said.branch.as_deref(), said.revision.as_deref()), (Some("main"), Some("9f86d08")));
    assert_eq!(said.created, Some("2026-11-20T10:00:00Z".parse().unwrap()));
    let before = store.asked.lock().unwrap().len();
    assert_eq!(image::says(&repository, &both, &asker(), &shelf).await, Ok(said));
    assert_eq!(store.asked.lock().unwrap().len(), before, "it was asked again");
}

#[tokio::test]
async fn a_registry_that_leaves_out_digests_is_read_by_its_bytes() {
    let mut store = Store { silent: true, ..Store::default() };
    let image = store.image(&json!({}));
    store.tag("1", &image);
    let (_, settings) = serve(store).await;
    let aws = Aws::default();
    assert_eq!(image::digest(&open("web", &settings, &aws).await, "1").await, Ok(Some(image)));
}

#[tokio::test]
async fn what_is_no_image_says_nothing_and_other_bytes_are_not_believed() {
    let mut store = Store::default();
    let chart = store.put(
        &json!({"config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": sum(b"")}}),
    );
    let nested = store.index(&[(&chart, "amd64")]);
    let empty = store.index(&[]);
    let astray = store.index(&[("../../x", "amd64")]);
    let gone = store.index(&[(&sum(b"gone"), "amd64")]);
    let junk = sum(b"junk");
    store.manifests.insert(junk.clone(), b"junk".to_vec());
    let forged = sum(b"what was built");
    store.manifests.insert(forged.clone(), b"{}".to_vec());
    let (_, settings) = serve(store).await;
    let (aws, shelf) = (Aws::default(), Shelf::default());
    let repository = open("web", &settings, &aws).await;
    for nothing in [&chart, &nested, &empty, &astray, &gone, &junk] {
        assert_eq!(
            image::says(&repository, nothing, &asker(), &shelf).await,
            Ok(Default::default()),
            "{nothing}"
        );
    }
    let Err(Failure::Unreachable(why)) = image::says(&repository, &forged, &asker(), &shelf).await else {
        panic!("it was believed")
    };
    assert!(why.contains("something else"), "{why}");
}

#[tokio::test]
async fn whoever_is_known_lists_and_whoever_is_not_is_told_so() {
    for challenge in [Challenge::Basic, Challenge::Bearer] {
        let registry = Registry::serve(challenge).await;
        let registries = [("registry.example.com".to_owned(), format!("http://{}", registry.address))].into();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = Settings { registries, ..Settings::default() };
        let aws = Aws::default();
        let ask = async |user: &str, password: &str| {
            let logins = json!({"auths": {"registry.example.com": {"username": user, "password": password}}});
            let credentials = Credentials::parse(logins.to_string().as_bytes());
            let opened = Repository::open("registry.example.com/web", &settings, &credentials, &aws).await?;
            tags::read(&opened).await
        };
        assert_eq!(
            ask("ci", "s3cret").await.map(|tags| tags.names),
            Ok(vec!["1".to_owned()]),
            "{challenge:?}"
        );
        assert_eq!(ask("ci", "wrong").await, Err(Failure::Denied), "{challenge:?}");
    }
    let registry = Registry::serve(Challenge::Bearer).await;
    let registries = [("registry.example.com".to_owned(), format!("http://{}", registry.address))].into();
    let settings = Settings { registries, ..Settings::default() };
    let busy =
        json!({"auths": {"registry.example.com": {"username": "busy", "password": "busy"}}}).to_string();
    let (credentials, aws) = (Credentials::parse(busy.as_bytes()), Aws::default());
    let refused = Repository::open("registry.example.com/web", &settings, &credentials, &aws).await;
    assert!(matches!(refused.map(drop), Err(Failure::Limited(_))));
}

#[tokio::test]
async fn a_registry_of_aws_is_listed_with_the_login_that_aws_gives() {
    let registry = Registry::serve(Challenge::Ecr).await;
    let registries = [(ECR.to_owned(), format!("http://{}", registry.address))].into();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = Settings { registries, ..Settings::default() };
    let aws = Aws::at(&format!("http://{}", registry.address));
    let ask = async |name: &str| {
        let repository = format!("{ECR}/{name}");
        let opened = Repository::open(&repository, &settings, &Credentials::default(), &aws).await?;
        tags::read(&opened).await
    };
    assert_eq!(ask("web").await.map(|tags| tags.names), Ok(vec!["1".to_owned()]));
    assert_eq!(registry.logins.load(Ordering::Relaxed), 1);
    assert_eq!(ask("closed").await, Err(Failure::NoRight));
    // It may have been taken back: the next question has another.
    assert_eq!(ask("web").await.map(|tags| tags.names), Ok(vec!["1".to_owned()]));
    assert_eq!(registry.logins.load(Ordering::Relaxed), 2);
}
