//! What a server's pod says when it is asked or told, and which servers take two passwords at once.

use api::revision::Rotates;

/// What the pod said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Of the server, in its own words.
    pub version: String,
    /// The state that lies in the pod: its server takes every password that lies beside it.
    pub holds: String,
}

impl Answer {
    pub fn read(said: &str) -> Option<Self> {
        let line = |word: &str| {
            said.lines().find_map(|line| line.strip_prefix(word)).map(|rest| rest.trim().to_owned())
        };
        Some(Self { version: line("version ")?, holds: line("holds")? })
    }
}

/// Why a server of this version cannot take two passwords at once.
pub fn unsupported(rotates: Rotates, version: &str) -> Option<String> {
    let (name, least) = match rotates {
        Rotates::Mariadb => ("MariaDB", [10, 4, 0]),
        Rotates::Mysql => ("MySQL", [8, 0, 14]),
        Rotates::Redis => ("Redis", [6, 0, 0]),
    };
    let other = rotates == Rotates::Mysql && version.contains("MariaDB");
    if !other && numbers(version).is_some_and(|found| found >= least) {
        return None;
    }
    let from = least.iter().rev().skip_while(|number| **number == 0).count().max(1);
    let from: Vec<String> = least[..from].iter().map(u32::to_string).collect();
    Some(format!(
        "its server says that it is {version:?}, and {name} takes two passwords at once from {} on: choose such a version in \
         outboard.yaml; until then a new password takes a new environment",
        from.join(".")
    ))
}

/// `10.11.19-MariaDB-0+deb12u1`: its first three numbers.
fn numbers(version: &str) -> Option<[u32; 3]> {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let first = numbers.next()?.ok()?;
    let mut rest = || numbers.next().and_then(Result::ok).unwrap_or(0);
    Some([first, rest(), rest()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_servers_that_take_two_passwords_are_told_of_a_second_one() {
        let refused = |rotates, version: &str| unsupported(rotates, version).is_some();
        for (rotates, good, bad) in [
            (
                Rotates::Mariadb,
                ["10.11.19-MariaDB-0+deb12u1", "10.4.0-MariaDB", "11.8.2-MariaDB"],
                ["10.3.39-MariaDB", "5.5.5", ""],
            ),
            (Rotates::Mysql, ["8.0.14", "9.7.0", "8.4.3-0ubuntu1"], ["8.0.13", "5.7.44", "10.11.19-MariaDB"]),
            (Rotates::Redis, ["6.0.16", "7.0.15", "8.0.2"], ["5.0.14", "3.2", "unknown"]),
        ] {
            for version in good {
                assert!(!refused(rotates, version), "{rotates:?} {version}");
            }
            for version in bad {
                assert!(refused(rotates, version), "{rotates:?} {version}");
            }
        }
        let why = unsupported(Rotates::Mysql, "8.0.13").unwrap();
        assert!(why.contains("from 8.0.14 on"), "{why}");
        assert!(unsupported(Rotates::Redis, "5.0").unwrap().contains("from 6 on"));
    }

    #[test]
    fn an_answer_that_is_not_whole_is_none() {
        let answer = Answer::read("version 10.11\nholds {\"a\":1}\n").unwrap();
        assert_eq!((answer.version.as_str(), answer.holds.as_str()), ("10.11", "{\"a\":1}"));
        assert_eq!(Answer::read("version 7\nholds \n").unwrap().holds, "");
        assert_eq!(Answer::read("version 7\n"), None);
        assert_eq!(Answer::read(""), None);
    }
}
