//! GitHub, as far as a sweep asks it: whether a pull request or a branch is still open. Changes nothing there.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, RETRY_AFTER, USER_AGENT};
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value;
use thiserror::Error;
use tokio::time::sleep;

use super::subject::{Repository, Subject, What};

/// A server that stumbles is asked again, so many times in all.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Error)]
pub enum GitHubError {
    #[error("{address} is no address of GitHub's API")]
    Address { address: String },
    #[error("GitHub does not answer: {reason}")]
    Away { reason: String },
    #[error("GitHub refuses the token")]
    Unauthorized,
    #[error("GitHub has been asked too often{}", .seconds.map(|seconds| format!("; again in {seconds} s")).unwrap_or_default())]
    TooOften { seconds: Option<u64> },
    #[error("GitHub shows no repository {repository} to this token")]
    NoRepository { repository: String },
    #[error("GitHub answered what is not understood: {reason}")]
    Answer { reason: String },
}

pub struct GitHub {
    address: Url,
    token: Option<String>,
    client: Client,
}

/// How what a preview is of stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stand {
    Open,
    /// Closed, merged, or, of a branch, deleted.
    Closed,
    /// GitHub does not know it.
    Unknown,
}

impl GitHub {
    /// `address`: of its API, such as `https://api.github.com`.
    pub fn at(address: &str, token: Option<String>) -> Result<Self, GitHubError> {
        let unusable = || GitHubError::Address { address: address.to_owned() };
        let url = Url::parse(address.trim_end_matches('/')).map_err(|_| unusable())?;
        let here = url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
        // In clear the token would be everybody's.
        if url.scheme() != "https" && !(url.scheme() == "http" && here) {
            return Err(unusable());
        }
        // Whoever has chosen already, has.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().timeout(PATIENCE).build();
        let client = client.map_err(|error| GitHubError::Away { reason: chain(&error) })?;
        Ok(Self { address: url, token, client })
    }

    /// That the repository can be seen: without that, what cannot be found says nothing.
    pub async fn sees(&self, repository: &Repository) -> Result<(), GitHubError> {
        match self.get(&["repos", repository.as_str()]).await? {
            Some(_) => Ok(()),
            None => Err(GitHubError::NoRepository { repository: repository.to_string() }),
        }
    }

    pub async fn stand(&self, subject: &Subject) -> Result<Stand, GitHubError> {
        let repository = subject.repository.as_str();
        match &subject.what {
            What::Pull(number) => {
                let Some(pull) = self.get(&["repos", repository, "pulls", &number.to_string()]).await? else {
                    // Pull requests are not deleted: it never was one, or is not shown.
                    return Ok(Stand::Unknown);
                };
                match pull["state"].as_str() {
                    Some("open") => Ok(Stand::Open),
                    Some("closed") => Ok(Stand::Closed),
                    _ => Err(GitHubError::Answer { reason: "a pull request without a state".to_owned() }),
                }
            }
            What::Branch(branch) => {
                // A list, so that "there is none" is an answer: 404 is also what GitHub says to whoever may not look.
                let path = ["repos", repository, "git", "matching-refs", "heads", branch];
                let Some(Value::Array(found)) = self.get(&path).await? else { return Ok(Stand::Unknown) };
                // Longer names that begin so are among them.
                let wanted = format!("refs/heads/{branch}");
                let there = found.iter().any(|found| found["ref"] == wanted.as_str());
                Ok(if there { Stand::Open } else { Stand::Closed })
            }
        }
    }

    /// None: there is no such thing.
    async fn get(&self, path: &[&str]) -> Result<Option<Value>, GitHubError> {
        let mut url = self.address.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty();
            segments.extend(path.iter().flat_map(|part| part.split('/')));
        }
        let mut tried = 0;
        loop {
            tried += 1;
            let failed = match self.ask(url.clone()).await {
                Ok(response) if response.status().is_server_error() => {
                    GitHubError::Away { reason: format!("status {}", response.status().as_u16()) }
                }
                Ok(response) => return understood(response).await,
                Err(error) => GitHubError::Away { reason: chain(&error) },
            };
            if tried == TRIES {
                return Err(failed);
            }
            sleep(PAUSE * 2_u32.pow(tried - 1)).await;
        }
    }

    async fn ask(&self, url: Url) -> Result<Response, reqwest::Error> {
        let request = self.client.get(url).header(USER_AGENT, "outboard");
        let request = request.header(ACCEPT, "application/vnd.github+json");
        let request = match &self.token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        };
        request.send().await
    }
}

async fn understood(response: Response) -> Result<Option<Value>, GitHubError> {
    let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
    let status = response.status();
    let spent = header("x-ratelimit-remaining").is_some_and(|left| left == "0");
    let wait = header(RETRY_AFTER.as_str()).and_then(|seconds| seconds.parse().ok());
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
        StatusCode::UNAUTHORIZED => Err(GitHubError::Unauthorized),
        StatusCode::TOO_MANY_REQUESTS => Err(GitHubError::TooOften { seconds: wait }),
        StatusCode::FORBIDDEN if spent || wait.is_some() => Err(GitHubError::TooOften { seconds: wait }),
        StatusCode::FORBIDDEN => Err(GitHubError::Unauthorized),
        status if status.is_success() => {
            let body = response.bytes().await.map_err(|error| GitHubError::Away { reason: chain(&error) })?;
            serde_json::from_slice(&body)
                .map(Some)
                .map_err(|error| GitHubError::Answer { reason: error.to_string() })
        }
        status => Err(GitHubError::Answer { reason: format!("status {}", status.as_u16()) }),
    }
}

/// An error with its causes; addresses in it hold no token.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one request after the other, the last answer for ever; what was asked is kept.
    async fn github(answers: &[&str]) -> (GitHub, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/api/v3", listener.local_addr().unwrap());
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let asked = Arc::new(Mutex::new(vec![]));
        let seen = asked.clone();
        tokio::spawn(async move {
            for turn in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = vec![];
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).await.unwrap() == 0 {
                        break;
                    }
                    head.push(byte[0]);
                }
                seen.lock().unwrap().push(String::from_utf8(head).unwrap());
                let answer = &answers[turn.min(answers.len() - 1)];
                let (head, body) = answer.split_once("\n\n").unwrap_or((answer, "{}"));
                let length = body.len();
                let head = head.replace('\n', "\r\n");
                let text =
                    format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
                stream.write_all(text.as_bytes()).await.unwrap();
            }
        });
        (GitHub::at(&address, Some("t0ken".to_owned())).unwrap(), asked)
    }

    fn subject(text: &str) -> Subject {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_pull_request_is_asked_for_with_the_token() {
        let (github, asked) =
            github(&["200 OK\n\n{\"state\": \"open\"}", "200 OK\n\n{\"state\": \"closed\"}"]).await;
        assert_eq!(github.stand(&subject("acme/shop#42")).await.unwrap(), Stand::Open);
        assert_eq!(github.stand(&subject("acme/shop#42")).await.unwrap(), Stand::Closed);
        let asked = asked.lock().unwrap()[0].to_lowercase();
        assert!(asked.starts_with("get /api/v3/repos/acme/shop/pulls/42 http/1.1"), "{asked}");
        assert!(asked.contains("authorization: bearer t0ken"), "{asked}");
    }

    #[tokio::test]
    async fn a_branch_is_closed_when_a_list_does_not_have_it_and_unknown_without_one() {
        let (github, asked) = github(&[
            "200 OK\n\n[{\"ref\": \"refs/heads/feature/cart?x\"}]",
            "200 OK\n\n[{\"ref\": \"refs/heads/gone2\"}]",
            "200 OK\n\n[]",
            "404 Not Found",
        ])
        .await;
        assert_eq!(github.stand(&subject("acme/shop@feature/cart?x")).await.unwrap(), Stand::Open);
        assert_eq!(github.stand(&subject("acme/shop@gone")).await.unwrap(), Stand::Closed);
        assert_eq!(github.stand(&subject("acme/shop@gone")).await.unwrap(), Stand::Closed);
        assert_eq!(github.stand(&subject("acme/shop@gone")).await.unwrap(), Stand::Unknown);
        let asked = asked.lock().unwrap()[0].clone();
        assert!(asked.contains("/repos/acme/shop/git/matching-refs/heads/feature/cart%3Fx "), "{asked}");
    }

    #[tokio::test]
    async fn what_github_does_not_know_is_not_closed() {
        let (github, _) = github(&["404 Not Found"]).await;
        assert_eq!(github.stand(&subject("acme/shop#42")).await.unwrap(), Stand::Unknown);
        let unseen = github.sees(&"acme/shop".parse().unwrap()).await.unwrap_err();
        assert!(matches!(unseen, GitHubError::NoRepository { .. }), "{unseen}");
    }

    #[tokio::test]
    async fn an_error_is_never_an_answer() {
        for (answer, wanted) in [
            ("401 Unauthorized", "GitHub refuses the token"),
            ("403 Forbidden", "GitHub refuses the token"),
            ("403 Forbidden\nx-ratelimit-remaining: 0", "GitHub has been asked too often"),
            ("429 Too Many Requests\nretry-after: 60", "GitHub has been asked too often; again in 60 s"),
            ("422 Unprocessable Entity", "GitHub answered what is not understood: status 422"),
            (
                "200 OK\n\n{\"state\": \"strange\"}",
                "GitHub answered what is not understood: a pull request without a state",
            ),
            ("200 OK\n\n<html>", "GitHub answered what is not understood"),
        ] {
            let (github, _) = github(&[answer]).await;
            let error = github.stand(&subject("acme/shop#42")).await.unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{answer}: {error}");
        }
    }

    #[tokio::test]
    async fn a_server_that_stumbles_is_asked_again() {
        let (github, asked) = github(&["502 Bad Gateway", "200 OK\n\n{\"state\": \"open\"}"]).await;
        assert_eq!(github.stand(&subject("acme/shop#42")).await.unwrap(), Stand::Open);
        assert_eq!(asked.lock().unwrap().len(), 2);
    }

    #[test]
    fn only_an_address_of_http_is_one() {
        for wrong in ["", "api.github.com", "file:///etc", "mailto:x@y", "http://github.example.org"] {
            assert!(matches!(GitHub::at(wrong, None), Err(GitHubError::Address { .. })), "{wrong}");
        }
    }
}
