//! Every socket of a node, bound before anything starts: a taken port is an error at start.

use super::{Config, ServiceError};
use crate::{streams, worker};
use ringway_node::{http, tls::Tls};
use ringway_sip::Transport;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};
use tokio::net::{TcpListener, UdpSocket};

/// All of them.
pub(super) struct Listeners {
    pub(super) sip: worker::Sockets,
    /// Where the node's own OPTIONS come from.
    pub(super) asking: UdpSocket,
    pub(super) reflector: UdpSocket,
    /// One a lane.
    pub(super) prober: Vec<UdpSocket>,
    pub(super) mesh: TcpListener,
    pub(super) admin: TcpListener,
    pub(super) metrics: TcpListener,
}

impl Listeners {
    pub(super) async fn bind(config: &Config, tls: Option<Tls>) -> Result<Self, ServiceError> {
        let (mesh, probe) = (config.mesh.listen, config.mesh.probe_listen);
        let (admin, metrics) = (config.admin.listen, config.metrics.listen);
        let asking = SocketAddr::new(probe.ip(), 0);
        let beside = SocketAddr::new(itself(config.sip.listen).ip(), 0);
        Ok(Self {
            sip: sip(config, tls)?,
            asking: UdpSocket::bind(beside).await.map_err(failed("sip.listen", beside))?,
            reflector: UdpSocket::bind(probe).await.map_err(failed("mesh.probe_listen", probe))?,
            prober: lanes(asking, config.mesh.lanes).await?,
            mesh: TcpListener::bind(mesh).await.map_err(failed("mesh.listen", mesh))?,
            admin: TcpListener::bind(admin).await.map_err(failed("admin.listen", admin))?,
            metrics: http::bind(metrics).await.map_err(failed("metrics.listen", metrics))?,
        })
    }
}

/// Where this machine itself reaches a socket that listens there.
pub(super) fn itself(listen: SocketAddr) -> SocketAddr {
    let loopback = match listen.ip() {
        IpAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
    };
    let ip = if listen.ip().is_unspecified() { loopback } else { listen.ip() };
    SocketAddr::new(ip, listen.port())
}

async fn lanes(asking: SocketAddr, count: usize) -> Result<Vec<UdpSocket>, ServiceError> {
    let mut lanes = Vec::with_capacity(count);
    for _ in 0..count {
        lanes.push(UdpSocket::bind(asking).await.map_err(failed("mesh.probe_listen", asking))?);
    }
    Ok(lanes)
}

fn failed(what: &'static str, address: SocketAddr) -> impl Fn(io::Error) -> ServiceError {
    move |source| ServiceError::Bind { what, address, source }
}

/// UDP and TCP on `sip.listen`, and every `[[sip.socket]]`.
fn sip(config: &Config, tls: Option<Tls>) -> Result<worker::Sockets, ServiceError> {
    let sip = &config.sip;
    let descriptors = streams::listen::raise_descriptors();
    let connections_max = sip.streams.connections_max;
    if descriptors < connections_max as u64 {
        tracing::warn!(descriptors, connections_max, "fewer descriptors than sip.streams.connections_max");
    }
    let workers = sip.worker_count();
    let main = [(Transport::Udp, sip.listen), (Transport::Tcp, sip.listen)].map(|at| (at, "sip.listen"));
    let further = sip.socket.iter().map(|socket| ((socket.transport, socket.listen), "sip.socket.listen"));
    let mut datagrams: Vec<Vec<_>> = (0..workers).map(|_| Vec::new()).collect();
    let mut connections = Vec::new();
    let mut settings = sip.streams.settings(sip.limits.limits());
    for ((transport, address), key) in main.into_iter().chain(further) {
        match transport {
            Transport::Udp => {
                let shared = worker::bind(address, workers).map_err(failed(key, address))?;
                datagrams.iter_mut().zip(shared).for_each(|(of_worker, socket)| of_worker.push(socket));
            }
            Transport::Tcp | Transport::Tls => {
                let listener = streams::listen::bind(address).map_err(failed(key, address))?;
                connections.push((transport, listener));
                if !address.ip().is_unspecified() {
                    settings.leave_from.push((transport, address.ip()));
                }
            }
        }
    }
    Ok(worker::Sockets { datagrams, connections, settings, tls })
}
