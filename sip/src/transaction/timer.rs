//! The timers of RFC 3261 §17 (table 4) and RFC 6026, by their letters, and the few of them that one transaction
//! has running.

use std::time::{Duration, Instant};

use crate::peer::Transport;

/// The timers of the transaction layer. Timer C belongs to the proxy core (RFC 3261 §16.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Sends an INVITE again, at doubling intervals.
    A,
    /// Gives up an INVITE that nobody answered.
    B,
    /// Keeps a failed INVITE client, to acknowledge copies of the response.
    D,
    /// Sends another request again, at intervals doubling up to T2.
    E,
    /// Gives up another request without a final response.
    F,
    /// Sends the failure response to an INVITE again, at intervals doubling up to T2.
    G,
    /// Gives up waiting for the ACK to a failure response.
    H,
    /// Keeps a confirmed INVITE server, to absorb copies of the ACK.
    I,
    /// Keeps a completed server, to answer copies of the request.
    J,
    /// Keeps a completed client, to absorb copies of the response.
    K,
    /// Keeps an accepted INVITE server, to absorb copies of the INVITE (RFC 6026 §7.1).
    L,
    /// Keeps an accepted INVITE client, to pass up further 2xx responses (RFC 6026 §7.2).
    M,
    /// Gives up an INVITE that was canceled and never answered; it has no letter (RFC 3261 §9.1).
    Cancel,
}

/// The base values of RFC 3261 §17.1.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Estimate of the round trip; 64 of it are the patience of every transaction.
    pub t1: Duration,
    /// The longest interval between copies of a request other than INVITE, or of a failure response to one.
    pub t2: Duration,
    /// How long a message stays in the network.
    pub t4: Duration,
}

impl Default for Timing {
    /// 500 ms, 4 s, 5 s.
    fn default() -> Timing {
        Timing { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) }
    }
}

impl Timing {
    /// 64 · T1, the value of B, F, H, J, L, M and of D.
    pub(crate) fn patience(&self) -> Duration {
        self.t1 * 64
    }

    /// The first interval between two copies. Never 0, or a machine would send for ever within one instant.
    pub(crate) fn first_interval(&self) -> Duration {
        self.t1.max(Duration::from_millis(1))
    }

    /// The interval after `interval`, doubled but not above T2.
    pub(crate) fn next_interval(&self, interval: Duration) -> Duration {
        (interval * 2).min(self.t2.max(self.first_interval()))
    }
}

/// `wait` over an unreliable transport, for copies that may still come; a reliable one needs none.
pub(crate) fn linger(transport: Transport, wait: Duration) -> Option<Duration> {
    (!transport.is_reliable()).then_some(wait)
}

/// The running timers of one transaction: never more than one that repeats and one that ends a state.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Running {
    timers: [Option<(Instant, Timer)>; 2],
}

impl Running {
    /// Starts `timer`, or starts it anew.
    pub(crate) fn start(&mut self, timer: Timer, at: Instant) {
        let free = self.timers.iter_mut().find(|slot| slot.is_none_or(|(_, running)| running == timer));
        *free.unwrap_or_else(|| unreachable!("no state has more than two timers")) = Some((at, timer));
    }

    /// Stops them all.
    pub(crate) fn stop(&mut self) {
        self.timers = [None; 2];
    }

    /// When the first of them fires.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timers.iter().flatten().map(|(at, _)| *at).min()
    }

    /// Takes out the first timer that has fired by `now`.
    pub(crate) fn fired(&mut self, now: Instant) -> Option<Timer> {
        let deadline = self.deadline().filter(|&at| at <= now)?;
        let slot = self.timers.iter_mut().find(|slot| slot.is_some_and(|(at, _)| at == deadline));
        slot.and_then(Option::take).map(|(_, timer)| timer)
    }
}
