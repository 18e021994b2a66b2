//! The names of things on the packet path: small numbers.

use std::fmt;

/// A socket of this worker, numbered by the shell that owns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub u32);

impl SocketId {
    /// The low 16 bits: where a table of sockets has it. What stands above tells it from an earlier socket of that place.
    #[must_use]
    pub fn place(self) -> usize {
        (self.0 & 0xffff) as usize
    }
}

/// A call of this worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey(pub u32);

/// A media relay of the mesh: the first four bytes of the SHA-256 of `region/node`. Two relays with one number are refused
/// when they are introduced, so a number means one relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelayId(pub u32);

/// One media stream of one call, at the relay that receives it: that relay chose the number and told it to the sending side
/// by signalling, so a frame for a number that was never handed out is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u32);

/// One UDP source port that tunnels use on a link, from 0. Networks spread flows over parallel ways by port, so another lane
/// of the same link may be healthy while this one is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane(pub u8);

impl fmt::Display for RelayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}
