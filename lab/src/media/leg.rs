//! One phone's end of a conversation. Pure: orders, datagrams and time in; datagrams and logs out.
//!
//! ```text
//!        speak              stop               500 ms
//! READY ───────▶ TALKING ─────────▶ LINGERING ────────▶ OVER
//!   │ stop                                               ▲
//!   └────────────────────────────────────────────────────┘
//! ```
//! It hears from the beginning: the other end may speak before its address is known here. LINGERING hears what was
//! still under way when the call ended.

use std::{collections::VecDeque, net::SocketAddrV4};

use super::{
    Channel, Micros, Remote,
    listener::Listener,
    passage::{Heard, Spoken},
    rtcp::{self, Report, ntp_middle},
    speaker::Speaker,
    stream::Rtcp,
};

const LINGER: Micros = 500_000;
/// The first report comes early, so that short calls have one, too.
const FIRST_REPORT: Micros = 1_000_000;
/// "Every few seconds", half to one and a half times this: RFC 3550 §6.3.1.
const REPORT_INTERVAL: Micros = 3_000_000;

/// Whose end of which call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LegName {
    pub(crate) call_id: String,
    pub(crate) side: Side,
}

/// The two ends of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Side {
    Caller,
    Callee,
}

/// What a phone tells its leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The other end's address is known: speak to it, if it wants to hear.
    Speak { name: LegName, remote: Remote, speaking: bool },
    /// From now on there must be something to hear.
    Listen,
    /// The other end moved, or wants to hear something or nothing.
    Redirect { remote: Remote, speaking: bool },
    /// The call is over.
    Stop,
}

/// A datagram to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) channel: Channel,
    pub(super) to: SocketAddrV4,
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Leg {
    phase: Phase,
    name: Option<LegName>,
    remote: Option<Remote>,
    speaker: Speaker,
    listener: Listener,
    rng: fastrand::Rng,
    report_due: Micros,
    times: Times,
    rtcp: Rtcp,
    strangers: u32,
    output: VecDeque<Output>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Ready,
    Talking,
    Lingering { until: Micros },
    Over,
}

/// From when to when it spoke, and was to hear.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    spoke: Option<Micros>,
    listened: Option<Micros>,
    stopped: Option<Micros>,
}

impl Leg {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        Self {
            phase: Phase::Ready,
            name: None,
            remote: None,
            speaker: Speaker::new(&mut rng),
            listener: Listener::default(),
            rng,
            report_due: Micros::MAX,
            times: Times::default(),
            rtcp: Rtcp::default(),
            strangers: 0,
            output: VecDeque::new(),
        }
    }

    pub(super) fn order(&mut self, now: Micros, order: Order) {
        match (self.phase, order) {
            (Phase::Ready, Order::Speak { name, remote, speaking }) => {
                self.name = Some(name);
                self.remote = Some(remote);
                self.times.spoke = Some(now);
                self.report_due = now + FIRST_REPORT;
                self.speaker.speak(now, speaking);
                self.phase = Phase::Talking;
            }
            (Phase::Talking, Order::Redirect { remote, speaking }) => {
                self.remote = Some(remote);
                self.speaker.speak(now, speaking);
            }
            (Phase::Talking, Order::Listen) => {
                self.times.listened.get_or_insert(now);
            }
            (Phase::Talking, Order::Stop) => {
                self.speaker.speak(now, false);
                self.report(now, true);
                self.times.stopped = Some(now);
                self.phase = Phase::Lingering { until: now + LINGER };
            }
            (Phase::Ready, Order::Stop) => self.phase = Phase::Over,
            // Nobody to hear or to be redirected to before the first word, and nothing to change after the last.
            (Phase::Ready, Order::Listen | Order::Redirect { .. })
            | (Phase::Talking, Order::Speak { .. })
            | (
                Phase::Lingering { .. } | Phase::Over,
                Order::Speak { .. } | Order::Listen | Order::Redirect { .. } | Order::Stop,
            ) => {}
        }
    }

    pub(super) fn handle(&mut self, now: Micros, channel: Channel, from: SocketAddrV4, datagram: &[u8]) {
        if self.phase == Phase::Over {
            return;
        }
        match channel {
            Channel::Rtp => {
                self.strangers += u32::from(self.remote.is_some_and(|remote| remote.rtp != from));
                self.listener.packet(now, datagram);
            }
            Channel::Rtcp => match rtcp::read(datagram) {
                Some(learned) => self.learn(now, &learned),
                None => self.rtcp.wrong += 1,
            },
        }
    }

    pub(super) fn expire(&mut self, now: Micros) {
        match self.phase {
            Phase::Talking => {
                while let Some(bytes) = self.speaker.packet(now) {
                    self.send(Channel::Rtp, bytes);
                }
                if now >= self.report_due {
                    self.report(now, false);
                    self.report_due = now + REPORT_INTERVAL / 2 + self.rng.u64(..REPORT_INTERVAL);
                }
            }
            Phase::Lingering { until } if now >= until => self.phase = Phase::Over,
            Phase::Ready | Phase::Lingering { .. } | Phase::Over => {}
        }
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    pub(super) fn deadline(&self) -> Option<Micros> {
        match self.phase {
            Phase::Talking => {
                Some(self.speaker.due().map_or(self.report_due, |due| due.min(self.report_due)))
            }
            Phase::Lingering { until } => Some(until),
            Phase::Ready | Phase::Over => None,
        }
    }

    /// None until it has spoken.
    pub(super) fn name(&self) -> Option<&LegName> {
        self.name.as_ref()
    }

    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    pub(super) fn is_talking(&self) -> bool {
        self.phase == Phase::Talking
    }

    /// What it said, for the one who judges what became of it.
    pub(super) fn spoken(&self) -> Spoken<'_> {
        let Times { spoke, stopped, .. } = self.times;
        Spoken { token: self.speaker.token, sent: self.speaker.sent(), from: spoke, until: stopped }
    }

    /// What it heard.
    pub(super) fn heard(&self) -> Heard<'_> {
        Heard {
            listener: &self.listener,
            from: self.times.listened,
            until: self.times.stopped,
            rtcp: self.rtcp,
            strangers: self.strangers,
        }
    }

    fn learn(&mut self, now: Micros, learned: &rtcp::Learned) {
        self.rtcp.received += 1;
        if let Some(ntp) = learned.report {
            self.listener.sender_report(now, ntp);
        }
        let own = learned.blocks.iter().rev().find(|block| block.ssrc == self.speaker.ssrc);
        if let Some(block) = own.filter(|block| block.last_report != 0) {
            // RFC 3550 §6.4.1: A − LSR − DLSR.
            let units = ntp_middle(now).wrapping_sub(block.last_report).wrapping_sub(block.since_last_report);
            self.rtcp.rtt_ms = Some(f64::from(units) / 65.536);
        }
    }

    fn report(&mut self, now: Micros, goodbye: bool) {
        let Some(name) = &self.name else { return };
        let name = format!("{:?}.{}", name.side, name.call_id).to_lowercase();
        let report = Report {
            ssrc: self.speaker.ssrc,
            name: &name,
            now,
            sent: self.speaker.account(now),
            heard: self.listener.account(now),
            goodbye,
        };
        let bytes = report.print();
        self.rtcp.sent += 1;
        self.send(Channel::Rtcp, bytes);
    }

    fn send(&mut self, channel: Channel, bytes: Vec<u8>) {
        let Some(remote) = self.remote else { return };
        let to = match channel {
            Channel::Rtp => remote.rtp,
            Channel::Rtcp => remote.rtcp,
        };
        self.output.push_back(Output { channel, to, bytes });
    }
}
