//! What runs in this process: a node, its checker, or the laboratory.

use crate::{cli, config::File};
use ringway_node::{clock::Clock, config::ConfigError, log, phase::Life};
use ringway_proxy::service::{self, ServiceError};
use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Why a node did not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The configuration is not right to the letter.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The configuration is right to the letter, but not in what it says; or the node failed.
    #[error("{}: {source}", file.display())]
    Service { file: PathBuf, source: ServiceError },
    /// The log level is none.
    #[error("{}: log.level: {why}", file.display())]
    Level { file: PathBuf, why: String },
    /// The system refuses signal handlers.
    #[error("signals: {0}")]
    Signals(io::Error),
}

/// `ringway run`.
pub(crate) async fn run(file: &Path) -> Result<(), RunError> {
    let clock = Clock::start();
    let config = File::load(file)?;
    log::start(config.log())
        .map_err(|error| RunError::Level { file: file.to_owned(), why: error.to_string() })?;
    let life = Life::default();
    let signals = life.clone();
    let follow = tokio::spawn(signals.follow_signals());
    let service = service::run(config.proxy(), clock, life);
    let outcome = tokio::select! {
        outcome = service => outcome,
        Ok(Err(error)) = follow => return Err(RunError::Signals(error)),
    };
    outcome.map_err(|source| RunError::Service { file: file.to_owned(), source })
}

/// `ringway check`.
pub(crate) fn check(file: &Path) -> Result<(), RunError> {
    let config = File::load(file)?;
    log::check(config.log())
        .map_err(|error| RunError::Level { file: file.to_owned(), why: error.to_string() })?;
    service::check(&config.proxy(), Clock::start())
        .map_err(|source| RunError::Service { file: file.to_owned(), source })?;
    println!("{}: good", file.display());
    Ok(())
}

/// `ringway lab`.
pub(crate) async fn lab(options: cli::Lab) -> ExitCode {
    let binary = match std::env::current_exe() {
        Ok(binary) => binary,
        Err(error) => {
            eprintln!("ringway: cannot find this program's own file: {error}");
            return ExitCode::FAILURE;
        }
    };
    let cli::Lab { scenario, seed, json, hold } = options;
    ringway_lab::run(ringway_lab::Options { binary, scenario, seed, json, hold }).await.into()
}
