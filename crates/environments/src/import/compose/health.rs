//! Health checks: a request to oneself becomes one of Kubernetes', any other command stays one.

use api::project::{Health, Port, Probe};
use serde_json::Value;

use super::super::quantity::{self, word};
use super::service::Service;

/// How long outboard waits for a start where nothing is said.
const START: u32 = 60;

/// What a check asks.
#[derive(Debug, PartialEq, Eq)]
pub enum Question {
    Http(Port, String),
    Tcp(Port),
    Command(Vec<String>),
}

pub fn read(service: &mut Service<'_, '_>, value: &Value, at: &str) {
    if value.get("disable") == Some(&Value::Bool(true)) {
        return;
    }
    let command = match value.get("test") {
        Some(Value::String(text)) => vec!["/bin/sh".to_owned(), "-c".to_owned(), text.clone()],
        Some(Value::Array(list)) => {
            let words: Vec<String> = list.iter().filter_map(word).collect();
            match words.split_first() {
                Some((first, rest)) if first == "CMD" && !rest.is_empty() => rest.to_vec(),
                Some((first, rest)) if first == "CMD-SHELL" && !rest.is_empty() => {
                    vec!["/bin/sh".to_owned(), "-c".to_owned(), rest.join(" ")]
                }
                Some((first, _)) if first == "NONE" => return,
                _ => {
                    service.wrong(&format!("{at}/test"), "it begins with CMD, CMD-SHELL or NONE");
                    return;
                }
            }
        }
        None => {
            service.left(
                at,
                "it changes a check that only the image knows",
                "say what is asked: `health: {ready: …}`",
            );
            return;
        }
        Some(_) => {
            service.wrong(&format!("{at}/test"), "it is a text or a list of words");
            return;
        }
    };
    let ready = match question(&command) {
        Question::Http(port, path) => {
            service.part.http.push(port);
            let port = service.part.port(port, None);
            Probe { http: Some(path), port: Some(port), ..Probe::default() }
        }
        Question::Tcp(port) => Probe { tcp: Some(service.part.port(port, None)), ..Probe::default() },
        Question::Command(command) => Probe { command, ..Probe::default() },
    };
    let period = if ready.command.is_empty() { 2 } else { 5 };
    let start = start(value);
    service.part.component.health =
        Some(Health { ready: Some(ready), live: None, start: start.map(quantity::duration) });
    let own = ["interval", "timeout", "retries"].iter().any(|key| value.get(*key).is_some());
    if own {
        let message = format!(
            "how often it is asked is outboard's own: every {period} s, and out of service after 2 failures"
        );
        service.changed(at, message, "");
    }
}

/// The longest start that Compose would wait for, if that is longer than outboard would.
fn start(value: &Value) -> Option<u32> {
    let seconds = |key: &str| value.get(key).and_then(quantity::seconds);
    let retries = value.get("retries").and_then(Value::as_u64).unwrap_or(3);
    let tries = seconds("interval").unwrap_or(30).saturating_mul(u32::try_from(retries).unwrap_or(u32::MAX));
    let whole = seconds("start_period").unwrap_or(0).saturating_add(tries).min(3600);
    (whole > START).then_some(whole)
}

/// What a command asks, in words of its own where there are some.
pub fn question(command: &[String]) -> Question {
    let script = match command {
        [shell, flag, script] if shell.ends_with("sh") && flag == "-c" => shlex::split(script),
        words => Some(words.to_vec()),
    };
    let asked = script.as_deref().map(without_exit).and_then(|words| {
        let program = words.first()?.rsplit('/').next()?;
        match program {
            "curl" | "wget" => {
                // What sends something, or looks at the answer, is more than a question.
                let more = |word: &String| {
                    matches!(
                        word.as_str(),
                        "|" | "||"
                            | "&&"
                            | ";"
                            | "-X"
                            | "-H"
                            | "-u"
                            | "-d"
                            | "--data"
                            | "--header"
                            | "--request"
                            | "--post-data"
                    )
                };
                if words.iter().any(more) {
                    return None;
                }
                words[1..].iter().filter(|word| !word.starts_with('-')).find_map(|word| own_address(word))
            }
            "nc" if words.iter().any(|word| word.starts_with("-") && word.contains('z')) => {
                let mut last = words.iter().rev();
                let (port, host) = (last.next()?, last.next()?);
                local(host).then_some(Question::Tcp(port.parse().ok()?))
            }
            _ => None,
        }
    });
    asked.unwrap_or_else(|| Question::Command(command.to_vec()))
}

/// Without the `|| exit 1` that everybody writes.
fn without_exit(words: &[String]) -> Vec<String> {
    let end = words.iter().position(|word| word == "||").unwrap_or(words.len());
    let exits = matches!(words.get(end + 1).map(String::as_str), Some("exit" | "false"));
    if exits { words[..end].to_vec() } else { words.to_vec() }
}

fn local(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "0.0.0.0" | "[::1]")
}

fn own_address(url: &str) -> Option<Question> {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    if rest.contains("://") || rest.contains('$') {
        return None;
    }
    let (authority, path) = rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
    let path = format!("/{path}");
    let port = port.parse().ok().filter(|port| *port > 0)?;
    (local(host) && !path.contains(char::is_whitespace)).then_some(Question::Http(port, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Question {
        question(&["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()])
    }

    #[test]
    fn a_request_to_oneself_is_a_question_of_kubernetes() {
        assert_eq!(
            asked("curl -f http://localhost:8080/healthz || exit 1"),
            Question::Http(8080, "/healthz".into())
        );
        assert_eq!(asked("wget -qO- http://127.0.0.1/"), Question::Http(80, "/".into()));
        let words = ["wget", "--spider", "-q", "localhost:3000/up?a=b"].map(str::to_owned);
        assert_eq!(question(&words), Question::Http(3000, "/up?a=b".into()));
        assert_eq!(asked("nc -z localhost 5432"), Question::Tcp(5432));
    }

    #[test]
    fn whatever_is_more_than_a_request_stays_a_command() {
        for text in [
            "pg_isready -U app",
            "curl -f https://localhost/",
            "curl -f http://other:80/",
            "curl -s http://localhost/ | grep ok",
            "curl -H 'Host: x' http://localhost/",
            "curl http://localhost:8080/ || kill 1",
            "echo 'open",
        ] {
            assert!(matches!(asked(text), Question::Command(_)), "{text}");
        }
    }
}
