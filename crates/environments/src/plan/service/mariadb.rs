//! A `mariadb` service.

use super::sql::Flavour;

/// Initialises the data directory once, sets the user's password at every start, then becomes the server.
/// The statements go through a file, so that the password is in no argument list.
const START: &str = r#"set -eu
data=/var/lib/mysql/data
if [ ! -d "$data/mysql" ]; then
  rm -rf "$data" /var/lib/mysql/new && mkdir -p /var/lib/mysql/new && chown mysql:mysql /var/lib/mysql/new
  mariadb-install-db --user=mysql --datadir=/var/lib/mysql/new --skip-test-db --auth-root-authentication-method=socket >/dev/null
  mv /var/lib/mysql/new "$data"
fi
mkdir -p /run/mysqld && chown mysql:mysql /run/mysqld
umask 077
cat > /run/mysqld/init.sql <<SQL
CREATE DATABASE IF NOT EXISTS \`$MARIADB_DATABASE\` CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '$MARIADB_USER'@'%' IDENTIFIED BY '$MARIADB_PASSWORD';
ALTER USER '$MARIADB_USER'@'%' IDENTIFIED BY '$MARIADB_PASSWORD';
GRANT ALL ON \`$MARIADB_DATABASE\`.* TO '$MARIADB_USER'@'%';
SQL
chown mysql:mysql /run/mysqld/init.sql
exec mariadbd --user=mysql --datadir="$data" --socket=/run/mysqld/mysqld.sock --bind-address=0.0.0.0 --port=3306 \
  --skip-name-resolve --init-file=/run/mysqld/init.sql "$@"
"#;

/// Answers once the server takes the user's password; it stands in the environment, never in an argument.
const READY: &str = r#"MYSQL_PWD="$MARIADB_PASSWORD" mariadb --no-defaults -h 127.0.0.1 -u "$MARIADB_USER" -e 'SELECT 1' "$MARIADB_DATABASE""#;

pub const MARIADB: Flavour = Flavour {
    name: "mariadb",
    image: "docker.io/library/mariadb",
    version: "10.11",
    variables: ["MARIADB_DATABASE", "MARIADB_PASSWORD", "MARIADB_USER"],
    start: START,
    ready: READY,
    memory: "128Mi",
};
