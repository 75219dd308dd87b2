//! Where a request came from: as our own proxies say it, and no further. Pure.

use std::net::IpAddr;

use axum::http::HeaderMap;

/// Where the request came from; what brings it in says so.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// As the outermost of our own proxies saw it.
pub fn from(headers: &HeaderMap, peer: Option<IpAddr>, proxies: usize) -> Option<IpAddr> {
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
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => address.segments()[..4].iter().map(|part| format!("{part:x}:")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
