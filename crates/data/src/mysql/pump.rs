//! Moves the rows of one chunk: read, masked, hashed and loaded at the same time, through a few buffers. What was not
//! loaded exactly as it was sent is taken back.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::try_join;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, QueryResult, Row, TextProtocol, Value};
use tokio::sync::mpsc;

use super::ledger::{Ledger, Loaded};
use super::sums::of_table;
use crate::error::{Error, Result, Side};
use crate::leaks::Leaks;
use crate::masks::{Keyed, Mask};
use crate::plan::key::Range;
use crate::plan::policy::Policy;
use crate::plan::row::{Cell, RowForm};
use crate::plan::schema::Table;
use crate::plan::sql;
use crate::progress::Tally;
use crate::throttle::Throttle;

/// A buffer is a packet to the server; beyond this, larger ones gain nothing.
const PACKET: usize = 512 << 10;
const BUFFERS: usize = 2;

/// A table without a key is loaded in transactions of this size.
const PART: u64 = 64 << 20;

/// What is done to the rows of one table.
#[derive(Debug)]
pub struct Route {
    pub table: Table,
    form: RowForm,
    /// For each column that is read: its mask, if it has one.
    masks: Vec<Option<Mask>>,
    masked: bool,
    /// For each: whether values of others could stand in it.
    looked_at: Vec<bool>,
}

impl Route {
    pub fn new(table: Table, policy: &Policy, keyed: Option<&Keyed>) -> Self {
        let mask = |column: &crate::plan::schema::Column| {
            let kind = policy.mask(&table, &column.name)?;
            Some(Mask::new(kind.clone(), keyed?.clone(), column))
        };
        let masks: Vec<Option<Mask>> = table.stored().map(mask).collect();
        let looked_at = table
            .stored()
            .zip(&masks)
            .map(|(column, mask)| {
                let holds = column.is_text() || column.is_bytes() || column.kind == "json";
                holds && mask.is_none() && !policy.kept(&table, &column.name)
            })
            .collect();
        let masked = masks.iter().any(Option::is_some);
        Self { form: RowForm::of(&table), masks, masked, looked_at, table }
    }

    /// Masked columns are read as text that a mask can look at.
    fn read(&self, name: &str) -> Option<String> {
        let (column, mask) = self.table.stored().zip(&self.masks).find(|(column, _)| column.name == name)?;
        mask.is_some().then(|| column.read_text())
    }

    pub fn select(&self, range: &Range) -> String {
        sql::select(&self.table, range, |name| self.read(name))
    }

    /// The checksum of what is read.
    pub fn source_sums(&self, range: &Range) -> String {
        sql::sums(&self.table, range, |name| {
            let read = self.read(name)?;
            self.table.column(name).map(|column| column.summed_as(&read))
        })
    }

    /// The checksum of what is loaded.
    pub fn target_sums(&self, range: &Range) -> String {
        sql::sums(&self.table, range, |_| None)
    }
}

/// What all chunks of a copy pass.
#[derive(Clone)]
pub struct Passage {
    pub throttle: Arc<Throttle>,
    pub tally: Arc<Tally>,
    pub leaks: Option<Arc<Leaks>>,
    pub ledger: Ledger,
}

/// Rows in the form they are sent in, and their checksums.
struct Encoder<'a> {
    route: &'a Route,
    leaks: Option<&'a Leaks>,
    out: Vec<u8>,
    text: Vec<u8>,
    masked: Vec<u8>,
    nothing: Vec<bool>,
    /// Some of it must not be where it is sent.
    leaked: bool,
    loaded: Loaded,
}

impl<'a> Encoder<'a> {
    fn new(route: &'a Route, leaks: Option<&'a Leaks>) -> Self {
        let out = Vec::with_capacity(PACKET + (PACKET >> 3));
        Self {
            route,
            leaks,
            out,
            text: vec![],
            masked: vec![],
            nothing: vec![],
            leaked: false,
            loaded: Loaded::default(),
        }
    }

    fn row(&mut self, row: &Row) {
        let form = &self.route.form;
        for at in 0..row.len() {
            form.gather(at, cell(row, at), &mut self.text);
        }
        let read = form.hash(|at| cell(row, at).is_none(), &mut self.text);
        self.loaded.source.add(read);
        if !self.route.masked {
            for at in 0..row.len() {
                let cell = cell(row, at);
                self.look(at, cell);
                form.write(at, cell, &mut self.out);
            }
            self.out.push(b'\n');
            self.loaded.sent.add(read);
            return;
        }
        self.nothing.clear();
        for at in 0..row.len() {
            let before = cell(row, at);
            let mask = self.route.masks.get(at).and_then(Option::as_ref);
            self.masked.clear();
            let sent = match (before, mask) {
                (Some(value), Some(mask)) => {
                    mask.apply(value, &mut self.masked).then_some(self.masked.as_slice())
                }
                (before, _) => before,
            };
            self.nothing.push(sent.is_none());
            form.write(at, sent, &mut self.out);
            form.gather(at, sent, &mut self.text);
            if mask.is_none() {
                self.look(at, before);
            }
        }
        self.out.push(b'\n');
        let nothing = &self.nothing;
        let sent = form.hash(|at| nothing.get(at) == Some(&true), &mut self.text);
        self.loaded.sent.add(sent);
    }

    fn look(&mut self, at: usize, cell: Cell<'_>) {
        if let (Some(leaks), Some(true), Some(cell)) = (self.leaks, self.route.looked_at.get(at), cell) {
            self.leaked |= leaks.look(cell, || {
                let column = self.route.table.stored().nth(at).map(|column| column.name.as_str());
                format!("{}.{}", self.route.table.place, column.unwrap_or_default())
            });
        }
    }

    fn take(&mut self) -> Bytes {
        let full = std::mem::replace(&mut self.out, Vec::with_capacity(PACKET + (PACKET >> 3)));
        self.loaded.bytes += full.len() as u64;
        full.into()
    }
}

/// Rows of a text query are bytes or nothing.
fn cell(row: &Row, at: usize) -> Cell<'_> {
    match row.as_ref(at) {
        Some(Value::Bytes(bytes)) => Some(bytes),
        _ => None,
    }
}

/// Loads one range in one transaction, with its line in the ledger. `again`: rows may be there already.
pub async fn range(
    source: &mut Conn,
    target: &mut Conn,
    route: &Route,
    (number, range): (usize, &Range),
    again: bool,
    passage: &Passage,
) -> Result<Loaded> {
    let mut encoder = Encoder::new(route, passage.leaks.as_deref());
    let table = &route.table;
    // To delete where nothing is would lock where others insert.
    let clear = again && any(target, table, range).await?;
    run(target, table, "START TRANSACTION").await?;
    if clear {
        run(target, table, &sql::delete(table, range)).await?;
    }
    {
        let mut rows = query(source, route, range).await?;
        part(&mut rows, target, &mut encoder, passage, u64::MAX).await?;
    }
    let place = table.place.to_string();
    passage.ledger.loaded(target, &place, number, &encoder.loaded, encoder.leaked).await?;
    run(target, table, "COMMIT").await?;
    release(source).await?;
    Ok(encoder.loaded)
}

/// Loads a whole table in several transactions; the ledger speaks of it once all are done, so that another run
/// begins it anew.
pub async fn whole(source: &mut Conn, target: &mut Conn, route: &Route, passage: &Passage) -> Result<Loaded> {
    let mut encoder = Encoder::new(route, passage.leaks.as_deref());
    let table = &route.table;
    run(target, table, &format!("TRUNCATE TABLE {}", table.place.sql())).await?;
    {
        let mut rows = query(source, route, &Range::whole()).await?;
        while part(&mut rows, target, &mut encoder, passage, PART).await? {}
    }
    let place = table.place.to_string();
    passage.ledger.loaded(target, &place, 0, &encoder.loaded, encoder.leaked).await?;
    release(source).await?;
    Ok(encoder.loaded)
}

async fn query<'a>(
    source: &'a mut Conn,
    route: &Route,
    range: &Range,
) -> Result<QueryResult<'a, 'static, TextProtocol>> {
    let doing = || format!("reading {}", route.table.place);
    let rows = source.query_iter(route.select(range)).await;
    rows.map_err(|error| of_table(Side::Source, &route.table, doing(), error))
}

async fn run(target: &mut Conn, table: &Table, sql: &str) -> Result<()> {
    let doing = || format!("loading {}", table.place);
    target.query_drop(sql).await.map_err(|error| Error::sql(Side::Target, doing(), error))
}

async fn any(target: &mut Conn, table: &Table, range: &Range) -> Result<bool> {
    let found: Option<u8> = target
        .query_first(sql::any(table, range))
        .await
        .map_err(|error| Error::sql(Side::Target, format!("loading {}", table.place), error))?;
    Ok(found.is_some())
}

/// Lets others change the definition of what was read: a snapshot that is held for hours must not hold that too.
async fn release(source: &mut Conn) -> Result<()> {
    let released = source.query_drop("ROLLBACK TO SAVEPOINT outboard").await;
    released.map_err(|error| Error::sql(Side::Source, "going on in its snapshot", error))
}

/// One LOAD DATA of at most so many bytes. True: there are more rows.
async fn part(
    rows: &mut QueryResult<'_, '_, TextProtocol>,
    target: &mut Conn,
    encoder: &mut Encoder<'_>,
    passage: &Passage,
    most: u64,
) -> Result<bool> {
    let route = encoder.route;
    let before = encoder.loaded;
    let (sender, mut receiver) = mpsc::channel::<Bytes>(BUFFERS);
    let stream =
        futures::stream::poll_fn(move |context| receiver.poll_recv(context).map(|bytes| bytes.map(Ok)));
    target.set_infile_handler(async move { Ok(stream.boxed()) });
    let statement = sql::load(&route.table);
    let load = run(target, &route.table, &statement);
    let read = read(rows, encoder, sender, passage, most);
    // When one fails the other is dropped in the middle: a stream that ended properly would be taken as whole.
    let (more, ()) = try_join(read, load).await?;
    let sent = encoder.loaded.sent.rows - before.sent.rows;
    check(target, &route.table, sent).await?;
    Tally::add(&passage.tally.rows, sent);
    Ok(more)
}

async fn read(
    rows: &mut QueryResult<'_, '_, TextProtocol>,
    encoder: &mut Encoder<'_>,
    sender: mpsc::Sender<Bytes>,
    passage: &Passage,
    most: u64,
) -> Result<bool> {
    let (table, begun) = (&encoder.route.table, encoder.loaded.bytes);
    let mut more = true;
    while more && encoder.loaded.bytes - begun < most {
        let doing = || format!("reading {}", table.place);
        let row = rows.next().await.map_err(|error| of_table(Side::Source, table, doing(), error))?;
        match &row {
            Some(row) => encoder.row(row),
            None => more = false,
        }
        if encoder.out.len() >= PACKET || (!more && !encoder.out.is_empty()) {
            let bytes = encoder.take();
            passage.throttle.pass(bytes.len()).await;
            Tally::add(&passage.tally.bytes, bytes.len() as u64);
            if sender.send(bytes).await.is_err() {
                // The load failed, and says so itself.
                return std::future::pending().await;
            }
        }
    }
    Ok(more)
}

/// LOCAL turns every error into a warning, so there must be none, but for values that an ENUM had all along.
async fn check(target: &mut Conn, table: &Table, sent: u64) -> Result<()> {
    let (affected, warnings) = (target.affected_rows(), target.get_warnings());
    let what = if warnings > 0 {
        let list: Vec<(String, u16, String)> = target
            .query("SHOW WARNINGS")
            .await
            .map_err(|error| Error::sql(Side::Target, format!("loading {}", table.place), error))?;
        let unknown = list.iter().find(|(_, code, message)| !tolerated(table, *code, message));
        match unknown {
            // The text of a warning may quote a value.
            Some((_, code, message)) => Some(format!(
                "{} (warning {code})",
                message.split('\'').step_by(2).collect::<Vec<_>>().join("…")
            )),
            None if list.len() < usize::from(warnings) => Some(format!("{warnings} warnings")),
            None => None,
        }
    } else {
        None
    };
    let what =
        what.or_else(|| (affected != sent).then(|| format!("{sent} rows were sent, {affected} arrived")));
    match what {
        Some(what) => Err(Error::NotAsSent { place: table.place.clone(), what }),
        None => Ok(()),
    }
}

/// An ENUM can hold '', which is none of its members, and warns each time: checksums tell whether it is the same.
fn tolerated(table: &Table, code: u16, message: &str) -> bool {
    let column = message.split('\'').nth(1).and_then(|name| table.column(name));
    code == 1265 && column.is_some_and(|column| column.kind == "enum")
}
