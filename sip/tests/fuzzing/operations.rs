//! Sequences of operations on the transaction layer, two bytes an operation: what is done, and to whom.

use std::time::{Duration, Instant};

use bytes::Bytes;
use ringway_sip::{ClientId, Layer, Limits, Message, Method, Output, Peer, Reply, ServerId, Timing};

const METHODS: [&str; 4] = ["INVITE", "ACK", "CANCEL", "OPTIONS"];
const CODES: [u16; 8] = [100, 180, 200, 302, 408, 486, 503, 603];
/// 64 T1, the patience of every transaction.
const PATIENCE: Duration = Duration::from_secs(32);

/// Whatever is done in whatever order: what is due has been done, every output can be used, and in the end nothing is
/// left.
pub(crate) fn transaction_ops(data: &[u8]) {
    let mut world = World::new();
    for operation in data.chunks_exact(2).take(500) {
        world.take(operation[0], operation[1]);
    }
    world.wind_down();
}

/// The layer and what its user remembers.
struct World {
    layer: Layer,
    now: Instant,
    clients: Vec<ClientId>,
    servers: Vec<(ServerId, Message)>,
}

impl World {
    fn new() -> World {
        let layer = Layer::new(Timing::default());
        World { layer, now: epoch(), clients: Vec::new(), servers: Vec::new() }
    }

    /// Does `what`; the bits of `whom` choose method, branch, status, or one of the ids seen so far.
    fn take(&mut self, what: u8, whom: u8) {
        let (layer, now) = (&mut self.layer, self.now);
        let (method, branch, code) =
            (METHODS[usize::from(whom & 3)], whom >> 2 & 3, CODES[usize::from(whom >> 5)]);
        match what % 8 {
            0 => layer.receive(now, near(), request(method, branch)),
            1 => layer.receive(now, far(), response(&request(method, branch), code)),
            2 => {
                // The user starts INVITE and OPTIONS; ACK and CANCEL are the layer's own.
                let method = if whom & 1 == 0 { "INVITE" } else { "OPTIONS" };
                let request = request(method, branch);
                let bytes = request.raw().clone();
                let via = request.via();
                self.clients.push(layer.request(now, far(), via.branch(), Method::from(method), bytes));
            }
            3 => {
                if let Some((id, request)) = pick(&self.servers, whom) {
                    layer.respond(now, *id, code, response(request, code).raw().clone());
                }
            }
            4 => {
                if let Some(&id) = pick(&self.clients, whom) {
                    self.clients.extend(layer.cancel(now, id));
                }
            }
            5 => layer.transport_failed(now, if whom == 0 { far() } else { near() }),
            6 => {
                if let Some(&id) = pick(&self.clients, whom) {
                    layer.abandon_client(id);
                }
                if let Some((id, _)) = pick(&self.servers, whom) {
                    layer.abandon_server(*id);
                }
            }
            _ => {
                self.now += Duration::from_millis(u64::from(whom) * 25);
                layer.tick(self.now);
                let due = layer.deadline().is_some_and(|at| at <= self.now);
                assert!(!due, "what was due has been done");
            }
        }
        self.listen();
    }

    /// Takes all outputs. What is to be sent is a message.
    fn listen(&mut self) {
        while let Some(output) = self.layer.poll() {
            match output {
                Output::Request { id, message, .. } | Output::Cancel { id, message, .. } => {
                    assert!(message.is_request());
                    self.servers.push((id, message));
                }
                Output::Send { bytes, .. } => {
                    assert!(Message::parse(bytes, &Limits::default()).is_ok(), "what is sent is a message");
                }
                Output::Response { message, .. } | Output::Stray { message, .. } => {
                    assert!(!message.is_request());
                }
                _ => {}
            }
        }
    }

    /// The user answers what is open and cancels what rings; then only time passes, 64 T1 at most.
    fn wind_down(mut self) {
        for (id, request) in std::mem::take(&mut self.servers) {
            self.layer.respond(self.now, id, 500, response(&request, 500).raw().clone());
        }
        for id in std::mem::take(&mut self.clients) {
            self.layer.cancel(self.now, id);
        }
        self.listen();
        let end = self.now + PATIENCE;
        while let Some(at) = self.layer.deadline() {
            assert!(at <= end, "64 T1 end everything");
            self.layer.tick(at);
            self.listen();
        }
        assert_eq!((self.layer.clients(), self.layer.servers()), (0, 0), "nothing stays");
    }
}

/// One of four transactions: with a branch, with another, without the cookie (RFC 2543), without a branch.
fn request(method: &str, branch: u8) -> Message {
    let branch = [";branch=z9hG4bK1", ";branch=z9hG4bK2", ";branch=old", ""][usize::from(branch)];
    parse(Bytes::from(format!(
        "{method} sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;rport{branch}\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n\
         Call-ID: x\r\nCSeq: 7 {method}\r\nContent-Length: 0\r\n\r\n"
    )))
}

fn response(request: &Message, code: u16) -> Message {
    parse(Reply::new(request, near().address, code, "So").to_tag("2").finish())
}

fn parse(bytes: Bytes) -> Message {
    Message::parse(bytes, &Limits::default()).expect("the fuzzer writes proper messages here")
}

fn pick<T>(among: &[T], number: u8) -> Option<&T> {
    among.get(usize::from(number).checked_rem(among.len())?)
}

fn near() -> Peer {
    Peer::udp(([192, 0, 2, 1], 5062).into())
}

fn far() -> Peer {
    Peer::udp(([198, 51, 100, 9], 5060).into())
}

#[expect(
    clippy::disallowed_methods,
    reason = "std offers no other way to an Instant; only differences to it count"
)]
fn epoch() -> Instant {
    Instant::now()
}
