//! The binary `outboard`: words, tables, progress and exit codes. What is done is done by `verbs`.

mod args;
mod commands;
mod context;
mod error;
mod label;
mod output;
mod settings;
mod signed;
mod terminal;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::args::Cli;
use crate::context::Context;
use crate::error::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.global.output.is_of_logs() && !cli.command.is_logs() {
        let reason = "-o text and -o raw are for `outboard logs`; elsewhere: table, wide, json, yaml";
        Cli::command().error(ErrorKind::InvalidValue, reason).exit();
    }
    output::tracing::start(cli.global.verbose, &cli.command);
    let context = Context::new(cli.global);
    let exit = match commands::run(&context, cli.command) {
        Ok(()) => api::Exit::Success,
        Err(Failure::ListenerLeft) => api::Exit::Success,
        Err(Failure::Ended(code)) => return ExitCode::from(code),
        Err(failure) => error::tell(&context.output, &failure, context.resume().as_deref()),
    };
    ExitCode::from(exit.code())
}
