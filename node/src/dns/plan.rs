//! RFC 3263 §4: from a URI to the servers of its domain, as a machine that asks and is answered.
//!
//! It knows neither sockets nor time. [`Plan::poll`] says what to ask; questions that come out together may be asked
//! together; [`Plan::handle`] takes the answers in any order; [`Plan::give_up`] makes the best of what is known.

mod services;

use super::{
    Family, Request, Transport,
    question::{Answer, Kind, Question, Record},
    srv::Server,
    target::Host,
};
use services::Service;
use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

/// Hosts that one domain can make us look up. More than a domain has, and few enough that a hostile one cannot make us
/// flood others with questions. Those of the best rank and priority stay.
const SERVERS_MAX: usize = 16;
/// Addresses of one host and family that are kept.
const ADDRESSES_MAX: usize = 8;

/// What the plan wants next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    /// Ask this.
    Ask(Question),
    /// It is over.
    Done(Outcome),
}

/// What a plan came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Servers with addresses, in no order yet; see [`order`](super::srv::order).
    Found {
        /// At least one, each with at least one address.
        servers: Arc<[Server]>,
        /// How long this holds.
        ttl: Duration,
        /// True when some questions failed, so that there may be more to know.
        partial: bool,
    },
    /// DNS knows no address for this.
    Missing {
        /// How long that holds, if that was said.
        ttl: Option<Duration>,
    },
    /// Too little was answered to know.
    Away,
}

/// One resolution.
///
/// ```text
///                no port, no transport          a pointer, or none
///  ┌─ start ───────────────────────► Pointers ─────────────────────► Services ─┐
///  │    ├─ transport, no port ─────────(NAPTR)──────────────────────►  (SRV)   │ hosts, or
///  │    └─ port ────────────────────────────────────────► Addresses ◄──────────┘ none at all
///  └─ numeric ───────────────────────────────► Done ◄────── (A, AAAA)
/// ```
#[derive(Debug)]
pub(super) struct Plan {
    request: Request,
    prefer: Family,
    stage: Stage,
    outputs: VecDeque<Output>,
    pending: Vec<Question>,
    services: Vec<Service>,
    servers: Vec<Candidate>,
    ttl: Duration,
    ttl_of_nothing: Option<Duration>,
    is_partial: bool,
    is_service_lost: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Pointers,
    Services,
    Addresses,
    Done,
}

/// A server whose addresses are not known yet.
#[derive(Debug)]
struct Candidate {
    host: Arc<str>,
    port: u16,
    server: Server,
}

impl Plan {
    /// Begins.
    #[must_use]
    pub(super) fn new(request: Request, prefer: Family) -> Self {
        let mut this = Self {
            request,
            prefer,
            stage: Stage::Pointers,
            outputs: VecDeque::new(),
            pending: Vec::new(),
            services: Vec::new(),
            servers: Vec::new(),
            ttl: Duration::MAX,
            ttl_of_nothing: None,
            is_partial: false,
            is_service_lost: false,
        };
        this.start();
        this
    }

    /// Takes the answer to a question that was asked. Others are ignored.
    pub(super) fn handle(&mut self, question: &Question, answer: Answer) {
        let Some(place) = self.pending.iter().position(|pending| pending == question) else { return };
        self.pending.swap_remove(place);
        match answer {
            Answer::Records { records, ttl } => {
                self.ttl = self.ttl.min(ttl);
                self.take(question, &records);
            }
            Answer::Nothing { ttl } => {
                self.ttl_of_nothing = [self.ttl_of_nothing, ttl].into_iter().flatten().min();
            }
            Answer::Failed => {
                self.is_partial = true;
                self.is_service_lost |= question.kind == Kind::Srv;
            }
        }
        if self.pending.is_empty() {
            self.advance();
        }
    }

    /// No more answers will come: what is pending has failed.
    pub(super) fn give_up(&mut self) {
        while let Some(question) = self.pending.last().cloned() {
            self.handle(&question, Answer::Failed);
        }
    }

    /// What to do next; `None` until the next answer.
    pub(super) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn start(&mut self) {
        let Request { host, port, transport, sips } = self.request.clone();
        match (host, port, transport) {
            // RFC 3263 §4.1, §4.2: a numeric host is its own answer.
            (Host::Numeric(address), ..) => self.finish_numeric(address),
            // RFC 3263 §4.2: with a port there is no choice left to SRV.
            (Host::Name(_), Some(_), _) => self.ask_own_host(),
            // RFC 3263 §4.1: the URI has chosen the transport.
            (Host::Name(name), None, Some(transport)) => {
                self.services = vec![Service::of(transport, &name)];
                self.ask_services();
            }
            (Host::Name(name), None, None) => {
                // RFC 3263 §4.1: until NAPTR says otherwise, each transport that the URI allows is looked for.
                self.services = services::default(&name, sips);
                self.ask(Question { name, kind: Kind::Naptr });
            }
        }
    }

    fn take(&mut self, question: &Question, records: &[Record]) {
        match question.kind {
            Kind::Naptr => {
                if let Some(named) = services::pointed(records, self.request.sips) {
                    self.services = named;
                }
            }
            Kind::Srv => self.take_servers(question, records),
            Kind::A | Kind::Aaaa => self.take_addresses(question, records),
        }
    }

    fn take_servers(&mut self, question: &Question, records: &[Record]) {
        for (rank, service) in (0..).zip(&mut self.services) {
            if service.name != question.name {
                continue;
            }
            for record in records {
                let Record::Srv { priority, weight, port, host } = record else { continue };
                if host.is_empty() {
                    // RFC 2782: a target of "." means that this service is decidedly not available here.
                    service.is_declined = true;
                    continue;
                }
                let (priority, weight, transport) = (*priority, *weight, service.transport);
                let server = Server { rank, priority, weight, transport, addresses: Vec::new() };
                self.servers.push(Candidate { host: host.clone(), port: *port, server });
            }
        }
    }

    fn take_addresses(&mut self, question: &Question, records: &[Record]) {
        for candidate in self.servers.iter_mut().filter(|candidate| candidate.host == question.name) {
            let addresses = records.iter().filter_map(|record| match record {
                Record::Address(address) => Some(SocketAddr::new(*address, candidate.port)),
                Record::Naptr { .. } | Record::Srv { .. } => None,
            });
            candidate.server.addresses.extend(addresses.take(ADDRESSES_MAX));
        }
    }

    /// All that was asked is answered.
    fn advance(&mut self) {
        match self.stage {
            Stage::Pointers => self.ask_services(),
            Stage::Services if !self.servers.is_empty() => self.ask_addresses(),
            // An SRV record may be there that we failed to see. The domain's own address is often that of its web
            // server: better no answer than that one.
            Stage::Services if self.is_service_lost => self.finish(Outcome::Away),
            Stage::Services if self.services.iter().any(|service| service.is_declined) => {
                self.finish(Outcome::Missing { ttl: self.ttl_of_nothing });
            }
            // RFC 3263 §4.1, §4.2: no SRV records, so the name itself is the host.
            Stage::Services => self.ask_own_host(),
            Stage::Addresses => self.finish_with_addresses(),
            Stage::Done => unreachable!("nothing is pending after the end"),
        }
    }

    fn ask_services(&mut self) {
        self.stage = Stage::Services;
        let names: Vec<Arc<str>> = self.services.iter().map(|service| service.name.clone()).collect();
        for name in names {
            self.ask(Question { name, kind: Kind::Srv });
        }
    }

    fn ask_own_host(&mut self) {
        let Host::Name(host) = self.request.host.clone() else {
            unreachable!("a numeric host ends the plan at its start")
        };
        let transport = self.own_transport();
        let port = self.request.port.unwrap_or(transport.default_port());
        let server = Server { rank: 0, priority: 0, weight: 0, transport, addresses: Vec::new() };
        self.servers = vec![Candidate { host, port, server }];
        self.ask_addresses();
    }

    /// RFC 3263 §4.1: without a word from the URI or from DNS, UDP for `sip` and TLS for `sips`. When NAPTR named a
    /// service that has no SRV records, its transport is the domain's word.
    fn own_transport(&self) -> Transport {
        let named = self.services.first().filter(|service| service.is_named).map(|service| service.transport);
        let default = if self.request.sips { Transport::Tls } else { Transport::Udp };
        self.request.transport.or(named).unwrap_or(default)
    }

    fn ask_addresses(&mut self) {
        self.stage = Stage::Addresses;
        self.servers.sort_by_key(|candidate| (candidate.server.rank, candidate.server.priority));
        self.servers.truncate(SERVERS_MAX);
        let hosts: Vec<Arc<str>> = self.servers.iter().map(|candidate| candidate.host.clone()).collect();
        for host in hosts {
            self.ask(Question { name: host.clone(), kind: Kind::A });
            self.ask(Question { name: host, kind: Kind::Aaaa });
        }
    }

    /// Asks, unless that is being asked already: several ports of one host need one lookup.
    fn ask(&mut self, question: Question) {
        if !self.pending.contains(&question) {
            self.pending.push(question.clone());
            self.outputs.push_back(Output::Ask(question));
        }
    }

    fn finish_numeric(&mut self, address: IpAddr) {
        let transport = self.own_transport();
        let port = self.request.port.unwrap_or(transport.default_port());
        let addresses = vec![SocketAddr::new(address, port)];
        let server = Server { rank: 0, priority: 0, weight: 0, transport, addresses };
        self.finish(Outcome::Found { servers: [server].into(), ttl: Duration::MAX, partial: false });
    }

    fn finish_with_addresses(&mut self) {
        let prefer = self.prefer;
        let reachable = self.servers.drain(..).map(|candidate| candidate.server);
        let mut servers: Vec<Server> = reachable.filter(|server| !server.addresses.is_empty()).collect();
        for server in &mut servers {
            server.addresses.sort_by_key(|address| prefer.is_other(address.ip()));
        }
        let outcome = if !servers.is_empty() {
            Outcome::Found { servers: servers.into(), ttl: self.ttl, partial: self.is_partial }
        } else if self.is_partial {
            Outcome::Away
        } else {
            Outcome::Missing { ttl: self.ttl_of_nothing }
        };
        self.finish(outcome);
    }

    fn finish(&mut self, outcome: Outcome) {
        self.stage = Stage::Done;
        // Questions that nobody took yet are moot.
        self.outputs.clear();
        self.outputs.push_back(Output::Done(outcome));
    }
}

#[cfg(test)]
mod tests;
