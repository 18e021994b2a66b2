//! The nodes and the wires between them. A stream is named by the node at its other end.

use super::super::*;
use crate::location::{Announcements, Change, Limits};
use fastrand::Rng;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use ringway_node::identity::Authority;
use std::{fs, path::PathBuf};

/// 2026-11-22, well inside the validity of what rcgen issues.
const START_US: u64 = 1_795_305_600_000_000;
/// As often as the control task looks.
const TICK: Duration = Duration::from_millis(500);

pub(super) struct World {
    folder: PathBuf,
    pub(super) nodes: Vec<Node>,
    authority: Authority,
    wires: VecDeque<(usize, usize, Word)>,
    start: Instant,
    gone: Duration,
    loses: bool,
    pub(super) chance: Rng,
    /// Words that were carried.
    pub(super) carried: usize,
    /// Labels of what was refused.
    pub(super) refused: Vec<String>,
    pub(super) records_max: usize,
    pub(super) bytes_max: usize,
    pub(super) questions_max: usize,
}

pub(super) struct Node {
    pub(super) own: NodeId,
    pub(super) identity: Identity,
    pub(super) directory: Directory,
    _announcements: Announcements,
    ledger: Ledger,
    exchange: Exchange,
}

impl Node {
    fn new(own: NodeId, identity: Identity, ledger: Ledger) -> Self {
        let (directory, announcements) = Directory::new(own.clone(), Limits::default());
        let exchange = Exchange::default();
        Self { own, identity, directory, _announcements: announcements, ledger, exchange }
    }

    /// An empty directory with room for less.
    pub(super) fn shrink(&mut self, aors_max: usize) {
        let limits = Limits { aors_max, ..Limits::default() };
        self.directory = Directory::new(self.own.clone(), limits).0;
    }
}

impl World {
    /// Nodes that were all introduced to each other, without streams.
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the beginning")]
    pub(super) fn new(test: &str, names: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("ringway-exchange-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(folder.join("ca.pem"), ca.self_signed(&ca_key).unwrap().pem()).unwrap();
        let authority = Authority::load(&folder.join("ca.pem"), "m.example").unwrap();
        let issuer = Issuer::from_params(&ca, &ca_key);
        let identities: Vec<(NodeId, Identity)> = names
            .iter()
            .map(|name| {
                let (region, node) = name.split_once('/').unwrap();
                let key = KeyPair::generate().unwrap();
                let mut params = CertificateParams::default();
                let uri = format!("spiffe://m.example/{name}");
                params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
                params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
                let (pem, key_pem) = (folder.join("node.pem"), folder.join("node.key"));
                fs::write(&pem, params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
                fs::write(&key_pem, key.serialize_pem()).unwrap();
                (convert::node_id(region, node).unwrap(), Identity::load(&pem, &key_pem).unwrap())
            })
            .collect();
        let mut world = Self {
            folder,
            nodes: Vec::new(),
            authority,
            wires: VecDeque::new(),
            start: Instant::now(),
            gone: Duration::ZERO,
            loses: false,
            chance: Rng::with_seed(1),
            carried: 0,
            refused: Vec::new(),
            records_max: 0,
            bytes_max: 0,
            questions_max: 0,
        };
        for (own, identity) in &identities {
            let ledger = world.ledger(own, identities.iter().map(|(_, identity)| identity));
            world.nodes.push(Node::new(own.clone(), identity.clone(), ledger));
        }
        world
    }

    fn ledger<'a>(&self, own: &NodeId, all: impl Iterator<Item = &'a Identity>) -> Ledger {
        let mut ledger = Ledger::new(own.clone(), self.authority.clone(), Duration::from_secs(4));
        for identity in all {
            ledger.introduce(START_US, identity.certificate()).unwrap();
        }
        ledger
    }

    pub(super) fn unix_us(&self) -> u64 {
        START_US + u64::try_from(self.gone.as_micros()).unwrap()
    }

    pub(super) fn moment(&self) -> Moment {
        Moment { now: self.start + self.gone, unix_ms: self.unix_us() / 1000 }
    }

    pub(super) fn connect(&mut self, a: usize, b: usize) {
        let now = self.moment().now;
        for (from, to) in [(a, b), (b, a)] {
            self.nodes[from].exchange.open(now, StreamId(to as u64));
        }
    }

    pub(super) fn connect_all(&mut self) {
        for a in 0..self.nodes.len() {
            (0..a).for_each(|b| self.connect(a, b));
        }
    }

    /// From here on, every other word is lost.
    pub(super) fn lose_half(&mut self, seed: u64) {
        (self.loses, self.chance) = (true, Rng::with_seed(seed));
    }

    pub(super) fn lose_nothing(&mut self) {
        self.loses = false;
    }

    /// A node's process ends, and another begins with the same papers; the streams to it are closed.
    pub(super) fn restart(&mut self, n: usize) {
        let identities: Vec<Identity> = self.nodes.iter().map(|node| node.identity.clone()).collect();
        let (own, identity) = (self.nodes[n].own.clone(), self.nodes[n].identity.clone());
        let ledger = self.ledger(&own, identities.iter());
        self.nodes[n] = Node::new(own, identity, ledger);
        self.nodes.iter_mut().for_each(|node| node.exchange.close(StreamId(n as u64)));
    }

    /// A client registers at a node, which then has its turn to announce. Each takes a microsecond.
    pub(super) fn register(&mut self, n: usize, change: &Change) {
        self.register_all(n, std::slice::from_ref(change));
    }

    /// Many do, before the node has its turns to announce.
    pub(super) fn register_all(&mut self, n: usize, changes: &[Change]) {
        for change in changes {
            self.gone += Duration::from_micros(1);
            // A client that registers at two nodes may be overtaken by itself.
            let _ = self.nodes[n].directory.register(change, self.unix_us());
        }
        let node = &mut self.nodes[n];
        while node.exchange.announce(&node.directory, &node.own, &node.identity).unwrap() {}
        self.pump(n);
    }

    /// Addresses-of-record that lie together.
    pub(super) fn aors_of_a_bucket(&self, count: usize) -> Vec<String> {
        let (directory, _announcements) = Directory::new(self.nodes[0].own.clone(), Limits::default());
        let lies_there = |aor: &String| {
            let before = directory.fingerprints(7).len();
            directory.register(&super::change(aor, "sip:a@h", 1, 60), self.unix_us()).unwrap();
            directory.fingerprints(7).len() > before
        };
        (0..).map(|n| format!("sip:{n}@h")).filter(lies_there).take(count).collect()
    }

    /// A binding as that node would write it.
    pub(super) fn binding(&mut self, n: usize, aor: &str, contact: &str) -> Binding {
        let own = self.nodes[n].own.clone();
        let (directory, _announcements) = Directory::new(own, Limits::default());
        directory.register(&super::change(aor, contact, 1, 60), self.unix_us()).unwrap().remove(0)
    }

    /// Puts a word on a wire.
    pub(super) fn say(&mut self, from: usize, to: usize, word: Word) {
        self.wires.push_back((from, to, word));
    }

    /// Carries all that is on the wires, and what follows from it.
    pub(super) fn settle(&mut self) {
        while let Some((from, to, word)) = self.wires.pop_front() {
            self.carried += 1;
            if self.loses && self.chance.bool() {
                continue;
            }
            if let Word::Records { records, .. } = &word {
                self.records_max = self.records_max.max(records.len());
                let bytes = records.iter().map(|sealed| sealed.binding.len() + sealed.signature.len());
                self.bytes_max = self.bytes_max.max(bytes.sum());
            }
            let at = self.moment();
            let node = &mut self.nodes[to];
            let id = StreamId(from as u64);
            let refused = node.exchange.hear(at, id, word, &node.directory, &node.ledger);
            self.refused.extend(refused.iter().map(|why| why.label().to_owned()));
            // What was heard may have to be outlasted by a word of its own.
            node.exchange.announce(&node.directory, &node.own, &node.identity).unwrap();
            self.pump(to);
        }
    }

    /// Lets time go by, tick by tick.
    pub(super) fn wait(&mut self, span: Duration) {
        let end = self.gone + span;
        loop {
            let Moment { now, unix_ms } = self.moment();
            for n in 0..self.nodes.len() {
                let node = &mut self.nodes[n];
                node.directory.expire(unix_ms);
                node.exchange.tick(now, &node.directory);
                self.pump(n);
            }
            self.settle();
            if self.gone >= end {
                return;
            }
            self.gone = end.min(self.gone + TICK);
        }
    }

    /// The contacts that each node would call.
    pub(super) fn contacts(&self, aor: &str) -> Vec<Vec<String>> {
        let now_unix_ms = self.moment().unix_ms;
        let of =
            |node: &Node| node.directory.lookup(aor, now_unix_ms).into_iter().map(|b| b.contact).collect();
        self.nodes.iter().map(of).collect()
    }

    fn pump(&mut self, n: usize) {
        let mut questions: BTreeMap<StreamId, usize> = BTreeMap::new();
        while let Some(Output { to, word, origins: _ }) = self.nodes[n].exchange.poll() {
            *questions.entry(to).or_default() += usize::from(matches!(word, Word::Summary { .. }));
            let to = usize::try_from(to.0).unwrap();
            self.wires.push_back((n, to, word));
        }
        self.questions_max = self.questions_max.max(questions.into_values().max().unwrap_or_default());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
