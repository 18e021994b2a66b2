//! SIP over streams: who is connected, and the way to them. A worker gives a message to [`Streams`] and goes on; what
//! comes, and what is lost, goes to the [`Event`]s.

mod line;
#[cfg(test)]
mod tests;

use crate::control;
use bytes::Bytes;
use ringway_sip::{Limits, Peer, Transport, Way};
use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::mpsc,
    time::timeout,
};

/// Messages that may wait for one connection. A peer that does not read so many is as good as gone.
const QUEUE: usize = 1_024;
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
    /// A connection has ended, or could not be made: told of the connection, and of the address that it was dialed for.
    Lost(Peer),
}

/// What connections may take.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Of one message.
    pub limits: Limits,
    /// Connections in all; beyond that new ones are closed at once.
    pub connections_max: usize,
    /// Connections from one address.
    pub connections_per_source_max: usize,
    /// Without a message or a keepalive for so long, a connection is closed.
    pub idle: Duration,
    /// A message that has begun must be whole after so long, however slowly its sender counts the bytes out.
    pub whole: Duration,
    /// To dial.
    pub connect: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            connections_max: 20_000,
            connections_per_source_max: 5_000,
            idle: Duration::from_secs(600),
            whole: Duration::from_secs(15),
            connect: Duration::from_secs(5),
        }
    }
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
    sink: Sink,
    admit: Admit,
    control: control::Handle,
    runtime: Handle,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// Flows get their numbers in the order in which they come; none is used twice.
    count: u64,
    lines: HashMap<u64, Line>,
    by_address: HashMap<SocketAddr, u64>,
    by_source: HashMap<IpAddr, usize>,
}

/// The way into one connection. When it is dropped, the connection ends.
struct Line {
    address: SocketAddr,
    out: mpsc::Sender<Bytes>,
}

impl Streams {
    /// Connections run on the runtime in which this is called.
    #[must_use]
    pub fn new(settings: Settings, sink: Sink, admit: Admit, control: control::Handle) -> Self {
        let runtime = Handle::current();
        let shared = Shared { settings, sink, admit, control, runtime, table: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Sends `bytes` over the connection that `to` names, or over any to its address, which is dialed if there is none.
    /// Never waits. What cannot be sent is told as [`Event::Lost`].
    pub fn send(&self, to: Peer, bytes: Bytes) {
        let mut table = self.table();
        let flow = match (to.transport, to.way) {
            (Transport::Tcp, Way::Flow(flow)) => Some(flow).filter(|flow| table.lines.contains_key(flow)),
            (Transport::Tcp, Way::Any) => {
                let known = table.by_address.get(&to.address).copied();
                known.or_else(|| self.dial(&mut table, to))
            }
            (Transport::Udp | Transport::Tls, _) | (Transport::Tcp, Way::Name(_)) => None,
        };
        let sent =
            flow.and_then(|flow| table.lines.get(&flow)).is_some_and(|line| line.out.try_send(bytes).is_ok());
        if !sent {
            // Nobody reads there, or nobody is there.
            if let Some(flow) = flow {
                table.remove(flow);
            }
            drop(table);
            self.shared.control.metrics().send_failed();
            self.tell(Event::Lost(to));
        }
    }

    /// Takes connections in until the listener fails for good.
    ///
    /// # Errors
    /// What the system said of the listener.
    pub async fn accept(self, listener: TcpListener) -> io::Result<()> {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => self.take(stream, from),
                // EMFILE and the like pass; the connection waits in the kernel.
                Err(error) if error.raw_os_error().is_some() => {
                    tracing::warn!(%error, "no connection taken");
                    tokio::time::sleep(BREATH).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn take(&self, stream: TcpStream, from: SocketAddr) {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let mut table = self.table();
        let settings = &self.shared.settings;
        let of_source = table.by_source.get(&from.ip()).copied().unwrap_or(0);
        let refused = if !(self.shared.admit)(from.ip()) {
            Some("stranger")
        } else if table.lines.len() >= settings.connections_max
            || of_source >= settings.connections_per_source_max
        {
            Some("too_many")
        } else {
            None
        };
        if let Some(reason) = refused {
            return self.shared.control.metrics().sip_connection_closed(reason);
        }
        let (flow, queue) = table.add(from);
        drop(table);
        let peer = Peer::flow(Transport::Tcp, from, flow);
        let streams = self.clone();
        self.shared.runtime.spawn(async move {
            let reason = line::run(&streams, stream, peer, queue).await;
            streams.end(peer, reason);
        });
    }

    /// A new connection of ours; messages wait until it stands.
    fn dial(&self, table: &mut Table, to: Peer) -> Option<u64> {
        if table.lines.len() >= self.shared.settings.connections_max {
            return None;
        }
        let (flow, queue) = table.add(to.address);
        let peer = Peer::flow(Transport::Tcp, to.address, flow);
        let streams = self.clone();
        self.shared.runtime.spawn(async move {
            let dialed = timeout(streams.shared.settings.connect, TcpStream::connect(to.address)).await;
            let reason = match dialed {
                Ok(Ok(stream)) => line::run(&streams, stream, peer, queue).await,
                Ok(Err(_)) => "refused",
                Err(_) => "connect_timeout",
            };
            streams.end(peer, reason);
        });
        Some(flow)
    }

    /// A connection is over: what waits for an answer by it need not wait any longer.
    fn end(&self, peer: Peer, reason: &str) {
        if let Way::Flow(flow) = peer.way {
            self.table().remove(flow);
        }
        self.shared.control.metrics().sip_connection_closed(reason);
        self.tell(Event::Lost(peer));
        self.tell(Event::Lost(Peer::new(peer.transport, peer.address)));
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
        self.table().lines.len()
    }
}

impl Table {
    fn add(&mut self, address: SocketAddr) -> (u64, mpsc::Receiver<Bytes>) {
        self.count += 1;
        let (out, queue) = mpsc::channel(QUEUE);
        self.lines.insert(self.count, Line { address, out });
        self.by_address.insert(address, self.count);
        *self.by_source.entry(address.ip()).or_default() += 1;
        (self.count, queue)
    }

    fn remove(&mut self, flow: u64) {
        let Some(Line { address, .. }) = self.lines.remove(&flow) else { return };
        if self.by_address.get(&address) == Some(&flow) {
            self.by_address.remove(&address);
        }
        if let Some(count) = self.by_source.get_mut(&address.ip()) {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&address.ip());
            }
        }
    }
}
