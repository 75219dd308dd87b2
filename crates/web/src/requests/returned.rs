//! What was destroyed, and the form that brings it back. What that does is tested where it is done.

use api::marks;

use super::*;

fn revision(number: i64, ready: bool) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": number,
        "metadata": {"name": format!("lost-r{number}"), "namespace": "shop"},
        "data": {"project": "shop", "projectRevision": "p-0123456789", "class": "qa", "requested": {},
            "versions": {"web": "1"}, "renderer": "0", "urls": {}, "secrets": [], "parts": []},
    });
    if ready {
        object["metadata"]["annotations"] = json!({(marks::READY_SINCE): "2026-11-26T10:00:00Z"});
    }
    object
}

#[tokio::test]
async fn an_environment_that_was_destroyed_comes_back_as_a_revision_that_was_ready() {
    let kept = list("ControllerRevision", &[revision(1, true), revision(2, false)]);
    let page = page(&[("/controllerrevisions", kept)]).await;
    let revisions = page.ask(Method::GET, "/environments/shop/lost/revisions", &[], "").await;
    assert_eq!(revisions.status(), StatusCode::OK);
    let revisions = text(revisions).await;
    assert!(revisions.contains("lost was destroyed"), "{revisions}");
    assert_eq!(revisions.matches("value=\"restore\"").count(), 1, "{revisions}");
    assert!(revisions.contains("name=\"revision\" value=\"1\""), "{revisions}");
    assert!(!revisions.contains("value=\"rollback\""), "{revisions}");
    // What cannot be done leads back there.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let said = "action=restore&revision=7&empty=1";
    let refused = page.ask(Method::POST, "/environments/shop/lost/change", &form, said).await;
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    assert!(text(refused).await.contains("/environments/shop/lost/revisions"));
}
