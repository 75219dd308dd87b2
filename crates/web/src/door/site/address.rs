//! How people call this server. Pure.

/// How people call this server.
#[derive(Clone, Debug, PartialEq)]
pub struct Public {
    pub(super) secure: bool,
    /// Host, and port if it is another than that of the scheme.
    pub(super) authority: String,
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
}
