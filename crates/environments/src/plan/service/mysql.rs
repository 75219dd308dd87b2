//! A `mysql` service.

use api::revision::Rotates;

use super::server::reads_credentials;
use super::sql::Flavour;

/// Initialises the data directory once, with the options that count from then on; sets the user's password at every
/// start, then becomes the server. The statements go through a file, so that the password is in no argument list. Nobody
/// is root but over the socket: names of hosts are not looked up, and no address is `localhost`. While the password is changed there
/// are two, and the server takes both from the first moment on.
const START: &str = concat!(
    reads_credentials!(),
    r#"both=
[ -z "$other" ] || both="ALTER USER '$MYSQL_USER'@'%' IDENTIFIED BY '$other';
ALTER USER '$MYSQL_USER'@'%' IDENTIFIED BY '$password' RETAIN CURRENT PASSWORD;"
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
CREATE USER IF NOT EXISTS '$MYSQL_USER'@'%' IDENTIFIED BY '$password';
ALTER USER '$MYSQL_USER'@'%' IDENTIFIED BY '$password';
$both
GRANT ALL ON \`$MYSQL_DATABASE\`.* TO '$MYSQL_USER'@'%';
SQL
chown mysql:mysql /run/mysqld/init.sql
exec mysqld --user=mysql --datadir="$data" --socket=/run/mysqld/mysqld.sock --bind-address=0.0.0.0 --port=3306 \
  --skip-name-resolve --loose-mysqlx=OFF --init-file=/run/mysqld/init.sql "$@"
"#
);

/// Answers once the server takes the user's password; it lies in a file, and is in no argument.
const READY: &str = r#"MYSQL_PWD="$(cat /run/credentials/password)" mysql --no-defaults -h 127.0.0.1 -u "$MYSQL_USER" -e 'SELECT 1' "$MYSQL_DATABASE""#;

/// `take`: the server takes the passwords that lie in its pod, and no other; who is connected stays so. One that it takes already is
/// not set again: that would make it forget the other one. Then it tries each, and says its version and which state of the
/// credentials lies there.
const ROTATE: &str = concat!(
    reads_credentials!(),
    r#"root() { mysql --no-defaults --socket=/run/mysqld/mysqld.sock -u root -N -B; }
takes() {
  said=$(MYSQL_PWD="$1" mysql --no-defaults -h 127.0.0.1 -u "$MYSQL_USER" -e 'SELECT 1' "$MYSQL_DATABASE" 2>&1) && return 0
  case $said in *"ERROR 1045 "*) return 1 ;; esac
  echo "$said" >&2
  exit 1
}
# What it says of a mistake repeats the statement, and in it the password.
change() { root 2>/dev/null || { echo "the server refuses ALTER USER" >&2; exit 1; }; }
if [ "$1" = take ]; then
  if [ -z "$other" ]; then
    change <<SQL
ALTER USER '$MYSQL_USER'@'%' IDENTIFIED BY '$password';
ALTER USER '$MYSQL_USER'@'%' DISCARD OLD PASSWORD;
SQL
  else
    missing=
    takes "$password" || missing=$password
    if [ -n "$missing" ] || ! takes "$other"; then
      # The one that is taken may be the second one, which goes with the next change: it becomes the first.
      kept=$password
      if [ -n "$missing" ]; then kept=$other; else missing=$other; fi
      change <<SQL
ALTER USER '$MYSQL_USER'@'%' IDENTIFIED BY '$kept' RETAIN CURRENT PASSWORD;
ALTER USER '$MYSQL_USER'@'%' IDENTIFIED BY '$missing' RETAIN CURRENT PASSWORD;
SQL
    fi
  fi
fi
for each in "$password" $other; do
  takes "$each"
done
version=$(echo 'SELECT VERSION();' | root)
echo "version $version"
echo "holds $(cat "$credentials/rotation" 2>/dev/null || true)"
"#
);

pub const MYSQL: Flavour = Flavour {
    name: "mysql",
    image: "docker.io/library/mysql",
    version: "9.7",
    variables: ["MYSQL_DATABASE", "MYSQL_PASSWORD", "MYSQL_USER"],
    start: START,
    ready: READY,
    rotate: ROTATE,
    rotates: Rotates::Mysql,
    memory: "512Mi",
};
