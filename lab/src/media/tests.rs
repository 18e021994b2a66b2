//! Two legs in virtual time, with a network between them that the test bends.

use std::net::SocketAddrV4;

use super::{
    leg::{Leg, Output},
    passage::Passage,
    rtp::Packet,
    *,
};

const CALLER: &str = "127.17.0.100:10000";
const CALLEE: &str = "127.20.0.100:20000";
/// One way.
const DELAY: Micros = 30_000;

/// A datagram on its way to one of the legs.
struct Parcel {
    due: Micros,
    to: Side,
    channel: Channel,
    bytes: Vec<u8>,
}

/// What the network does with a packet: the bytes that arrive, and how long each copy takes.
type Fate = Vec<(Micros, Vec<u8>)>;

/// Two legs, a clock, and what is between them.
struct Scene {
    now: Micros,
    caller: Leg,
    callee: Leg,
    way: Vec<Parcel>,
    /// RTP packets that the caller sent so far.
    sent: u32,
    /// Both legs stand still until then, like a machine that is too busy.
    stalled_until: Micros,
}

fn remote(rtp: &str) -> Remote {
    let rtp: SocketAddrV4 = rtp.parse().unwrap();
    Remote { rtp, rtcp: SocketAddrV4::new(*rtp.ip(), rtp.port() + 1) }
}

fn speak(side: Side) -> Order {
    let remote = remote(if side == Side::Caller { CALLEE } else { CALLER });
    Order::Speak { name: LegName { call_id: "x".into(), side }, remote, speaking: true }
}

fn hold(speaking: bool) -> Order {
    Order::Redirect { remote: remote(CALLEE), speaking }
}

impl Scene {
    /// A call as SIP sets it up: the callee speaks with its 200, the caller when that has come, and the ACK comes last.
    fn new() -> Self {
        Self::over(&clean)
    }

    fn over(network: &impl Fn(u32, &[u8]) -> Fate) -> Self {
        let (caller, callee) = (Leg::new(1), Leg::new(2));
        let mut scene = Self { now: 0, caller, callee, way: vec![], sent: 0, stalled_until: 0 };
        scene.callee.order(0, speak(Side::Callee));
        scene.play(DELAY, network);
        scene.caller.order(DELAY, speak(Side::Caller));
        scene.caller.order(DELAY, Order::Listen);
        scene.play(2 * DELAY, network);
        scene.callee.order(2 * DELAY, Order::Listen);
        scene
    }

    /// Until `end`; `network` sees the number and the bytes of every RTP packet of the caller.
    fn play(&mut self, end: Micros, network: impl Fn(u32, &[u8]) -> Fate) {
        loop {
            self.collect(&network);
            let legs = [&self.caller, &self.callee].into_iter().filter_map(Leg::deadline).min();
            let legs = legs.map(|due| due.max(self.stalled_until));
            let parcel = self.way.iter().map(|parcel| parcel.due).min();
            let Some(next) = legs.into_iter().chain(parcel).min().filter(|next| *next < end) else { break };
            self.now = self.now.max(next);
            while let Some(index) = self.way.iter().position(|parcel| parcel.due <= self.now) {
                let Parcel { to, channel, bytes, .. } = self.way.remove(index);
                let (leg, from) = match to {
                    Side::Caller => (&mut self.caller, remote(CALLEE)),
                    Side::Callee => (&mut self.callee, remote(CALLER)),
                };
                let from = if channel == Channel::Rtp { from.rtp } else { from.rtcp };
                leg.handle(self.now, channel, from, &bytes);
            }
            if self.now >= self.stalled_until {
                self.caller.expire(self.now);
                self.callee.expire(self.now);
            }
        }
        self.now = end;
    }

    fn collect(&mut self, network: &impl Fn(u32, &[u8]) -> Fate) {
        for side in [Side::Caller, Side::Callee] {
            let leg = if side == Side::Caller { &mut self.caller } else { &mut self.callee };
            while let Some(Output { channel, bytes, .. }) = leg.poll() {
                let copies = if side == Side::Caller && channel == Channel::Rtp {
                    self.sent += 1;
                    network(self.sent - 1, &bytes)
                } else {
                    vec![(DELAY, bytes)]
                };
                let (now, to) = (self.now, side.other());
                self.way.extend(copies.into_iter().map(|(delay, bytes)| Parcel {
                    due: now + delay,
                    to,
                    channel,
                    bytes,
                }));
            }
        }
        self.way.sort_by_key(|parcel| parcel.due);
    }

    /// The caller hangs up; its BYE takes its time, and so does what is still under way.
    fn hang_up(&mut self) {
        self.caller.order(self.now, Order::Stop);
        self.play(self.now + DELAY + 1_000, clean);
        self.callee.order(self.now, Order::Stop);
        self.play(self.now + 1_000_000, clean);
        assert!(self.caller.is_over() && self.callee.is_over());
    }

    /// What the callee heard of the caller.
    fn there(&self) -> StreamReport {
        StreamReport::of(&self.caller.spoken(), &self.callee.heard(), self.now, 0.0)
    }

    fn back(&self) -> StreamReport {
        StreamReport::of(&self.callee.spoken(), &self.caller.heard(), self.now, 0.0)
    }

    fn passage(&self, from: Micros, to: Micros) -> Passage {
        Passage::of(&self.caller.spoken(), &self.callee.heard(), Window { from, to }).unwrap()
    }
}

fn clean(_: u32, bytes: &[u8]) -> Fate {
    vec![(DELAY, bytes.to_vec())]
}

/// The report of a call of ten seconds over this network.
fn report(network: impl Fn(u32, &[u8]) -> Fate) -> StreamReport {
    let mut scene = Scene::over(&network);
    scene.play(10_000_000, network);
    scene.hang_up();
    scene.there()
}

#[test]
fn a_clean_network_is_a_clean_report_in_both_directions() {
    let mut scene = Scene::new();
    scene.play(10_000_000, clean);
    scene.hang_up();
    for (report, sent) in [(scene.there(), 499), (scene.back(), 502)] {
        assert_eq!((report.sent, report.received), (sent, sent), "{report:?}");
        assert_eq!((report.lost, report.clipped, report.duplicated, report.reordered), (0, 0, 0, 0));
        assert_eq!((report.wrong, report.strangers, report.continuous), (0, 0, true));
        assert_eq!((report.gap_ms_max, report.outages.len()), (20.0, 0));
        assert_eq!((report.delay_ms, report.jitter_ms), (Delay { mean: 30.0, p99: 30.0 }, 0.0));
        assert_eq!(report.mos, Some(4.41));
        assert!(report.rtcp.sent >= 3 && report.rtcp.received >= 3 && report.rtcp.wrong == 0, "{report:?}");
        assert_eq!(report.rtcp.rtt_ms, Some(60.0), "by LSR and DLSR");
    }
}

#[test]
fn the_report_says_what_the_network_did() {
    let copies =
        |copies: &[Micros], bytes: &[u8]| copies.iter().map(|delay| (*delay, bytes.to_vec())).collect();
    // What, the copies of packet n, then: received, lost, duplicated, reordered, longest gap in ms, outages.
    type Case = (&'static str, fn(u32) -> Vec<Micros>, [u32; 4], f64, usize);
    let cases: [Case; 7] = [
        ("one lost", |n| if n == 200 { vec![] } else { vec![DELAY] }, [498, 1, 0, 0], 40.0, 0),
        (
            "three lost in a row",
            |n| if (200..203).contains(&n) { vec![] } else { vec![DELAY] },
            [496, 3, 0, 0],
            80.0,
            1,
        ),
        ("every tenth lost", |n| if n % 10 == 5 { vec![] } else { vec![DELAY] }, [449, 50, 0, 0], 40.0, 0),
        (
            "two outages",
            |n| if n % 200 < 10 && n > 100 { vec![] } else { vec![DELAY] },
            [479, 20, 0, 0],
            220.0,
            2,
        ),
        ("every fifth twice", |n| vec![DELAY; 1 + usize::from(n % 5 == 0)], [499, 0, 100, 0], 20.0, 0),
        ("one overtaken by two", |n| vec![DELAY + 45_000 * u64::from(n == 200)], [499, 0, 0, 1], 40.0, 0),
        (
            "late by 100 ms from then on",
            |n| vec![DELAY + 100_000 * u64::from(n >= 200)],
            [499, 0, 0, 0],
            120.0,
            1,
        ),
    ];
    for (what, fate, [received, lost, duplicated, reordered], gap, outages) in cases {
        let report = report(|n, bytes| copies(&fate(n), bytes));
        assert_eq!((report.sent, report.received), (499, received), "{what}");
        assert_eq!(
            (report.lost + report.clipped, report.duplicated, report.reordered),
            (lost, duplicated, reordered),
            "{what}"
        );
        assert_eq!((report.gap_ms_max, report.outages.len()), (gap, outages), "{what}: {:?}", report.outages);
        assert!(report.continuous, "{what}: the header is as it was sent");
    }
}

#[test]
fn an_outage_has_its_time_and_costs_its_score() {
    let report = report(|n, bytes| if (100..150).contains(&n) { vec![] } else { clean(n, bytes) });
    // Packet 99 was sent 99 × 20 ms after the caller began at 30 ms, and took 30 ms.
    assert_eq!(report.outages, [Outage { at_s: 2.04, ms: 1_020.0 }]);
    assert_eq!((report.lost, report.mos), (50, Some(3.38)));
}

#[test]
fn a_header_that_does_not_go_on_is_told() {
    let rewritten = |change: fn(u32, &mut Packet)| {
        report(move |n, bytes| {
            let mut packet = Packet::parse(bytes).unwrap();
            change(n, &mut packet);
            vec![(DELAY, packet.print())]
        })
    };
    let offset = rewritten(|_, packet| {
        (packet.ssrc, packet.sequence) = (packet.ssrc ^ 7, packet.sequence.wrapping_add(9_000));
        packet.timestamp = packet.timestamp.wrapping_sub(5);
    });
    assert!(offset.continuous && offset.received == 499, "other numbers, but always the same way");
    let breaks = |ssrc, sequence, timestamp| Breaks { ssrc, sequence, timestamp };
    let ssrc = rewritten(move |n, packet| packet.ssrc ^= u32::from(n >= 200));
    assert_eq!((ssrc.breaks, ssrc.continuous), (breaks(1, 0, 0), false));
    let sequence = rewritten(|n, packet| packet.sequence = packet.sequence.wrapping_add(u16::from(n >= 200)));
    assert_eq!(sequence.breaks, breaks(0, 1, 0));
    let timestamp =
        rewritten(|n, packet| packet.timestamp = packet.timestamp.wrapping_add(u32::from(n >= 200) * 160));
    assert_eq!(timestamp.breaks, breaks(0, 0, 1));
}

#[test]
fn what_is_no_packet_of_the_stream_is_wrong_and_does_not_fill_a_gap() {
    let wrong = |change: fn(&mut Vec<u8>)| {
        let report = report(|n, bytes| {
            let mut bytes = bytes.to_vec();
            if n == 200 {
                change(&mut bytes);
            }
            vec![(DELAY, bytes)]
        });
        (report.wrong, report.received, report.lost, report.gap_ms_max)
    };
    let expected = (1, 498, 1, 40.0);
    assert_eq!(wrong(|bytes| bytes[1] = 8), expected, "another payload type");
    assert_eq!(wrong(|bytes| bytes[100] ^= 1), expected, "another sound");
    assert_eq!(wrong(|bytes| bytes[16] ^= 1), expected, "another voice");
    assert_eq!(wrong(|bytes| bytes.truncate(5)), expected, "no RTP");
}

#[test]
fn crossed_lines_are_no_call() {
    let mut scene = Scene::new();
    scene.play(5_000_000, clean);
    let mut stranger = Leg::new(99);
    stranger.order(0, speak(Side::Caller));
    let heard = StreamReport::of(&stranger.spoken(), &scene.callee.heard(), scene.now, 0.0);
    assert_eq!((heard.received, heard.wrong), (0, scene.there().received));
}

#[test]
fn who_hears_nothing_has_lost_everything() {
    let report = report(|_, _| vec![]);
    assert_eq!((report.received, report.lost + report.clipped), (0, 499));
    assert!(report.mos.unwrap() < 1.2 && report.gap_ms_max > 9_800.0, "{report:?}");
}

#[test]
fn hold_is_silence_but_no_outage() {
    let mut scene = Scene::new();
    scene.play(3_000_000, clean);
    scene.caller.order(scene.now, hold(false));
    scene.play(6_000_000, clean);
    scene.caller.order(scene.now, hold(true));
    scene.play(9_000_000, clean);
    scene.hang_up();
    let report = scene.there();
    assert_eq!((report.lost, report.outages.len(), report.gap_ms_max), (0, 0, 20.0), "{report:?}");
    assert!(report.continuous && report.sent < 350);
    assert_eq!(scene.back().lost, 0);
}

#[test]
fn a_busy_machine_is_no_outage_of_the_network() {
    let mut scene = Scene::new();
    scene.play(3_000_000, clean);
    for stall in [90_000, 400_000] {
        scene.stalled_until = scene.now + stall;
        scene.play(scene.now + 2_000_000, clean);
    }
    scene.hang_up();
    let report = scene.there();
    assert_eq!((report.lost, report.outages.len()), (0, 0), "{report:?}");
    assert!(report.continuous);
}

#[test]
fn a_window_shows_only_what_happened_in_it() {
    let mut scene = Scene::new();
    scene.play(10_000_000, |n, bytes| if (100..105).contains(&n) { vec![] } else { clean(n, bytes) });
    let (before, during, after) = (
        scene.passage(0, 2_000_000),
        scene.passage(2_000_000, 4_000_000),
        scene.passage(4_000_000, 10_000_000),
    );
    assert_eq!((before.lost, during.lost, after.lost), (0, 5, 0));
    let silence = |passage: &Passage| (passage.silence_max, passage.outages.len());
    assert_eq!(
        (silence(&before), silence(&during), silence(&after)),
        ((20_000, 0), (120_000, 1), (20_000, 0))
    );
    assert_eq!(during.judged, 85, "1.7 s: the last 300 ms may still be under way");
    let (spoken, heard) = (scene.caller.spoken(), scene.callee.heard());
    assert_eq!(Passage::of(&spoken, &heard, Window { from: 11_000_000, to: 11_000_000 }), None);
}

#[test]
fn a_silence_that_has_not_ended_counts_as_long_as_it_is() {
    let mut scene = Scene::new();
    scene.play(10_000_000, |n, bytes| if n >= 400 { vec![] } else { clean(n, bytes) });
    // Packet 399 came at 30 + 399 × 20 + 30 ms.
    assert_eq!(scene.passage(0, scene.now).silence_max, 10_000_000 - 8_040_000);
}

#[test]
fn every_order_in_every_phase() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum At {
        Ready,
        Talking,
        Lingering,
        Over,
    }
    let leg = |at: At| {
        let mut leg = Leg::new(7);
        if at == At::Talking || at == At::Lingering {
            leg.order(0, speak(Side::Caller));
        }
        if at == At::Lingering || at == At::Over {
            leg.order(0, Order::Stop);
        }
        leg
    };
    let phase = |leg: &Leg| match (leg.is_talking(), leg.is_over(), leg.deadline()) {
        (true, false, Some(_)) => At::Talking,
        (false, true, None) => At::Over,
        (false, false, Some(_)) => At::Lingering,
        (false, false, None) => At::Ready,
        other => panic!("{other:?}"),
    };
    let orders = [speak(Side::Caller), Order::Listen, hold(true), Order::Stop];
    let table = [
        (At::Ready, [At::Talking, At::Ready, At::Ready, At::Over]),
        (At::Talking, [At::Talking, At::Talking, At::Talking, At::Lingering]),
        (At::Lingering, [At::Lingering; 4]),
        (At::Over, [At::Over; 4]),
    ];
    for (before, after) in table {
        assert_eq!(phase(&leg(before)), before);
        for (order, after) in orders.iter().zip(after) {
            let mut leg = leg(before);
            leg.order(0, order.clone());
            assert_eq!(phase(&leg), after, "{before:?} and {order:?}");
        }
    }
    let mut leg = leg(At::Lingering);
    leg.expire(500_000);
    assert_eq!(phase(&leg), At::Over);
}

#[test]
fn only_a_speaker_speaks_and_says_goodbye_when_it_is_over() {
    let mut leg = Leg::new(7);
    leg.order(0, speak(Side::Caller));
    leg.expire(0);
    let first = leg.poll().unwrap();
    assert_eq!((first.channel, first.to), (Channel::Rtp, CALLEE.parse().unwrap()));
    leg.order(1, hold(false));
    leg.expire(500_000);
    assert_eq!(leg.poll(), None);
    leg.order(500_001, Order::Stop);
    let last = leg.poll().unwrap();
    assert_eq!((last.channel, last.to), (Channel::Rtcp, "127.20.0.100:20001".parse().unwrap()));
    assert_eq!(last.bytes[last.bytes.len() - 7], 203, "BYE");
    leg.handle(500_002, Channel::Rtp, "127.9.9.9:1".parse().unwrap(), &first.bytes);
    assert_eq!(leg.heard().strangers, 1, "and heard all the same");
    assert_eq!(leg.heard().listener.heard().len(), 1);
}
