//! A world of four regions in virtual time: one proxy core in each, scripted phones on the edges, and a network that
//! delays, loses and cuts. Time jumps from event to event; one seed decides all chance. A failing test prints the
//! ladder of everything that went over the wire.

#![allow(dead_code, reason = "each test file uses its own part of the world")]

pub(crate) mod callee;
pub(crate) mod caller;
pub(crate) mod desk;
mod evidence;
pub(crate) mod ladder;
pub(crate) mod library;
pub(crate) mod place;
pub(crate) mod relay;
pub(crate) mod repeat;
pub(crate) mod sip;
pub(crate) mod survey;

pub(crate) use callee::{Callee, Manner};
pub(crate) use caller::{Caller, Placed};
pub(crate) use place::Place;
pub(crate) use sip::{Draft, Sip};
pub(crate) use survey::Survey;

use bytes::Bytes;
use ladder::{Packet, ladder};
use library::Library;
use place::RTT_MS;
use relay::Relay;
use ringway_proxy::core::{
    Input, Proxy, media,
    output::{Note, Output},
    question::{Answer, Question, Ticket},
    site::Site,
    view::View,
};
use ringway_sip::{Peer, Transport};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

/// Where the caller of most tests sits, and the number that it calls.
pub(crate) const CALLER: Place = Place::Oregon;
pub(crate) const CALLEE: Place = Place::Virginia;
pub(crate) const NUMBER: &str = "sip:+17035550100@mesh.example";

/// How the network treats what goes one way between two regions.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub(crate) delay: Duration,
    /// 0 to 1.
    pub(crate) loss: f64,
    pub(crate) cut: bool,
}

pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) callers: Vec<Caller>,
    pub(crate) callees: Vec<Callee>,
    pub(crate) wire: Vec<Packet>,
    pub(crate) notes: Vec<(Duration, Place, Note)>,
    epoch: Instant,
    /// Nobody listens for streams: they are refused at once.
    pub(crate) no_streams: bool,
    /// Who is registered, and what DNS knows.
    pub(crate) library: Library,
    /// The media relay of each region.
    pub(crate) relays: [Relay; 4],
    /// What they will have said.
    telling: BTreeMap<(Duration, u64), (Place, Ticket, Answer)>,
    proxies: Vec<Proxy>,
    views: [Arc<View>; 4],
    ways: [[Way; 4]; 4],
    flying: BTreeMap<(Duration, u64), (Transport, SocketAddr, SocketAddr, Bytes)>,
    sent: u64,
    chance: fastrand::Rng,
}

impl World {
    pub(crate) fn new(survey: &Survey) -> Self {
        Self::with_views(1, place::views(survey, &[]))
    }

    pub(crate) fn with_views(seed: u64, views: [Arc<View>; 4]) -> Self {
        Self::with_sites(seed, views, |_| ())
    }

    /// With proxies that are set up otherwise.
    #[expect(clippy::disallowed_methods, reason = "some origin; only differences to it matter")]
    pub(crate) fn with_sites(seed: u64, views: [Arc<View>; 4], change: impl Fn(&mut Site)) -> Self {
        let way = |ms: f64| Way { delay: Duration::from_secs_f64(ms / 2_000.0), loss: 0.0, cut: false };
        let proxy = |place: Place| {
            let mut site = place.site();
            change(&mut site);
            Proxy::new(Arc::new(site), Arc::clone(&views[place as usize]), seed * 10 + place as u64)
        };
        Self {
            now: Duration::ZERO,
            callers: Vec::new(),
            callees: Vec::new(),
            wire: Vec::new(),
            notes: Vec::new(),
            epoch: Instant::now(),
            no_streams: false,
            library: Library::new(),
            relays: Place::ALL.map(Relay::new),
            telling: BTreeMap::new(),
            proxies: Place::ALL.map(proxy).into(),
            views,
            ways: RTT_MS.map(|row| row.map(way)),
            flying: BTreeMap::new(),
            sent: 0,
            chance: fastrand::Rng::with_seed(seed),
        }
    }

    /// With a media relay in every region, by way of which all calls go.
    pub(crate) fn anchored(seed: u64, survey: &Survey, required: bool) -> Self {
        let views = Place::ALL.map(|place| {
            let others = Place::ALL.into_iter().filter(|other| *other != place);
            let media = others.map(Place::region).collect();
            Arc::new(View { media, ..place.view(survey, &[]) })
        });
        Self::with_sites(seed, views, |site| site.media = Some(media::Settings { required }))
    }

    /// A caller in Oregon and a callee in Virginia.
    pub(crate) fn with_phones(mut self, manner: Manner) -> Self {
        self.callers.push(Caller::new(CALLER.edge(1)));
        self.callees.push(Callee::new(CALLEE.edge(1), manner));
        self
    }

    pub(crate) fn callee(&mut self, at: SocketAddr, manner: Manner) {
        self.callees.push(Callee::new(at, manner));
    }

    /// Both ways between two regions.
    pub(crate) fn weather(&mut self, a: Place, b: Place, change: impl Fn(&mut Way)) {
        change(&mut self.ways[a as usize][b as usize]);
        change(&mut self.ways[b as usize][a as usize]);
    }

    pub(crate) fn cut(&mut self, a: Place, b: Place) {
        self.weather(a, b, |way| way.cut = true);
    }

    pub(crate) fn way(&mut self, from: Place, to: Place) -> &mut Way {
        &mut self.ways[from as usize][to as usize]
    }

    /// Gives a proxy another view of the world.
    pub(crate) fn look(&mut self, place: Place, change: impl FnOnce(&mut View)) {
        let mut view = (*self.views[place as usize]).clone();
        change(&mut view);
        self.views[place as usize] = Arc::new(view);
        self.feed(place, Input::View(Arc::clone(&self.views[place as usize])));
    }

    /// The INVITE of the caller to the callee; change it, then [`place`](Self::place) it.
    pub(crate) fn invite(&self, call_id: &str) -> Draft {
        let mut draft =
            Draft::new("INVITE", NUMBER, call_id, CALLER.edge(1)).with("Content-Type: application/sdp");
        draft.body = "v=0\r\no=- 1 1 IN IP4 10.1.1.1\r\ns=-\r\n".to_owned();
        draft
    }

    pub(crate) fn place(&mut self, request: Draft) {
        self.place_for(request, Duration::from_secs(1));
    }

    pub(crate) fn place_for(&mut self, request: Draft, talk: Duration) {
        self.callers[0].place(self.now, request, talk);
        self.flush_phones();
    }

    /// Places the usual call.
    pub(crate) fn call(&mut self, call_id: &str) {
        self.place(self.invite(call_id));
    }

    pub(crate) fn cancel(&mut self, call_id: &str) {
        self.callers[0].cancel(self.now, call_id);
        self.flush_phones();
    }

    pub(crate) fn placed(&self, call_id: &str) -> &Placed {
        &self.callers[0].calls[call_id]
    }

    /// Puts a datagram on the wire.
    pub(crate) fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: impl Into<Bytes>) {
        self.send_over(Transport::Udp, from, to, bytes.into());
    }

    fn send_over(&mut self, transport: Transport, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        let way = match (Place::of(from), Place::of(to)) {
            (Some(a), Some(b)) if a != b => self.ways[a as usize][b as usize],
            _ => Way { delay: Duration::from_millis(1), loss: 0.0, cut: false },
        };
        let lost = way.cut || (way.loss > 0.0 && self.chance.f64() < way.loss);
        let sip = Sip::read(&String::from_utf8_lossy(&bytes));
        self.wire.push(Packet { at: self.now, from, to, sip, lost });
        if !lost {
            self.sent += 1;
            self.flying.insert((self.now + way.delay, self.sent), (transport, from, to, bytes));
        }
    }

    pub(crate) fn feed(&mut self, place: Place, input: Input) {
        let now = self.epoch + self.now;
        self.proxies[place as usize].handle(now, input);
        while let Some(output) = self.proxies[place as usize].poll() {
            match output {
                Output::Send { to, .. } if to.transport.is_reliable() && self.no_streams => {
                    self.proxies[place as usize].handle(now, Input::Unreachable(to));
                }
                Output::Send { to, bytes } => {
                    check_with_rsip(&bytes);
                    self.send_over(to.transport, place.proxy(), to.address, bytes);
                }
                Output::Ask(ticket, Question::Media(order)) => {
                    let relay = &mut self.relays[place as usize];
                    let answer = Answer::Media(relay.take(&order));
                    self.sent += 1;
                    self.telling.insert((self.now + relay.habit.delay, self.sent), (place, ticket, answer));
                }
                Output::Release(release) => self.relays[place as usize].release(release),
                Output::Ask(ticket, question) => {
                    let answer = self.library.answer(self.now, place, question);
                    self.proxies[place as usize].handle(now, Input::Told(ticket, answer));
                }
                Output::Note(note) => self.notes.push((self.now, place, note)),
            }
        }
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.play_until(end);
        self.now = end;
    }

    pub(crate) fn run_ms(&mut self, ms: u64) {
        self.run(Duration::from_millis(ms));
    }

    /// Runs until nothing is left to happen.
    pub(crate) fn settle(&mut self) {
        self.play_until(self.now + Duration::from_secs(3_600));
        assert!(self.next_event().is_none(), "an hour later there is still something to do");
    }

    fn play_until(&mut self, end: Duration) {
        let mut idle = 0;
        while let Some(at) = self.next_event().filter(|at| *at <= end) {
            idle = if at > self.now { 0 } else { idle + 1 };
            assert!(idle < 10_000, "a deadline that has passed is never met");
            self.now = self.now.max(at);
            self.step();
        }
    }

    fn step(&mut self) {
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (transport, from, to, bytes) = entry.remove();
            self.deliver(transport, from, to, bytes);
        }
        while let Some(entry) = self.telling.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (place, ticket, answer) = entry.remove();
            self.feed(place, Input::Told(ticket, answer));
        }
        for place in Place::ALL {
            let due = self.proxies[place as usize].deadline().is_some_and(|at| at <= self.epoch + self.now);
            if due {
                self.feed(place, Input::Tick);
            }
        }
        let now = self.now;
        self.callers.iter_mut().for_each(|caller| caller.tick(now));
        self.callees.iter_mut().for_each(|callee| callee.tick(now));
        self.flush_phones();
    }

    fn deliver(&mut self, transport: Transport, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        if let Some(place) = Place::ALL.into_iter().find(|place| place.proxy() == to) {
            return self.feed(place, Input::Message { from: Peer::new(transport, from), bytes });
        }
        let (now, sip) = (self.now, Sip::read(&String::from_utf8_lossy(&bytes)));
        self.callers.iter_mut().filter(|caller| caller.at == to).for_each(|caller| caller.receive(now, &sip));
        self.callees.iter_mut().filter(|callee| callee.at == to).for_each(|callee| callee.receive(now, &sip));
        self.flush_phones();
    }

    fn flush_phones(&mut self) {
        let callers = self.callers.iter_mut().map(|caller| (caller.at, std::mem::take(&mut caller.out)));
        let callees = self.callees.iter_mut().map(|callee| (callee.at, std::mem::take(&mut callee.out)));
        let out: Vec<_> = callers.chain(callees).collect();
        for (at, texts) in out {
            let proxy = Place::of(at).map(Place::proxy).unwrap();
            texts.into_iter().for_each(|text| self.send(at, proxy, text));
        }
    }

    fn next_event(&self) -> Option<Duration> {
        let packet = self.flying.keys().next().map(|(at, _)| *at);
        let told = self.telling.keys().next().map(|(at, _)| *at);
        let proxies = self.proxies.iter().filter_map(Proxy::deadline).map(|at| at.duration_since(self.epoch));
        let callers = self.callers.iter().filter_map(Caller::deadline);
        let callees = self.callees.iter().filter_map(Callee::deadline);
        proxies.chain(callers).chain(callees).chain(packet).chain(told).min()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", ladder(&self.wire));
        }
    }
}

/// The independent voice: whatever leaves a proxy is SIP to rsip too, where rsip knows the method.
fn check_with_rsip(bytes: &Bytes) {
    if bytes.windows(4).any(|window| window == b" FOO" || window == b"FOO ") {
        return;
    }
    let read = rsip::SipMessage::try_from(&bytes[..]);
    assert!(read.is_ok(), "rsip refuses ({read:?}): {}", String::from_utf8_lossy(bytes));
}
