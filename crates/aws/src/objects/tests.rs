//! A server of objects that refuses, has nothing, is asked too often and hangs up, as S3 does it.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

use super::*;

/// What it does with one request.
#[derive(Clone, Debug)]
enum Mood {
    Tells(&'static str),
    Fails(u16, &'static str, &'static str),
    /// What something on the way says in its place.
    Page(u16, &'static str),
}

#[derive(Default)]
struct Fake {
    moods: VecDeque<Mood>,
    asked: Vec<String>,
}

type Shared = Arc<Mutex<Fake>>;

async fn answer(State(fake): State<Shared>, headers: HeaderMap, uri: Uri) -> Response {
    let mut fake = fake.lock().unwrap();
    let only = headers.get("if-none-match").map(|only| format!(" unless {}", only.to_str().unwrap()));
    let checked = if headers.contains_key("x-amz-checksum-crc32") { " checked" } else { "" };
    let only = only.map(|only| format!("{only}{checked}"));
    fake.asked.push(format!("{uri}{}", only.unwrap_or_default()));
    let mood = fake.moods.pop_front().expect("it is asked once more than expected");
    let status = |status: u16| StatusCode::from_u16(status).unwrap();
    match mood {
        Mood::Tells(body) => body.into_response(),
        Mood::Fails(code, name, message) => {
            let body = format!(
                "<?xml version=\"1.0\"?><Error><Code>{name}</Code><Message>{message}</Message><RequestId>1</RequestId></Error>"
            );
            (status(code), [("content-type", "application/xml")], body).into_response()
        }
        Mood::Page(code, body) => (status(code), [("content-type", "text/html")], body).into_response(),
    }
}

async fn bucket(moods: impl IntoIterator<Item = Mood>) -> (Bucket, Shared) {
    let fake = Shared::default();
    fake.lock().unwrap().moods.extend(moods);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(fake.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let place = BucketPlace { name: "shop-logs".to_owned(), ..BucketPlace::default() };
    (Bucket::reach(&Access::at(&endpoint), &place).await.unwrap(), fake)
}

async fn content(bucket: &Bucket) -> Result<Vec<u8>, Failure> {
    let mut content = bucket.read("a/b.gz").await?;
    let mut bytes = vec![];
    while let Some(more) = content.next().await? {
        bytes.extend_from_slice(&more);
    }
    Ok(bytes)
}

fn denied() -> Mood {
    Mood::Fails(403, "AccessDenied", "Access Denied")
}

#[tokio::test]
async fn a_listing_goes_on_where_its_first_page_ends_and_says_what_lies_frozen() {
    let first = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken>\
        <Contents><Key>a</Key><Size>5</Size><LastModified>2026-11-25T10:00:00.000Z</LastModified><StorageClass>STANDARD</StorageClass></Contents>\
        </ListBucketResult>";
    let last = "<ListBucketResult><IsTruncated>false</IsTruncated>\
        <Contents><Key>b</Key><Size>7</Size><StorageClass>GLACIER</StorageClass></Contents></ListBucketResult>";
    let (bucket, fake) = bucket([Mood::Tells(first), Mood::Tells(last)]).await;
    let page = bucket.list("fals/2026", None).await.unwrap();
    let known = |page: &Page| {
        let about = |found: &Listed| (found.key.clone(), found.size, found.modified.is_some(), found.frozen);
        page.objects.iter().map(about).collect::<Vec<_>>()
    };
    assert_eq!(known(&page), [("a".to_owned(), 5, true, false)]);
    let page = bucket.list("fals/2026", page.next).await.unwrap();
    assert_eq!((known(&page), page.next), (vec![("b".to_owned(), 7, false, true)], None));
    let asked = fake.lock().unwrap().asked.clone();
    assert!(asked[0].starts_with("/shop-logs/?") && asked[0].contains("prefix=fals%2F2026"), "{asked:?}");
    assert!(asked[1].contains("continuation-token=more"), "{asked:?}");
}

#[tokio::test]
async fn a_bucket_that_may_not_be_read_and_one_that_is_not_there_are_told_apart_and_asked_once() {
    let (bucket, fake) = bucket([
        denied(),
        denied(),
        Mood::Fails(404, "NoSuchBucket", "none"),
        Mood::Fails(404, "NoSuchKey", "none"),
    ])
    .await;
    let refused = Failure::Denied("Access Denied".to_owned());
    assert_eq!(bucket.list("", None).await.err(), Some(refused.clone()));
    assert_eq!(content(&bucket).await, Err(refused));
    assert_eq!(bucket.list("", None).await.err(), Some(Failure::Missing));
    assert_eq!(content(&bucket).await, Err(Failure::Missing));
    assert_eq!(fake.lock().unwrap().asked.len(), 4);
}

#[tokio::test]
async fn one_that_is_asked_too_often_is_asked_again_and_at_last_told_as_that() {
    let slow = || Mood::Fails(503, "SlowDown", "Please reduce your request rate.");
    let (bucket, fake) = bucket([slow(), Mood::Tells("whole"), slow(), slow(), slow()]).await;
    assert_eq!(content(&bucket).await, Ok(b"whole".to_vec()));
    let failure = bucket.list("", None).await.err();
    assert_eq!(failure, Some(Failure::Throttled("Please reduce your request rate.".to_owned())));
    assert!(failure.is_some_and(|failure| failure.passes()));
    assert_eq!(fake.lock().unwrap().asked.len(), 5);
}

/// Says that what it has is longer than what it sends.
fn hanging_up() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let _ = connection.read(&mut [0; 8192]).unwrap();
        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it").unwrap();
    });
    endpoint
}

#[tokio::test]
async fn an_object_that_ends_early_is_no_whole_one() {
    let place = BucketPlace { name: "shop-logs".to_owned(), ..BucketPlace::default() };
    let bucket = Bucket::reach(&Access::at(&hanging_up()), &place).await.unwrap();
    let failure = content(&bucket).await.unwrap_err();
    assert!(matches!(&failure, Failure::Unreachable(why) if why.contains("cut off")), "{failure:?}");
    assert!(failure.passes());
}

#[tokio::test]
async fn what_is_no_answer_of_a_bucket_is_no_empty_listing() {
    let page = "<html>Sign in</html>";
    let (bucket, _) =
        bucket([Mood::Page(407, page), Mood::Page(502, page), Mood::Page(502, page), Mood::Page(502, page)])
            .await;
    assert!(matches!(bucket.list("", None).await, Err(Failure::Refused(_))));
    assert!(matches!(bucket.list("", None).await, Err(Failure::Unreachable(_))));
}

#[tokio::test]
async fn what_is_there_already_is_not_written_over_and_is_no_failure() {
    let exists = Mood::Fails(412, "PreconditionFailed", "At least one of the pre-conditions did not hold");
    let at_once = Mood::Fails(409, "ConditionalRequestConflict", "The conditional request cannot succeed");
    let (bucket, fake) = bucket([Mood::Tells(""), exists, denied(), at_once]).await;
    assert_eq!(bucket.put_new("a/b", b"lines".to_vec()).await, Ok(true));
    assert_eq!(bucket.put_new("a/b", b"lines".to_vec()).await, Ok(false));
    assert!(matches!(bucket.put_new("a/b", vec![]).await, Err(Failure::Denied(_))));
    assert!(matches!(bucket.put_new("a/b", vec![]).await, Err(Failure::Refused(_))));
    let asked = &fake.lock().unwrap().asked;
    assert!(asked.len() == 4 && asked.iter().all(|asked| asked.ends_with(" unless * checked")), "{asked:?}");
}
