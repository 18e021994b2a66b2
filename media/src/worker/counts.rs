//! What a worker counts. Written by its thread alone, read by whoever asks.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The numbers of one worker, since it started.
#[derive(Debug, Default)]
pub struct Counts {
    received: Count,
    sent: Count,
    segmented: Count,
    kernel_dropped: [Count; 2],
    too_long: Count,
    stale: Count,
    send_failed: Count,
    receive_failed: Count,
}

/// Packets of one fate.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One leg of a call: RTP or RTCP with an endpoint.
    Port,
    /// Frames of many calls with other relays.
    Tunnel,
}

impl Counts {
    /// Packets that were handed to the data path.
    #[must_use]
    pub fn received(&self) -> &Count {
        &self.received
    }

    /// Packets that the kernel took.
    #[must_use]
    pub fn sent(&self) -> &Count {
        &self.sent
    }

    /// Those among the sent that left in one send with others, to be cut apart by the kernel or the card.
    #[must_use]
    pub fn segmented(&self) -> &Count {
        &self.segmented
    }

    /// Packets that the kernel dropped because the receive buffer of a socket was full: the worker did not keep up.
    #[must_use]
    pub fn kernel_dropped(&self, kind: Kind) -> &Count {
        match kind {
            Kind::Port => &self.kernel_dropped[0],
            Kind::Tunnel => &self.kernel_dropped[1],
        }
    }

    /// Packets that came in and were longer than [`PACKET_MAX`](crate::core::PACKET_MAX).
    #[must_use]
    pub fn too_long(&self) -> &Count {
        &self.too_long
    }

    /// Packets to or from a socket that was closed in the meantime.
    #[must_use]
    pub fn stale(&self) -> &Count {
        &self.stale
    }

    /// Packets that the kernel did not take to send.
    #[must_use]
    pub fn send_failed(&self) -> &Count {
        &self.send_failed
    }

    /// Receives that the kernel ended with an error.
    #[must_use]
    pub fn receive_failed(&self) -> &Count {
        &self.receive_failed
    }
}

impl Count {
    /// The number.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub(super) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Relaxed);
    }
}
