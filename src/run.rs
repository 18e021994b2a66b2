//! What runs in this process: a node, its checker, or the laboratory.

use crate::{
    cli,
    config::{File, Roles},
};
use ringway_media::{metrics::Metrics as RelayMetrics, service as relay};
use ringway_node::{clock::Clock, config::ConfigError, log, phase::Life};
use ringway_proxy::service::{self, ServiceError};
use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
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
    /// The same of the media relay.
    #[error("{}: {source}", file.display())]
    Relay { file: PathBuf, source: relay::ServiceError },
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
    let Roles { proxy, relay, metrics } = config.roles(file)?;
    let of_relay = |source: relay::ServiceError| RunError::Relay { file: file.to_owned(), source };
    let media =
        relay.is_some().then(RelayMetrics::new).transpose().map_err(|error| of_relay(error.into()))?;
    let media = media.map(Arc::new);
    let others = media.iter().map(|media| media.registry().clone()).collect();
    let alone = proxy.is_none().then_some(metrics);
    let proxy = async {
        let Some(config) = proxy else { return Ok(()) };
        let outcome = service::run(config, others, clock, life.clone()).await;
        outcome.map_err(|source| RunError::Service { file: file.to_owned(), source })
    };
    let relay = async {
        let Some(((node, config), media)) = relay.zip(media) else { return Ok(()) };
        let outcome = relay::run(node, config, media, alone, clock, life.clone()).await;
        outcome.map_err(of_relay)
    };
    tokio::select! {
        outcome = async { tokio::try_join!(proxy, relay) } => outcome.map(drop),
        Ok(Err(error)) = follow => Err(RunError::Signals(error)),
    }
}

/// `ringway check`.
pub(crate) fn check(file: &Path) -> Result<(), RunError> {
    let config = File::load(file)?;
    log::check(config.log())
        .map_err(|error| RunError::Level { file: file.to_owned(), why: error.to_string() })?;
    let Roles { proxy, relay, metrics: _ } = config.roles(file)?;
    if let Some(proxy) = proxy {
        service::check(&proxy, Clock::start())
            .map_err(|source| RunError::Service { file: file.to_owned(), source })?;
    }
    if let Some((_, relay)) = relay {
        relay::check(&relay).map_err(|source| RunError::Relay { file: file.to_owned(), source })?;
    }
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
