//! The SIP worker: one socket, one core. It only pumps: datagrams and deadlines in, datagrams out, notes to the
//! counters and the log.

use crate::{
    control::Handle,
    core::{
        Input, Proxy,
        output::{Note, Output},
    },
};
use bytes::Bytes;
use ringway_node::log::Redact;
use socket2::{Domain, Protocol, Socket, Type};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::UdpSocket,
    time::{sleep, sleep_until},
};

/// Kernel buffers each way: a second of 3,000 calls/s.
const SOCKET_BUFFER: usize = 8 * 1_024 * 1_024;
/// Datagrams that are taken in one go before the socket is polled anew.
const BATCH: usize = 64;
/// The largest UDP payload.
const DATAGRAM_BYTES: usize = 65_535;

/// Binds the SIP socket with large buffers.
///
/// # Errors
/// When the address cannot be bound.
pub fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // The kernel caps these at its own limits.
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Pumps until the socket fails for good.
///
/// # Errors
/// When it does.
pub async fn run(socket: UdpSocket, core: Proxy, control: Handle) -> io::Result<()> {
    let mut worker = Worker { socket, core, control };
    let mut buffer = vec![0; DATAGRAM_BYTES];
    loop {
        let deadline = worker.core.deadline();
        tokio::select! {
            received = worker.socket.recv_from(&mut buffer) => match received {
                Ok((length, from)) => {
                    worker.take(from, &buffer[..length]);
                    worker.take_batch(&mut buffer);
                }
                // The system tells us about some peer by way of the socket; the socket is well.
                Err(error) if error.kind() != io::ErrorKind::InvalidInput => worker.note_receive(&error),
                Err(error) => return Err(error),
            },
            () = async { match deadline {
                Some(at) => sleep_until(at.into()).await,
                None => sleep(Duration::from_secs(3_600)).await,
            }} => worker.step(Input::Tick),
        }
    }
}

struct Worker {
    socket: UdpSocket,
    core: Proxy,
    control: Handle,
}

impl Worker {
    fn take(&mut self, from: SocketAddr, datagram: &[u8]) {
        self.step(Input::Datagram { from, bytes: Bytes::copy_from_slice(datagram) });
    }

    fn take_batch(&mut self, buffer: &mut [u8]) {
        for _ in 1..BATCH {
            let Ok((length, from)) = self.socket.try_recv_from(buffer) else { return };
            self.take(from, &buffer[..length]);
        }
    }

    /// One input under the present view, and all that follows from it.
    fn step(&mut self, input: Input) {
        let now = self.control.clock().now();
        let view = self.control.view().load();
        if !self.core.sees(&view) {
            self.core.handle(now, Input::View(Arc::clone(&view)));
        }
        self.core.handle(now, input);
        while let Some(output) = self.core.poll() {
            match output {
                Output::Send { to, bytes } => self.send(now, to, &bytes),
                Output::Note(note) => self.note(&note),
            }
        }
        let transactions = i64::try_from(self.core.transactions()).unwrap_or(i64::MAX);
        self.control.metrics().transactions.set(transactions);
    }

    fn send(&mut self, now: std::time::Instant, to: SocketAddr, bytes: &[u8]) {
        let Err(error) = self.socket.try_send_to(bytes, to) else { return };
        self.control.metrics().send_failed();
        // A full buffer is loss, and SIP sends again. Anything else is said to the core, which tries elsewhere.
        if error.kind() != io::ErrorKind::WouldBlock {
            self.core.handle(now, Input::Unreachable(to));
        }
    }

    fn note_receive(&self, error: &io::Error) {
        tracing::debug!(%error, "receive");
    }

    fn note(&self, note: &Note) {
        self.control.metrics().note(note);
        match note {
            Note::SetOut { call_id, called, path, attempt, route_epoch, policy_revision } => tracing::info!(
                call_id, called = %Redact(called), path = %path, attempt, route_epoch, policy_revision, "call sets out"
            ),
            Note::Refused { label, code, why, call_id } => {
                tracing::info!(call_id, code, reason = label, why, "request refused");
            }
            Note::Hop(event) => self.control.hops().note(event),
            Note::Dropped(reason) => tracing::debug!(%reason, "datagram dropped"),
            Note::Absorbed => tracing::debug!("copy of a request absorbed"),
            Note::Request { .. } | Note::Answered(_) => {}
        }
    }
}
