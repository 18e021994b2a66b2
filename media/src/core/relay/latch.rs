//! From where a party's packets come, and where packets for it go: symmetric RTP (RFC 4961), learned with a guard.

use super::Learning;
use ringway_router::Time;
use std::{net::SocketAddr, time::Duration};

/// After signaling named another address, the source from before may still have packets on their way: for so long they pass,
/// and teach nothing. Later it may be learned again: behind a NAT, the old source can be that of the new address.
const OLD_SOURCE: Duration = Duration::from_secs(2);

/// The two ends of one port: what signaling said, and what was heard.
///
/// ```text
///            named                     heard from there
///  ┌────────┐ ────▶ ┌──────┐ ────────────────────────▶ ┌──────┐
///  │ Unsaid │       │ Said │ ◀── named another ─────── │ Held │ ◀┐
///  └────────┘       └──────┘                           └──────┘  │ heard from there, or it is named
///   heard │     named │ ▲  heard from another          ┌─────────┴┐
///         ▼           │ │ ───────────────────────────▶ │ Learned  │
///     ┌───────┐ ──────┘ └────────── named another ──── └──────────┘
///     │ Early │
///     └───────┘
/// ```
/// Only `Unsaid`, `Said` and, towards the address that was named, `Learned` learn. `relatch` leads back to `Said` (or
/// `Unsaid`). Nothing else moves a latch: who comes from anywhere else later is a stranger.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latch {
    state: State,
    learning: Learning,
    said: Option<SocketAddr>,
    source: Option<SocketAddr>,
    old: Option<(SocketAddr, Time)>,
    /// Nothing is to be sent: the party holds, by an address that is none.
    muted: bool,
}

/// What is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing: no address was named, nothing was heard.
    Unsaid,
    /// No address was named, a source was learned all the same: the answer comes later than the first voice.
    Early,
    /// An address was named, nothing was heard since.
    Said,
    /// A source was learned that was not named: the party is behind a NAT.
    Learned,
    /// What was named is what is heard.
    Held,
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// The address that was named before is named again.
    SaidAgain,
    /// Another one is named, and packets come from there already.
    SaidSource,
    /// Another one is named.
    SaidOther,
    /// A valid packet from the address that was named.
    FromSaid,
    /// One from the source that was learned.
    FromSource,
    /// One from anywhere else.
    FromOther,
    /// What was learned is to be forgotten.
    Release,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// Nothing: a packet passes.
    Keep,
    /// The sender is the source from now on.
    Learn,
    /// There is no source any more.
    Forget,
    /// The same, and the old one teaches nothing for a while.
    Replace,
    /// The packet is a stranger's.
    Refuse,
}

/// How a sender is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// As the party.
    Known,
    /// As the party, from now on.
    Learned,
    /// As a stranger.
    Stranger,
}

impl Latch {
    pub(super) fn new() -> Self {
        Self {
            state: State::Unsaid,
            learning: Learning::Symmetric,
            said: None,
            source: None,
            old: None,
            muted: false,
        }
    }

    /// Signaling names an address; `None`: nothing is to be sent, and what is known stays.
    pub(super) fn say(&mut self, now: Time, address: Option<SocketAddr>, learning: Learning) {
        self.learning = learning;
        self.muted = address.is_none();
        let Some(address) = address else { return };
        let input = if self.said == Some(address) {
            Input::SaidAgain
        } else if self.source == Some(address) {
            Input::SaidSource
        } else {
            Input::SaidOther
        };
        self.said = Some(address);
        self.step(now, input, address);
        // Who may not be learned any more is forgotten.
        if learning == Learning::Strict && self.source.is_some_and(|source| source != address) {
            self.release(now);
        }
    }

    /// What was learned is forgotten.
    pub(super) fn release(&mut self, now: Time) {
        if let Some(source) = self.source {
            self.step(now, Input::Release, source);
        }
    }

    /// How a packet from there would be met, if it is valid. Teaches nothing.
    pub(super) fn would_hear(&self, now: Time, from: SocketAddr) -> Heard {
        if self.source == Some(from) {
            return Heard::Known;
        }
        if self.learning == Learning::Strict && self.said != Some(from) {
            return Heard::Stranger;
        }
        if self.is_old(now, from) {
            return Heard::Known;
        }
        match next(self.state, self.heard(from)).1 {
            Act::Keep => Heard::Known,
            Act::Learn => Heard::Learned,
            Act::Refuse => Heard::Stranger,
            Act::Forget | Act::Replace => unreachable!("a packet makes nothing forgotten"),
        }
    }

    /// A valid packet comes from there.
    pub(super) fn hear(&mut self, now: Time, from: SocketAddr) -> Heard {
        let heard = self.would_hear(now, from);
        if heard == Heard::Learned {
            self.step(now, self.heard(from), from);
        }
        heard
    }

    /// Where packets for the party go.
    pub(super) fn destination(&self) -> Option<SocketAddr> {
        if self.muted {
            return None;
        }
        match self.learning {
            Learning::Symmetric => self.source.or(self.said),
            Learning::Strict | Learning::Asymmetric => self.said,
        }
    }

    /// From where its packets come.
    pub(super) fn source(&self) -> Option<SocketAddr> {
        self.source
    }

    fn heard(&self, from: SocketAddr) -> Input {
        if self.said == Some(from) {
            Input::FromSaid
        } else if self.source == Some(from) {
            Input::FromSource
        } else {
            Input::FromOther
        }
    }

    fn is_old(&self, now: Time, from: SocketAddr) -> bool {
        self.state == State::Said
            && self.said != Some(from)
            && self.old.is_some_and(|(old, until)| old == from && now < until)
    }

    fn step(&mut self, now: Time, input: Input, from: SocketAddr) {
        let (state, act) = next(self.state, input);
        self.state = state;
        match act {
            Act::Keep | Act::Refuse => {}
            Act::Learn => (self.source, self.old) = (Some(from), None),
            Act::Forget => (self.source, self.old) = (None, None),
            Act::Replace => self.old = self.source.take().map(|source| (source, now + OLD_SOURCE)),
        }
    }
}

fn next(state: State, input: Input) -> (State, Act) {
    use Act::{Forget, Keep, Learn, Refuse, Replace};
    match (state, input) {
        (State::Unsaid | State::Said, Input::SaidAgain | Input::SaidSource | Input::SaidOther) => {
            (State::Said, Keep)
        }
        // Whoever came first, before anybody was named, proves nothing once somebody is.
        (State::Early, Input::SaidAgain | Input::SaidOther)
        | (State::Said | State::Learned | State::Held, Input::Release) => (State::Said, Forget),
        (State::Learned | State::Held, Input::SaidOther) => (State::Said, Replace),
        (State::Early | State::Learned | State::Held, Input::SaidSource) => (State::Held, Keep),

        (State::Unsaid, Input::FromSaid | Input::FromSource | Input::FromOther) => (State::Early, Learn),
        (State::Said | State::Learned, Input::FromSaid) => (State::Held, Learn),
        (State::Said, Input::FromSource | Input::FromOther) => (State::Learned, Learn),
        (State::Early | State::Learned | State::Held, Input::FromOther) => (state, Refuse),

        (State::Early, Input::Release) => (State::Unsaid, Forget),
        (State::Unsaid, Input::Release)
        | (State::Early | State::Held, Input::FromSaid)
        | (State::Early | State::Learned | State::Held, Input::FromSource)
        | (State::Learned | State::Held, Input::SaidAgain) => (state, Keep),
    }
}

#[cfg(test)]
mod tests;
