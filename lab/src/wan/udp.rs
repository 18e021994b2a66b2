//! Datagrams between regions. A socket at 127.i.j.n:p stands, inside region *i*, for 127.j.0.n:p. What a neighbor
//! 127.i.0.m:q sends to it comes out of the mirror image 127.j.i.m:q in region *j*, which in turn carries the
//! answers back. So one rule and one table serve both directions, and stand-ins of senders are bound as they speak.

use std::{
    collections::HashMap,
    io,
    net::{SocketAddr, SocketAddrV4, UdpSocket},
    sync::{Arc, Mutex},
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::task::JoinSet;

use super::{
    Links,
    link::lock,
    pacer::{Pacer, Parcel},
};
use crate::{
    address::{AddressPlan, StandIn},
    clock,
};

/// Stand-ins of one world. A region pair needs as many as its senders use ports, so lanes and probes fit by far.
const MAX_SOCKETS: usize = 4_096;
const MAX_DATAGRAM: usize = 65_535;
const SOCKET_BUFFER: usize = 1 << 20;

pub(super) struct UdpCarrier {
    links: Arc<Links>,
    pacer: Pacer,
    sockets: Mutex<HashMap<SocketAddrV4, Arc<UdpSocket>>>,
    tasks: Mutex<JoinSet<()>>,
    /// The claim on the addresses: it ends with the last socket, or the next world would find them taken.
    _plan: AddressPlan,
}

impl UdpCarrier {
    pub(super) fn start(links: Arc<Links>, plan: AddressPlan) -> io::Result<Arc<Self>> {
        let pacer = Pacer::start()?;
        Ok(Arc::new(Self { links, pacer, sockets: Mutex::default(), tasks: Mutex::default(), _plan: plan }))
    }

    /// Ends the receivers; with them goes the last owner of the pacer.
    pub(super) fn close(&self) {
        lock(&self.tasks).abort_all();
    }

    /// The socket at a stand-in's address, bound and listened to at first use.
    pub(super) fn socket(self: &Arc<Self>, stand_in: StandIn) -> io::Result<Arc<UdpSocket>> {
        let address = stand_in.address();
        let mut sockets = lock(&self.sockets);
        if let Some(socket) = sockets.get(&address) {
            return Ok(Arc::clone(socket));
        }
        if sockets.len() >= MAX_SOCKETS {
            return Err(io::Error::other("no stand-in left: too many UDP source ports between regions"));
        }
        let socket = bind(address)?;
        let receiver = tokio::net::UdpSocket::from_std(socket.try_clone()?)?;
        let socket = Arc::new(socket);
        sockets.insert(address, Arc::clone(&socket));
        lock(&self.tasks).spawn(receive(Arc::clone(self), receiver, stand_in));
        Ok(socket)
    }

    fn carry(self: &Arc<Self>, at: StandIn, from: SocketAddrV4, payload: &[u8]) {
        let Some(sender) = at.mirror(from) else {
            return tracing::debug!(%from, at = %at.address(), "a stranger to this region; dropped");
        };
        let Some(link) = self.links.between(at.viewer, at.region) else { return };
        let Some(due) = link.datagram(clock::now(), from.port()) else { return };
        match self.socket(sender) {
            Ok(socket) => {
                let payload = payload.into();
                self.pacer.send(Parcel { due, from: socket, to: at.real(), payload, link });
            }
            Err(error) => {
                tracing::warn!(%error, sender = %sender.address(), "no socket to carry a datagram on");
                link.count_overflow();
            }
        }
    }
}

async fn receive(carrier: Arc<UdpCarrier>, socket: tokio::net::UdpSocket, at: StandIn) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, SocketAddr::V4(from))) => carrier.carry(at, from, &buffer[..length]),
            Ok((_, SocketAddr::V6(_))) => {}
            Err(error) => tracing::debug!(%error, at = %at.address(), "receive"),
        }
    }
}

fn bind(address: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}
