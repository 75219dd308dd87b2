//! Which port is meant: `[[LOCAL:]REMOTE]`, where REMOTE is a number or a name.

use std::str::FromStr;

use crate::suggest::nearest;
use crate::{Error, Result};

/// A port of a part, and the one on this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Port {
    /// `None`: the remote one's number if that is free; 0: any.
    pub local: Option<u16>,
    remote: Remote,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Remote {
    Number(u16),
    Name(String),
}

impl Port {
    /// Where it was given as a number.
    pub fn number(&self) -> Option<u16> {
        match self.remote {
            Remote::Number(number) => Some(number),
            Remote::Name(_) => None,
        }
    }
}

impl FromStr for Port {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong =
            || format!("`{text}` is not of the form [LOCAL:]REMOTE, such as `8080`, `http` or `9000:http`");
        let (local, remote) = match text.split_once(':') {
            Some(("", remote)) => (None, remote),
            Some((local, remote)) => (Some(local.parse().map_err(|_| wrong())?), remote),
            None => (None, text),
        };
        let named = remote.starts_with(|c: char| c.is_ascii_alphabetic());
        let remote = match remote.parse() {
            Ok(number) if number > 0 => Remote::Number(number),
            Err(_) if named && !remote.contains(':') => Remote::Name(remote.to_owned()),
            _ => return Err(wrong()),
        };
        Ok(Self { local, remote })
    }
}

/// The number and name of the wanted port among those a part says it has. A number need not be among them.
pub fn find(
    wanted: Option<&Port>,
    known: &[(u16, Option<String>)],
    part: &str,
) -> Result<(u16, Option<String>)> {
    let names = || known.iter().filter_map(|(_, name)| name.as_deref());
    let missing = |name: &str| Error::NotFound {
        kind: "port",
        name: name.to_owned(),
        place: part.to_owned(),
        nearest: nearest(name, names()),
        known: names().map(str::to_owned).collect(),
    };
    match wanted.map(|port| &port.remote) {
        None => known.first().cloned().ok_or_else(|| missing("any")),
        Some(Remote::Number(number)) => {
            let name = known.iter().find(|(known, _)| known == number).and_then(|(_, name)| name.clone());
            Ok((*number, name))
        }
        Some(Remote::Name(wanted)) => known
            .iter()
            .find(|(_, name)| name.as_ref() == Some(wanted))
            .cloned()
            .ok_or_else(|| missing(wanted)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Option<u16>, Remote) {
        let port: Port = text.parse().unwrap();
        (port.local, port.remote)
    }

    #[test]
    fn a_port_is_a_number_or_a_name_after_the_local_one() {
        assert_eq!(parsed("8080"), (None, Remote::Number(8080)));
        assert_eq!(parsed("http"), (None, Remote::Name("http".into())));
        assert_eq!(parsed("9000:http"), (Some(9000), Remote::Name("http".into())));
        assert_eq!(parsed("0:80"), (Some(0), Remote::Number(80)));
        assert_eq!(parsed(":80"), (None, Remote::Number(80)));
    }

    #[test]
    fn what_is_no_port_is_refused_with_the_form() {
        for bad in ["", "0", "70000", "x:80", "80:", "1:2:3", "-1"] {
            let error = bad.parse::<Port>().unwrap_err();
            assert!(error.contains("[LOCAL:]REMOTE"), "{bad}: {error}");
        }
    }

    #[test]
    fn without_a_wish_the_first_port_is_meant_and_an_undeclared_number_is_tried() {
        let known = [(8080, Some("http".to_owned())), (9090, Some("metrics".to_owned()))];
        let wanted = |text: &str| text.parse::<Port>().unwrap();
        assert_eq!(find(None, &known, "component web").unwrap().0, 8080);
        assert_eq!(find(Some(&wanted("metrics")), &known, "component web").unwrap().0, 9090);
        assert_eq!(find(Some(&wanted("1")), &known, "component web").unwrap(), (1, None));
        let error = find(Some(&wanted("htp")), &known, "component web").unwrap_err();
        assert_eq!(error.to_string(), "port `htp` does not exist in component web");
    }
}
