//! The door of a server: people sign in at their provider and have a cookie then, programs bring a token with each request.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use identity::{Begun, Client, Gate, Refused, SignIn};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::limit::{Limit, Room, Rooms};
use super::parked::{Park, Parked};
use super::request::{bearer, cookie, text};
use super::seal::Keys;
use super::session::{Said, Session};
use super::{Guest, is_asset, is_safe, misdirected};
use crate::actor::Actor;
use crate::audit::Audit;
use crate::failure::Failure;
use crate::view::query::encoded;
use crate::{proxy, token};

/// Whoever goes to their provider comes back within.
const AWAY: SignedDuration = SignedDuration::from_mins(15);
/// Of one person: pages that are live in a few windows, and a terminal.
const AT_ONCE: usize = 64;
/// Sessions that were ended before their time, until they would have ended anyway.
const MOST_ENDED: usize = 100_000;

/// Where the request came from; what brings it in says so.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// The time, as whoever starts this has it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How people call this server.
#[derive(Clone, Debug, PartialEq)]
pub struct Public {
    secure: bool,
    /// Host, and port if it is another than that of the scheme.
    authority: String,
}

impl Public {
    /// In clear only on one's own machine: else everybody on the way has the cookies.
    pub fn parse(address: &str) -> Option<Self> {
        let (scheme, rest) = address.split_once("://")?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]".contains(c);
        let good = !authority.is_empty() && authority.chars().all(plain);
        let host = authority
            .rsplit_once(':')
            .filter(|(_, port)| !port.ends_with(']'))
            .map_or(authority, |(host, _)| host);
        let here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let secure = scheme == "https";
        (good && (secure || (scheme == "http" && here)))
            .then(|| Self { secure, authority: authority.to_owned() })
    }

    pub fn origin(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.authority)
    }

    pub fn is_secure(&self) -> bool {
        self.secure
    }
}

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
}

/// What a server remembers of sessions that it does not keep itself.
#[derive(Default)]
pub struct Memory {
    /// Those that were ended before their time.
    ended: Mutex<HashMap<String, Timestamp>>,
    /// Sign-ins that somebody came back from.
    used: Mutex<HashMap<String, Timestamp>>,
    parked: Park,
}

/// How often somebody may come, and with how much at once.
pub struct Limits {
    address: Limit,
    /// Signing in asks the provider.
    sign_in: Limit,
    person: Limit,
    at_once: Rooms,
}

impl Default for Limits {
    fn default() -> Self {
        // An office may have one address; a page is a dozen requests.
        Self {
            address: Limit::new(50.0, 500.0),
            sign_in: Limit::new(1.0, 60.0),
            person: Limit::new(20.0, 300.0),
            at_once: Rooms::new(AT_ONCE),
        }
    }
}

impl Limits {
    /// One request of somebody.
    pub(super) fn often(&self, who: &str, now: Timestamp) -> Result<(), Failure> {
        self.person.take(who, now).map_err(Failure::often)
    }

    /// Room for one thing of somebody, for as long as it goes on. None: they have as much under way as one may.
    pub(super) fn room(&self, who: &str) -> Option<Room> {
        self.at_once.take(who)
    }
}

#[cfg(test)]
impl Limits {
    pub fn of(address: f64, sign_in: f64, person: f64) -> Self {
        let limit = |at_once| Limit::new(0.1, at_once);
        Self {
            address: limit(address),
            sign_in: limit(sign_in),
            person: limit(person),
            at_once: Rooms::new(AT_ONCE),
        }
    }
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
        let from = self.from(request).map(network).unwrap_or_default();
        self.limits.address.take(&from, self.now()).map_err(Failure::often)?;
        let signs_in = path == "/sign-in" || path == "/sign-in/back";
        if signs_in || path == "/api/v1/sign-in" {
            self.limits.sign_in.take(&from, self.now()).map_err(Failure::often)?;
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
            self.limits.sign_in.take(&from, self.now()).map_err(Failure::often)?;
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
            let (person, until) =
                self.gate.person(token, self.now()).await.map_err(|refused| Failure::of_token(&refused))?;
            return Ok(Some(Known::Actor(Guest::Script, Actor::new(person, Some(until)))));
        }
        // Kubernetes' API has no form of ours that could carry a token, so a cookie is no good there.
        if proxy::is_of(path) {
            return Err(Failure::strange());
        }
        Ok(match Session::read(&self.keys(), cookie(headers, &self.cookie("session")), self.now()) {
            Said::Now(session) if self.was_ended(&session.id) => None,
            Said::Now(session) => {
                let guest = Guest::Browser { forms: token::of_forms(&session.id) };
                Some(Known::Actor(guest, Actor::new(session.person, Some(session.until)).of(session.id)))
            }
            Said::Over(session) if !self.was_ended(&session.id) => Some(Known::Over(session)),
            _ => None,
        })
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
        let sealed = self.keys().seal("sign-in", &kept).unwrap_or_default();
        Ok((address, self.set("sign-in", &sealed, AWAY.as_secs())))
    }

    /// Somebody came back: their session, and where they were going. Each sign-in is good once.
    pub async fn end(&self, headers: &HeaderMap, said: &Back) -> Result<(Session, String), Failure> {
        let refuse = |refused: Refused| Failure::of_token(&refused);
        let now = self.now();
        let kept = cookie(headers, &self.cookie("sign-in"));
        let kept: Kept =
            kept.and_then(|kept| self.keys().open("sign-in", kept)).ok_or_else(|| refuse(Refused::Nonce))?;
        let same = token::mark(&said.state) == token::mark(&kept.sign_in.state);
        if !same || kept.until <= now || !self.is_first(&kept.sign_in.state, kept.until) {
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
        let sealed = session.seal(&self.keys()).ok_or_else(|| {
            let sentence = "your groups are more than a browser keeps";
            Failure::said(sentence, "have the server keep only those that count: --keep-groups")
        })?;
        let seconds = session.forgotten().duration_since(self.now()).as_secs();
        Ok([self.set("session", &sealed, seconds), self.set("sign-in", "", 0)])
    }

    /// Ends a session for good, also for whoever copied its cookie.
    pub fn leave(&self, headers: &HeaderMap) -> String {
        let read = Session::read(&self.keys(), cookie(headers, &self.cookie("session")), self.now());
        if let Said::Now(session) | Said::Over(session) = read {
            let mut ended = self.memory.ended.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.now();
            if ended.len() >= MOST_ENDED {
                ended.retain(|_, until| now < *until);
            }
            ended.insert(session.id.clone(), session.forgotten());
        }
        self.set("session", "", 0)
    }

    pub fn was_ended(&self, id: &str) -> bool {
        self.memory.ended.lock().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }

    fn is_first(&self, state: &str, until: Timestamp) -> bool {
        let mut used = self.memory.used.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        used.retain(|_, until| now < *until);
        used.insert(state.to_owned(), until).is_none()
    }

    pub(super) fn park(&self, session: &Session, path: String, body: &[u8]) -> Option<String> {
        // It becomes the address of a form: one that a browser would read as another host's is none.
        if path.starts_with("//") {
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
        from(request.headers(), peer, self.proxies)
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
    let ours = to.starts_with('/')
        && !to.starts_with("//")
        && !to.contains('\\')
        && !to.chars().any(char::is_control);
    if ours && to.len() <= 2_000 && !to.starts_with("/sign-") { to } else { "/environments" }
}

fn from(headers: &HeaderMap, peer: Option<IpAddr>, proxies: usize) -> Option<IpAddr> {
    if proxies == 0 {
        return peer;
    }
    let all = headers.get_all("x-forwarded-for").iter().filter_map(|said| said.to_str().ok());
    let all: Vec<&str> = all.flat_map(|said| said.split(',')).map(str::trim).collect();
    // Each of them adds whom it saw at the end; what stands before that anybody may have written.
    let said = all.len().checked_sub(proxies).and_then(|index| all.get(index));
    said.and_then(|said| said.parse().ok()).or(peer)
}

/// Whoever has an address of IPv6 has billions of them.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => address.segments()[..4].iter().map(|part| format!("{part:x}:")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_called_by_an_address_that_nobody_can_listen_to() {
        let origin = |address: &str| Public::parse(address).map(|public| public.origin());
        assert_eq!(origin("https://outboard.example.com/").as_deref(), Some("https://outboard.example.com"));
        assert_eq!(origin("http://127.0.0.1:8400").as_deref(), Some("http://127.0.0.1:8400"));
        assert_eq!(origin("http://[::1]:8400").as_deref(), Some("http://[::1]:8400"));
        for address in [
            "http://outboard.example.com",
            "outboard.example.com",
            "https://",
            "https://a/b",
            "https://a@b",
            "https://A",
            "ftp://a",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example:80",
        ] {
            assert_eq!(origin(address), None, "{address}");
        }
    }

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

    #[test]
    fn where_a_request_came_from_is_what_our_own_proxies_say() {
        let peer: Option<IpAddr> = "10.0.0.9".parse().ok();
        let with = |said: &[&str], proxies| {
            let mut headers = HeaderMap::new();
            for said in said {
                headers.append("x-forwarded-for", said.parse().unwrap());
            }
            from(&headers, peer, proxies).map(|address| address.to_string()).unwrap_or_default()
        };
        assert_eq!(with(&["203.0.113.7"], 0), "10.0.0.9");
        assert_eq!(with(&["1.1.1.1, 203.0.113.7"], 1), "203.0.113.7");
        assert_eq!(with(&["1.1.1.1", "203.0.113.7, 10.0.0.1"], 2), "203.0.113.7");
        assert_eq!(with(&[], 1), "10.0.0.9");
        assert_eq!(with(&["nonsense"], 1), "10.0.0.9");
        assert_eq!(with(&["203.0.113.7"], 2), "10.0.0.9");
    }

    #[test]
    fn addresses_of_one_network_count_as_one() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
