//! What a pod's two containers share: a pipe for a dump, and a word about how the tool that has its other end did. One of
//! them runs outboard, the other the image of the server itself, so that its own tools write and read dumps.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use tokio::sync::mpsc;

use crate::error::{Error, Result, Side};

const PIPE: &str = "dump";
/// How the tool ended, as its shell says, and its words.
const ENDED: &str = "ended";
const WORDS: &str = "words";

/// The tool may take so long to come; its image is there already.
const COMES: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(200);
const CHUNK: usize = 256 << 10;
const LONGEST: usize = 600;

/// The pipe, made anew: the tool waits for it.
pub fn pipe(folder: &Path) -> Result<PathBuf> {
    let pipe = folder.join(PIPE);
    match std::fs::remove_file(&pipe) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(own(&error)),
        _ => {}
    }
    nix::unistd::mkfifo(&pipe, Mode::S_IRUSR | Mode::S_IWUSR).map_err(|error| own(&error.into()))?;
    Ok(pipe)
}

fn own(error: &std::io::Error) -> Error {
    Error::Internal(format!("the pipe between the containers: {error}"))
}

/// What the tool writes, as it comes. A thread of its own reads it, which ends with this process if nobody ever writes.
pub fn reader(pipe: PathBuf) -> mpsc::Receiver<std::io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel(4);
    std::thread::spawn(move || {
        let read = || -> std::io::Result<()> {
            let mut file = File::open(&pipe)?;
            // Somebody has the other end.
            let _ = sender.blocking_send(Ok(vec![]));
            loop {
                let mut chunk = vec![0; CHUNK];
                let length = file.read(&mut chunk)?;
                chunk.truncate(length);
                if length == 0 || sender.blocking_send(Ok(chunk)).is_err() {
                    return Ok(());
                }
            }
        };
        if let Err(error) = read() {
            let _ = sender.blocking_send(Err(error));
        }
    });
    receiver
}

/// Takes what the tool is to read.
pub fn writer(pipe: PathBuf) -> (mpsc::Sender<Vec<u8>>, mpsc::Receiver<std::io::Result<()>>) {
    let (sender, mut chunks) = mpsc::channel::<Vec<u8>>(4);
    let (told, ended) = mpsc::channel(2);
    std::thread::spawn(move || {
        let mut write = || -> std::io::Result<()> {
            let mut file = File::options().write(true).open(&pipe)?;
            let _ = told.blocking_send(Ok(()));
            while let Some(chunk) = chunks.blocking_recv() {
                file.write_all(&chunk)?;
            }
            Ok(())
        };
        let outcome = write();
        let _ = told.blocking_send(outcome);
    });
    (sender, ended)
}

/// Waits until the tool has the other end of the pipe, or has ended before.
pub async fn comes<T>(
    receiver: &mut mpsc::Receiver<std::io::Result<T>>,
    folder: &Path,
    what: &str,
) -> Result<()> {
    let came = tokio::select! {
        came = receiver.recv() => came,
        told = ended(folder, COMES) => {
            let reason = told?.err().unwrap_or_else(|| "it ended before it was asked".to_owned());
            return Err(Error::Unreachable {
                side: Side::Source,
                address: "the container beside".to_owned(),
                reason: format!("{what} did not begin: {reason}"),
            });
        }
    };
    match came {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(own(&error)),
        None => Err(Error::Internal("nobody has the pipe".to_owned())),
    }
}

/// Waits for the tool's end: well, or in its words.
pub async fn ended(folder: &Path, at_most: Duration) -> Result<std::result::Result<(), String>> {
    let begun = Instant::now();
    loop {
        match std::fs::read_to_string(folder.join(ENDED)) {
            Ok(code) if code.trim() == "0" => return Ok(Ok(())),
            Ok(code) if !code.trim().is_empty() => {
                let words = std::fs::read(folder.join(WORDS)).unwrap_or_default();
                return Ok(Err(shown(&String::from_utf8_lossy(&words), code.trim())));
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(own(&error)),
        }
        if begun.elapsed() > at_most {
            return Ok(Err(format!("it did not end within {} s", at_most.as_secs())));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether the tool was ended by somebody, and not by what it found.
pub fn was_killed(words: &str) -> bool {
    words.starts_with(KILLED)
}

const KILLED: &str = "it was killed";
/// A server that goes away in the middle, in its clients' words.
const LOST: [&str; 2] = ["ERROR 2013", "ERROR 2006"];

/// The last lines, without anything from the first quotation mark to the last: that may be a value of a row, with marks in it.
fn shown(words: &str, code: &str) -> String {
    if code.parse::<u32>().is_ok_and(|code| code > 128) {
        return format!("{KILLED} ({code})");
    }
    if LOST.iter().any(|lost| words.contains(lost)) {
        return format!("{KILLED}, or its server was");
    }
    let marks = ['\'', '"', '`'];
    // Of all lines: what is quoted may have ends of lines in it.
    let plain = match (words.find(marks), words.rfind(marks)) {
        (Some(first), Some(last)) if first < last => {
            format!(
                "{}'…'{}",
                words.get(..first).unwrap_or_default(),
                words.get(last + 1..).unwrap_or_default()
            )
        }
        (Some(first), _) => format!("{}'…", words.get(..first).unwrap_or_default()),
        _ => words.to_owned(),
    };
    let last: Vec<&str> =
        plain.lines().rev().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
    let shown: String = last.into_iter().rev().collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect();
    if shown.is_empty() { format!("it ended with {code} and said nothing") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_tools_words_the_last_are_told_and_nothing_that_they_quote() {
        let words = "a\nb\nc\n\nERROR 1062 (23000) at line 5: Duplicate entry 'O'Brien-ann@example.org' for key 'email'\n";
        assert_eq!(shown(words, "1"), "b c ERROR 1062 (23000) at line 5: Duplicate entry '…'");
        let near =
            "ERROR 1064 (42000) at line 7: You have an error near ''ann@example.org','secret')\n' at line 5";
        assert_eq!(shown(near, "1"), "ERROR 1064 (42000) at line 7: You have an error near '…' at line 5");
        assert!(!shown("near 'ann@example.org", "1").contains("ann"));
        assert_eq!(shown(" \n", "2"), "it ended with 2 and said nothing");
        assert!(was_killed(&shown("", "137")));
        let gone = "ERROR 2013 (HY000) at line 9: Lost connection to server during query";
        assert!(was_killed(&shown(gone, "1")));
        let lines = "ERROR 1064 near 'ann@example.org\nher secret\nand more\nand more' at line 5";
        assert_eq!(shown(lines, "1"), "ERROR 1064 near '…' at line 5");
    }

    #[tokio::test]
    async fn what_one_writes_the_other_reads_and_how_it_ended_is_told() {
        let folder = std::env::temp_dir().join(format!("exchange-of-a-test-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let pipe = pipe(&folder).unwrap();
        let (sender, mut ended_there) = writer(pipe.clone());
        let mut reader = reader(pipe);
        comes(&mut reader, &folder, "the tool").await.unwrap();
        comes(&mut ended_there, &folder, "the tool").await.unwrap();
        sender.send(b"CREATE TABLE".to_vec()).await.unwrap();
        drop(sender);
        let mut came = vec![];
        while let Some(chunk) = reader.recv().await {
            came.extend(chunk.unwrap());
        }
        assert_eq!(came, b"CREATE TABLE");
        std::fs::write(folder.join(WORDS), "no space").unwrap();
        std::fs::write(folder.join(ENDED), "2\n").unwrap();
        assert_eq!(ended(&folder, COMES).await.unwrap(), Err("no space".to_owned()));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
