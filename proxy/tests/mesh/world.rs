//! The simulated mesh: nodes, the streams between them, and virtual time. Everything that happens is an event in one
//! queue, so the same seed gives the same trace.

use crate::{
    checks::{self, FORBIDDEN},
    network::Network,
    node::{Birth, Node},
    papers::Papers,
    streams::{End, Stream, Way},
};
use prost::Message as _;
use ringway_proto::mesh::{Frame, frame::Body};
use ringway_proxy::mesh::{
    convert,
    flood::{Input, Output, Word},
    stream::StreamId,
};
use ringway_router::{NodeId, Policy};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::{Duration, Instant},
};

const MS: u64 = 1_000;
const SECOND: u64 = 1_000_000;
/// Between two drafts of a node, as `report_interval_ms`.
const DRAFT_US: u64 = 500 * MS;
/// What a link that carries calls takes to be found cut, and found well again.
const DETECTION_US: u64 = 100 * MS;

/// What a test wants.
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) seed: u64,
    pub(crate) regions: usize,
    pub(crate) nodes: usize,
    /// Every so many nodes has a router.
    pub(crate) router_every: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Draft(usize, bool),
    Tick(usize),
    Dial(usize),
    Open(usize, usize),
    Arrive(usize, usize),
    Shut(usize, usize),
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) network: Network,
    pub(crate) nodes: Vec<Node>,
    /// Living nodes of each region.
    pub(crate) alive: Vec<usize>,
    pub(crate) traffic: Traffic,
    papers: Papers,
    policy: Arc<Policy>,
    streams: Vec<Stream>,
    ends: Vec<BTreeMap<StreamId, (usize, usize)>>,
    calling: Vec<BTreeMap<usize, u64>>,
    tick_at: Vec<u64>,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    next: u64,
    start: Instant,
    pub(crate) now_us: u64,
    chance: fastrand::Rng,
    trace: DefaultHasher,
    pub(crate) refused: BTreeMap<&'static str, u64>,
}

/// What was sent, of all nodes together.
#[derive(Debug, Default, Clone)]
pub(crate) struct Traffic {
    pub(crate) bytes: u64,
    pub(crate) statements: u64,
    pub(crate) statement_bytes: u64,
    pub(crate) digest_bytes: u64,
    pub(crate) most_of_a_node: BTreeMap<usize, u64>,
}

impl World {
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut chance = fastrand::Rng::with_seed(plan.seed);
        let network = Network::new(plan.regions, &mut chance);
        let document = format!(
            "revision = 1\n[[rule]]\nname = \"not over it\"\nmatch = {{ from = \"*\", to = \"*\" }}\nforbid = [\"{FORBIDDEN}\"]\n"
        );
        let mut world = Self {
            seed: plan.seed,
            alive: vec![0; plan.regions],
            papers: Papers::new(plan.name),
            policy: Arc::new(Policy::parse(&document).expect("a policy")),
            nodes: Vec::new(),
            streams: Vec::new(),
            ends: Vec::new(),
            calling: Vec::new(),
            tick_at: Vec::new(),
            events: BinaryHeap::new(),
            next: 0,
            start: beginning(),
            now_us: 0,
            trace: DefaultHasher::new(),
            traffic: Traffic::default(),
            refused: BTreeMap::new(),
            network,
            chance,
        };
        for number in 0..plan.regions * plan.nodes {
            world.add(number, plan);
        }
        world
    }

    fn add(&mut self, number: usize, plan: &Plan) {
        let region = number / plan.nodes;
        let id = NodeId {
            region: self.network.regions[region].clone(),
            node: format!("n{}", number % plan.nodes + 1).parse().expect("a name"),
        };
        // Clocks of a fleet differ, those of some nodes by hours.
        let skew_s = if number % 7 == 3 { 7_200 } else { self.chance.i64(-5..5) };
        let birth = Birth {
            identity: self.papers.of(&id),
            id,
            region,
            authority: &self.papers.authority,
            policy: Arc::clone(&self.policy),
            has_router: number.is_multiple_of(plan.router_every),
            skew_us: skew_s * 1_000_000,
            now: (self.now(), self.now_us),
            regions: plan.regions,
            seed: self.chance.u64(..),
        };
        self.nodes.push(Node::new(birth));
        self.alive[region] += 1;
        self.ends.push(BTreeMap::new());
        self.calling.push(BTreeMap::new());
        self.tick_at.push(u64::MAX);
        let (draft, dial) = (self.chance.u64(..DRAFT_US), self.chance.u64(..SECOND));
        self.at(draft, Event::Draft(number, true));
        self.at(draft + dial, Event::Dial(number));
    }

    pub(crate) fn now(&self) -> Instant {
        self.start + Duration::from_micros(self.now_us)
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, seconds: f64) {
        let until = self.now_us + (seconds * SECOND as f64).round() as u64;
        let mut looked = self.now_us;
        while let Some(Reverse((at_us, _, _))) = self.events.peek()
            && *at_us <= until
        {
            let Some(Reverse((at_us, _, event))) = self.events.pop() else { break };
            self.now_us = at_us;
            self.happen(event);
            if self.now_us > looked + SECOND {
                looked = self.now_us;
                checks::bounded(self);
            }
        }
        self.now_us = until;
    }

    /// What was sent since this was last asked.
    pub(crate) fn take_traffic(&mut self) -> Traffic {
        std::mem::take(&mut self.traffic)
    }

    /// Equal for equal traces.
    pub(crate) fn trace(&self) -> u64 {
        self.trace.finish()
    }

    /// How many statements all nodes have made.
    pub(crate) fn said(&self) -> u64 {
        let own = |node: &Node| node.flood.ledger().of(&node.id).map_or(0, |held| held.version().1);
        self.nodes.iter().map(own).sum()
    }

    pub(crate) fn streams_of(&self, node: usize) -> usize {
        self.ends[node].len()
    }

    /// How many nodes hold a stream to this one.
    pub(crate) fn listeners(&self, node: usize) -> usize {
        (0..self.nodes.len()).filter(|other| *other != node && self.is_joined(*other, node)).count()
    }

    /// The weather has changed: those whose links it is find out.
    pub(crate) fn feel(&mut self, regions: &[usize]) {
        for number in 0..self.nodes.len() {
            if regions.contains(&self.nodes[number].region) {
                let late = self.chance.u64(..50 * MS);
                self.at(self.now_us + DETECTION_US + late, Event::Draft(number, false));
            }
        }
    }

    /// The machine of a node stops, without a word.
    pub(crate) fn kill(&mut self, number: usize) {
        self.nodes[number].alive = false;
        self.alive[self.nodes[number].region] -= 1;
        for (stream, end) in std::mem::take(&mut self.ends[number]).into_values() {
            self.streams[stream].ends[end].open = false;
        }
        let region = self.nodes[number].region;
        if self.alive[region] == 0 {
            let all: Vec<usize> = (0..self.alive.len()).collect();
            self.feel(&all);
        }
    }

    /// A node starts again, with its papers; its clock may have been set.
    pub(crate) fn restart(&mut self, number: usize, skew_us: i64) {
        let old = &self.nodes[number];
        let birth = Birth {
            id: old.id.clone(),
            region: old.region,
            identity: old.identity.clone(),
            authority: &self.papers.authority,
            policy: Arc::clone(&self.policy),
            has_router: old.router.is_some(),
            skew_us,
            now: (self.now(), self.now_us),
            regions: self.network.regions.len(),
            seed: self.chance.u64(..),
        };
        self.nodes[number] = Node::new(birth);
        self.alive[self.nodes[number].region] += 1;
        self.at(self.now_us, Event::Draft(number, true));
        self.at(self.now_us + 10 * MS, Event::Dial(number));
    }

    /// A node says that it leaves, and ends.
    pub(crate) fn leave(&mut self, number: usize) {
        let draft = self.nodes[number].draft(self.now_us, &self.network, &self.alive, true);
        self.tell(number, Input::Own(Box::new(draft)));
        self.run(0.1);
        self.kill(number);
    }

    /// A node says something that its program would not, on every stream that it has.
    pub(crate) fn lie(&mut self, number: usize, word: &Word) {
        for to in self.ends[number].keys().copied().collect::<Vec<_>>() {
            self.send(number, to, word.clone());
        }
    }

    fn at(&mut self, at_us: u64, event: Event) {
        self.next += 1;
        self.events.push(Reverse((at_us, self.next, event)));
    }

    fn happen(&mut self, event: Event) {
        (self.now_us, event_key(event)).hash(&mut self.trace);
        match event {
            Event::Draft(node, again) if self.nodes[node].alive => {
                let draft = self.nodes[node].draft(self.now_us, &self.network, &self.alive, false);
                self.tell(node, Input::Own(Box::new(draft)));
                if again {
                    self.at(self.now_us + DRAFT_US, event);
                }
            }
            Event::Tick(node) if self.nodes[node].alive && self.tick_at[node] == self.now_us => {
                self.tell(node, Input::Tick);
            }
            Event::Dial(node) if self.nodes[node].alive => self.dial(node),
            Event::Open(node, to) => self.open(node, to),
            Event::Arrive(stream, way) => self.arrive(stream, way),
            Event::Shut(stream, end) => self.shut(stream, end),
            Event::Draft(..) | Event::Tick(_) | Event::Dial(_) => {}
        }
    }

    /// Tells a node what happened, and does what it says.
    fn tell(&mut self, number: usize, input: Input) {
        let (now, now_us) = (self.now(), self.now_us);
        for output in self.nodes[number].handle(now, now_us, input) {
            match output {
                Output::Send { to, word } => self.send(number, to, word),
                Output::Close { stream, .. } => self.close(number, stream),
                Output::Refused { why, .. } => *self.refused.entry(why.label()).or_default() += 1,
                Output::Named { .. } | Output::News(_) | Output::Gone(_) | Output::Unsigned(_) => {}
            }
        }
        let due = self.nodes[number].flood.deadline(now);
        let due_us = u64::try_from((due - self.start).as_micros()).expect("a short simulation");
        let due_us = due_us.max(now_us) + 1;
        if due_us != self.tick_at[number] {
            self.tick_at[number] = due_us;
            self.at(due_us, Event::Tick(number));
        }
    }

    /// Looks for nodes to which a stream is wanted: three that everybody was told of, and those it has learned of.
    fn dial(&mut self, number: usize) {
        let node = &self.nodes[number];
        let mut wanted = Vec::new();
        for (other, peer) in self.nodes.iter().enumerate().filter(|(other, _)| *other != number) {
            let seeds = [0, self.nodes.len() / 3, 2 * self.nodes.len() / 3];
            let is_known = seeds.contains(&other) || node.flood.ledger().of(&peer.id).is_some();
            let is_busy = self.calling[number].get(&other).is_some_and(|until| *until > self.now_us);
            if is_known && !is_busy && !self.is_joined(number, other) && node.flood.wants(&peer.id) {
                wanted.push(other);
            }
        }
        for other in wanted {
            let (from, to) = (self.nodes[number].region, self.nodes[other].region);
            self.calling[number].insert(other, self.now_us + 4 * SECOND);
            if self.nodes[other].alive && self.network.is_up(from, to) {
                // TCP and TLS, and the first answer.
                let delay_us = (self.network.rtt_ms(from, to) * 3.0 * MS as f64) as u64;
                self.at(self.now_us + delay_us, Event::Open(number, other));
            }
        }
        let pause = self.chance.u64(500 * MS..SECOND);
        self.at(self.now_us + pause, Event::Dial(number));
    }

    fn is_joined(&self, one: usize, other: usize) -> bool {
        self.ends[one].values().any(|(stream, end)| self.streams[*stream].ends[1 - end].node == other)
    }

    fn open(&mut self, from: usize, to: usize) {
        self.calling[from].remove(&to);
        let is_up = self.network.is_up(self.nodes[from].region, self.nodes[to].region);
        // Of two streams between two nodes one stays; here the second is not opened.
        if !self.nodes[from].alive
            || !self.nodes[to].alive
            || !is_up
            || self.is_joined(from, to)
            || self.is_joined(to, from)
        {
            return;
        }
        let stream = self.streams.len();
        let ends = [from, to].map(|node| End { node, id: StreamId(stream as u64), open: true });
        self.streams.push(Stream { ends, ways: [Way::default(), Way::default()] });
        for (end, node, peer) in [(0, from, None), (1, to, Some(self.nodes[from].id.clone()))] {
            let id = self.streams[stream].ends[end].id;
            self.ends[node].insert(id, (stream, end));
            self.tell(node, Input::Opened { stream: id, peer, dialed: end == 0 });
        }
    }

    fn send(&mut self, number: usize, to: StreamId, word: Word) {
        let Some(&(stream, way)) = self.ends[number].get(&to) else { return };
        let peer = self.streams[stream].ends[1 - way].node;
        let (from, there) = (self.nodes[number].region, self.nodes[peer].region);
        self.count(number, peer, &word);
        let delay_us = (self.network.rtt_ms(from, there) / 2.0 * MS as f64) as u64;
        let is_lost = self.chance.f64() < self.network.weather(from, there).loss;
        let at_us = self.streams[stream].ways[way].push(self.now_us, delay_us, is_lost, word);
        self.at(at_us, Event::Arrive(stream, way));
    }

    /// Frame, gRPC, HTTP/2 and TLS, 40 bytes a packet, and as much for the acknowledgment of each.
    fn count(&mut self, number: usize, peer: usize, word: &Word) {
        let body = convert::flood::to_wire(word);
        let (is_statement, is_digest) = (
            matches!(body, Body::Statement(_)),
            matches!(body, Body::StatementDigest(_) | Body::StatementList(_)),
        );
        let framed = Frame { body: Some(body) }.encoded_len() as u64 + 5 + 9 + 22;
        let packets = framed.div_ceil(1_400);
        let bytes = framed + 40 * packets;
        let traffic = &mut self.traffic;
        traffic.bytes += bytes + 40 * packets;
        traffic.statements += u64::from(is_statement);
        traffic.statement_bytes += if is_statement { bytes } else { 0 };
        traffic.digest_bytes += if is_digest { bytes } else { 0 };
        *traffic.most_of_a_node.entry(number).or_default() += bytes;
        *traffic.most_of_a_node.entry(peer).or_default() += 40 * packets;
    }

    fn arrive(&mut self, stream: usize, way: usize) {
        let [from, to] = [way, 1 - way].map(|end| self.streams[stream].ends[end].node);
        if self.streams[stream].ways[way].queue.is_empty() {
            return;
        }
        if !self.network.is_up(self.nodes[from].region, self.nodes[to].region) {
            // One try for all that waits.
            if self.streams[stream].ways[way].queue.front().is_some_and(|(at_us, _)| *at_us <= self.now_us) {
                let again = self.streams[stream].ways[way].retry(self.now_us);
                self.streams[stream].ways[way]
                    .queue
                    .iter_mut()
                    .for_each(|(at_us, _)| *at_us = (*at_us).max(again));
                self.at(again, Event::Arrive(stream, way));
            }
            return;
        }
        if !self.streams[stream].ends[1 - way].open {
            // Nobody is there any more; a living machine says so.
            if self.nodes[to].alive {
                self.at(self.now_us + MS, Event::Shut(stream, way));
            }
            return;
        }
        while let Some(word) = self.streams[stream].ways[way].pop(self.now_us) {
            let (id, unix_us) = (self.streams[stream].ends[1 - way].id, self.nodes[to].unix_us(self.now_us));
            self.tell(to, Input::Heard { stream: id, word, unix_us });
        }
    }

    /// A node closes its end; the other hears of it if the link carries the word.
    fn close(&mut self, number: usize, id: StreamId) {
        let Some((stream, end)) = self.ends[number].remove(&id) else { return };
        self.streams[stream].ends[end].open = false;
        let peer = self.streams[stream].ends[1 - end].node;
        let (from, to) = (self.nodes[number].region, self.nodes[peer].region);
        if self.network.is_up(from, to) {
            let delay_us = (self.network.rtt_ms(from, to) / 2.0 * MS as f64) as u64;
            self.at(self.now_us + delay_us, Event::Shut(stream, 1 - end));
        }
    }

    fn shut(&mut self, stream: usize, end: usize) {
        let (node, id) = (self.streams[stream].ends[end].node, self.streams[stream].ends[end].id);
        if std::mem::replace(&mut self.streams[stream].ends[end].open, false) {
            self.ends[node].remove(&id);
            self.tell(node, Input::Closed(id));
        }
    }
}

fn event_key(event: Event) -> (u8, usize, usize) {
    match event {
        Event::Draft(node, again) => (0, node, usize::from(again)),
        Event::Tick(node) => (1, node, 0),
        Event::Dial(node) => (2, node, 0),
        Event::Open(node, to) => (3, node, to),
        Event::Arrive(stream, way) => (4, stream, way),
        Event::Shut(stream, end) => (5, stream, end),
    }
}

#[expect(clippy::disallowed_methods, reason = "any instant will do as the beginning")]
fn beginning() -> Instant {
    Instant::now()
}
