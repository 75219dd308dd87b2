//! The door of a server: people sign in at their provider and have a cookie then, programs bring a token with each request.

mod address;
mod limits;
mod memory;
mod origin;

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use identity::{Bearer, Begun, Client, Gate, Refused, SignIn};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::parked::Parked;
use super::request::{bearer, cookie, text};
use super::seal::Keys;
use super::session::{Said, Session};
use super::{Guest, is_asset, is_safe, misdirected};
use crate::actor::Actor;
use crate::audit::Audit;
use crate::failure::Failure;
use crate::view::query::encoded;
use crate::{proxy, token};

pub use address::Public;
pub use limits::Limits;
pub use memory::Memory;
pub use origin::Peer;

/// Whoever goes to their provider comes back within.
const AWAY: SignedDuration = SignedDuration::from_mins(15);

/// The time, as whoever starts this has it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a terminal is told, so that it can sign somebody in.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Terminal {
    pub issuer: String,
    pub client_id: String,
    pub scopes: Vec<String>,
}

pub struct Site {
    pub gate: Gate,
    pub client: Client,
    pub address: Public,
    /// Read again when the file changes.
    pub keys: RwLock<Arc<Keys>>,
    pub clock: Clock,
    pub lasts: SignedDuration,
    /// Servers between people and this one that say where a request came from.
    pub proxies: usize,
    /// Whom they ask who may do nothing yet.
    pub contact: Option<String>,
    pub terminal: Option<Terminal>,
    pub audit: Audit,
    pub limits: Limits,
    pub memory: Memory,
    /// Read by every change that is under way.
    pub under_way: Arc<tokio::sync::RwLock<()>>,
}

/// Who sent a request.
pub enum Known {
    /// Whoever it is, they may see that.
    Everybody,
    Actor(Guest, Actor),
    /// Somebody whose session has ended.
    Over(Session),
}

/// What a browser keeps while somebody is at their provider.
#[derive(Deserialize, Serialize)]
struct Kept {
    sign_in: SignIn,
    /// Where they were going.
    to: String,
    until: Timestamp,
}

impl Site {
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn keys(&self) -> Arc<Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who sent this, and whether they may come in now. Looks at no body.
    pub(super) async fn checked(&self, request: &mut Request) -> Result<Known, Failure> {
        let path = request.uri().path().to_owned();
        // Whoever looks after this process asks it by its own address.
        if path == "/healthz" {
            return Ok(Known::Everybody);
        }
        let headers = request.headers();
        if !super::request::is_for(headers, &self.address.authority) {
            return Err(misdirected(&self.address.origin()));
        }
        if self.is_in_clear(headers) {
            let sentence = "this server is reached by TLS only";
            let hint = format!("open {}", self.address.origin());
            return Err(Failure::door(StatusCode::FORBIDDEN, sentence, hint));
        }
        let from = self.from(request).map(origin::network).unwrap_or_default();
        self.limits.address(&from, self.now())?;
        let signs_in = path == "/sign-in" || path == "/sign-in/back";
        if signs_in || path == "/api/v1/sign-in" {
            self.limits.sign_in(&from, self.now())?;
        }
        if is_asset(&path) || signs_in || path == "/api/v1/sign-in" || path == "/signed-out" {
            return Ok(Known::Everybody);
        }
        let known = self.known(headers, &path).await;
        // Guesses are dear, as signing in is.
        if let Err(failure) = &known
            && failure.status == StatusCode::UNAUTHORIZED
            && headers.contains_key(header::AUTHORIZATION)
        {
            self.limits.guess(&from, self.now())?;
        }
        let known = known?;
        known.ok_or_else(|| self.to_sign_in(request))
    }

    /// Whether our own proxy says that the request came to it in clear.
    fn is_in_clear(&self, headers: &HeaderMap) -> bool {
        let said = headers.get_all("x-forwarded-proto").iter().filter_map(|said| said.to_str().ok());
        let last = said.flat_map(|said| said.split(',')).next_back().map(str::trim);
        self.proxies > 0
            && self.address.secure
            && last.is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"))
    }

    async fn known(&self, headers: &HeaderMap, path: &str) -> Result<Option<Known>, Failure> {
        // Whoever says who they are is meant so: no cookie stands in for a token that is no good.
        if headers.contains_key(header::AUTHORIZATION) {
            let twice = headers.get_all(header::AUTHORIZATION).iter().count() > 1;
            let token =
                bearer(headers).filter(|_| !twice).ok_or_else(|| Failure::of_token(&Refused::Malformed))?;
            let Bearer { person, until, run } =
                self.gate.bearer(token, self.now()).await.map_err(|refused| Failure::of_token(&refused))?;
            let actor = Actor::new(person, Some(until)).running(run);
            return Ok(Some(Known::Actor(Guest::Script, actor)));
        }
        // Kubernetes' API has no form of ours that could carry a token, so a cookie is no good there.
        if proxy::is_of(path) {
            return Err(Failure::strange());
        }
        Ok(match self.session(headers) {
            Said::Now(session) if self.was_ended(&session.id) => None,
            Said::Now(session) => {
                let guest = Guest::Browser { forms: token::of_forms(&session.id) };
                Some(Known::Actor(guest, Actor::new(session.person, Some(session.until)).of(session.id)))
            }
            Said::Over(session) if !self.was_ended(&session.id) => Some(Known::Over(session)),
            _ => None,
        })
    }

    /// What is sealed is good at this server only, while people are who they are by the same provider and client and claim, and
    /// let in for the same reasons: under another, the same name may be another person's.
    pub(super) fn bound(&self, what: &str) -> String {
        let (people, origin) = (&self.gate.people, self.address.origin());
        let all = [what, &origin, &people.provider.issuer, &self.client.id, &people.naming.name];
        serde_json::json!([all, self.gate.required()]).to_string()
    }

    /// What the cookie of a session says, by the settings of now: who has fewer groups that count has fewer, and who could be a
    /// program signs in anew.
    fn session(&self, headers: &HeaderMap) -> Said {
        let (keys, bound) = (self.keys(), self.bound("session"));
        let said = Session::read(&keys, &bound, cookie(headers, &self.cookie("session")), self.now());
        let still = |session: Session| {
            let person = self.gate.still(session.person).ok()?;
            Some(Session { person, ..session })
        };
        match said {
            Said::Now(session) => still(session).map_or(Said::Nothing, Said::Now),
            Said::Over(session) => still(session).map_or(Said::Nothing, Said::Over),
            Said::Nothing => Said::Nothing,
        }
    }

    /// A page for people leads them to their provider; everything else is told that it has to sign in.
    pub(super) fn to_sign_in(&self, request: &Request) -> Failure {
        let uri = request.uri();
        let page = is_safe(request.method())
            && text(request.headers(), "accept").is_some_and(|kinds| kinds.contains("text/html"))
            && text(request.headers(), "hx-request").is_none()
            && !uri.path().starts_with("/api/");
        let to = uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
        if page { Failure::elsewhere(format!("/sign-in?to={}", encoded(to))) } else { Failure::strange() }
    }

    /// Begins to sign somebody in: the provider's page, and what their browser keeps meanwhile.
    pub async fn begin(&self, to: &str) -> Result<(String, String), Failure> {
        let away = |away| Failure::of_token(&Refused::Away(away));
        let Begun { address, kept } = self.gate.begin(&self.client).await.map_err(away)?;
        let kept = Kept { sign_in: kept, to: inside(to).to_owned(), until: self.now() + AWAY };
        let sealed = self.keys().seal(&self.bound("sign-in"), &kept).unwrap_or_default();
        Ok((address, self.set("sign-in", &sealed, AWAY.as_secs())))
    }

    /// Somebody came back: their session, and where they were going. Each sign-in is good once.
    pub async fn end(&self, headers: &HeaderMap, said: &Back) -> Result<(Session, String), Failure> {
        let refuse = |refused: Refused| Failure::of_token(&refused);
        let now = self.now();
        let kept = cookie(headers, &self.cookie("sign-in"));
        let kept: Kept = kept
            .and_then(|kept| self.keys().open(&self.bound("sign-in"), kept))
            .ok_or_else(|| refuse(Refused::Nonce))?;
        let same = token::mark(&said.state) == token::mark(&kept.sign_in.state);
        if !same || kept.until <= now || !self.memory.is_first(&kept.sign_in.state, kept.until, now) {
            return Err(refuse(Refused::Nonce));
        }
        if !said.error.is_empty() {
            let reason = [said.error_description.as_str(), said.error.as_str()];
            let reason = reason.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
            return Err(refuse(Refused::Declined { reason: reason.chars().take(300).collect() }));
        }
        let person = self.gate.end(&self.client, &kept.sign_in, &said.code, now).await.map_err(refuse)?;
        Ok((Session::begin(person, now, self.lasts), kept.to))
    }

    /// The cookies of a new session: it begins, and what was kept for it goes.
    pub fn cookies(&self, session: &Session) -> Result<[String; 2], Failure> {
        let sealed = session.seal(&self.keys(), &self.bound("session")).ok_or_else(|| {
            let sentence = "your groups are more than a browser keeps";
            Failure::said(sentence, "have the server keep only those that count: --keep-groups")
        })?;
        let seconds = session.forgotten().duration_since(self.now()).as_secs();
        Ok([self.set("session", &sealed, seconds), self.set("sign-in", "", 0)])
    }

    /// Ends a session for good, also for whoever copied its cookie.
    pub fn leave(&self, headers: &HeaderMap) -> String {
        // Whatever the settings say of them by now.
        let (keys, bound) = (self.keys(), self.bound("session"));
        let read = Session::read(&keys, &bound, cookie(headers, &self.cookie("session")), self.now());
        if let Said::Now(session) | Said::Over(session) = read {
            self.memory.end(&session.id, session.forgotten(), self.now());
        }
        self.set("session", "", 0)
    }

    pub fn was_ended(&self, id: &str) -> bool {
        self.memory.was_ended(id)
    }

    pub(super) fn park(&self, session: &Session, path: String, body: &[u8]) -> Option<String> {
        // It becomes the address of a form: one that a browser would read as another host's is none.
        if !is_path(&path) {
            return None;
        }
        self.memory.parked.put(&Actor::new(session.person.clone(), None).key, path, body, self.now())
    }

    pub fn parked(&self, id: &str, by: &str) -> Option<Parked> {
        self.memory.parked.find(id, by, self.now())
    }

    /// With its prefix no other host of the domain can set it.
    fn cookie(&self, what: &str) -> String {
        format!("{}outboard-{what}", if self.address.secure { "__Host-" } else { "" })
    }

    /// `Lax`, so that an address which somebody was sent opens at once. Nothing that only reads changes anything; what changes
    /// something has to come from a page of ours, and say so.
    fn set(&self, what: &str, value: &str, seconds: i64) -> String {
        let secure = if self.address.secure { "; Secure" } else { "" };
        format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}", self.cookie(what))
    }

    /// Where a request came from: as the outermost of our own proxies saw it, and no further.
    pub fn from(&self, request: &Request) -> Option<IpAddr> {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
        origin::from(request.headers(), peer, self.proxies)
    }
}

/// What the provider sends back with somebody.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Back {
    code: String,
    state: String,
    error: String,
    error_description: String,
}

/// A page of ours, and nowhere else: whoever made the link does not choose where a sign-in ends.
fn inside(to: &str) -> &str {
    if is_path(to) && to.len() <= 2_000 && !to.starts_with("/sign-") { to } else { "/environments" }
}

/// A path, to every browser: they read `\` as `/`, and leave out some that cannot be seen.
fn is_path(to: &str) -> bool {
    to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') && !to.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_ends_on_a_page_of_ours() {
        assert_eq!(inside("/environments/shop/qa?x=1"), "/environments/shop/qa?x=1");
        for to in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "\\/x",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: x",
            "/sign-in?to=/x",
            "/sign-out",
        ] {
            assert_eq!(inside(to), "/environments", "{to:?}");
        }
    }
}
