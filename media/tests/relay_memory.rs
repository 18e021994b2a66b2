//! What a call costs in memory, and that a packet costs none. A program of its own, because it counts all that is allocated.

#![expect(unsafe_code, reason = "an allocator that counts must be one")]

use ringway_media::core::{
    Outbox, SocketId,
    relay::{
        Answered, Binder, Busy, Description, Exits, Keys, Learning, Local, Muxing, Onward, Order, Packet,
        Pool, Relay, Remote, Section, Settings, Side, Tunnels, Verdict, Whom,
    },
    rtp::{Coding, Format},
};
use ringway_router::Time;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

thread_local! {
    /// Bytes that this thread holds, and how often it asked for some.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all is left to the system's allocator; the counters are cells of the thread that need no allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        let _ = HELD.try_with(|held| held.set(held.get() - layout.size().cast_signed()));
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(place, layout) }
    }
}

fn count(bytes: isize) {
    let _ = HELD.try_with(|held| held.set(held.get() + bytes));
    let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
}

const CALLS: u16 = 1_000;
const FORMATS: [Format; 3] = [
    Format { payload_type: 0, coding: Coding::Pcmu, clock_hz: 8_000 },
    Format { payload_type: 8, coding: Coding::Pcma, clock_hz: 8_000 },
    Format { payload_type: 101, coding: Coding::Event, clock_hz: 8_000 },
];

/// Numbers sockets by their ports, so that it holds nothing itself.
struct Host;

struct Nowhere;

impl Binder for Host {
    fn bind(&mut self, local: SocketAddr) -> Result<SocketId, Busy> {
        Ok(SocketId(u32::from(local.port())))
    }
}

impl Tunnels for Nowhere {
    fn send(&mut self, _now: Time, _frame: Onward, _packet: &[u8], _outbox: &mut Outbox) -> bool {
        false
    }
}

#[test]
fn a_plain_call_costs_little_and_its_packets_nothing() {
    let pools = vec![Pool { interface: 0, local: Ipv4Addr::LOCALHOST.into(), ports: 10_000..=20_000 }];
    let mut relay = Relay::new(Settings { pools, ..Settings::default() });
    let mut now = Time::from_millis(1_700_000_000_000);
    let mut left = Vec::new();
    for _ in 0..3 {
        let before = HELD.get();
        let ports: Vec<[SocketAddr; 2]> = (0..CALLS).map(|number| call(&mut relay, now, number)).collect();
        let each = (HELD.get() - before) / isize::try_from(CALLS).unwrap();
        println!("{each} bytes a plain call");
        assert!((500..8_000).contains(&each), "{each} bytes a plain call");
        talk(&mut relay, now, &ports);
        drop(ports);
        hang_up(&mut relay, now);
        now = now + Duration::from_secs(5);
        let present = relay.present(now);
        assert_eq!((present.calls, present.legs, present.pairs_free), (0, 0, present.pairs));
        left.push(HELD.get());
    }
    // Tables have their size from the first time on.
    println!("{left:?} bytes when all are gone");
    assert!(left[2] <= left[1] + 1_000, "{left:?}");
}

fn talk(relay: &mut Relay, start: Time, ports: &[[SocketAddr; 2]]) {
    let mut outbox = Outbox::new(Outbox::ROOM);
    let asked = ASKED.get();
    let mut verdicts = [0; 2];
    for turn in 0..20 {
        let now = start + Duration::from_millis(20) * turn;
        for (number, ports) in (0..CALLS).zip(ports) {
            for (place, port) in (0..).zip(ports) {
                for (from, mut bytes) in packets(number, place, turn) {
                    let packet = Packet { length: 40, bytes: &mut bytes };
                    let mut exits = Exits { tunnels: &mut Nowhere, outbox: &mut outbox };
                    let verdict =
                        relay.packet(now, SocketId(u32::from(port.port())), from, packet, &mut exits);
                    verdicts[usize::from(verdict == Verdict::Passed)] += 1;
                    outbox.clear();
                }
            }
        }
    }
    assert_eq!(ASKED.get() - asked, 0, "a packet asks for no memory");
    assert_eq!(verdicts, [160_000, 40_000], "of five, one is good");
}

fn hang_up(relay: &mut Relay, now: Time) {
    for number in 0..CALLS {
        let call_id = names(number);
        let whom = Whom { call_id: &call_id, from_tag: "", to_tag: "", branch: "" };
        relay.handle(now, Order::Delete(whom), &mut Host).expect("the call is there");
    }
    while relay.poll().is_some() {}
}

/// A good packet, the same again, a stranger's, one that is cut short by its own count, and something else.
fn packets(number: u16, place: u16, turn: u32) -> [(SocketAddr, [u8; 64]); 5] {
    let [high, low] = u16::try_from(turn).expect("few turns").to_be_bytes();
    let mut good = [0; 64];
    good[..8].copy_from_slice(&[0x80, 0, high, low, 0, 0, high, low]);
    let (mut short, mut stun) = (good, good);
    (short[0], stun[0]) = (0x8f, 0);
    let from = phone(number, 1 - place);
    [(from, good), (from, good), (phone(number, 7), good), (from, short), (from, stun)]
}

fn phone(number: u16, place: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, u8::try_from(place).expect("few places")], 20_000 + number * 2))
}

fn names(number: u16) -> String {
    format!("{number:08}-6f1d2c3b4a5f6e7d8c9b@sbc-1.us-east-1.example.net")
}

/// A call with names as long as they are; where each of its phones sends to.
fn call(relay: &mut Relay, now: Time, number: u16) -> [SocketAddr; 2] {
    let call_id = names(number);
    [0, 1].map(|place| {
        let remote = Remote::Edge { rtp: phone(number, place), rtcp: None };
        let sections = [Section {
            remote,
            mux: false,
            reduced: false,
            sealed: false,
            sealed_on: false,
            held: false,
            formats: &FORMATS,
            keys: Keys::default(),
        }];
        let side = Side::Edge { interface: 0, family: None };
        let description = Description {
            controller: "sbc-1",
            call_id: &call_id,
            from_tag: "as6f3e2d1c-caller",
            to_tag: if place == 0 { "" } else { "0f1e2d3c4b-called" },
            branch: "z9hG4bK-524287-1---0123456789abcdef",
            from: side,
            to: side,
            received_from: None,
            learning: Learning::Symmetric,
            relatch: false,
            traffic: None,
            muxing: Muxing::Mirror,
            sections: &sections,
        };
        let order = if place == 0 { Order::Offer(description) } else { Order::Answer(description) };
        match relay.handle(now, order, &mut Host) {
            Ok(Answered::Media(locals)) => match locals[..] {
                [Local::Edge { rtp, .. }] => rtp,
                _ => panic!("{locals:?}"),
            },
            other => panic!("{other:?}"),
        }
    })
}
