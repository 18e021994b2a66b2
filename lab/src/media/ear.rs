//! A socket that says when the kernel had each datagram. The studio may be kept from its work on a busy machine; that
//! must not look like a network that was silent.

use std::{
    io::{self, IoSliceMut},
    net::SocketAddrV4,
    os::fd::AsRawFd as _,
    sync::Arc,
    time::Duration,
};

use nix::{
    cmsg_space,
    sys::{
        socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt},
        time::TimeSpec,
    },
};
use tokio::{io::Interest, net::UdpSocket};

use crate::clock;

/// Nothing waits in a socket for longer: a stamp that is older was made by another calendar.
const WAIT_MAX: Duration = Duration::from_secs(5);

pub(super) struct Ear {
    socket: Arc<UdpSocket>,
    /// What the kernel says beside a datagram.
    control: Vec<u8>,
}

/// A datagram as it came in.
pub(super) struct Datagram {
    pub(super) length: usize,
    pub(super) from: SocketAddrV4,
    /// How long it has waited in the socket.
    pub(super) waited: Duration,
}

impl Ear {
    pub(super) fn new(socket: Arc<UdpSocket>) -> io::Result<Self> {
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        Ok(Self { socket, control: cmsg_space!(TimeSpec) })
    }

    /// The next datagram; what does not fit the buffer is cut off.
    pub(super) async fn hear(&mut self, buffer: &mut [u8]) -> io::Result<Datagram> {
        loop {
            self.socket.readable().await?;
            let (socket, control) = (&self.socket, &mut self.control);
            match socket.try_io(Interest::READABLE, || receive(socket, control, buffer)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                heard => return heard,
            }
        }
    }

    /// The next datagram if it is there already. Datagrams may wait that tokio has not been told of yet.
    pub(super) fn hear_now(&mut self, buffer: &mut [u8]) -> Option<Datagram> {
        receive(&self.socket, &mut self.control, buffer).ok()
    }
}

fn receive(socket: &UdpSocket, control: &mut [u8], buffer: &mut [u8]) -> io::Result<Datagram> {
    let mut slices = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut slices, Some(control), flags)?;
    let stamp = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
        _ => None,
    });
    let waited = stamp.and_then(|stamp| clock::calendar().checked_sub(stamp));
    let waited = waited.filter(|waited| *waited < WAIT_MAX).unwrap_or_default();
    let from = message.address.map(SocketAddrV4::from).ok_or_else(|| io::Error::other("no IPv4 sender"))?;
    Ok(Datagram { length: message.bytes, from, waited })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[tokio::test]
    async fn what_has_waited_says_for_how_long() {
        let [speaker, listener] = [socket().await, socket().await];
        let mut ear = Ear::new(Arc::clone(&listener)).unwrap();
        let mut buffer = [0; 8];
        // The kernel begins to stamp a moment after the first socket of the machine has asked for it; until then it
        // gives the time of the reading.
        for _ in 0..100 {
            let sent = clock::now();
            speaker.send_to(b"one", listener.local_addr().unwrap()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            let heard = ear.hear(&mut buffer).await.unwrap();
            assert_eq!(
                (&buffer[..heard.length], heard.from.into()),
                (&b"one"[..], speaker.local_addr().unwrap())
            );
            assert!(heard.waited <= sent.elapsed());
            if heard.waited >= Duration::from_millis(45) {
                return;
            }
        }
        panic!("no stamps in five seconds");
    }

    async fn socket() -> Arc<UdpSocket> {
        Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap())
    }
}
