//! A `mysql` service.

use super::sql::Flavour;

/// Initialises the data directory once, with the options that count from then on; sets the user's password at every
/// start, then becomes the server. The statements go through a file, so that the password is in no argument list. Nobody
/// is root but over the socket: names of hosts are not looked up, and no address is `localhost`.
const START: &str = r#"set -eu
data=/var/lib/mysql/data
if [ ! -d "$data/mysql" ]; then
  rm -rf "$data" /var/lib/mysql/new && mkdir -p /var/lib/mysql/new && chown mysql:mysql /var/lib/mysql/new
  mysqld --initialize-insecure --user=mysql --datadir=/var/lib/mysql/new "$@"
  mv /var/lib/mysql/new "$data"
fi
mkdir -p /run/mysqld && chown mysql:mysql /run/mysqld
umask 077
cat > /run/mysqld/init.sql <<SQL
CREATE DATABASE IF NOT EXISTS \`$MYSQL_DATABASE\` CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '$MYSQL_USER'@'%' IDENTIFIED BY '$MYSQL_PASSWORD';
ALTER USER '$MYSQL_USER'@'%' IDENTIFIED BY '$MYSQL_PASSWORD';
GRANT ALL ON \`$MYSQL_DATABASE\`.* TO '$MYSQL_USER'@'%';
SQL
chown mysql:mysql /run/mysqld/init.sql
exec mysqld --user=mysql --datadir="$data" --socket=/run/mysqld/mysqld.sock --bind-address=0.0.0.0 --port=3306 \
  --skip-name-resolve --loose-mysqlx=OFF --init-file=/run/mysqld/init.sql "$@"
"#;

/// Answers once the server takes the user's password; it stands in the environment, never in an argument.
const READY: &str = r#"MYSQL_PWD="$MYSQL_PASSWORD" mysql --no-defaults -h 127.0.0.1 -u "$MYSQL_USER" -e 'SELECT 1' "$MYSQL_DATABASE""#;

pub const MYSQL: Flavour = Flavour {
    name: "mysql",
    image: "docker.io/library/mysql",
    version: "9.7",
    variables: ["MYSQL_DATABASE", "MYSQL_PASSWORD", "MYSQL_USER"],
    start: START,
    ready: READY,
    memory: "512Mi",
};
