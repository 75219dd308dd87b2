//! A database with every type of column at its extremes, and with tables of odd shapes; and what of it became another
//! thing on its way, found without trust in anybody's checksums: as text of bytes, by the binary protocol, and by the
//! servers' own checksums.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use mysql_async::prelude::Queryable;
use mysql_async::{Row, Value};

use crate::goods::checksums;
use crate::mariadb::MariaDb;

pub const DATABASE: &str = "torture";

/// The tables whose every value is compared.
const COMPARED: &[&str] = &["numbers", "texts", "times", "others"];

const NUMBERS: &str = "CREATE TABLE torture.numbers (id INT PRIMARY KEY, t TINYINT, tu TINYINT UNSIGNED, s SMALLINT, su SMALLINT UNSIGNED, m MEDIUMINT, \
     mu MEDIUMINT UNSIGNED, i INT, iu INT UNSIGNED, b BIGINT, bu BIGINT UNSIGNED, z INT(8) ZEROFILL, d DECIMAL(65,30), dz DECIMAL(10,2) ZEROFILL, \
     f FLOAT, fm FLOAT(7,3), d8 DOUBLE, dm DOUBLE(10,3), b1 BIT(1), b12 BIT(12), b64 BIT(64), y YEAR, bo BOOLEAN, \
     virtual_sum INT AS (t + s) VIRTUAL, stored_sum BIGINT AS (i + 1) STORED, hidden INT INVISIBLE DEFAULT 7)";

const NUMBER_ROWS: &[&str] = &[
    "1,-128,0,-32768,0,-8388608,0,-2147483648,0,-9223372036854775808,0,0,-99999999999999999999999999999999999.999999999999999999999999999999,0,\
     -3.40282347e38,-9999.999,-1.7976931348623157e308,-9999999.999,b'0',b'0',b'0',1901,FALSE",
    "2,127,255,32767,65535,8388607,16777215,2147483646,4294967295,9223372036854775807,18446744073709551615,99999999,\
     99999999999999999999999999999999999.999999999999999999999999999999,99999999.99,3.40282347e38,9999.999,1.7976931348623157e308,9999999.999,\
     b'1',b'111111111111',b'1111111111111111111111111111111111111111111111111111111111111111',2155,TRUE",
    "3,0,1,0,1,0,1,0,1,0,1,42,0.000000000000000000000000000001,1.50,5592405.5,0.1,2.2250738585072014e-308,0.001,b'1',b'000001011100',\
     b'0000100100001010010111000000110100000000',0000,1",
    "4,1,1,1,1,1,1,1,1,1,1,1,0.1,0.1,0.1,1.1,0.1,0.1,b'0',b'1',b'1',2024,0",
    "5,1,1,1,1,1,1,1,1,1,1,1,1e-30,1,1.17549435e-38,16777216,-0.0,0.333,b'0',b'100111',b'1001',1970,0",
    "6,1,1,1,1,1,1,1,1,1,1,1,123456789.5,1,16777217,1,4.9406564584124654e-324,0.5,b'0',b'1',b'1',1999,0",
    "7,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL",
];

const TEXTS: &str = "CREATE TABLE torture.texts (id INT PRIMARY KEY, c CHAR(20), v VARCHAR(200), l1 VARCHAR(100) CHARACTER SET latin1, \
     u16 VARCHAR(50) CHARACTER SET utf16, u2 VARCHAR(50) CHARACTER SET ucs2, u32 CHAR(20) CHARACTER SET utf32, sj VARCHAR(50) CHARACTER SET sjis, \
     u3 VARCHAR(50) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin, a VARCHAR(20) CHARACTER SET ascii, bi BINARY(8), vb VARBINARY(300), tt TINYTEXT, \
     te TEXT CHARACTER SET latin2, mt MEDIUMTEXT, lt LONGTEXT, tb TINYBLOB, bl BLOB, mb MEDIUMBLOB, lb LONGBLOB, \
     e ENUM('a','it''s','é','','1') CHARACTER SET latin1, st SET('x','y','é'), j JSON, UNIQUE KEY u (v), FULLTEXT KEY ft (lt), FULLTEXT KEY ft2 (te)) \
     CHARACTER SET utf8mb4";

const TEXT_ROWS: &[&str] = &[
    "1,'','','','','','','','','','','','','','','','','','','','','','{}'",
    "2,'trailing  ','tab\\tnew\\nline\\r\\\\back\\0nul\\Z','\u{e9}\u{ff}\u{20ac}','a\u{e9}\u{1f49a}','\u{100}','\u{1f600}','\u{30bd}\u{8868}','\u{20ac}','~',X'0001',\
     X'00FF0A0D095C27225C4E',REPEAT('t',255),'\u{141}\u{f3}d\u{17a}',REPEAT('\u{1f49a}',20000),REPEAT('long \\t\\n\\\\ ',40000),X'00',\
     REPEAT(X'5C4E0A',5000),REPEAT(X'00',70000),REPEAT(X'FE095C',400000),'it''s','x,y','{\"a\": \"\u{1f49a}\\\\n\\\\u0000\", \"n\": 1.10}'",
    "3,'\\\\N','\\\\N','\\\\N','\\\\N','\\\\N','\\\\N','\\\\N','\\\\N','\\\\N','\\\\N','\\\\N','\\\\N','\\\\N','\\\\N','\\\\N','\\\\N','\\\\N','\\\\N','\\\\N','\u{e9}','\u{e9}','null'",
    "4,'#','a#1','#','#','#','#','#','#','#','#','#','#','#','#','#','#','#','#','#','1','','[]'",
    "5,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL",
    "6,'0','NULL','\\'','\"','0','0','0','0','0','0',X'',' ','  ',' \\n',',',';',X'FF',X'FF',X'5C','a','x','\"\"'",
];

const TIMES: &str = "CREATE TABLE torture.times (id INT PRIMARY KEY, d DATE, t TIME, t3 TIME(3), t6 TIME(6), dt DATETIME, dt6 DATETIME(6), \
     ts TIMESTAMP NULL, ts6 TIMESTAMP(6) NULL, KEY k (dt, ts6))";

const TIME_ROWS: &[&str] = &[
    "1,'0000-00-00','-838:59:59','-838:59:59.999','-838:59:59.999999','0000-00-00 00:00:00','0000-00-00 00:00:00','0000-00-00 00:00:00','0000-00-00 00:00:00'",
    "2,'9999-12-31','838:59:59','838:59:59.999','838:59:59.999999','9999-12-31 23:59:59','9999-12-31 23:59:59.999999','2038-01-19 03:14:07','2038-01-19 03:14:07.999999'",
    "3,'2024-00-00','00:00:00','00:00:00.001','-00:00:00.000001','2024-02-31 00:00:00','2024-00-15 12:00:00.5','1970-01-01 00:00:01','1970-01-01 00:00:01.000001'",
    // A moment that a time zone with summer time has twice.
    "4,'1000-01-01','23:59:59','12:00:00','12:00:00','1000-01-01 00:00:00','1582-10-10 00:00:00.123456','2024-10-27 01:30:00','2024-10-27 00:30:00.000001'",
    "5,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL",
];

const OTHERS: &str = "CREATE TABLE torture.others (id UUID PRIMARY KEY, i4 INET4, i6 INET6, g GEOMETRY, p POINT NOT NULL, ls LINESTRING, po POLYGON, \
     mp MULTIPOINT, gc GEOMETRYCOLLECTION, SPATIAL KEY sp (p))";

const OTHER_ROWS: &[&str] = &[
    "'00000000-0000-0000-0000-000000000000','0.0.0.0','::',NULL,POINT(0,0),NULL,NULL,NULL,NULL",
    "'ffffffff-ffff-ffff-ffff-ffffffffffff','255.255.255.255','ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',POINT(1e300,-1e-300),POINT(-1.5,9),\
     LINESTRING(POINT(0,0),POINT(1,1)),ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,7 5,7 7,5 7,5 5))', 4326),\
     ST_GeomFromText('MULTIPOINT(1 1,2 2)'),ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,2 2))', 4326)",
    "'0a090d5c-274e-0a09-0d5c-004e0a090d5c','10.9.13.92','5c4e:0a09:0d5c:4e0a:090d:5c4e:0a09:0d5c',ST_GeomFromText('POINT(1 2)', 3857),POINT(1,2),NULL,NULL,NULL,NULL",
    "UUID(),NULL,'::ffff:192.0.2.1',NULL,POINT(3,4),NULL,NULL,NULL,NULL",
];

/// Shapes of tables rather than of columns.
const SHAPES: &[&str] = &[
    "USE torture",
    "CREATE TABLE torture.parts (id INT NOT NULL, year INT NOT NULL, t TEXT, PRIMARY KEY (id, year)) PARTITION BY RANGE (year) \
     (PARTITION p0 VALUES LESS THAN (2000), PARTITION p1 VALUES LESS THAN (2020), PARTITION p2 VALUES LESS THAN MAXVALUE)",
    "INSERT INTO torture.parts SELECT seq, 1990 + seq MOD 40, REPEAT('p', seq) FROM seq_1_to_300",
    "CREATE TABLE torture.keyless (a VARCHAR(20), b INT)",
    "INSERT INTO torture.keyless VALUES ('twice', 1), ('twice', 1), ('', NULL), (NULL, NULL), (NULL, NULL)",
    "CREATE TABLE torture.one_text (t TEXT)",
    "INSERT INTO torture.one_text VALUES (''), ('\\\\'), ('\\\\N'), (NULL)",
    "CREATE TABLE torture.`od``d \u{30c6}` (`a``b` INT PRIMARY KEY, `sp ace` INT, `\u{e9}t\u{e9}` VARCHAR(10) DEFAULT 'it''s \\\\ ,\\n', KEY `k``1` (`sp ace`), \
     CHECK (`sp ace` > 0)) COMMENT 'FOREIGN KEY, (a)'",
    "INSERT INTO torture.`od``d \u{30c6}` (`a``b`, `sp ace`) VALUES (1, 2)",
    "CREATE TABLE torture.counted (n INT NOT NULL, id BIGINT NOT NULL AUTO_INCREMENT, PRIMARY KEY (n, id), KEY by_id (id)) AUTO_INCREMENT=500",
    "INSERT INTO torture.counted (n) VALUES (1), (1), (2)",
    "INSERT INTO torture.counted (n, id) VALUES (3, 0)",
    "SET sql_mode='NO_AUTO_VALUE_ON_ZERO'",
    "INSERT INTO torture.counted (n, id) VALUES (4, 0)",
    "CREATE TABLE torture.aria (id INT PRIMARY KEY, v VARCHAR(10)) ENGINE=Aria",
    "INSERT INTO torture.aria VALUES (1, 'a'), (2, NULL)",
    "CREATE TABLE torture.history (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING",
    "INSERT INTO torture.history VALUES (1, 1), (2, 2)",
    "CREATE TABLE torture.dated (k DATE, s VARCHAR(30) COLLATE utf8mb4_unicode_ci, x DECIMAL(6,2), PRIMARY KEY (k, s, x)) CHARACTER SET utf8mb4",
    "INSERT INTO torture.dated SELECT '2024-01-01' + INTERVAL seq MOD 50 DAY, CONCAT('\u{e9}', seq MOD 90), seq / 4 FROM seq_1_to_5000",
    // What is none of an ENUM's members, and what was lost to it.
    "SET sql_mode=''",
    "CREATE TABLE torture.lost (id INT PRIMARY KEY, e ENUM('a','b'))",
    "INSERT INTO torture.lost VALUES (1, 'a'), (2, 'none of them'), (3, NULL)",
];

/// Makes it, with all tables.
pub async fn fill(server: &MariaDb) -> Result<()> {
    fill_types(server).await?;
    server.run(SHAPES).await
}

/// Makes it with the tables of types alone.
pub async fn fill_types(server: &MariaDb) -> Result<()> {
    server.run(&["CREATE DATABASE torture CHARACTER SET utf8mb4"]).await?;
    for (create, name, rows) in [
        (NUMBERS, "numbers", NUMBER_ROWS),
        (TEXTS, "texts", TEXT_ROWS),
        (TIMES, "times", TIME_ROWS),
        (OTHERS, "others", OTHER_ROWS),
    ] {
        let mut conn = server.connect().await?;
        conn.query_drop("SET sql_mode='ALLOW_INVALID_DATES'").await?;
        conn.query_drop(create).await?;
        let columns = if name == "numbers" {
            " (id,t,tu,s,su,m,mu,i,iu,b,bu,z,d,dz,f,fm,d8,dm,b1,b12,b64,y,bo)"
        } else {
            ""
        };
        for row in rows {
            conn.query_drop(format!("INSERT INTO torture.{name}{columns} VALUES ({row})")).await?;
        }
        conn.disconnect().await?;
    }
    Ok(())
}

/// What is another thing on the target: columns, rows of a table, definitions.
pub async fn differences(source: &MariaDb, target: &MariaDb) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut after = checksums(target, DATABASE).await.unwrap_or_default();
    after.sort();
    for (place, before) in checksums(source, DATABASE).await? {
        let table = place.split_once('.').map_or(place.as_str(), |(_, table)| table);
        let Some((_, after)) = after.iter().find(|(other, _)| *other == place) else {
            found.insert(format!("{table} is missing"));
            continue;
        };
        let definition = async |server: &MariaDb| -> Result<String> {
            let show = format!("SHOW CREATE TABLE torture.`{}`", table.replace('`', "``"));
            let (_, text): (String, String) = server.one(&show).await?;
            Ok(text)
        };
        if definition(source).await? != definition(target).await? {
            found.insert(format!("definition of {table}"));
        }
        let known = found.len();
        if COMPARED.contains(&table) {
            values(source, target, table, &mut found).await?;
        }
        if table != "history" && before != *after && found.len() == known {
            // The hidden times of a history are those of the copy.
            found.insert(format!("rows of {table}"));
        }
    }
    Ok(found)
}

async fn values(source: &MariaDb, target: &MariaDb, table: &str, found: &mut BTreeSet<String>) -> Result<()> {
    let ((columns, before), (_, after)) = (bits(source, table).await?, bits(target, table).await?);
    if before.len() != after.len() || before.is_empty() {
        found.insert(format!("{} of {} rows of {table}", after.len(), before.len()));
        return Ok(());
    }
    for (before, after) in before.iter().zip(&after) {
        for ((column, before), after) in columns.iter().zip(before).zip(after) {
            if before != after {
                found.insert(format!("{table}.{column}"));
            }
        }
    }
    Ok(())
}

/// Rows by the binary protocol, which has floating-point numbers as they are, and texts as their bytes.
async fn bits(server: &MariaDb, name: &str) -> Result<(Vec<String>, Vec<Vec<Value>>)> {
    let mut conn = server.connect().await?;
    let columns: Vec<(String, String)> = conn
        .exec(
            "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='torture' AND TABLE_NAME=? ORDER BY ORDINAL_POSITION",
            (name,),
        )
        .await?;
    let read: Vec<String> = columns
        .iter()
        .map(|(column, kind)| match kind.as_str() {
            "float" | "double" => format!("`{column}`"),
            "decimal" | "uuid" | "inet4" | "inet6" => format!("CAST(`{column}` AS CHAR)"),
            _ => format!("HEX(CONCAT(`{column}`))"),
        })
        .collect();
    let rows: Vec<Row> =
        conn.exec(format!("SELECT {} FROM torture.{name} ORDER BY id", read.join(",")), ()).await?;
    let bits = |value: &Value| match value {
        // As equal as their bits: a negative zero is not a zero.
        Value::Float(number) => Value::UInt(number.to_bits().into()),
        Value::Double(number) => Value::UInt(number.to_bits()),
        other => other.clone(),
    };
    let cells = |row: Row| {
        (0..row.len())
            .map(|at| row.as_ref(at).map(bits).context("a row without a column"))
            .collect::<Result<_>>()
    };
    let rows = rows.into_iter().map(cells).collect::<Result<_>>()?;
    Ok((columns.into_iter().map(|(column, _)| column).collect(), rows))
}
