//! What the headers of a request say about where it comes from. Pure.

use axum::http::{HeaderMap, header};

pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether the request names this server as it is called: whoever leads a name of their own here (DNS rebinding) says another.
pub fn is_for(headers: &HeaderMap, address: &str) -> bool {
    let mut said = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (said.next(), said.next()) else { return false };
    host.to_str().is_ok_and(|host| host == address)
}

/// Whether a browser says that a page of ours sent this. Every browser of today says where a write comes from.
pub fn is_of_same_origin(headers: &HeaderMap, ours: &str) -> bool {
    if text(headers, "sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return false;
    }
    text(headers, "origin") == Some(ours)
}

pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, "authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    all.flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(said, _)| *said == name)
        .map(|(_, value)| value)
}

/// A field of a form whose value needs no decoding, as tokens do not.
pub fn field(body: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let pair = text.split('&').filter_map(|pair| pair.split_once('=')).find(|(said, _)| *said == name)?;
    Some(pair.1.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_our_own_address_is_answered() {
        let is_for = |all: &[(&'static str, &'static str)]| super::is_for(&headers(all), "127.3.2.1:4000");
        assert!(is_for(&[("host", "127.3.2.1:4000")]));
        for host in [
            "evil.example:4000",
            "127.3.2.1:4001",
            "127.0.0.1:4000",
            "localhost:4000",
            "127.3.2.1",
            "127.3.2.1:4000.evil.example",
            "",
        ] {
            assert!(!is_for(&[("host", host)]), "{host}");
        }
        assert!(!is_for(&[]));
        assert!(!is_for(&[("host", "127.3.2.1:4000"), ("host", "evil.example")]));
    }

    #[test]
    fn a_write_comes_from_the_page_it_goes_to() {
        let from = |origin, site| {
            let said = headers(&[("host", "127.0.0.1:4000"), ("origin", origin), ("sec-fetch-site", site)]);
            is_of_same_origin(&said, "http://127.0.0.1:4000")
        };
        assert!(from("http://127.0.0.1:4000", "same-origin"));
        assert!(!from("http://127.0.0.1:4000", "cross-site"));
        assert!(!from("http://127.0.0.1:4001", "same-origin"));
        assert!(!from("http://localhost:4000", "same-origin"));
        assert!(!from("https://127.0.0.1:4000", "same-origin"));
        assert!(!from("null", "same-origin"));
        assert!(!is_of_same_origin(&headers(&[("host", "127.0.0.1:4000")]), "http://127.0.0.1:4000"));
    }

    #[test]
    fn cookies_and_fields_are_found_by_their_whole_name() {
        let all = headers(&[("cookie", "a=1; outboard-40=x"), ("cookie", "outboard-4000=y")]);
        assert_eq!(cookie(&all, "outboard-4000"), Some("y"));
        assert_eq!(cookie(&all, "outboard-4"), None);
        assert_eq!(field(b"name=x&token=abc", "token").as_deref(), Some("abc"));
        assert_eq!(field(b"retoken=abc", "token"), None);
        assert_eq!(bearer(&headers(&[("authorization", "Bearer abc")])), Some("abc"));
        assert_eq!(bearer(&headers(&[("authorization", "bearer abc")])), Some("abc"));
        assert_eq!(bearer(&headers(&[("authorization", "Basic abc")])), None);
    }
}
