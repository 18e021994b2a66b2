//! The sockets of a worker by number. A number is a place and how often the place was given away: a number that was
//! closed never means the socket that has its place now.

use super::socket::Socket;
use crate::core::SocketId;
use std::collections::VecDeque;

/// Sockets that one worker may have: as many as the places that a number can name.
pub(super) const SOCKETS_MAX: usize = 1 << u16::BITS;

/// Places, some of them with a socket.
#[derive(Debug)]
pub(super) struct Shelf {
    places: Vec<Place>,
    /// Those that are free again, oldest first: a number comes back as late as can be.
    free: VecDeque<u16>,
    limit: usize,
}

#[derive(Debug)]
struct Place {
    generation: u16,
    socket: Option<Socket>,
}

impl Shelf {
    /// With so many places at most.
    pub(super) fn new(limit: usize) -> Self {
        Self { places: Vec::new(), free: VecDeque::new(), limit: limit.min(SOCKETS_MAX) }
    }

    /// Puts a socket in. `None`: every place is taken.
    pub(super) fn put(&mut self, socket: Socket) -> Option<SocketId> {
        // Grow as long as few places are free, so that a place rests before it is used again.
        let grow = self.free.len() <= self.places.len() / 4 && self.places.len() < self.limit;
        let place = if grow {
            self.places.push(Place { generation: 0, socket: None });
            u16::try_from(self.places.len() - 1).ok()?
        } else {
            self.free.pop_front()?
        };
        let slot = self.places.get_mut(usize::from(place))?;
        slot.socket = Some(socket);
        Some(number(place, slot.generation))
    }

    /// Takes a socket out. Its number means nothing from now on; its place is not given away before [`Self::release`].
    pub(super) fn take(&mut self, id: SocketId) -> Option<Socket> {
        let slot = self.slot(id)?;
        slot.generation = slot.generation.wrapping_add(1);
        slot.socket.take()
    }

    /// Nothing is under way any more for the socket that had this number: the place may be given away.
    pub(super) fn release(&mut self, id: SocketId) {
        self.free.push_back(place(id));
    }

    pub(super) fn socket(&self, id: SocketId) -> Option<&Socket> {
        let slot = self.places.get(usize::from(place(id)))?;
        slot.socket.as_ref().filter(|_| slot.generation == generation(id))
    }

    pub(super) fn socket_mut(&mut self, id: SocketId) -> Option<&mut Socket> {
        self.slot(id)?.socket.as_mut()
    }

    fn slot(&mut self, id: SocketId) -> Option<&mut Place> {
        let slot = self.places.get_mut(usize::from(place(id)))?;
        (slot.generation == generation(id) && slot.socket.is_some()).then_some(slot)
    }
}

/// The place that a number names.
pub(super) fn place(id: SocketId) -> u16 {
    let [_, _, high, low] = id.0.to_be_bytes();
    u16::from_be_bytes([high, low])
}

fn generation(id: SocketId) -> u16 {
    let [high, low, _, _] = id.0.to_be_bytes();
    u16::from_be_bytes([high, low])
}

fn number(place: u16, generation: u16) -> SocketId {
    SocketId(u32::from(generation) << u16::BITS | u32::from(place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::Kind;
    use std::net::{Ipv4Addr, SocketAddr};

    fn socket() -> Socket {
        Socket::bind(Kind::Port, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a socket")
    }

    #[test]
    fn a_closed_number_never_means_the_next_socket_of_its_place() {
        let mut shelf = Shelf::new(1);
        let first = shelf.put(socket()).expect("room for one");
        assert!(shelf.put(socket()).is_none(), "the shelf is full");
        assert!(shelf.take(first).is_some());
        assert!(shelf.take(first).is_none(), "closed once");
        assert!(shelf.put(socket()).is_none(), "the place is not released yet");
        shelf.release(first);
        let second = shelf.put(socket()).expect("the place is free");
        assert_eq!(place(first), place(second));
        assert_ne!(first, second);
        assert!(shelf.socket(first).is_none() && shelf.socket_mut(first).is_none());
        assert!(shelf.socket(second).is_some());
    }

    #[test]
    fn a_place_rests_before_it_is_used_again() {
        let mut shelf = Shelf::new(8);
        let first = shelf.put(socket()).expect("room");
        let _second = shelf.put(socket()).expect("room");
        assert!(shelf.take(first).is_some());
        shelf.release(first);
        let places: Vec<u16> = (0..7).map(|_| place(shelf.put(socket()).expect("room"))).collect();
        assert!(places[0] == 0 || places[1..].contains(&0), "it comes back: {places:?}");
        assert!(shelf.put(socket()).is_none());
    }
}
