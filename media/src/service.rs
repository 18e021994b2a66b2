//! The media role of a node: workers, and the socket of the ng protocol.

use crate::{
    config::{self, Unsound},
    control,
    core::relay::Relay,
    desk::{Desk, Happening, serve},
    metrics::Metrics,
    path::Path,
    steering::Steering,
    worker::{self, Handle, Way},
};
use ringway_node::{
    chance,
    clock::Clock,
    config as node,
    http::{self, Windows},
    phase::{Life, Phase, reached},
};
use ringway_router::NodeId;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, UdpSocket},
    sync::watch,
    task::JoinSet,
};

/// How often silent calls are looked for, and counts are shown.
const HOUSE_EVERY: Duration = Duration::from_millis(500);
/// How often the mesh is told what frames show of the links: as often as probes would tell it.
const LINKS_EVERY: Duration = Duration::from_millis(100);

/// Why a media relay did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A value that does not do.
    #[error("{0}: {1}")]
    Config(&'static str, String),
    /// An address cannot be bound.
    #[error("{what} {address}: {source}")]
    Bind {
        /// The configuration key.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The metrics cannot be registered.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
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

/// Runs the relay of this node until the process is to end. Draining, it takes no new calls. Where it is all that the node is,
/// `alone` says where its metrics are shown, and the node ends with its last call.
///
/// # Errors
/// When it cannot start, or one of its parts fails for good.
pub async fn run(
    node: NodeId,
    config: config::Relay,
    metrics: Arc<Metrics>,
    alone: Option<node::Metrics>,
    clock: Clock,
    life: Life,
) -> Result<(), ServiceError> {
    check(&config)?;
    let address = config.ng_listen;
    let socket = UdpSocket::bind(address).await.map_err(bind("relay.ng_listen", address))?;
    let mut parts: JoinSet<io::Result<()>> = JoinSet::new();
    let (ready, ready_seen) = watch::channel(false);
    let ends_alone = alone.is_some();
    if let Some(node::Metrics { listen }) = alone {
        let listener = http::bind(listen).await.map_err(bind("metrics.listen", listen))?;
        let registries = vec![metrics.registry().clone()];
        parts.spawn(http::serve(listener, Windows { registries, ready: ready_seen }));
    }
    let workers: Arc<[Handle<Path>]> = start_workers(&config, clock, &mut parts)?.into();
    let steering = match &config.tunnels {
        Some(tunnels) => {
            let started = Steering::start(&node, tunnels, Arc::clone(&workers), clock).await;
            let failed = |(address, source)| ServiceError::Bind { what: "relay.tunnels", address, source };
            Some(Arc::new(started.map_err(failed)?))
        }
        None => None,
    };
    let control_listen = config.control_listen;
    let desk = Desk::new(workers, Arc::new(config), steering.clone());
    if let Some(listen) = control_listen {
        let listener = TcpListener::bind(listen).await.map_err(bind("relay.control_listen", listen))?;
        parts.spawn(control::serve(listener, desk.clone(), Arc::clone(&metrics)));
    }
    parts.spawn(serve(socket, desk.clone(), clock, Arc::clone(&metrics)));
    if let Some(steering) = steering {
        parts.spawn(follow_tunnels(steering, desk.clone(), Arc::clone(&metrics)));
    }
    parts.spawn(keep_house(desk, metrics, ready, life.clone(), ends_alone));
    tracing::info!(ng = %address, "media relay runs");
    let mut ending = life.watch();
    let failed = tokio::select! {
        () = reached(&mut ending, Phase::Ending) => Ok(()),
        Some(ended) = parts.join_next() => ended.unwrap_or_else(|panic| Err(io::Error::other(panic))),
    };
    life.end();
    Ok(failed?)
}

/// One thread each.
fn start_workers(
    config: &config::Relay,
    clock: Clock,
    parts: &mut JoinSet<io::Result<()>>,
) -> io::Result<Vec<Handle<Path>>> {
    let way = Way::of_this_machine();
    let mut workers = Vec::new();
    for number in 0..config.worker_count() {
        let path = Path::new(Relay::new(config.settings(number, chance::seed())));
        let (handle, ended) = worker::start(number, way, clock, path)?;
        workers.push(handle);
        parts
            .spawn(async move { ended.await.unwrap_or_else(|_| Err(io::Error::other("a worker panicked"))) });
    }
    Ok(workers)
}

/// Tells what the tunnels show, and keeps their keys.
async fn follow_tunnels(steering: Arc<Steering>, desk: Desk, metrics: Arc<Metrics>) -> io::Result<()> {
    loop {
        let (counts, moves) = steering.look().await;
        if let Some(counts) = counts {
            metrics.tunneled(&counts);
        }
        for shift in moves {
            metrics.moved(&shift);
            desk.tell(Happening::Moved(Arc::new(shift)));
        }
        tokio::time::sleep(LINKS_EVERY).await;
    }
}

/// Ends silent calls, shows the counts, and drains when the node does.
async fn keep_house(
    desk: Desk,
    metrics: Arc<Metrics>,
    ready: watch::Sender<bool>,
    life: Life,
    ends_alone: bool,
) -> io::Result<()> {
    let phase = life.watch();
    loop {
        let drains = *phase.borrow() != Phase::Serving;
        if drains {
            desk.drain();
        }
        ready.send_replace(!drains);
        desk.sweep().await;
        // A worker that has ended is another part's error.
        if let Some(sums) = desk.look().await {
            metrics.look(&sums);
            if drains && ends_alone && sums.calls() == 0 {
                tracing::info!("media relay has no calls left");
                life.end();
            }
        }
        tokio::time::sleep(HOUSE_EVERY).await;
    }
}

fn bind(what: &'static str, address: SocketAddr) -> impl Fn(io::Error) -> ServiceError {
    move |source| ServiceError::Bind { what, address, source }
}
