//! The SIP workers: one thread, one socket and one core each. All messages of one Call-ID are dealt with by one worker, in
//! the order of their arrival; a datagram that the kernel gave to another one is handed over.

mod answers;
mod hand_over;
mod pace;
mod socket;

use crate::{
    control::Handle,
    core::{
        Input, Proxy,
        output::{Note, Output},
        overload::News,
        site::Site,
    },
    media,
    streams::{self, Streams},
};
use answers::Answers;
use bytes::Bytes;
use hand_over::{HandOver, Handed, Inbox};
use mio::{Events, Interest, Poll, Token, net::UdpSocket};
use pace::Pace;
use prometheus::IntGauge;
use ringway_node::{dns::Resolver, log::Redact, tls::Tls};
use ringway_sip::{Peer, Transport};
use socket::{BATCH, Receiver, Sender};
use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};

pub use hand_over::Wakers;
pub use socket::bind;

/// Where SIP comes to, bound, and what connections may take.
pub struct Sockets {
    /// For each worker one of each address family that there is.
    pub datagrams: Vec<Vec<UdpSocket>>,
    /// For TCP and TLS.
    pub connections: Vec<(Transport, TcpListener)>,
    /// Of all connections.
    pub settings: streams::Settings,
    /// Without it, TLS is not spoken.
    pub tls: Option<Tls>,
}

const SOCKET: Token = Token(0);
const INBOX: Token = Token(1);
/// Events of one poll: two sockets and an inbox.
const EVENTS: usize = 4;
/// The longest sleep; deadlines, datagrams and new views end it.
const SLEEP_MAX: Duration = Duration::from_secs(60);
/// How often deadlines are looked at, at most. Among thousands of transactions one is always near, and each look is a
/// wake-up; the shortest of their timers is 500 ms (T1), and the margin of the hedge 20 ms.
const TICK: Duration = Duration::from_millis(5);

/// Starts one thread a core machine, on the sockets given. Resolves when one of them fails for good.
///
/// # Errors
/// What the system said of a socket, or of starting a thread.
pub async fn run(
    sockets: Sockets,
    make_core: impl Fn() -> Proxy,
    control: Handle,
    site: Arc<Site>,
    resolver: Option<Resolver>,
    media: Option<media::Orders>,
) -> io::Result<()> {
    let Sockets { datagrams, connections, settings, tls } = sockets;
    let mut polls = Vec::new();
    for _ in &datagrams {
        polls.push(Poll::new()?);
    }
    let (hand_over, inboxes) = HandOver::between(&polls, INBOX)?;
    control.set_wakers(hand_over.wakers());
    let streams = streams(&hand_over, &control, site, settings, tls);
    let (tell, mut told) = mpsc::channel(hand_over.wakers().len().max(1));
    for (number, ((sockets, poll), inbox)) in datagrams.into_iter().zip(polls).zip(inboxes).enumerate() {
        let (core, control, hand_over) = (make_core(), control.clone(), hand_over.clone());
        let (streams, resolver, tell) = (streams.clone(), resolver.clone(), tell.clone());
        let (asks, media) = (control.clone(), media.clone());
        let answers = Answers::new(asks, resolver, streams.clone(), hand_over.clone(), number, media);
        let transactions = control.metrics().transactions(number);
        thread::Builder::new().name(format!("sip-{number}")).spawn(move || {
            let sender = Sender::new(&sockets);
            let worker = Worker {
                number,
                sockets,
                core,
                control,
                hand_over,
                inbox,
                sender,
                streams,
                answers,
                transactions,
            };
            // Nobody waits any more: the process ends.
            let _ = tell.blocking_send(worker.pump(poll));
        })?;
    }
    drop(tell);
    let mut accepting = JoinSet::new();
    for (transport, listener) in connections {
        accepting.spawn(streams.clone().accept(transport, listener));
    }
    tokio::select! {
        ended = told.recv() => ended.unwrap_or_else(|| Err(io::Error::other("no SIP worker is left"))),
        Some(ended) = accepting.join_next() => ended.unwrap_or_else(|panic| Err(io::Error::other(panic))),
    }
}

/// The connections, for those whom the core would listen to: what they bring goes to the workers.
fn streams(
    hand_over: &HandOver,
    control: &Handle,
    site: Arc<Site>,
    settings: streams::Settings,
    tls: Option<Tls>,
) -> Streams {
    let (workers, metrics) = (hand_over.clone(), control.clone());
    let sink = move |event| match event {
        streams::Event::Message { from, bytes } => {
            if !workers.give(workers.owner(&bytes), Handed::Message(from, bytes)) {
                metrics.metrics().hand_over_dropped();
            }
        }
        streams::Event::Lost(peer) => {
            for worker in 0..workers.workers() {
                if !workers.give(worker, Handed::Lost(peer)) {
                    metrics.metrics().hand_over_dropped();
                }
            }
        }
    };
    let view = control.clone();
    let admit = move |source| site.is_edge(source) || view.view().load().is_peer(source);
    Streams::new(settings, tls, Arc::new(sink), Arc::new(admit), control.clone())
}

struct Worker {
    number: usize,
    /// One of each address family that there is.
    sockets: Vec<UdpSocket>,
    core: Proxy,
    control: Handle,
    hand_over: HandOver,
    inbox: Inbox,
    sender: Sender,
    streams: Streams,
    answers: Answers,
    transactions: IntGauge,
}

impl Worker {
    fn pump(mut self, mut poll: Poll) -> io::Result<()> {
        for socket in &mut self.sockets {
            poll.registry().register(socket, SOCKET, Interest::READABLE)?;
        }
        let mut events = Events::with_capacity(EVENTS);
        let mut receivers: Vec<Receiver> = self.sockets.iter().map(|_| Receiver::new()).collect();
        let mut next_tick = self.control.clock().now();
        let mut pace = Pace::new(next_tick);
        let mut more = false;
        loop {
            let now = self.control.clock().now();
            let sleep = match self.core.deadline() {
                _ if more => Duration::ZERO,
                Some(at) => at.max(next_tick).saturating_duration_since(now),
                None => SLEEP_MAX,
            };
            match poll.poll(&mut events, Some(sleep)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            let now = self.control.clock().now();
            self.look(now);
            // A batch at a time: however much waits, the clock, the view and the deadlines get their turn.
            more = false;
            let mut taken = 0;
            for (number, receiver) in receivers.iter_mut().enumerate() {
                let batch = self.take_datagrams(now, number, receiver)?;
                more |= batch == BATCH;
                taken += batch;
            }
            more |= self.take_handed(now);
            self.flush(now);
            if now >= next_tick {
                next_tick = now + TICK;
                self.tick(now);
            }
            if let Some(pause) = pace.after(now, taken).filter(|_| !more) {
                gather(pause);
            }
        }
    }

    /// What is done now and then: deadlines, and the gauges for whoever looks.
    fn tick(&mut self, now: Instant) {
        if self.core.deadline().is_some_and(|at| at <= now) {
            self.step(now, Input::Tick);
            self.flush(now);
        }
        let (share, throttled) = (self.core.overload_share(), self.core.throttled());
        self.control.metrics().overload_of(self.number, share, throttled);
        self.transactions.set(i64::try_from(self.core.transactions()).unwrap_or(i64::MAX));
    }

    /// The present view, between two messages.
    fn look(&mut self, now: Instant) {
        let view = self.control.view().load();
        if !self.core.sees(&view) {
            self.step(now, Input::View(Arc::clone(&view)));
        }
    }

    /// Deals with what the socket of this number has, a batch at most; returns how many there were.
    fn take_datagrams(&mut self, now: Instant, socket: usize, receiver: &mut Receiver) -> io::Result<usize> {
        let overflow = receiver.overflow();
        let (oldest, datagrams) = match receiver.receive(&self.sockets[socket]) {
            Ok(taken) => taken,
            // The system tells of some peer by way of the socket; the socket is well, and may have more.
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => {
                tracing::debug!(%error, "receive");
                return Ok(BATCH);
            }
            Err(error) => return Err(error),
        };
        let taken = datagrams.len();
        if taken > 0 {
            let waited = self.control.clock().calendar().saturating_sub(oldest);
            self.step(now, Input::Waited(waited));
        }
        datagrams.for_each(|(from, bytes)| self.take(now, from, bytes));
        match receiver.overflow().wrapping_sub(overflow) {
            0 => {}
            dropped => self.control.metrics().kernel_dropped(dropped),
        }
        Ok(taken)
    }

    fn take(&mut self, now: Instant, from: SocketAddr, bytes: Bytes) {
        let owner = self.hand_over.owner(&bytes);
        let from = Peer::udp(from);
        if owner == self.number {
            self.step(now, Input::Message { from, bytes });
        } else if !self.hand_over.give(owner, Handed::Message(from, bytes)) {
            self.control.metrics().hand_over_dropped();
        }
    }

    /// Likewise for what the other workers and the connections handed over.
    fn take_handed(&mut self, now: Instant) -> bool {
        for _ in 0..BATCH {
            let input = match self.inbox.take() {
                Some(Handed::Message(from, bytes)) => Input::Message { from, bytes },
                Some(Handed::Lost(peer)) => Input::Unreachable(peer),
                Some(Handed::Told(ticket, answer)) => Input::Told(ticket, answer),
                None => return false,
            };
            self.step(now, input);
        }
        true
    }

    /// One input, and all that follows from it.
    fn step(&mut self, now: Instant, input: Input) {
        self.core.handle(now, input);
        while let Some(output) = self.core.poll() {
            match output {
                Output::Send { to, bytes } if to.transport == Transport::Udp => {
                    self.sender.push(to.address, bytes);
                }
                Output::Send { to, bytes } => self.streams.send(to, bytes),
                Output::Ask(ticket, question) => {
                    if let Some(answer) = self.answers.answer(ticket, question) {
                        self.core.handle(now, Input::Told(ticket, answer));
                    }
                }
                Output::Release(release) => self.answers.release(release),
                Output::Note(note) => self.note(&note),
            }
        }
    }

    /// Sends what waits, and what follows from what could not be sent; a request has few attempts, so this ends.
    fn flush(&mut self, now: Instant) {
        use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
        loop {
            let failed = self.sender.flush(&self.sockets);
            if failed.is_empty() {
                return;
            }
            for (to, error) in failed {
                self.control.metrics().send_failed();
                // These are about the destination: the core tries elsewhere. Others are about this datagram or this
                // moment: it is lost, and SIP sends again.
                if matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable) {
                    self.step(now, Input::Unreachable(Peer::udp(to)));
                }
            }
        }
    }

    fn note(&self, note: &Note) {
        self.control.metrics().note(note);
        match note {
            Note::SetOut { call_id, called, path, attempt, route_epoch, policy_revision } => tracing::info!(
                call_id, called = %Redact(called), path = %path, attempt, route_epoch, policy_revision, "call sets out"
            ),
            Note::Refused { label, code, why, call_id } => {
                tracing::info!(call_id, code, reason = label, why, "request refused");
            }
            Note::Hop(event) => self.control.hops().note(event),
            Note::Unanswered(peer) => self.answers.failed(*peer),
            Note::Overload(News::Began(hop, why)) => {
                tracing::warn!(%hop, why = why.label(), "hop is overloaded; it gets less");
            }
            Note::Overload(News::Ceased(hop)) => tracing::info!(%hop, "hop is well; it gets everything"),
            Note::Dropped(reason) => tracing::debug!(%reason, "datagram dropped"),
            Note::Absorbed => tracing::debug!("copy of a request absorbed"),
            Note::Request { .. }
            | Note::Answered(_)
            | Note::Media(_)
            | Note::Overload(News::Shed(_) | News::Refused | News::Ignored(_)) => {}
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "not for luck: what comes meanwhile waits in the socket")]
fn gather(pause: Duration) {
    thread::sleep(pause);
}
