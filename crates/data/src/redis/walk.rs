//! One pass over every key: a walker asks the source for names, workers carry batches of them over. A connection that
//! breaks is made anew; a server that began anew is walked anew, since a cursor means nothing to it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::batch::{Batch, Hands, Shared, carry};
use super::link::{Link, bytes, command, list, strings};
use super::server::Server;
use crate::error::{Error, Result};
use crate::progress::Event;

/// Names that are asked for at once, and that a batch has.
const NAMES: &[u8] = b"1000";
const BATCH: usize = 500;

/// A database, and whether the target may have some of it.
pub type Walked = (u32, bool);

pub async fn pass(shared: &Arc<Shared>, databases: &[Walked], pass: u32, lanes: usize) -> Result<()> {
    let (walker, databases) = (shared.clone(), databases.to_vec());
    carried(shared, pass, lanes, move |sender| walk(walker, databases, pass, sender)).await
}

/// Carries over what somebody finds.
pub async fn carried<F>(
    shared: &Arc<Shared>,
    pass: u32,
    lanes: usize,
    find: impl FnOnce(mpsc::Sender<Batch>) -> F,
) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    shared.tally.pass.store(pass.into(), Ordering::Relaxed);
    shared.tally.keys.store(0, Ordering::Relaxed);
    let (sender, receiver) = mpsc::channel(lanes * 2);
    let receiver = Arc::new(Mutex::new(receiver));
    let mut tasks = JoinSet::new();
    tasks.spawn(find(sender));
    for lane in 0..lanes {
        tasks.spawn(work(shared.clone(), lane, receiver.clone()));
    }
    drop(receiver);
    while let Some(ended) = tasks.join_next().await {
        // The first says why; the others end with it.
        ended.map_err(|error| Error::Internal(error.to_string()))??;
    }
    Ok(())
}

async fn work(shared: Arc<Shared>, lane: usize, batches: Arc<Mutex<mpsc::Receiver<Batch>>>) -> Result<()> {
    let mut hands = Box::pin(Hands::open(&shared, lane)).await?;
    loop {
        let batch = batches.lock().await.recv().await;
        let Some(mut batch) = batch else { return Ok(()) };
        loop {
            match Box::pin(carry(&shared, &mut hands, &batch)).await {
                Ok(counts) => {
                    shared.tally.keys.fetch_add(batch.keys.len() as u64, Ordering::Relaxed);
                    shared.tally.add(counts);
                    break;
                }
                Err(error) if error.passes() => {
                    (shared.say)(Event::Note { message: format!("{error}: tried again") });
                    Box::pin(hands.again(&shared)).await?;
                    // Some of it may have been written.
                    batch.look = true;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

async fn walk(
    shared: Arc<Shared>,
    databases: Vec<Walked>,
    pass: u32,
    sender: mpsc::Sender<Batch>,
) -> Result<()> {
    let mut link = shared.source.connect().await?;
    let mut run = Box::pin(Server::ask(&mut link)).await?.run().to_owned();
    for (database, mut look) in databases {
        let (mut cursor, mut keys) = (b"0".to_vec(), vec![]);
        loop {
            match names(&mut link, database, &cursor, shared.scope.pattern()).await {
                Ok((next, found)) => {
                    let mut left_out = 0;
                    keys.extend(found.into_iter().filter(|key| shared.scope.takes(key)).filter(|key| {
                        let taken = shared.rules.takes(key);
                        left_out += u64::from(!taken);
                        taken
                    }));
                    if pass == 1 {
                        shared.tally.left_out.fetch_add(left_out, Ordering::Relaxed);
                    }
                    cursor = next;
                }
                Err(error) if error.passes() => {
                    (shared.say)(Event::Note { message: format!("{error}: tried again") });
                    link = Box::pin(shared.source.patiently()).await?;
                    let server = Box::pin(Server::ask(&mut link)).await?;
                    if server.run() != run {
                        server.run().clone_into(&mut run);
                        (cursor, look) = (b"0".to_vec(), true);
                        keys.clear();
                        let message = format!(
                            "the source began anew: database {database} is looked at from its first key"
                        );
                        (shared.say)(Event::Note { message });
                    }
                    continue;
                }
                Err(error) => return Err(error),
            }
            let end = cursor == b"0";
            while keys.len() >= BATCH || (end && !keys.is_empty()) {
                let rest = keys.split_off(keys.len().min(BATCH));
                let keys = std::mem::replace(&mut keys, rest);
                let batch = Batch { database, keys, pass, look, dumped: vec![], room: None };
                if sender.send(batch).await.is_err() {
                    // Whoever should have taken it failed, and says so.
                    return Ok(());
                }
            }
            if end {
                break;
            }
        }
    }
    Ok(())
}

/// Some names more, and where to go on: at `0` there are no more.
pub async fn names(
    link: &mut Link,
    database: u32,
    cursor: &[u8],
    pattern: Option<&[u8]>,
) -> Result<(Vec<u8>, Vec<Vec<u8>>)> {
    link.select(database).await?;
    let mut scan = command("SCAN", &[cursor, b"COUNT", NAMES]);
    if let Some(pattern) = pattern {
        scan.arg("MATCH").arg(pattern);
    }
    let mut answer = list(link.one("asking for names of keys", scan).await?).into_iter();
    let next = answer.next().and_then(bytes).unwrap_or_else(|| b"0".to_vec());
    Ok((next, strings(answer.next().unwrap_or_default())))
}
