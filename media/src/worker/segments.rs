//! Frames into tunnels: those of equal length to one peer leave in one send, which the kernel or the card cuts apart
//! (`UDP_SEGMENT`). A tunnel carries many calls, so there are such frames, where single calls never have them.

use super::{control, counts::Counts, shelf::Shelf, socket::Socket};
use crate::core::{Slot, SocketId};
use nix::libc::{EINVAL, EIO, EOPNOTSUPP};
use socket2::{MsgHdr, SockAddr};
use std::{
    array,
    io::{self, IoSlice},
    net::SocketAddr,
};

/// As many datagrams as every kernel since 4.18 cuts.
const MEMBERS: usize = 64;
/// The longest that may be sent at once: an IP packet, with its headers.
const BYTES: usize = 65_000;
/// Groups that are kept open at once: peers and lengths of frames.
const GROUPS: usize = 64;

/// Frames that wait for others of their kind.
pub(super) struct Segments {
    groups: Vec<Group>,
}

struct Group {
    socket: SocketId,
    to: SocketAddr,
    size: usize,
    bytes: usize,
    /// Whether another may come behind: none does behind a shorter one.
    open: bool,
    count: usize,
    members: [usize; MEMBERS],
}

impl Segments {
    pub(super) fn new() -> Self {
        Self { groups: Vec::with_capacity(GROUPS) }
    }

    /// Puts packet `at` to those of its kind. Two frames of one socket to one peer leave in the order in which they are
    /// put in.
    pub(super) fn put(&mut self, at: usize, packets: &[Slot], shelf: &mut Shelf, counts: &Counts) {
        let packet = &packets[at];
        let length = packet.bytes().len();
        let mut same =
            self.groups.iter_mut().rev().filter(|g| (g.socket, g.to) == (packet.socket, packet.to));
        if let Some(group) = same.next() {
            let fits = length <= group.size && group.bytes + length <= BYTES && group.count < MEMBERS;
            if group.open && fits {
                group.members[group.count] = at;
                group.count += 1;
                group.bytes += length;
                group.open = length == group.size;
                return;
            }
        }
        if self.groups.len() == GROUPS {
            self.flush(packets, shelf, counts);
        }
        let mut members = [0; MEMBERS];
        members[0] = at;
        let (socket, to) = (packet.socket, packet.to);
        self.groups.push(Group { socket, to, size: length, bytes: length, open: true, count: 1, members });
    }

    /// Sends them all.
    pub(super) fn flush(&mut self, packets: &[Slot], shelf: &mut Shelf, counts: &Counts) {
        for group in self.groups.drain(..) {
            let Some(socket) = shelf.socket_mut(group.socket) else { continue };
            let frames = &group.members[..group.count];
            if group.count > 1 && socket.segments() {
                match send(socket, packets, frames, &group) {
                    Ok(()) => {
                        counts.segmented().add(group.count);
                        continue;
                    }
                    // The card cannot, or the kernel will not, or not at this length: one by one.
                    Err(error) if matches!(error.raw_os_error(), Some(EIO | EINVAL | EOPNOTSUPP)) => {
                        tracing::warn!(%error, "frames are not cut by the kernel here: they leave one by one");
                        socket.refuse_segments();
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        counts.send_failed().add(group.count);
                        continue;
                    }
                    Err(_) => {}
                }
            }
            let to = SockAddr::from(group.to);
            for frame in frames {
                if socket.system().send_to(packets[*frame].bytes(), &to).is_err() {
                    counts.send_failed().add(1);
                }
            }
        }
    }
}

fn send(socket: &Socket, packets: &[Slot], frames: &[usize], group: &Group) -> io::Result<()> {
    let size = u16::try_from(group.size).map_err(|_| io::ErrorKind::InvalidInput)?;
    let (to, control) = (SockAddr::from(group.to), control::segments(size));
    let mut contents = frames.iter().map(|at| packets[*at].bytes());
    let slices: [_; MEMBERS] = array::from_fn(|_| IoSlice::new(contents.next().unwrap_or_default()));
    let message = MsgHdr::new().with_addr(&to).with_buffers(&slices[..frames.len()]).with_control(&control);
    socket.system().sendmsg(&message, 0).map(drop)
}
