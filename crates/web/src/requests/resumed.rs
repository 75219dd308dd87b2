//! Streams that are cut off and taken up again with the id of the last event: nothing is missing then, and nothing comes twice.

use std::time::Duration;

use tokio::time::timeout;

use super::node::Node;
use super::*;

/// Longer than anything that comes takes, and how long it is listened for what must not come.
const SOON: Duration = Duration::from_secs(20);
const QUIET: Duration = Duration::from_millis(700);
const LOGS: &str = "/api/v1/environments/shop/qa/logs/events";

/// Texts of so many events, and the id of the last.
async fn told(page: &Page, path: &str, last: Option<&str>, count: usize) -> (Vec<String>, String) {
    let headers: Vec<(&str, &str)> = last.map(|id| ("last-event-id", id)).into_iter().collect();
    let answer = page.ask(Method::GET, path, &headers, "").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let mut body = answer.into_body().into_data_stream();
    let (mut texts, mut id, mut rest) = (vec![], String::new(), String::new());
    while texts.len() < count {
        let piece = timeout(SOON, body.next()).await.expect("an event is missing").unwrap().unwrap();
        rest.push_str(std::str::from_utf8(&piece).unwrap());
        while let Some((event, after)) = rest.clone().split_once("\n\n") {
            rest = after.to_owned();
            let field =
                |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            id = field("id: ").unwrap_or(id);
            let Some(data) = field("data: ") else { continue };
            let line: Value = serde_json::from_str(&data).unwrap_or_default();
            texts.push(line["text"].as_str().map_or(data, str::to_owned));
        }
    }
    // What came twice would come now.
    let more = timeout(QUIET, body.next()).await;
    assert!(more.is_err(), "{more:?}");
    (texts, id)
}

#[tokio::test]
async fn lines_go_on_after_a_cut_with_none_twice_and_none_lost_though_one_comes_late() {
    let node = Node::new();
    node.write("web-1", 1, "one");
    node.write("worker-1", 2, "two");
    node.write("web-1", 20, "three");
    let page = over(node.cluster(), Arc::default()).await;
    let (first, id) = told(&page, LOGS, None, 3).await;
    assert_eq!(first, ["one", "two", "three"]);
    // While nobody listens: one that is older than the newest that was told, and one of the same moment.
    node.write("worker-1", 15, "late");
    node.write("web-1", 20, "four");
    node.write("web-1", 21, "five");
    let (mut again, id) = told(&page, LOGS, Some(&id), 3).await;
    again.sort();
    assert_eq!(again, ["five", "four", "late"]);
    node.write("worker-1", 22, "six");
    let (last, _) = told(&page, LOGS, Some(&id), 1).await;
    assert_eq!(last, ["six"]);
}

#[tokio::test]
async fn an_id_that_is_none_of_ours_is_answered_by_saying_that_lines_begin_again() {
    let node = Node::new();
    node.write("web-1", 1, "one");
    let page = over(node.cluster(), Arc::default()).await;
    let (told, _) = told(&page, LOGS, Some("of-another-server"), 2).await;
    assert!(told[0].contains("not known here") && told[1] == "one", "{told:?}");
}

#[tokio::test]
async fn what_is_sent_whole_is_sent_again_only_to_whoever_has_another() {
    let node = Node::new();
    let page = over(node.cluster(), Arc::default()).await;
    for path in ["/api/v1/environments/shop/qa/events", "/environments/shop/qa/live"] {
        let begun = async |last: Option<&str>, patience: Duration| {
            let headers: Vec<(&str, &str)> = last.map(|id| ("last-event-id", id)).into_iter().collect();
            let answer = page.ask(Method::GET, path, &headers, "").await;
            let mut body = answer.into_body().into_data_stream();
            let piece = timeout(patience, body.next()).await.ok()?.unwrap().unwrap();
            Some(String::from_utf8(piece.to_vec()).unwrap())
        };
        let first = begun(None, SOON).await.expect("nothing is sent");
        let id = first.lines().find_map(|line| line.strip_prefix("id: ")).expect("it has no id").to_owned();
        assert_eq!(begun(Some(&id), QUIET).await, None, "{path}: they have it already");
        let other = begun(Some("of-before"), SOON).await.expect("nothing is sent");
        assert!(other.contains(&id), "{path}: they had another");
    }
}
