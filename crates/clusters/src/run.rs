//! A run of Terraform that changes things: it writes its stream to a file, which is read from there. So it outlives us:
//! killed at any moment, the next outboard finds it running and follows it to its end.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio::process::Child;

use crate::engine::{Engine, said};
use crate::error::Said;
use crate::folder::{EVENTS, Folder, PLAN, Record, TOLD};
use crate::plan::events::{self, Line};
use crate::plan::progress::{Look, Progress};
use crate::plan::scrub::scrub;
use crate::{Error, Event, Result, Sink, process};

const LOOK: Duration = Duration::from_millis(100);

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// None: nobody saw it, since it was another outboard's child.
    pub success: Option<bool>,
    pub look: Look,
    pub said: Vec<Said>,
    pub interrupted: bool,
}

/// Begins to apply the saved plan.
pub fn begin(
    engine: &Engine,
    folder: &Folder,
    what: &str,
    todo: Vec<(String, String)>,
) -> Result<(Child, Record)> {
    let open = |name: &str| {
        let path = folder.file(name);
        let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path);
        file.map_err(|source| Error::Folder { path, source })
    };
    let (stdout, stderr) = (open(EVENTS)?, open(TOLD)?);
    let mut command =
        engine.command(folder.path(), &["apply", "-json", "-input=false", "-lock-timeout=30s", PLAN]);
    let begun = Timestamp::now().to_string();
    let child = command
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .map_err(|error| Error::EngineBroken { program: engine.program(), why: error.to_string() })?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
    let record = Record {
        pid,
        ticks: process::began(pid).unwrap_or_default(),
        boot: process::boot(),
        host: process::host(),
        begun,
        what: what.to_owned(),
        todo,
        ended: false,
        seen: None,
        user: process::user(),
    };
    folder.set_record(&record)?;
    Ok((child, record))
}

/// Reads the stream of a run until it has ended. `child`: none for one that another outboard began.
pub async fn follow(
    folder: &Folder,
    record: &Record,
    mut child: Option<Child>,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<Ended> {
    let mut history = folder.history();
    let mut progress = Progress::of(record.todo.iter().cloned());
    let mut stream = Stream::open(&folder.file(EVENTS))?;
    let begun: Timestamp = record.begun.parse().unwrap_or_else(|_| Timestamp::now());
    let elapsed = || u64::try_from(begun.duration_until(Timestamp::now()).as_secs()).unwrap_or_default();
    let (mut asked_to_stop, mut shown) = (false, None);
    let mut learned = Vec::new();
    let success = loop {
        // First whether it has ended, then what it wrote: nothing is written after its end.
        let ended = match &mut child {
            Some(child) => child
                .try_wait()
                .map_err(|source| Error::Folder { path: folder.path().to_owned(), source })?
                .map(|status| Some(status.success())),
            None => (!process::is_alive(record)).then_some(None),
        };
        for line in stream.lines()? {
            if let Line::Version { format } = &line
                && !events::is_understood(format)
            {
                sink(Event::note(format!("the stream is of format {format}: progress may be lacking")));
            }
            if let Line::Finished { address, action, seconds, .. } = &line {
                learned.push((action.clone(), address.clone(), *seconds));
            }
            progress.take(&line, elapsed(), &history);
            if let Some(event) = told(line) {
                sink(event);
            }
        }
        let look = progress.look(elapsed(), &history);
        if shown.as_ref() != Some(&look) {
            sink(Event::Progress(look.clone()));
            shown = Some(look);
        }
        if let Some(success) = ended {
            break success;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = &mut *interrupted, if !asked_to_stop => {
                asked_to_stop = true;
                process::interrupt(record.pid);
                sink(Event::note("asked it to stop after what it is doing; a second Ctrl-C changes nothing"));
            }
        }
    };
    process::end_rest(record);
    for (action, address, seconds) in learned {
        history.learn(&action, &address, seconds);
    }
    folder.set_history(&history)?;
    let seen = Some(Timestamp::now().to_string());
    folder.set_record(&Record { ended: true, seen, ..record.clone() })?;
    let mut said = said(&stream.kept);
    if said.is_empty() && success == Some(false) {
        let text = std::fs::read_to_string(folder.file(TOLD)).unwrap_or_default();
        said.push(Said {
            address: None,
            summary: "it ended without a reason".into(),
            detail: scrub(text.trim(), &[]),
        });
    }
    let look = progress.look(elapsed(), &history);
    // The saved plan and the stream hold values, some of them secret: nothing of them stays.
    folder.remove(PLAN)?;
    folder.put(EVENTS, scrub(&stream.kept, &[]).as_bytes())?;
    folder.remove(TOLD)?;
    Ok(Ended { success, look, said, interrupted: asked_to_stop })
}

/// What of a line people are told at once.
fn told(line: Line) -> Option<Event> {
    match line {
        Line::Finished { address, action, seconds, .. } => Some(Event::Done { address, action, seconds }),
        Line::Diagnostic { error: false, summary, .. } => Some(Event::note(scrub(&summary, &[]))),
        _ => None,
    }
}

/// Whole lines of a file that is being written.
struct Stream {
    file: File,
    at: u64,
    rest: Vec<u8>,
    /// Lines whose kind is known, as they were: what may be a dumped state is not among them.
    kept: String,
}

impl Stream {
    fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::Folder { path: path.to_owned(), source })?;
        Ok(Self { file, at: 0, rest: Vec::new(), kept: String::new() })
    }

    fn lines(&mut self) -> Result<Vec<Line>> {
        let failed = |source| Error::Folder { path: EVENTS.into(), source };
        self.file.seek(SeekFrom::Start(self.at)).map_err(failed)?;
        let mut new = Vec::new();
        self.at += self.file.read_to_end(&mut new).map_err(failed)? as u64;
        self.rest.extend(new);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(Vec::new()) };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        let mut lines = Vec::new();
        for text in String::from_utf8_lossy(&whole).lines() {
            match events::read(text) {
                None | Some(Line::Other) => {}
                Some(line) => {
                    self.kept.push_str(text);
                    self.kept.push('\n');
                    lines.push(line);
                }
            }
        }
        Ok(lines)
    }
}

/// What a run has to do, from its plan.
pub fn todo(summary: &crate::plan::summary::PlanSummary) -> Vec<(String, String)> {
    use crate::plan::summary::Action;
    let word = |action| match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        _ => "delete",
    };
    summary.changes.iter().map(|change| (change.address.clone(), word(change.action).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn half_a_line_waits_for_its_other_half_and_a_dump_is_not_kept() {
        let folder = std::env::temp_dir().join(format!("outboard-stream-{}", std::process::id()));
        let mut file = File::create(&folder).unwrap();
        let mut stream = Stream::open(&folder).unwrap();
        write!(file, r#"{{"type":"refresh_complete","hook":{{"resource":{{"addr":"a.b"}}"#).unwrap();
        assert_eq!(stream.lines().unwrap(), []);
        writeln!(file, "}}}}\n{{\"type\":\"log\",\"@message\":\"the whole state\"}}").unwrap();
        assert_eq!(stream.lines().unwrap(), [Line::Refreshed { address: "a.b".into() }]);
        assert!(!stream.kept.contains("whole state"), "{}", stream.kept);
        std::fs::remove_file(folder).unwrap();
    }
}
