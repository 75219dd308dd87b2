//! A page of logs: what it is asked for, and where it leads.

use super::node::Node;
use super::*;

const LOGS: &str = "/environments/shop/qa/logs";

async fn shown(page: &Page, path: &str) -> (StatusCode, String) {
    let answer = page.ask(Method::GET, path, &[], "").await;
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn written() -> Page {
    let node = Node::new();
    node.write("web-1", 1, "one");
    node.write("worker-1", 2, "ERROR two");
    node.write("web-1", 30, "three");
    over(node.cluster(), Arc::default()).await
}

/// Addresses that links of a page lead to.
fn links(page: &str, with: &str) -> Vec<String> {
    let all = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    all.filter(|link| link.contains(with))
        .map(|link| link.replace("&#38;", "&").replace("&amp;", "&"))
        .collect()
}

#[tokio::test]
async fn a_link_to_lines_shows_the_same_whenever_it_is_opened() {
    let page = written().await;
    let between = "?from=2024-11-25T10:00&to=2024-11-25T10:00:10Z";
    let (status, shown_first) = shown(&page, &format!("{LOGS}{between}")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(shown_first.contains(">one") && !shown_first.contains(">three"), "{shown_first}");
    let links = links(&shown_first, "from=");
    let link =
        links.iter().find(|link| link.contains("to=2024-11-25T10%3A00%3A10Z") && !link.contains("histogram"));
    let (_, again) = shown(&page, link.unwrap()).await;
    assert!(again.contains(">one") && !again.contains(">three"), "{again}");
    assert!(shown_first.contains(&format!("data-copy=\"http://{ADDRESS}{LOGS}?from=")), "{shown_first}");
}

#[tokio::test]
async fn bars_are_drawn_without_a_script_and_lead_to_the_lines_of_their_time() {
    let page = written().await;
    let between = "?from=2024-11-25T10:00&to=2024-11-25T10:01";
    let (_, plain) = shown(&page, &format!("{LOGS}{between}")).await;
    assert!(!plain.contains("<figure class=\"histogram\""), "it reads all lines: {plain}");
    let asks = links(&plain, "histogram=1").pop().expect("nothing leads to them");
    let (status, drawn) = shown(&page, &asks).await;
    assert_eq!(status, StatusCode::OK);
    assert!(drawn.contains("3 lines, 1 error, 0 warnings"), "{drawn}");
    let bars: Vec<String> = drawn
        .split("<a href=\"")
        .skip(1)
        .filter(|rest| rest.contains("class=\"hit\""))
        .map(|rest| rest.split('"').next().unwrap().replace("&#38;", "&"))
        .collect();
    let (_, narrowed) = shown(&page, bars.last().unwrap()).await;
    assert!(narrowed.contains(">three") && !narrowed.contains(">one"), "{narrowed}");
    let (status, counted) = shown(
        &page,
        "/api/v1/environments/shop/qa/logs/histogram?since=2024-11-25T10:00:00Z&until=2024-11-25T10:01:00Z",
    )
    .await;
    let counted: Value = serde_json::from_str(&counted).unwrap();
    let steps = counted["histogram"]["steps"].as_array().unwrap();
    assert_eq!(
        (status, steps.iter().filter_map(|step| step["lines"].as_u64()).sum::<u64>()),
        (StatusCode::OK, 3)
    );
}

#[tokio::test]
async fn a_time_that_makes_no_sense_is_told_at_its_field_and_nothing_is_read_instead() {
    let page = written().await;
    for (said, field) in [
        ("since=yesterday", "since"),
        ("from=soon", "from"),
        ("from=2024-11-25T10:00&to=2024-11-25T09:00", "to"),
        ("follow=1&to=2024-11-25T10:00", "to"),
    ] {
        let (status, told) = shown(&page, &format!("{LOGS}?{said}")).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{said}");
        let begin = told.find(&format!("name=\"{field}\"")).unwrap();
        let end = begin + told[begin..].find('>').unwrap();
        assert!(told[begin..end].contains("aria-describedby=\"wrong\""), "{said}: {told}");
        assert!(told.contains("id=\"wrong\"") && !told.contains("class=\"line"), "{said}: {told}");
    }
}
