//! The proxy as a pure machine: messages and views in, messages and notes out.
//!
//! One [`Proxy::handle`], then [`Proxy::poll`] until `None`, then sleep until [`Proxy::deadline`].

mod ack;
mod attempt;
pub mod body;
pub mod branch;
mod context;
pub mod decide;
pub mod dial;
mod engine;
pub mod flow;
pub mod forward;
mod gates;
mod keepalive;
pub mod marks;
pub mod media;
pub mod names;
pub mod output;
pub mod overload;
mod patience;
pub mod plan;
pub mod question;
mod ration;
pub mod refusal;
mod registering;
pub mod registrar;
mod request;
pub mod site;
pub mod sockets;
mod strict;
mod stun;
pub mod target;
mod told;
mod upstream;
pub mod view;

use attempt::Failure;
use branch::{Mint, Token};
use bytes::Bytes;
use context::Context;
use decide::Source;
use engine::{Engine, Key, Timer};
use gates::Gates;
use output::{Dropped, Note, Output};
use overload::{Overload, Proofs};
use patience::Patience;
use question::{Answer, Ticket};
use ration::Ration;
use ringway_sip::{
    ClientId, Layer, Message, ParseError, Peer, Seeded, ServerId, Skeleton, Transport, transaction,
};
use site::Site;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};
use view::View;

/// Answers to what does not parse. More are not read by whoever sends so much of it.
const SCOLDINGS_A_SECOND: u32 = 100;

/// One thing that happens to the proxy.
#[derive(Debug, Clone)]
pub enum Input {
    /// A message came, as a datagram or cut out of a stream.
    Message {
        /// From where.
        from: Peer,
        /// As it came.
        bytes: Bytes,
    },
    /// The transport says that a peer cannot be reached, or that a connection is gone.
    Unreachable(Peer),
    /// The world looks different.
    View(Arc<View>),
    /// The answer to an [`Output::Ask`].
    Told(Ticket, Answer),
    /// The messages that follow have waited for so long, from the wire to here.
    Waited(Duration),
    /// A deadline has come.
    Tick,
}

/// A transaction-stateful SIP proxy (RFC 3261 §16) that pins the path of what it takes in.
pub struct Proxy {
    engine: Engine,
    contexts: BTreeMap<Key, Context>,
    servers: HashMap<ServerId, Key, Seeded>,
    tokens: HashMap<Token, Key, Seeded>,
    /// Requests of the edge that are under way, by what their copies share with them.
    identities: HashMap<u64, Key>,
    scoldings: Ration,
    count: u64,
}

impl Proxy {
    /// `seed` makes branches and tags: unknown to strangers, different for every process, or given for a replay.
    #[must_use]
    pub fn new(site: Arc<Site>, view: Arc<View>, seed: u64) -> Self {
        let seeded = Seeded::new(seed);
        let engine = Engine {
            layer: Layer::with_seed(site.timing, seed),
            overload: Overload::new(site.overload),
            proofs: Proofs::default(),
            site,
            view,
            mint: Mint::new(seed),
            clients: HashMap::with_hasher(seeded),
            asked: HashMap::new(),
            tickets: 0,
            gates: Gates::default(),
            offerless: HashMap::new(),
            deadlines: BTreeSet::new(),
            answered_over: HashMap::new(),
            patience: Patience::new(),
            out: VecDeque::new(),
        };
        Self {
            engine,
            contexts: BTreeMap::new(),
            servers: HashMap::with_hasher(seeded),
            tokens: HashMap::with_hasher(seeded),
            identities: HashMap::new(),
            scoldings: Ration::new(SCOLDINGS_A_SECOND),
            count: 0,
        }
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Message { from, bytes } => self.on_message(now, from, &bytes),
            Input::Unreachable(to) => self.engine.layer.transport_failed(now, to),
            Input::View(view) => self.on_view(now, view),
            Input::Told(ticket, answer) => self.on_told(now, ticket, answer),
            Input::Waited(time) => self.engine.overload.note_wait(now, time),
            Input::Tick => self.on_tick(now),
        }
        while let Some(output) = self.engine.layer.poll() {
            self.on_layer(now, output);
        }
        while let Some(news) = self.engine.overload.poll() {
            self.engine.note(Note::Overload(news));
        }
    }

    /// The next thing to do, until `None`.
    pub fn poll(&mut self) -> Option<Output> {
        self.engine.out.pop_front()
    }

    /// When to come back with [`Input::Tick`] at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let own = self.engine.deadlines.first().map(|(at, _, _)| *at);
        [own, self.engine.layer.deadline(), self.engine.overload.deadline()].into_iter().flatten().min()
    }

    /// Whether this is the view under which the proxy works.
    #[must_use]
    pub fn sees(&self, view: &Arc<View>) -> bool {
        Arc::ptr_eq(&self.engine.view, view)
    }

    /// Transactions that are not over: client and server.
    #[must_use]
    pub fn transactions(&self) -> usize {
        self.engine.layer.clients() + self.engine.layer.servers()
    }

    /// The share of new requests that are refused because this node is overloaded, 0 to 1.
    #[must_use]
    pub fn overload_share(&self) -> f64 {
        self.engine.overload.share()
    }

    /// How many next hops get less than there is for them, because they are overloaded.
    #[must_use]
    pub fn throttled(&self) -> usize {
        self.engine.overload.throttled()
    }

    /// Whether nothing is remembered of any request, so that a draining node may go.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let Engine { clients, deadlines, answered_over, asked, gates, offerless, .. } = &self.engine;
        let indexed = self.contexts.len() + self.servers.len() + self.tokens.len() + self.identities.len();
        let noted = clients.len() + deadlines.len() + answered_over.len() + asked.len() + offerless.len();
        self.transactions() + indexed + noted == 0 && gates.are_open()
    }

    fn on_message(&mut self, now: Instant, from: Peer, bytes: &Bytes) {
        let source = Source::of(from, &self.engine.site, &self.engine.view);
        if source == Source::Stranger {
            // Whatever it is: nobody whom we do not know costs us more than a look at the address.
            let is_response = bytes.starts_with(b"SIP/");
            let why = if is_response { Dropped::StrangerResponse } else { Dropped::StrangerRequest };
            return self.engine.note(Note::Dropped(why));
        }
        if let (Source::Edge, Transport::Udp, Some(bytes)) =
            (source, from.transport, stun::answer(bytes, from.address))
        {
            return self.engine.out.push_back(Output::Send { to: from, bytes });
        }
        let message = match Message::parse(bytes.clone(), &self.engine.site.limits) {
            Ok(message) => message,
            Err(ParseError::KeepAlive) => return,
            Err(error) => return self.on_malformed(now, from, bytes, error),
        };
        let message = strict::undo(&message, &self.engine.site.names).unwrap_or(message);
        let message = keepalive::grant(&message, from, source, &self.engine.site).unwrap_or(message);
        self.engine.layer.receive(now, from, message);
    }

    /// What does not parse is dropped; its sender is told why, where it can be told at all, so that it stops. One that
    /// does not stop is not told each time.
    fn on_malformed(&mut self, now: Instant, from: Peer, bytes: &[u8], error: ParseError) {
        self.engine.note(Note::Dropped(Dropped::Malformed(error)));
        if !self.scoldings.spend(now) {
            return;
        }
        let Some(skeleton) = Skeleton::read(bytes) else { return };
        let tag = self.engine.mint.tag_of(bytes);
        if let Some(bytes) = skeleton.refuse(error, from.address, &tag) {
            let to = match from.transport {
                Transport::Udp => Peer::udp(skeleton.via().reply_to(from.address)),
                Transport::Tcp | Transport::Tls => from,
            };
            self.engine.out.push_back(Output::Send { to, bytes });
        }
    }

    fn on_view(&mut self, now: Instant, view: Arc<View>) {
        self.engine.view = view;
        self.engine.proofs.fade(now);
        for context in self.contexts.values_mut() {
            context.on_view(&mut self.engine, now);
        }
    }

    fn on_tick(&mut self, now: Instant) {
        self.engine.layer.tick(now);
        self.engine.overload.tick(now);
        while let Some(&(at, key, timer)) = self.engine.deadlines.first()
            && at <= now
        {
            self.engine.deadlines.remove(&(at, key, timer));
            let Some(context) = self.contexts.get_mut(&key) else { continue };
            match timer {
                Timer::Hedge(n) => context.on_late(&mut self.engine, now, n),
                Timer::Silence(n) => context.on_silence(&mut self.engine, now, n),
                Timer::C => context.on_timer_c(&mut self.engine, now),
                Timer::Ring => context.on_timer_ring(&mut self.engine, now),
            }
        }
    }

    fn on_layer(&mut self, now: Instant, output: transaction::Output) {
        use transaction::Output as Layer;
        match output {
            Layer::Send { to, bytes, client, again } => {
                if again && let Some((context, engine, n)) = self.attempt(client) {
                    context.on_retransmission(engine, now, n);
                }
                self.engine.out.push_back(Output::Send { to, bytes });
            }
            Layer::Request { id, from, message } => self.on_request(now, id, from, message),
            Layer::Cancel { id, invite, from, message } => self.on_cancel(now, id, invite, from, &message),
            Layer::Ack { from, message } => self.on_ack(from, message),
            Layer::Response { id, message, again: _ } => {
                if let Some((context, engine, n)) = self.attempt(Some(id)) {
                    context.on_response(engine, now, n, &message);
                }
            }
            Layer::Stray { .. } => self.engine.note(Note::Dropped(Dropped::StrayResponse)),
            Layer::TimedOut { id } => self.on_failure(now, id, Failure::TimedOut),
            Layer::TransportFailed { id } => self.on_failure(now, id, Failure::Unreachable),
            Layer::Unacknowledged { .. } => {}
            Layer::ClientEnded { id } => {
                if let Some((key, _)) = self.engine.clients.remove(&id) {
                    self.release(key);
                }
            }
            Layer::ServerEnded { id } => {
                if let Some(key) = self.servers.remove(&id) {
                    self.release(key);
                }
            }
        }
    }

    fn on_failure(&mut self, now: Instant, id: ClientId, why: Failure) {
        if let Some((context, engine, n)) = self.attempt(Some(id)) {
            context.on_failure(engine, now, n, why);
        }
    }

    /// The context of a client transaction, and which attempt of it that is.
    fn attempt(&mut self, client: Option<ClientId>) -> Option<(&mut Context, &mut Engine, usize)> {
        let (key, n) = *self.engine.clients.get(&client?)?;
        Some((self.contexts.get_mut(&key)?, &mut self.engine, n))
    }

    /// One transaction of a context is over; the context goes with its last one.
    fn release(&mut self, key: Key) {
        let Some(context) = self.contexts.get_mut(&key) else { return };
        if context.release() {
            context.close(&mut self.engine);
            if let Some(token) = context.token
                && self.tokens.get(&token) == Some(&key)
            {
                self.tokens.remove(&token);
            }
            if self.identities.get(&context.identity) == Some(&key) {
                self.identities.remove(&context.identity);
            }
            self.contexts.remove(&key);
        }
    }
}
