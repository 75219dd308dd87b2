//! Addresses and credentials in values, as references: `mysql://shop:secret@db:3306/shop` names a server that will have
//! another password.
//!
//! Only what is surely meant is replaced: where a host stands as one does in an address, and where a variable's name says
//! what its value is.

use std::collections::BTreeMap;

use api::project::Port;

use super::known;

/// A backing service, and what its file said about it.
#[derive(Clone, Debug)]
pub struct Server {
    pub name: String,
    pub hosts: Vec<String>,
    pub kind: known::Backing,
    pub user: Option<String>,
    pub passwords: Vec<String>,
    pub database: Option<String>,
}

/// A place in a value where a host stands as one does in an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    pub start: usize,
    pub end: usize,
    pub port: Option<Port>,
}

/// Every address of `host` in a value.
pub fn mentions(value: &str, host: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    if host.is_empty() {
        return found;
    }
    for (start, _) in value.match_indices(host) {
        let (before, after) = (&value[..start], &value[start + host.len()..]);
        let begins = before.chars().next_back().is_none_or(|c| "/@,;=(['\" ".contains(c));
        let digits: String =
            after.strip_prefix(':').unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
        let port = digits.parse().ok().filter(|port| *port > 0);
        let ends = after.chars().next().is_none_or(|c| ":/,;)]?&'\"# ".contains(c));
        let written = ["host=", "server=", "addr=", "hostname="];
        let address = port.is_some()
            || before.ends_with("//")
            || before.ends_with('@')
            || written.iter().any(|key| before.to_ascii_lowercase().ends_with(key));
        if begins && ends && address {
            found.push(Mention { start, end: start + host.len(), port });
        }
    }
    found
}

/// A value with other names in the place of those that were changed.
pub fn renamed(value: &str, hosts: &[String], name: &str) -> String {
    let mut value = value.to_owned();
    for host in hosts.iter().filter(|host| *host != name) {
        for mention in mentions(&value, host).into_iter().rev() {
            value.replace_range(mention.start..mention.end, name);
        }
    }
    value
}

/// A value with the ports that a component has in the place of those under which it was known.
pub fn forwarded(value: &str, hosts: &[String], name: &str, ports: &BTreeMap<Port, Port>) -> String {
    let mut value = value.to_owned();
    let own = [name.to_owned()];
    for host in hosts.iter().filter(|host| *host != name).chain(&own) {
        for mention in mentions(&value, host).into_iter().rev() {
            let http = value[..mention.start].ends_with("http://");
            match mention.port {
                Some(port) => {
                    if let Some(target) = ports.get(&port) {
                        let end = mention.end + 1 + port_length(&value[mention.end..]);
                        value.replace_range(mention.end + 1..end, &target.to_string());
                    }
                }
                None if http => {
                    if let Some(target) = ports.get(&80) {
                        value.insert_str(mention.end, &format!(":{target}"));
                    }
                }
                None => {}
            }
        }
    }
    value
}

/// A value with references in the place of a server's address and credentials.
pub fn addressed(value: &str, server: &Server) -> String {
    if server.kind == known::Backing::Container {
        return renamed(value, &server.hosts, &server.name);
    }
    let mut value = value.to_owned();
    for host in &server.hosts {
        for mention in mentions(&value, host).into_iter().rev() {
            value = if value[..mention.start].ends_with('=') {
                pairs(&value, server)
            } else {
                url(&value, &mention, server)
            };
        }
    }
    value
}

/// `scheme://user:password@host:port/name`, or the same as Go's drivers write it: `user:password@tcp(host:port)/name`.
fn url(value: &str, mention: &Mention, server: &Server) -> String {
    let field = |field: &str| format!("${{{}.{field}}}", server.name);
    let mut after = &value[mention.end..];
    let mut written = field("host");
    if mention.port.is_some() {
        after = &after[1 + port_length(after)..];
        written.push_str(&format!(":{}", field("port")));
    }
    let database = server.kind != known::Backing::Redis;
    // The name of the database follows, perhaps after a bracket.
    let bracket = usize::from(after.starts_with(')'));
    if database && after[bracket..].starts_with('/') {
        let rest = &after[bracket + 1..];
        let end = rest.find(|c: char| "?#&'\" ,;)".contains(c)).unwrap_or(rest.len());
        if end > 0 && !rest[..end].contains('/') {
            written.push_str(&after[..=bracket]);
            written.push_str(&field("name"));
            after = &rest[end..];
        }
    }
    let mut before = value[..mention.start].to_owned();
    let at = ["@", "@tcp(", "@("].iter().find(|at| before.ends_with(*at));
    match at {
        Some(at) => {
            let end = before.len() - at.len();
            let start = before[..end].rfind("//").map(|slashes| slashes + 2);
            let start =
                start.or_else(|| before[..end].rfind(['=', ' ', '"', '\'', ',']).map(|before| before + 1));
            let start = start.unwrap_or(0);
            let user = if database { field("user") } else { String::new() };
            let secret = before[start..end].contains(':') || !database;
            let credentials = if secret { format!("{user}:{}", field("password")) } else { user };
            before.replace_range(start..end, &credentials);
        }
        None if !database && before.ends_with("//") => before.push_str(&format!(":{}@", field("password"))),
        None => {}
    }
    format!("{before}{written}{after}")
}

fn port_length(after: &str) -> usize {
    after[1..].chars().take_while(char::is_ascii_digit).count()
}

/// `host=db;port=3306;dbname=shop`.
fn pairs(value: &str, server: &Server) -> String {
    let mut written = String::new();
    for piece in value.split_inclusive([';', ' ', '&', ',']) {
        let end = piece.len() - usize::from(piece.ends_with([';', ' ', '&', ',']));
        let (pair, separator) = piece.split_at(end);
        let Some((key, _)) = pair.split_once('=') else {
            written.push_str(piece);
            continue;
        };
        let word = key.rsplit([':', '?']).next().unwrap_or(key).trim().to_ascii_lowercase();
        let field = match word.as_str() {
            "host" | "hostname" | "server" | "addr" => "host",
            "port" => "port",
            "dbname" | "database" => "name",
            "user" | "uid" | "username" => "user",
            "password" | "pwd" | "pass" => "password",
            _ => {
                written.push_str(piece);
                continue;
            }
        };
        written.push_str(&format!("{key}=${{{}.{field}}}{separator}", server.name));
    }
    written
}

/// What a variable holds, if its name and its value say the same.
pub fn named(variable: &str, value: &str, server: &Server) -> Option<String> {
    if server.kind == known::Backing::Container {
        // It keeps its name and its password; only a name that it cannot have is another.
        let is_host = server.hosts.iter().any(|host| host == value);
        return (is_host && value != server.name && value.contains(['_', '.'])).then(|| server.name.clone());
    }
    let name = variable.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let database = server.kind != known::Backing::Redis;
    let port = if database { "3306" } else { "6379" };
    let is_host = |value: &str| server.hosts.iter().any(|host| host == value);
    let field = if has(&["HOST", "SERVER", "ADDR", "ENDPOINT"]) {
        if is_host(value) {
            "host"
        } else {
            return None;
        }
    } else if has(&["PORT"]) {
        if value == port && !has(&["EXPORT", "REPORT", "SUPPORT"]) {
            "port"
        } else {
            return None;
        }
    } else if known::is_secret_name(variable) || has(&["PASS", "PWD"]) {
        if server.passwords.iter().any(|password| password == value) {
            "password"
        } else {
            return None;
        }
    } else if has(&["USER", "LOGIN"]) {
        let known = value == "root" || server.user.as_deref() == Some(value);
        if database && known {
            "user"
        } else {
            return None;
        }
    } else if has(&["DATABASE", "DBNAME", "DB_NAME", "SCHEMA", "MYSQL_NAME"])
        || name.ends_with("_DB")
        || name == "DB"
    {
        if database && server.database.as_deref() == Some(value) {
            "name"
        } else {
            return None;
        }
    } else {
        return None;
    };
    Some(format!("${{{}.{field}}}", server.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(kind: known::Backing) -> Server {
        Server {
            name: "db".into(),
            hosts: vec!["db".into(), "shop_db".into()],
            kind,
            user: Some("shop".into()),
            passwords: vec!["shop".into(), "geheim".into()],
            database: Some("shop".into()),
        }
    }

    #[test]
    fn an_address_becomes_references_whatever_its_notation() {
        let db = server(known::Backing::Mariadb);
        for (value, wanted) in [
            (
                "mysql://shop:shop@db:3306/shop?charset=utf8",
                "mysql://${db.user}:${db.password}@${db.host}:${db.port}/${db.name}?charset=utf8",
            ),
            (
                "shop:x@tcp(shop_db:3306)/shop?parseTime=true",
                "${db.user}:${db.password}@tcp(${db.host}:${db.port})/${db.name}?parseTime=true",
            ),
            ("mysql:host=db;dbname=shop", "mysql:host=${db.host};dbname=${db.name}"),
            ("jdbc:mysql://db/shop", "jdbc:mysql://${db.host}/${db.name}"),
            ("db:3306", "${db.host}:${db.port}"),
            ("tcp://db:3306 and db2:3306", "tcp://${db.host}:${db.port} and db2:3306"),
        ] {
            assert_eq!(addressed(value, &db), wanted);
        }
    }

    #[test]
    fn a_server_that_has_a_password_now_is_told_it() {
        let cache =
            Server { name: "cache".into(), hosts: vec!["cache".into()], ..server(known::Backing::Redis) };
        assert_eq!(
            addressed("redis://cache:6379/1", &cache),
            "redis://:${cache.password}@${cache.host}:${cache.port}/1"
        );
        assert_eq!(addressed("redis://:x@cache/1", &cache), "redis://:${cache.password}@${cache.host}/1");
    }

    #[test]
    fn a_word_that_only_looks_like_the_host_stays() {
        let db = server(known::Backing::Mariadb);
        for value in ["db", "/var/lib/db/data", "mydb:3306", "db.example.com:3306", "the db is here"] {
            assert_eq!(addressed(value, &db), value);
        }
    }

    #[test]
    fn a_variable_that_says_what_it_is_tells_equal_values_apart() {
        let db = server(known::Backing::Mariadb);
        let reference = |name: &str, value: &str| named(name, value, &db).unwrap_or_default();
        assert_eq!(reference("DB_USER", "shop"), "${db.user}");
        assert_eq!(reference("DB_PASSWORD", "shop"), "${db.password}");
        assert_eq!(reference("WORDPRESS_DB_NAME", "shop"), "${db.name}");
        assert_eq!(reference("DB_HOST", "db"), "${db.host}");
        assert_eq!(reference("DB_PORT", "3306"), "${db.port}");
        assert_eq!(reference("DB_CONNECTION", "db"), "");
        assert_eq!(reference("SHOP_NAME", "shop"), "");
        assert_eq!(reference("ADMIN_PASSWORD", "other"), "");
    }

    proptest::proptest! {
        #[test]
        fn no_value_whatever_makes_it_panic(value in "(db|shop_db|:|/|@|=|;|3306|é|[a-z]| |\\PC){0,20}") {
            let _ = addressed(&value, &server(known::Backing::Mariadb));
            let _ = addressed(&value, &server(known::Backing::Redis));
        }
    }
}
