//! The media role of a node: workers, and the socket of the ng protocol.

use crate::{
    config::{self, Unsound},
    core::relay::Relay,
    desk::{Desk, NgCounts, serve},
    path::Path,
    worker::{self, Way},
};
use ringway_node::{
    chance,
    clock::Clock,
    phase::{Life, Phase, reached},
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::UdpSocket, task::JoinSet};

/// How often silent calls are looked for.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

/// Why a media relay did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A value that does not do.
    #[error("{0}: {1}")]
    Config(&'static str, String),
    /// The address of the ng protocol cannot be bound.
    #[error("relay.ng_listen {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A worker or the socket failed.
    #[error("media: {0}")]
    Io(#[from] io::Error),
}

/// What can be found out without starting.
///
/// # Errors
/// The first thing that would keep the relay from starting.
pub fn check(config: &config::Relay) -> Result<(), ServiceError> {
    config.check().map_err(|(key, why): Unsound| ServiceError::Config(key, why))
}

/// Runs the relay until the process is to end. Draining, it takes no new calls; where it is all that the node is
/// (`ends_alone`), the node ends with its last call.
///
/// # Errors
/// When it cannot start, or one of its parts fails for good.
pub async fn run(
    config: config::Relay,
    ends_alone: bool,
    clock: Clock,
    life: Life,
) -> Result<(), ServiceError> {
    check(&config)?;
    let address = config.ng_listen;
    let socket = UdpSocket::bind(address).await.map_err(|source| ServiceError::Bind { address, source })?;
    let way = Way::of_this_machine();
    let mut parts: JoinSet<io::Result<()>> = JoinSet::new();
    let mut workers = Vec::new();
    for number in 0..config.worker_count() {
        let path = Path::new(Relay::new(config.settings(number, chance::seed())));
        let (handle, ended) = worker::start(number, way, clock, path)?;
        workers.push(handle);
        parts
            .spawn(async move { ended.await.unwrap_or_else(|_| Err(io::Error::other("a worker panicked"))) });
    }
    let desk = Desk::new(workers, Arc::new(config));
    let counts = Arc::new(NgCounts::default());
    parts.spawn(serve(socket, desk.clone(), clock, counts));
    let sweeper = desk.clone();
    parts.spawn(async move {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            sweeper.sweep().await;
        }
    });
    tracing::info!(ng = %address, "media relay runs");
    let (drainer, mut draining) = (desk.clone(), life.watch());
    let alone = life.clone();
    tokio::spawn(async move {
        reached(&mut draining, Phase::Draining).await;
        drainer.drain();
        if !ends_alone {
            return;
        }
        while drainer.calls().await > 0 {
            tokio::time::sleep(SWEEP_EVERY).await;
        }
        tracing::info!("media relay has no calls left");
        alone.end();
    });
    let mut ending = life.watch();
    let failed = tokio::select! {
        () = reached(&mut ending, Phase::Ending) => Ok(()),
        Some(ended) = parts.join_next() => ended.unwrap_or_else(|panic| Err(io::Error::other(panic))),
    };
    life.end();
    Ok(failed?)
}
