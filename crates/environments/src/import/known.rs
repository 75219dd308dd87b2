//! What is known about images and ports that many people use.

pub use crate::plan::plain::is_secret_name;
use api::project::Port;

use super::image;

/// A service that outboard runs itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Backing {
    Mariadb,
    /// Run as `mariadb`.
    Mysql,
    Redis,
    /// Any image; what it says about users and passwords stays as it is.
    Container,
}

/// The backing service that an image is, if this outboard offers it.
pub fn backing(repository: &str) -> Option<Backing> {
    match image::base(repository) {
        "mariadb" | "mariadb-galera" => Some(Backing::Mariadb),
        "mysql" | "mysql-server" | "percona" | "percona-server" => Some(Backing::Mysql),
        "redis" | "valkey" => Some(Backing::Redis).filter(|_| offers("redis")),
        "postgres" | "postgresql" | "postgis" | "timescaledb" | "mongo" | "mongodb" | "memcached"
        | "rabbitmq" | "nats" | "elasticsearch" | "opensearch" => {
            Some(Backing::Container).filter(|_| offers("container"))
        }
        _ => None,
    }
}

/// Whether `spec.services` takes this type.
fn offers(kind: &str) -> bool {
    serde_json::from_value::<api::project::ServiceType>(kind.into()).is_ok()
}

/// Whether `spec` has this key.
pub fn has_key(key: &str) -> bool {
    crate::file::json_schema().pointer(&format!("/properties/spec/properties/{key}")).is_some()
}

/// Whether a service takes settings of its server.
pub fn has_config() -> bool {
    let services = "/properties/spec/properties/services/additionalProperties";
    crate::file::json_schema()
        .pointer(services)
        .is_some_and(|schema| schema.to_string().contains("\"config\""))
}

/// Settings of a server that outboard surely leaves to whoever asks.
pub fn is_setting(name: &str) -> bool {
    matches!(
        name.replace('_', "-").as_str(),
        "character-set-server"
            | "collation-server"
            | "max-connections"
            | "max-allowed-packet"
            | "innodb-buffer-pool-size"
            | "sql-mode"
            | "wait-timeout"
            | "interactive-timeout"
            | "transaction-isolation"
            | "slow-query-log"
            | "long-query-time"
            | "maxmemory"
            | "maxmemory-policy"
            | "timeout"
            | "databases"
    )
}

/// Ports on which an image listens, whatever its file says.
pub fn ports(repository: &str) -> &'static [Port] {
    match image::base(repository) {
        "postgres" | "postgresql" | "postgis" | "timescaledb" => &[5432],
        "redis" | "valkey" | "keydb" => &[6379],
        "mongo" | "mongodb" => &[27017],
        "memcached" => &[11211],
        "rabbitmq" => &[5672],
        "nats" => &[4222],
        "zookeeper" => &[2181],
        "kafka" | "cp-kafka" => &[9092],
        "elasticsearch" | "opensearch" => &[9200],
        "minio" => &[9000],
        "mailhog" | "mailpit" => &[1025, 8025],
        "mosquitto" | "eclipse-mosquitto" => &[1883],
        "nginx" | "httpd" | "caddy" | "wordpress" | "nextcloud" | "drupal" | "joomla" | "phpmyadmin" => &[80],
        "adminer" | "tomcat" => &[8080],
        "ghost" => &[2368],
        _ => &[],
    }
}

/// What a port is called, where nobody said.
pub fn port_name(number: Port, http: bool) -> String {
    let name = match number {
        _ if http => "http",
        22 => "ssh",
        25 | 465 | 587 | 1025 | 2525 => "smtp",
        443 | 8443 => "tls",
        1433 => "mssql",
        1883 => "mqtt",
        2181 => "zookeeper",
        3306 => "mysql",
        4222 => "nats",
        5432 => "postgres",
        5672 => "amqp",
        6379 => "redis",
        9092 => "kafka",
        11211 => "memcached",
        27017 => "mongo",
        50051 => "grpc",
        _ if speaks_http(number) => "http",
        _ => return format!("tcp-{number}"),
    };
    name.to_owned()
}

/// Whether a browser is usually what connects there.
pub fn speaks_http(number: Port) -> bool {
    match number {
        3306 | 3389 | 8125 | 8443 => false,
        80
        | 81
        | 1080
        | 1337
        | 2368
        | 3000..=3999
        | 4000
        | 4200
        | 4567
        | 5000
        | 5001
        | 5173
        | 5601
        | 8000..=8999
        | 9000
        | 9001
        | 9090
        | 9200
        | 15672 => true,
        _ => false,
    }
}

/// Whether words are those of something that prepares a database and ends.
pub fn migrates(words: &[String]) -> bool {
    let says =
        ["migrate", "migrations", "db:migrate", "db:seed", "upgrade-db", "initdb", "flyway", "liquibase"];
    words
        .iter()
        .flat_map(|word| word.split(|c: char| c.is_whitespace() || c == '/'))
        .any(|word| says.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_known_by_the_last_part_of_its_name() {
        assert_eq!(backing("registry.example.com/mirror/mariadb"), Some(Backing::Mariadb));
        assert_eq!(backing("bitnami/mysql"), Some(Backing::Mysql));
        assert_eq!(backing("mariadb-backup"), None);
    }
}
