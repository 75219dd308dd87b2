//! What happens inside, on stderr, for who asks for it.

use tracing_subscriber::EnvFilter;

use crate::commands::Command;

/// Silent by default; the operator, the server and fals tell what they do, the first two as JSON unless a person looks on.
pub fn start(verbose: u8, command: &Command) {
    let is_operator = matches!(command, Command::Operator(_) | Command::Server(_));
    let goes_on = is_operator || matches!(command, Command::Fals(_));
    let is_tail = matches!(command, Command::Fals(args) if args.is_tail());
    let directives = match (verbose, goes_on) {
        (0, false) => return,
        (0, true) if is_tail => "warn",
        (0, true) => "info",
        (1, false) => "warn,verbs=info,cli=info,outboard=info",
        (1, true) => "info,environments=debug,operator=debug,apply=debug,fals=debug,identity=debug,web=debug",
        (_, _) => "debug",
    };
    let filter = EnvFilter::try_from_env("OUTBOARD_LOG").unwrap_or_else(|_| EnvFilter::new(directives));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start is impossible here, and would be harmless.
    let _ = if is_operator && !std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_target(false).try_init()
    };
}
