//! Port pairs: which are free, which serve, which rest.

use super::super::SocketId;
use super::{Event, Family, Pool, Refusal};
use ringway_router::Time;
use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// Pairs that are tried for one leg before it is said that none is free: an order must not take longer than that.
const TRIES_MAX: usize = 64;

/// The shell's side: who opens sockets.
pub trait Binder {
    /// Binds this address, and numbers the socket.
    ///
    /// # Errors
    /// When somebody else has the port. The next one is tried.
    fn bind(&mut self, local: SocketAddr) -> Result<SocketId, Busy>;
}

/// Somebody else has the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

/// The port pairs of all local addresses.
#[derive(Debug)]
pub(super) struct Ports {
    ranges: Vec<Range>,
    cool_down: Duration,
}

/// One pair, by place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    range: u16,
    index: u16,
}

/// A pair that is bound.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    pub(super) pair: Pair,
    pub(super) rtp: SocketId,
    /// None: one port for both.
    pub(super) rtcp: Option<SocketId>,
}

#[derive(Debug)]
struct Range {
    interface: u8,
    local: IpAddr,
    first: u16,
    /// A bit a pair: it serves or rests.
    taken: Vec<u64>,
    pairs: u16,
    free: u16,
    next: u16,
    /// In the order in which they are free again.
    resting: VecDeque<(Time, u16)>,
}

impl Ports {
    pub(super) fn new(pools: &[Pool], cool_down: Duration, seed: u64) -> Self {
        Self { ranges: pools.iter().map(|pool| Range::new(pool, seed)).collect(), cool_down }
    }

    /// Opens a pair, or only its even port. Sockets that are opened in vain are closed by events.
    pub(super) fn open(
        &mut self,
        now: Time,
        (interface, family): (u8, Family),
        both: bool,
        binder: &mut dyn Binder,
        events: &mut VecDeque<Event>,
    ) -> Result<Opened, Refusal> {
        let mut found = false;
        let mut tries = TRIES_MAX;
        for (number, range) in (0..).zip(&mut self.ranges) {
            if range.interface != interface || family_of(range.local) != family {
                continue;
            }
            found = true;
            range.wake(now);
            while tries > 0
                && let Some(index) = range.take()
            {
                tries -= 1;
                let pair = Pair { range: number, index };
                if let Some((rtp, rtcp)) = range.bind(index, both, binder, events) {
                    return Ok(Opened { pair, rtp, rtcp });
                }
                // Somebody else's: it is not tried again at once.
                range.resting.push_back((now + self.cool_down, index));
            }
        }
        Err(if found { Refusal::NoPorts { interface } } else { Refusal::NoInterface { interface, family } })
    }

    /// A pair serves nobody any more. It rests for a while, if it has ever been told to anybody.
    pub(super) fn release(&mut self, now: Time, pair: Pair, told: bool) {
        let range = &mut self.ranges[usize::from(pair.range)];
        if told {
            range.resting.push_back((now + self.cool_down, pair.index));
        } else {
            range.free(pair.index);
        }
    }

    /// The address of its port for RTP; that for RTCP is the next one.
    pub(super) fn local(&self, pair: Pair) -> SocketAddr {
        self.ranges[usize::from(pair.range)].local(pair.index)
    }

    /// The family of an interface where nobody asked for one: IPv4, if it has it.
    pub(super) fn family(&self, interface: u8) -> Family {
        let mut families = self.ranges.iter().filter(|range| range.interface == interface);
        if families.all(|range| range.local.is_ipv6()) { Family::V6 } else { Family::V4 }
    }

    /// Pairs that are free, and all.
    pub(super) fn count(&mut self, now: Time) -> (usize, usize) {
        self.ranges.iter_mut().fold((0, 0), |(free, all), range| {
            range.wake(now);
            (free + usize::from(range.free), all + usize::from(range.pairs))
        })
    }
}

impl Range {
    fn new(pool: &Pool, seed: u64) -> Self {
        // RFC 3550 §11: RTP on the even port, RTCP on the next one.
        let (first, last) = (pool.ports.start().next_multiple_of(2), *pool.ports.end());
        let pairs = if last > first { (last - first).div_ceil(2) } else { 0 };
        // A start by chance, so that the ports of the process before are not the first ones.
        let next = u16::try_from(seed % u64::from(pairs.max(1))).unwrap_or(0);
        let taken = vec![0; usize::from(pairs).div_ceil(64)];
        let resting = VecDeque::new();
        Self { interface: pool.interface, local: pool.local, first, taken, pairs, free: pairs, next, resting }
    }

    fn wake(&mut self, now: Time) {
        while let Some((_, index)) = self.resting.pop_front_if(|(until, _)| *until <= now) {
            self.free(index);
        }
    }

    fn free(&mut self, index: u16) {
        self.taken[usize::from(index) / 64] &= !(1 << (index % 64));
        self.free += 1;
    }

    /// The next one that is free, in turn.
    fn take(&mut self) -> Option<u16> {
        if self.free == 0 {
            return None;
        }
        let mut turns = (self.next..self.pairs).chain(0..self.next);
        let is_free = |index: &u16| self.taken[usize::from(*index) / 64] >> (index % 64) & 1 == 0;
        let index = turns.find(is_free)?;
        self.taken[usize::from(index) / 64] |= 1 << (index % 64);
        self.free -= 1;
        self.next = (index + 1) % self.pairs;
        Some(index)
    }

    fn bind(
        &self,
        index: u16,
        both: bool,
        binder: &mut dyn Binder,
        events: &mut VecDeque<Event>,
    ) -> Option<(SocketId, Option<SocketId>)> {
        let local = self.local(index);
        let rtp = binder.bind(local).ok()?;
        if !both {
            return Some((rtp, None));
        }
        match binder.bind(SocketAddr::new(local.ip(), local.port() + 1)) {
            Ok(rtcp) => Some((rtp, Some(rtcp))),
            Err(Busy) => {
                events.push_back(Event::Close(rtp));
                None
            }
        }
    }

    fn local(&self, index: u16) -> SocketAddr {
        SocketAddr::new(self.local, self.first + 2 * index)
    }
}

pub(super) fn family_of(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(_) => Family::V4,
        IpAddr::V6(_) => Family::V6,
    }
}

#[cfg(test)]
mod tests;
