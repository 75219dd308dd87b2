//! The images outboard itself brings: services, the sample project, the operator. The testbed adds its own.

use std::path::PathBuf;

use super::spec::{ImageSpec, Source};

/// What a script in a container may count on, beside the shell.
const BASICS: &[&str] = &["cat", "dash", "date", "env", "head", "ls", "sh", "sleep", "tail"];

/// What the operator's own command for a service may count on: it makes folders, gives them away, moves files.
const SERVICE_BASICS: &[&str] = &[
    "[", "basename", "cat", "chmod", "chown", "cp", "cut", "dash", "date", "dirname", "du", "echo", "env",
    "expr", "false", "grep", "head", "hostname", "id", "ln", "ls", "mkdir", "mktemp", "mv", "printf", "pwd",
    "readlink", "rm", "rmdir", "sed", "sh", "sleep", "sort", "stat", "sync", "tail", "tee", "test", "touch",
    "tr", "true", "uname", "wc", "whoami",
];

/// The same where there are coreutils alone.
const SERVICE_PROGRAMS: &[&str] = &["cat", "chmod", "dash", "ls", "mkdir", "sh", "sleep"];

pub const MYSQL: &str = "library/mysql:debian";

pub fn catalogue() -> Vec<ImageSpec> {
    let mut images = vec![mariadb(), redis()];
    for version in ["1", "2"] {
        images.extend([web(version), worker(version), migrate(version)]);
    }
    images.push(outboard());
    images
}

/// Debian's server, answering like the one on Docker Hub: data in /var/lib/mysql, user mysql 999, any address.
fn mariadb() -> ImageSpec {
    const PROGRAMS: &[&str] = &[
        "mariadb",
        "mariadb-admin",
        "mariadb-check",
        "mariadb-dump",
        "mariadb-install-db",
        "mariadb-upgrade",
        "mariadbd",
        "my_print_defaults",
        "mysql",
        "mysqladmin",
        "mysqld",
        "mysqldump",
        "resolveip",
    ];
    const CONFIG: &str = "[mariadbd]\n\
        user = mysql\n\
        datadir = /var/lib/mysql\n\
        socket = /run/mysqld/mysqld.sock\n\
        pid-file = /run/mysqld/mysqld.pid\n\
        skip-name-resolve\n\
        [client-server]\n\
        socket = /run/mysqld/mysqld.sock\n\
        !includedir /etc/mysql/conf.d/\n";
    let packages = ["mariadb-server", "mariadb-client", "coreutils", "dash", "grep", "hostname", "sed"];
    ImageSpec::from_debian("library/mariadb:10.11", &packages)
        .programs(&[PROGRAMS, SERVICE_BASICS].concat())
        .without(&[
            "etc/mysql",
            "etc/krb5*",
            "usr/lib/*/gawk",
            "usr/lib/*/krb5",
            "usr/lib/*/libbpf*",
            "usr/lib/*/libdb-*",
            "usr/lib/*/libelf*",
            "usr/lib/*/libgmp*",
            "usr/lib/*/libmpfr*",
            "usr/lib/*/tc",
            "usr/lib/libgalera*",
            "usr/lib/galera*",
            "usr/libexec",
            "usr/share/awk",
            "usr/share/gcc",
            "usr/share/mysql/mini-benchmark",
            "usr/share/mysql/mysql-test",
            "usr/share/rsync",
        ])
        .file("/etc/mysql/my.cnf", CONFIG, 0o644)
        .dir("/etc/mysql/conf.d", 0o755, 0)
        .user("mysql", 999, "/var/lib/mysql")
        .dir("/var/lib/mysql", 0o755, 999)
        .dir("/run/mysqld", 0o755, 999)
        .cmd(&["mariadbd", "--user=mysql"])
        .port(3306)
}

/// A genuine MySQL, which of Debian only what is not released yet has; answering like the one on Docker Hub. Made when it
/// is asked for by name, never with the others.
pub fn mysql() -> ImageSpec {
    const CONFIG: &str = "[mysqld]\n\
        user = mysql\n\
        datadir = /var/lib/mysql\n\
        socket = /run/mysqld/mysqld.sock\n\
        secure-file-priv = /var/lib/mysql-files\n";
    let packages = ["mysql-server-core", "mysql-client-core", "coreutils", "dash", "grep", "hostname", "sed"];
    ImageSpec::from_debian(MYSQL, &packages)
        .suite("sid")
        .programs(&[&["mysql", "mysqladmin", "mysqld", "mysqldump"], SERVICE_BASICS].concat())
        .file("/etc/my.cnf", CONFIG, 0o644)
        .user("mysql", 999, "/var/lib/mysql")
        .dir("/var/lib/mysql", 0o755, 999)
        .dir("/var/lib/mysql-files", 0o750, 999)
        .dir("/run/mysqld", 0o755, 999)
        .cmd(&["mysqld"])
        .port(3306)
}

fn redis() -> ImageSpec {
    let packages = ["redis-server", "redis-tools", "coreutils", "dash", "grep", "sed"];
    // The checking tools are the server under another name, and hostname is not among these packages.
    let basics: Vec<&str> = SERVICE_BASICS.iter().copied().filter(|&name| name != "hostname").collect();
    ImageSpec::from_debian("library/redis:7", &packages)
        .programs(&[&["redis-cli", "redis-server", "redis-check-rdb"], &basics[..]].concat())
        .without(&["etc/redis", "usr/lib/*/libdb-*", "usr/lib/*/libgmp*"])
        .user("redis", 999, "/data")
        .dir("/data", 0o755, 999)
        .workdir("/data")
        .cmd(&["redis-server"])
        .port(6379)
}

/// versitygw, which keeps objects as files, answering like the one on Docker Hub.
pub fn storage(program: PathBuf) -> ImageSpec {
    ImageSpec::from_debian("versity/versitygw:v1.8.0", &["ca-certificates", "coreutils", "dash"])
        .programs(SERVICE_PROGRAMS)
        .file("/usr/local/bin/versitygw", program, 0o755)
        .entrypoint(&["/usr/local/bin/versitygw"])
        .port(7070)
}

fn web(version: &str) -> ImageSpec {
    shop("web", version, if version == "1" { "web-v1" } else { "web-v2" })
        .dir("/var/log/web", 0o755, SHOP_USER)
        .port(8080)
}

fn worker(version: &str) -> ImageSpec {
    shop("worker", version, if version == "1" { "worker-v1" } else { "worker-v2" })
}

fn migrate(version: &str) -> ImageSpec {
    shop("migrate", version, if version == "1" { "migrate-v1" } else { "migrate-v2" })
}

const SHOP_USER: u32 = 10001;

fn shop(name: &str, version: &str, bin: &'static str) -> ImageSpec {
    let program = format!("/usr/bin/{name}");
    application(&format!("shop/{name}:{version}"))
        .file(&program, Source::Cargo { package: "shop", bin }, 0o755)
        .user("shop", SHOP_USER, "/tmp")
        .run_as(&format!("{SHOP_USER}:{SHOP_USER}"))
        .entrypoint(&[&program])
        .label("org.opencontainers.image.version", version)
}

/// outboard's own version is the workspace's, this crate's too.
fn outboard() -> ImageSpec {
    let version = env!("CARGO_PKG_VERSION");
    application(&format!("outboard/outboard:{version}"))
        .file("/usr/bin/outboard", Source::Cargo { package: "cli", bin: "outboard" }, 0o755)
        .user("outboard", 65532, "/tmp")
        .run_as("65532:65532")
        .entrypoint(&["/usr/bin/outboard"])
        .label("org.opencontainers.image.version", version)
}

/// The base our own programs share: the C library, certificates and a shell to look around with.
fn application(name: &str) -> ImageSpec {
    ImageSpec::from_debian(name, &["ca-certificates", "coreutils", "dash", "libc6", "libgcc-s1"])
        .programs(BASICS)
        .without(&[
            "etc/ssl/openssl.cnf",
            "usr/lib/*/engines-3",
            "usr/lib/*/libdb-*",
            "usr/lib/*/libssl*",
            "usr/lib/*/ossl-modules",
            "usr/lib/ssl",
        ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_name_is_valid_and_stands_once() {
        let names: Vec<String> = catalogue().iter().map(|spec| spec.name().unwrap().to_string()).collect();
        let once: BTreeSet<&String> = names.iter().collect();
        assert_eq!(once.len(), names.len());
        assert!(
            names.contains(&"library/mariadb:10.11".to_owned()) && names.contains(&"shop/web:2".to_owned())
        );
    }
}
