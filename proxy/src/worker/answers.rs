//! The answers to what the core asks: the directory's at once, those of DNS after a while, by way of the worker's inbox,
//! so that no message ever waits for a name.

use super::hand_over::HandOver;
use crate::{
    control::Handle,
    core::{
        dial::Next,
        media::{Order, Release, Unanchored},
        question::{Answer, Host, Question, Ticket, Unresolved},
    },
    media,
    streams::Streams,
};
use ringway_node::dns::{self, DnsError, Resolver};
use ringway_sip::{Peer, Transport};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::runtime;

/// Resolutions that may be under way for one worker. A name that is known is answered within microseconds, so that these
/// are names that DNS is slow with: a flood of them.
const RESOLVING_MAX: usize = 2_048;

/// See the module.
pub(super) struct Answers {
    control: Handle,
    resolver: Option<Resolver>,
    streams: Streams,
    runtime: runtime::Handle,
    hand_over: HandOver,
    worker: usize,
    resolving: Arc<AtomicUsize>,
    /// The way to the media relays, if there are any.
    media: Option<media::Orders>,
}

impl Answers {
    /// For the worker of that number. To be called within the runtime on which names are resolved.
    pub(super) fn new(
        control: Handle,
        resolver: Option<Resolver>,
        streams: Streams,
        hand_over: HandOver,
        worker: usize,
        media: Option<media::Orders>,
    ) -> Self {
        let runtime = runtime::Handle::current();
        Self { control, resolver, streams, runtime, hand_over, worker, resolving: Arc::default(), media }
    }

    /// The answer, or `None` when it will come by the inbox.
    pub(super) fn answer(&self, ticket: Ticket, question: Question) -> Option<Answer> {
        let now_unix_us = self.control.clock().unix_us();
        let now_unix_ms = now_unix_us / 1_000;
        let directory = self.control.directory();
        match question {
            Question::Locate(aor) => Some(Answer::Located(directory.lookup(&aor, now_unix_ms))),
            Question::Register(change) => {
                let bindings = directory.register(&change, now_unix_us);
                Some(Answer::Registered { bindings, now_unix_ms })
            }
            Question::Resolve(places) => self.resolve(ticket, places),
            Question::Media(order) => self.rewrite(ticket, order),
        }
    }

    /// An element did not answer: the others of its host are tried before it for a while.
    pub(super) fn failed(&self, peer: Peer) {
        if let Some(resolver) = &self.resolver {
            let target = dns::Target { transport: in_dns(peer.transport), address: peer.address };
            resolver.failed(self.control.clock().now(), target);
        }
    }

    /// Gives back what a call had at the media relay.
    pub(super) fn release(&self, release: Release) {
        if let Some(media) = &self.media {
            media.release(release);
        }
    }

    fn rewrite(&self, ticket: Ticket, order: Box<Order>) -> Option<Answer> {
        let Some(media) = &self.media else {
            return Some(Answer::Media(Err(Unanchored::Away)));
        };
        let (runtime, hand_over, worker) = (self.runtime.clone(), self.hand_over.clone(), self.worker);
        media.rewrite(order, move |found| {
            runtime.spawn(hand_over.tell(worker, ticket, Answer::Media(found)));
        });
        None
    }

    fn resolve(&self, ticket: Ticket, places: Vec<Next>) -> Option<Answer> {
        let Some(resolver) = self.resolver.clone() else {
            return Some(Answer::Resolved(Err(Unresolved::Away)));
        };
        if self.resolving.fetch_add(1, Ordering::Relaxed) >= RESOLVING_MAX {
            self.resolving.fetch_sub(1, Ordering::Relaxed);
            return Some(Answer::Resolved(Err(Unresolved::Away)));
        }
        let (control, hand_over, streams) =
            (self.control.clone(), self.hand_over.clone(), self.streams.clone());
        let (worker, resolving) = (self.worker, Arc::clone(&self.resolving));
        self.runtime.spawn(async move {
            let found = addresses(&resolver, &control, &streams, &places).await;
            hand_over.tell(worker, ticket, Answer::Resolved(found)).await;
            resolving.fetch_sub(1, Ordering::Relaxed);
        });
        None
    }
}

/// All addresses of all places, in order. It is only an error when there is none at all.
async fn addresses(
    resolver: &Resolver,
    control: &Handle,
    streams: &Streams,
    places: &[Next],
) -> Result<Vec<Peer>, Unresolved> {
    let mut peers = Vec::new();
    let mut failed = Unresolved::Missing;
    for place in places {
        match place {
            Next::At(peer) => peers.push(*peer),
            Next::Named(Host { name, port, transport }) => {
                let now = control.clock().now();
                let found = resolver.resolve(now, name, *port, transport.map(in_dns), false).await;
                match found {
                    Ok(targets) => peers.extend(targets.iter().map(|target| peer(target, name, streams))),
                    Err(DnsError::Missing | DnsError::BadName | DnsError::Insecure) => {}
                    Err(DnsError::Away | DnsError::Busy | DnsError::Setup(_)) => failed = Unresolved::Away,
                }
            }
        }
    }
    if peers.is_empty() { Err(failed) } else { Ok(peers) }
}

/// A target of `host`. Over TLS, its certificate has to be for the name that was asked for, whatever DNS makes of it
/// (RFC 5922 §4).
fn peer(target: &dns::Target, host: &str, streams: &Streams) -> Peer {
    let transport = match target.transport {
        dns::Transport::Udp => Transport::Udp,
        dns::Transport::Tcp => Transport::Tcp,
        dns::Transport::Tls => Transport::Tls,
    };
    let peer = Peer::new(transport, target.address);
    match transport {
        Transport::Tls => Peer { way: streams.way_to(host).unwrap_or(peer.way), ..peer },
        Transport::Udp | Transport::Tcp => peer,
    }
}

fn in_dns(transport: Transport) -> dns::Transport {
    match transport {
        Transport::Udp => dns::Transport::Udp,
        Transport::Tcp => dns::Transport::Tcp,
        Transport::Tls => dns::Transport::Tls,
    }
}
