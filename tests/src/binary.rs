//! Runs the real `outboard` as a user would: arguments in, exit code and texts out.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use api::Exit;
use serde_json::Value;
use tokio::task::spawn_blocking;

/// No command of a story takes longer.
const LONGEST: Duration = Duration::from_secs(240);
const LOOK: Duration = Duration::from_millis(10);

/// What a command said, and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    pub line: String,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Output {
    /// It must have ended so.
    pub fn ended(self, exit: Exit) -> Result<Self> {
        let (code, line) = (self.code, &self.line);
        ensure!(
            code == i32::from(exit.code()),
            "`{line}` ended with {code}, not with {} ({}):\n{}{}",
            exit.code(),
            exit.meaning(),
            self.stdout,
            self.stderr
        );
        Ok(self)
    }

    /// Every JSON value on stdout, in order.
    pub fn events(&self) -> Result<Vec<Value>> {
        serde_json::Deserializer::from_str(&self.stdout)
            .into_iter()
            .collect::<Result<_, _>>()
            .with_context(|| format!("`{}` wrote no JSON:\n{}", self.line, self.stdout))
    }

    /// The last JSON value on stdout: the result, or the error.
    pub fn last(&self) -> Result<Value> {
        self.events()?.pop().with_context(|| format!("`{}` wrote nothing", self.line))
    }
}

/// The binary under test: `$OUTBOARD`, else the one that cargo built.
pub fn path() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("OUTBOARD") {
        return Ok(path.into());
    }
    // This test lies in <target>/debug/deps.
    let test = std::env::current_exe()?;
    let built = test.ancestors().nth(2).context("no target directory")?.join("outboard");
    ensure!(built.exists(), "there is no {}: run `make build`, or set OUTBOARD", built.display());
    Ok(built)
}

/// Runs `outboard` in `directory`; it is ended when it takes too long.
pub async fn outboard(kubeconfig: &Path, directory: &Path, arguments: &[&str]) -> Result<Output> {
    outboard_with(kubeconfig, directory, &[], arguments).await
}

/// The same with these variables of the environment, too.
pub async fn outboard_with(
    kubeconfig: &Path,
    directory: &Path,
    variables: &[(&str, &str)],
    arguments: &[&str],
) -> Result<Output> {
    let kubeconfig = kubeconfig.to_str().context("a path that is no text")?;
    let variables = [&[("KUBECONFIG", kubeconfig)], variables].concat();
    run_by(path()?, directory, &variables, arguments).await
}

/// The same by a program that runs `outboard`, with no kubeconfig but what the variables say.
pub async fn run_by(
    program: PathBuf,
    directory: &Path,
    variables: &[(&str, &str)],
    arguments: &[&str],
) -> Result<Output> {
    let line = format!("outboard {}", arguments.join(" "));
    let mut command = Command::new(program);
    command.args(arguments).current_dir(directory).envs(variables.iter().copied());
    spawn_blocking(move || run(command, line)).await?
}

fn run(mut command: Command, line: String) -> Result<Output> {
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("failed to start outboard")?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if begun.elapsed() > LONGEST {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(LOOK);
    };
    let took = begun.elapsed();
    let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
    let Some(status) = status else {
        bail!("`{line}` did not end within {} s:\n{stdout}{stderr}", LONGEST.as_secs());
    };
    let code = status.code().context("outboard was killed")?;
    Ok(Output { line, code, stdout, stderr, took })
}

/// Both pipes are read at once, so that neither fills up and stops the program.
fn collect(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
