//! A `mariadb` service.

use api::revision::Rotates;

use super::server::reads_credentials;
use super::sql::Flavour;

/// Initialises the data directory once, sets the user's password at every start, then becomes the server.
/// The statements go through a file, so that the password is in no argument list. While it is changed there are two, and
/// the server takes both from the first moment on.
const START: &str = concat!(
    reads_credentials!(),
    r#"ways="BY '$password'"
[ -z "$other" ] || ways="VIA mysql_native_password USING PASSWORD('$password') OR mysql_native_password USING PASSWORD('$other')"
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
CREATE USER IF NOT EXISTS '$MARIADB_USER'@'%' IDENTIFIED BY '$password';
ALTER USER '$MARIADB_USER'@'%' IDENTIFIED $ways;
GRANT ALL ON \`$MARIADB_DATABASE\`.* TO '$MARIADB_USER'@'%';
SQL
chown mysql:mysql /run/mysqld/init.sql
exec mariadbd --user=mysql --datadir="$data" --socket=/run/mysqld/mysqld.sock --bind-address=0.0.0.0 --port=3306 \
  --skip-name-resolve --init-file=/run/mysqld/init.sql "$@"
"#
);

/// Answers once the server takes the user's password; it lies in a file, and is in no argument.
const READY: &str = r#"MYSQL_PWD="$(cat /run/credentials/password)" mariadb --no-defaults -h 127.0.0.1 -u "$MARIADB_USER" -e 'SELECT 1' "$MARIADB_DATABASE""#;

/// `take`: the server takes the passwords that lie in its pod, and no other; who is connected stays so. One statement, which
/// says all of them: there is no moment between. Then it tries each, and says its version and which state of the
/// credentials lies there.
const ROTATE: &str = concat!(
    reads_credentials!(),
    r#"root() { mariadb --no-defaults --socket=/run/mysqld/mysqld.sock -u root -N -B; }
if [ "$1" = take ]; then
  ways="BY '$password'"
  [ -z "$other" ] || ways="VIA mysql_native_password USING PASSWORD('$password') OR mysql_native_password USING PASSWORD('$other')"
  # What it says of a mistake repeats the statement, and in it the password.
  root 2>/dev/null <<SQL || { echo "the server refuses ALTER USER" >&2; exit 1; }
ALTER USER '$MARIADB_USER'@'%' IDENTIFIED $ways;
SQL
fi
for each in "$password" $other; do
  MYSQL_PWD="$each" mariadb --no-defaults -h 127.0.0.1 -u "$MARIADB_USER" -e 'SELECT 1' "$MARIADB_DATABASE" >/dev/null
done
version=$(echo 'SELECT VERSION();' | root)
echo "version $version"
echo "holds $(cat "$credentials/rotation" 2>/dev/null || true)"
"#
);

pub const MARIADB: Flavour = Flavour {
    name: "mariadb",
    image: "docker.io/library/mariadb",
    version: "10.11",
    variables: ["MARIADB_DATABASE", "MARIADB_PASSWORD", "MARIADB_USER"],
    start: START,
    ready: READY,
    rotate: ROTATE,
    rotates: Rotates::Mariadb,
    memory: "128Mi",
};
