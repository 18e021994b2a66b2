//! What the kernel writes into a buffer of ours for one packet (`struct io_uring_recvmsg_out`): a head, the sender, a
//! control message, the packet.

use crate::{core::PACKET_MAX, worker::control};
use nix::libc::{AF_INET, AF_INET6};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Four numbers: how long name, control message and packet are, and flags.
const HEAD: usize = 16;
/// Room for a sender's address: `struct sockaddr_in6`.
pub(super) const NAME: u32 = 28;
/// Room for a control message.
pub(super) const CONTROL: usize = control::ROOM;
/// All of it, with the longest packet that is taken and room to see that one was longer.
pub(super) const BYTES: usize = HEAD + NAME as usize + CONTROL + PACKET_MAX;

/// One packet that came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arrival<'a> {
    pub(super) from: SocketAddr,
    /// The kernel's count of packets that it dropped at this socket, if it dropped any.
    pub(super) overflow: Option<u32>,
    pub(super) packet: &'a mut [u8],
}

impl<'a> Arrival<'a> {
    /// `None`: the packet was longer than one may be (or the buffer is not what it should be).
    pub(super) fn read(buffer: &'a mut [u8]) -> Option<Self> {
        let (head, rest) = buffer.split_at_mut_checked(HEAD)?;
        let (name, rest) = rest.split_at_mut_checked(NAME as usize)?;
        let (control, packet) = rest.split_at_mut_checked(CONTROL)?;
        let number = |at: usize| head.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
        let control = control.get(..usize::try_from(number(4)?).ok()?)?;
        // The length says how long the packet was, also when not all of it is here.
        let packet = packet.get_mut(..usize::try_from(number(8)?).ok()?)?;
        (packet.len() <= PACKET_MAX).then_some(())?;
        Some(Self { from: address(name)?, overflow: control::overflow(control), packet })
    }
}

/// `struct sockaddr_in` or `sockaddr_in6`.
fn address(name: &[u8]) -> Option<SocketAddr> {
    let (family, rest) = name.split_first_chunk()?;
    let (port, rest) = rest.split_first_chunk()?;
    let port = u16::from_be_bytes(*port);
    match i32::from(u16::from_ne_bytes(*family)) {
        AF_INET => Some((Ipv4Addr::from(*rest.first_chunk::<4>()?), port).into()),
        AF_INET6 => {
            let (flow, rest) = rest.split_first_chunk()?;
            let (ip, scope) = rest.split_first_chunk::<16>()?;
            let (flow, scope) = (u32::from_ne_bytes(*flow), u32::from_ne_bytes(*scope.first_chunk()?));
            Some(SocketAddrV6::new(Ipv6Addr::from(*ip), port, flow, scope).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &[u8], payload: usize, there: usize) -> Vec<u8> {
        let mut buffer = Vec::new();
        for number in [name.len(), 0, payload, 0] {
            buffer.extend(u32::try_from(number).expect("a small number").to_ne_bytes());
        }
        buffer.extend(name);
        buffer.resize(HEAD + NAME as usize + CONTROL, 0);
        buffer.extend(vec![7; there]);
        buffer
    }

    fn v4() -> Vec<u8> {
        let family = u16::try_from(AF_INET).expect("a small number");
        [&family.to_ne_bytes()[..], &[0x27, 0x10, 10, 1, 2, 3], &[0; 8]].concat()
    }

    #[test]
    fn a_packet_is_read_with_its_sender() {
        let mut buffer = written(&v4(), 3, 3);
        let arrival = Arrival::read(&mut buffer).expect("all there");
        assert_eq!(arrival.from, "10.1.2.3:10000".parse().expect("an address"));
        assert_eq!((arrival.overflow, &*arrival.packet), (None, &[7; 3][..]));
    }

    #[test]
    fn a_packet_that_was_cut_is_none_and_so_is_a_short_buffer() {
        assert_eq!(Arrival::read(&mut written(&v4(), PACKET_MAX + 1, PACKET_MAX)), None);
        assert!(Arrival::read(&mut written(&v4(), PACKET_MAX, PACKET_MAX)).is_some());
        let whole = written(&v4(), 0, 0);
        for length in 0..whole.len() {
            assert_eq!(Arrival::read(&mut whole[..length].to_vec()), None);
        }
    }
}
