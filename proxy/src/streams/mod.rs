//! SIP over streams, TCP and TLS: who is connected, and the way to them. A worker gives a message to [`Streams`] and goes
//! on; what comes, and what is lost, goes to the [`Event`]s.

mod alias;
mod handshake;
mod hosts;
mod line;
pub mod listen;
mod settings;
mod table;
#[cfg(test)]
mod tests;

use crate::control;
use bytes::Bytes;
use hosts::Hosts;
use line::Line;
use ringway_node::tls::Tls;
use ringway_sip::{Peer, Transport, Way};
use rustls::{ClientConfig, pki_types::ServerName};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use table::{Queue, Table};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
};

pub use settings::Settings;

/// How long to wait when the system has no descriptor for another connection.
const BREATH: Duration = Duration::from_millis(100);

/// What a connection brings.
#[derive(Debug)]
pub enum Event {
    /// A message, whole; whether it parses is for others to find out.
    Message {
        /// Over which connection.
        from: Peer,
        /// As it came.
        bytes: Bytes,
    },
    /// A connection has ended, or could not be made: told of the connection, and of every peer that was reached by it.
    Lost(Peer),
}

/// Where events go. It must not block.
pub type Sink = Arc<dyn Fn(Event) + Send + Sync>;
/// Who may connect at all.
pub type Admit = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// All connections. Cheap to clone; clones share them.
#[derive(Clone)]
pub struct Streams {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    tls: Option<Tls>,
    sink: Sink,
    admit: Admit,
    control: control::Handle,
    runtime: Handle,
    hosts: Hosts,
    table: Mutex<Table>,
}

impl Streams {
    /// Connections run on the runtime in which this is called. Without `tls`, that transport is not spoken.
    #[must_use]
    pub fn new(
        settings: Settings,
        tls: Option<Tls>,
        sink: Sink,
        admit: Admit,
        control: control::Handle,
    ) -> Self {
        let (runtime, hosts, table) = (Handle::current(), Hosts::default(), Mutex::default());
        let shared = Shared { settings, tls, sink, admit, control, runtime, hosts, table };
        Self { shared: Arc::new(shared) }
    }

    /// Sends `bytes` over the connection that `to` names, or over one that reaches it, which is dialed if there is none.
    /// Never waits. What cannot be sent is told as [`Event::Lost`].
    pub fn send(&self, to: Peer, bytes: Bytes) {
        let mut table = self.table();
        let flow = match to.way {
            Way::Flow(flow) => Some(flow),
            Way::Any | Way::Name(_) => table.flow_to(to).or_else(|| self.dial(&mut table, to)),
        };
        if flow.is_some_and(|flow| table.give(flow, bytes)) {
            return;
        }
        // Nobody reads there, or nobody is there.
        let known_as = flow.map(|flow| table.remove(flow)).unwrap_or_default();
        drop(table);
        self.shared.control.metrics().send_failed();
        known_as.into_iter().filter(|known| *known != to).for_each(|known| self.tell(Event::Lost(known)));
        self.tell(Event::Lost(to));
    }

    /// The way by any connection whose certificate is for `host`. `None`: there are too many names already.
    #[must_use]
    pub fn way_to(&self, host: &str) -> Option<Way> {
        self.shared.hosts.number(host).map(Way::Name)
    }

    /// Takes connections in until the listener fails for good.
    ///
    /// # Errors
    /// What the system said of the listener.
    pub async fn accept(self, transport: Transport, listener: TcpListener) -> io::Result<()> {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => self.take(transport, stream, from),
                // EMFILE and the like pass; the connection waits in the kernel.
                Err(error) if error.raw_os_error().is_some() => {
                    tracing::warn!(%error, "no connection taken");
                    tokio::time::sleep(BREATH).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn take(&self, transport: Transport, stream: TcpStream, from: SocketAddr) {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let mut table = self.table();
        let refused = if (self.shared.admit)(from.ip()) {
            table.has_no_room(from.ip(), &self.shared.settings).then_some("too_many")
        } else {
            Some("stranger")
        };
        if let Some(reason) = refused {
            return self.shared.control.metrics().sip_connection_closed(reason);
        }
        // Known by its source. Over TLS as well, and without a certificate: a phone has none, and what is sent to the very
        // address and port at which a connection ends can be for nobody but whoever has come from there.
        let (flow, queue) = table.add(Peer::new(transport, from));
        drop(table);
        listen::prepare(&stream, self.shared.settings.whole);
        let streams = self.clone();
        let peer = Peer::flow(transport, from, flow);
        match (transport, &self.shared.tls) {
            (Transport::Tcp, _) => {
                self.run(peer, async move { Line::taken(&streams, peer, queue, None).run(stream).await });
            }
            (Transport::Tls, Some(tls)) => {
                let config = Arc::clone(&tls.server);
                self.run(peer, async move {
                    match handshake::answer(config, stream, streams.shared.settings.handshake).await {
                        Ok((stream, certificate)) => {
                            Line::taken(&streams, peer, queue, certificate).run(stream).await
                        }
                        Err(reason) => reason,
                    }
                });
            }
            (Transport::Tls, None) | (Transport::Udp, _) => unreachable!("no such listener is bound"),
        }
    }

    /// A new connection of ours; messages wait until it stands. `None`: it cannot even be tried.
    fn dial(&self, table: &mut Table, to: Peer) -> Option<u64> {
        let settings = &self.shared.settings;
        let tls = match to.transport {
            Transport::Udp => return None,
            Transport::Tcp => None,
            Transport::Tls => Some(self.expected(to)?),
        };
        if table.is_full(settings) {
            return None;
        }
        let (flow, queue) = table.add(to);
        let peer = Peer::flow(to.transport, to.address, flow);
        let streams = self.clone();
        match tls {
            None => self.run(peer, async move {
                match streams.connect(to).await {
                    Ok(stream) => Line::dialed(&streams, peer, queue).run(stream).await,
                    Err(reason) => reason,
                }
            }),
            Some((config, host)) => {
                self.run(peer, async move { streams.call(peer, queue, config, host).await });
            }
        }
        Some(flow)
    }

    /// Dials and agrees on TLS; a peer that is not who it has to be gets no byte of SIP, and nothing goes to it without
    /// TLS.
    async fn call(
        &self,
        peer: Peer,
        queue: Queue,
        config: Arc<ClientConfig>,
        host: ServerName<'static>,
    ) -> &'static str {
        let stream = match self.connect(peer).await {
            Ok(stream) => stream,
            Err(reason) => return reason,
        };
        match handshake::call(config, host, stream, self.shared.settings.handshake).await {
            Ok(stream) => Line::dialed(self, peer, queue).run(stream).await,
            Err(reason) => reason,
        }
    }

    async fn connect(&self, to: Peer) -> Result<TcpStream, &'static str> {
        let settings = &self.shared.settings;
        let dialed = listen::connect(to.address, settings.leave_from(to));
        match tokio::time::timeout(settings.connect, dialed).await {
            Ok(Ok(stream)) => {
                listen::prepare(&stream, settings.whole);
                Ok(stream)
            }
            Ok(Err(_)) => Err("refused"),
            Err(_) => Err("connect_timeout"),
        }
    }

    /// How to speak TLS with `to`, and whose certificate it has to show.
    fn expected(&self, to: Peer) -> Option<(Arc<ClientConfig>, ServerName<'static>)> {
        let config = self.shared.tls.as_ref()?.client.clone()?;
        let host = match to.way {
            Way::Name(number) => ServerName::try_from(self.shared.hosts.name(number)?).ok()?,
            Way::Any | Way::Flow(_) => ServerName::IpAddress(to.address.ip().into()),
        };
        Some((config, host))
    }

    /// Lets a connection run, and notes its end.
    fn run(&self, peer: Peer, line: impl Future<Output = &'static str> + Send + 'static) {
        let streams = self.clone();
        let active = self.shared.control.metrics().sip_connections(peer.transport.in_uri());
        active.inc();
        self.shared.runtime.spawn(async move {
            let reason = line.await;
            streams.end(peer, reason);
            active.dec();
        });
    }

    /// A connection is over: what waits for an answer by it need not wait any longer.
    fn end(&self, peer: Peer, reason: &str) {
        let known_as = match peer.way {
            Way::Flow(flow) => self.table().remove(flow),
            Way::Any | Way::Name(_) => unreachable!("a connection is a flow"),
        };
        tracing::debug!(%peer, reason, "connection closed");
        self.shared.control.metrics().sip_connection_closed(reason);
        self.tell(Event::Lost(peer));
        known_as.into_iter().for_each(|known| self.tell(Event::Lost(known)));
    }

    fn tell(&self, event: Event) {
        (self.shared.sink)(event);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.shared.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections at present, those that are being dialed included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.table().count()
    }
}
