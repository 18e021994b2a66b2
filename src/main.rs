//! `ringway`: the node, its checker, the operators' verbs, and the laboratory, in one binary.

mod cli;
mod config;
mod run;
mod verbs;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let code = runtime.block_on(async {
        match cli.command {
            cli::Command::Run { config } => {
                run::run(&config).await.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
            }
            cli::Command::Check { config } => {
                run::check(&config).map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
            }
            cli::Command::Lab(options) => run::lab(options).await,
            cli::Command::Verb(verb) => {
                verbs::run(verb).await.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
            }
        }
    });
    // A task that still waits for a peer does not keep the process.
    runtime.shutdown_background();
    code
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("ringway: {error}");
    ExitCode::FAILURE
}
