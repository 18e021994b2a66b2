//! All the calls of one phone. Pure: datagrams, orders and time in; datagrams and events out.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddrV4,
    time::{Duration, Instant},
};

use rsip::{Method, Request, Response, SipMessage};

use super::{
    Output, PhoneConfig, PhoneEvent,
    callee::Callee,
    caller::{Caller, Order},
    message::{Identity, answer_address, parse, print_response, tag, via_stack},
};

pub(super) struct Agent {
    config: PhoneConfig,
    rng: fastrand::Rng,
    callers: HashMap<String, Caller>,
    callees: HashMap<(String, String), Callee>,
    /// For RTP; the next call takes it.
    port: Option<u16>,
    output: VecDeque<Output>,
}

impl Agent {
    pub(super) fn new(config: PhoneConfig, seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        let (callers, callees) = (HashMap::new(), HashMap::new());
        Self { config, rng, callers, callees, port: None, output: VecDeque::new() }
    }

    /// Whether the next call would find no port.
    pub(super) fn wants_port(&self) -> bool {
        self.port.is_none()
    }

    /// Lays out a port for the RTP of the next call.
    pub(super) fn lay_port(&mut self, port: u16) {
        self.port = Some(port);
    }

    /// Places a call and gives its Call-ID.
    pub(super) fn place(&mut self, now: Instant, from: &str, to: &str, talk: Duration) -> Option<String> {
        let port = self.port?;
        let token = self.rng.u64(..);
        let order = Order {
            call_id: format!("{:016x}@{}", self.rng.u64(..), self.config.address.ip()),
            from: from.to_owned(),
            to: to.to_owned(),
            domain: self.config.domain.clone(),
            token,
            local: self.config.address,
            port,
            proxies: self.config.proxies.clone(),
            talk,
        };
        let call_id = order.call_id.clone();
        let mut caller = Caller::place(now, order)?;
        self.port = None;
        drain(&mut self.output, || caller.poll());
        self.callers.insert(call_id.clone(), caller);
        Some(call_id)
    }

    /// Hangs up a call that was placed here.
    pub(super) fn hang_up(&mut self, now: Instant, call_id: &str) {
        if let Some(caller) = self.callers.get_mut(call_id) {
            caller.leave(now);
            drain(&mut self.output, || caller.poll());
        }
    }

    pub(super) fn handle(&mut self, now: Instant, datagram: &[u8], source: SocketAddrV4) {
        match parse(datagram) {
            Some(SipMessage::Request(request)) => self.handle_request(now, request, source),
            Some(SipMessage::Response(response)) => self.handle_response(now, &response, datagram),
            None => tracing::warn!(%source, length = datagram.len(), "rsip cannot read this; dropped"),
        }
    }

    pub(super) fn expire(&mut self, now: Instant) {
        for caller in self.callers.values_mut() {
            caller.expire(now);
            drain(&mut self.output, || caller.poll());
        }
        for callee in self.callees.values_mut() {
            callee.expire(now);
            drain(&mut self.output, || callee.poll());
        }
        self.callers.retain(|_, caller| !caller.is_forgotten(now));
        self.callees.retain(|_, callee| !callee.is_forgotten(now));
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let callers = self.callers.values().map(Caller::deadline);
        callers.chain(self.callees.values().map(Callee::deadline)).min()
    }

    fn handle_response(&mut self, now: Instant, response: &Response, raw: &[u8]) {
        let Some(identity) = Identity::of(response) else { return };
        if let Some(caller) = self.callers.get_mut(&identity.call_id) {
            caller.handle(now, response, raw, &identity);
            drain(&mut self.output, || caller.poll());
        }
    }

    fn handle_request(&mut self, now: Instant, request: Request, source: SocketAddrV4) {
        let Some(identity) = Identity::of(&request) else { return };
        let Some(from_tag) = tag(&identity.from) else { return };
        let quiet = matches!(request.method, Method::Ack | Method::Bye | Method::Cancel);
        if tag(&identity.to).is_some() && !quiet {
            let (call_id, method) = (identity.call_id.clone(), request.method.to_string());
            self.output.push_back(Output::Event(PhoneEvent::Asked { call_id, method }));
        }
        let key = (identity.call_id.clone(), from_tag.to_owned());
        if let Some(callee) = self.callees.get_mut(&key) {
            callee.handle(now, &request, &identity, source);
            return drain(&mut self.output, || callee.poll());
        }
        if let Some(caller) = self.callers.get_mut(&key.0).filter(|caller| caller.is_peer(from_tag)) {
            caller.handle_request(now, &request, &identity, source);
            return drain(&mut self.output, || caller.poll());
        }
        match request.method {
            Method::Invite if tag(&identity.to).is_none() => {
                // A host without free ports: there is nothing to answer with.
                let Some(port) = self.port.take() else {
                    return self.reply(&request, source, (503, "Service Unavailable"));
                };
                let (chance, at) = ((self.rng.u64(..), self.config.ring), (self.config.address, port));
                let callee = Callee::ring(now, request, (&identity, source), at, chance);
                let Some(mut callee) = callee else { return self.port = Some(port) };
                drain(&mut self.output, || callee.poll());
                self.callees.insert(key, callee);
            }
            Method::Ack => {}
            Method::Options => self.reply(&request, source, (200, "OK")),
            _ => self.reply(&request, source, (481, "Call/Transaction Does Not Exist")),
        }
    }

    fn reply(&mut self, request: &Request, source: SocketAddrV4, status: (u16, &str)) {
        let to_tag = format!("{:x}", self.rng.u64(..));
        if let Some(top) = via_stack(&request.headers).first() {
            let bytes = print_response(request, status, &to_tag, None, None);
            self.output.push_back(Output::Send { to: answer_address(top, source), bytes });
        }
    }
}

fn drain(output: &mut VecDeque<Output>, poll: impl FnMut() -> Option<Output>) {
    output.extend(std::iter::from_fn(poll));
}
