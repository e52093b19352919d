//! The command `steadynet`: trains neural networks, measures them and asks them.
#![forbid(unsafe_code)]

mod bench;
mod compute;
mod data_source;
mod evaluate;
mod export;
mod failure;
mod inspect;
mod output;
mod predict;
mod scores;
mod targets;
mod train;
mod verify;

use clap::{Parser, Subcommand};
use failure::Failure;
use std::io::Write;
use std::process::ExitCode;

/// Dense neural networks with the same bits on every machine, thread count and batch size
#[derive(Parser)]
#[command(name = "steadynet", version, max_term_width = 110, disable_help_subcommand = true, args_override_self = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(Box<train::Train>),
    Evaluate(evaluate::Evaluate),
    Predict(predict::Predict),
    Inspect(inspect::Inspect),
    Export(export::Export),
    Verify(verify::Verify),
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Train(command) => command.run(),
        Command::Evaluate(command) => command.run(),
        Command::Predict(command) => command.run(),
        Command::Inspect(command) => command.run(),
        Command::Export(command) => command.run(),
        Command::Verify(command) => command.run(),
        Command::Bench(command) => command.run(),
    };
    match result {
        // Whoever closed the pipe has seen enough.
        Ok(()) | Err(Failure::ClosedPipe) => ExitCode::SUCCESS,
        Err(Failure::Message(message)) => fail(&message, 1),
        Err(Failure::Usage(message)) => fail(&message, 2),
    }
}

fn fail(message: &str, code: u8) -> ExitCode {
    // If standard error is closed, there is nowhere to say so.
    let _ = writeln!(std::io::stderr(), "error: {message}");
    ExitCode::from(code)
}
