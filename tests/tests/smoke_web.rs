//! Who comes in to `outboard ui`, and who does not.

use anyhow::{Context, Result, ensure};
use hyper::Method;
use stories::{Ui, same, story};

/// Every route that changes something.
const WRITES: [(&str, &str); 26] = [
    ("POST", "/environments/new"),
    ("POST", "/environments/x/qa/change"),
    ("POST", "/environments/x/qa/destroy"),
    ("POST", "/environments/x/qa/data"),
    ("POST", "/environments/x/qa/restore"),
    ("POST", "/environments/x/qa/passwords"),
    ("POST", "/environments/several"),
    ("POST", "/environments/several/carry-out"),
    ("POST", "/copies/x/qa/pause"),
    ("POST", "/plans/0/carry-out"),
    ("POST", "/plans/0/again"),
    ("POST", "/api/v1/plans"),
    ("POST", "/api/v1/plans/0/carry-out"),
    ("POST", "/api/v1/copies"),
    ("PATCH", "/api/v1/copies/x/qa"),
    ("POST", "/api/v1/backups"),
    ("POST", "/api/v1/environments/x/qa/passwords"),
    ("POST", "/api/v1/environments/x/qa/reset"),
    ("DELETE", "/api/v1/environments/x/qa"),
    ("PUT", "/api/v1/environments/x/qa/freeze"),
    ("DELETE", "/api/v1/environments/x/qa/freeze"),
    ("PUT", "/api/v1/hostnames/x/www.example.com"),
    ("DELETE", "/api/v1/hostnames/x/www.example.com"),
    ("PUT", "/api/v1/projects/x/shop"),
    ("PUT", "/api/v1/projects/x/shop/components/web"),
    ("POST", "/api/v1/previews"),
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn an_address_lets_in_once_and_a_cookie_alone_changes_nothing() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        let mut ui = Ui::begin(world).await?;
        let get = |path: &'static str| (Method::GET, path);
        let (method, path) = get("/environments");
        same("a stranger", &ui.ask(method, path, &[], "").await?.status, &401)?;

        let entrance = ui.entrance(None).await?;
        let way_in = entrance.split_once(&ui.host()).context("another address")?.1.to_owned();
        same("a look at the way in", &ui.ask(Method::HEAD, &way_in, &[], "").await?.status, &401)?;
        let entered = ui.ask(Method::GET, &way_in, &[], "").await?;
        same("the way in", &entered.status, &200)?;
        let cookie = entered.header("set-cookie").context("no cookie")?.to_owned();
        ensure!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        same("the same way again", &ui.ask(Method::GET, &way_in, &[], "").await?.status, &401)?;
        ensure!(ui.entrance(Some(&entrance)).await? != entrance, "no other way in follows");

        let cookie = cookie.split(';').next().context("an empty cookie")?;
        let host = ui.host();
        let origin = format!("http://{host}");
        let page = ui.ask(Method::GET, "/environments", &[("cookie", cookie)], "").await?;
        same("the page", &page.status, &200)?;
        let policy = page.header("content-security-policy").context("no policy")?;
        ensure!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        ensure!(!page.body.contains("style=") && !page.body.contains("onclick"), "something inline");
        let port = host.rsplit(':').next().context("no port")?;
        for other in ["evil.example".to_owned(), format!("localhost:{port}"), format!("127.0.0.1:{port}")] {
            let elsewhere = [("cookie", cookie), ("host", other.as_str())];
            same(&other, &ui.ask(Method::GET, "/environments", &elsewhere, "").await?.status, &421)?;
        }
        // Cookies know no ports: nobody else is likely to listen on this address.
        ensure!(!cfg!(target_os = "linux") || !host.starts_with("127.0.0.1:"), "{host} is everybody's");

        // No write that the API describes is left out below.
        let described = ui.api(Method::GET, "/api/v1/openapi.json", None).await?.json()?;
        for (path, operations) in described["paths"].as_object().context("no paths")? {
            for method in
                operations.as_object().context("no operations")?.keys().filter(|method| *method != "get")
            {
                let parts = |path: &str| path.split('/').count();
                let alike = |known: &str| {
                    let said = path.split('/').zip(known.split('/'));
                    parts(path) == parts(known)
                        && said.into_iter().all(|(said, known)| said.starts_with('{') || said == known)
                };
                let known = WRITES.iter().any(|(known, to)| known.eq_ignore_ascii_case(method) && alike(to));
                ensure!(known, "{method} {path} is not tried");
            }
        }

        // The token of forms, as a page has it.
        let new = ui.ask(Method::GET, "/environments/new", &[("cookie", cookie)], "").await?;
        let token = new.body.split("name=\"token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let token = token.context("a form without a token")?;
        let form = ("content-type", "application/x-www-form-urlencoded");
        for (method, path) in WRITES {
            let method: Method = method.parse()?;
            let post = async |headers: &[(&str, &str)], body: &str| {
                Ok::<_, anyhow::Error>(ui.ask(method.clone(), path, headers, body).await?.status)
            };
            let signed = format!("token={token}");
            same(&format!("{path}, a stranger"), &post(&[form], &signed).await?, &401)?;
            let forged = [("cookie", cookie), form, ("origin", "http://evil.example")];
            same(&format!("{path}, from elsewhere"), &post(&forged, &signed).await?, &403)?;
            let silent = [("cookie", cookie), form];
            same(&format!("{path}, from nowhere"), &post(&silent, &signed).await?, &403)?;
            let ours = [("cookie", cookie), form, ("origin", origin.as_str())];
            same(&format!("{path}, without a token"), &post(&ours, "").await?, &403)?;
            same(&format!("{path}, with another"), &post(&ours, "token=0").await?, &403)?;
            let stranger = [("authorization", "Bearer 0"), ("cookie", cookie)];
            same(&format!("{path}, another bearer"), &post(&stranger, "").await?, &401)?;
            let let_in = post(&ours, &signed).await?;
            ensure!(![401, 403, 421].contains(&let_in) && let_in < 500, "{path}: {let_in}");
        }
        let huge = format!("token={token}&name={}", "x".repeat(1 << 20));
        let ours = [("cookie", cookie), form, ("origin", origin.as_str())];
        let too_much = ui.ask(Method::POST, "/environments/new", &ours, &huge).await?.status;
        same("too much", &too_much, &413)?;
        for path in
            ["/environments/..%2f..%2fapi/x", "/environments/x/%2e%2e", "/assets/x/..%2f..%2fetc%2fpasswd"]
        {
            let status = ui.ask(Method::GET, path, &[("cookie", cookie)], "").await?.status;
            ensure!([400, 404, 422].contains(&status), "{path}: {status}");
        }
        ui.end().await
    })
    .await
}
