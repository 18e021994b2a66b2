//! Phones: SIP user agents over UDP, callers and callees at once. They read and write SIP with rsip, never with the
//! product's own parser, and they report what they see on the wire. From answer to BYE they speak to each other: real RTP
//! to wherever the session description of the other end says, by way of the lab's [`Studio`].

mod agent;
mod callee;
mod caller;
mod dialog;
mod message;
#[cfg(test)]
mod relay_tests;
mod renewal;
mod report;
mod sdp;
#[cfg(test)]
mod tests;
mod timer;
mod voice;
#[cfg(test)]
mod voice_tests;

use std::{collections::HashMap, io, net::SocketAddrV4, time::Duration};

use tokio::{
    net::UdpSocket,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::sleep_until,
};

use self::agent::Agent;
pub use self::report::{CallEnd, CallReport, PhoneEvent};
use crate::{
    clock,
    media::{Line, Order, Studio},
};

/// Orders that wait for the phone's task; a scenario places a few a second.
const ORDERS: usize = 64;
const MAX_DATAGRAM: usize = 65_535;

/// How a phone is set up.
#[derive(Clone, Debug)]
pub struct PhoneConfig {
    /// Where it listens and sends from.
    pub address: SocketAddrV4,
    /// Its outbound proxies: the next one is tried when one does not answer. RFC 3261 §8.1.2.
    pub proxies: Vec<SocketAddrV4>,
    /// The host part of the URIs it calls and calls itself by.
    pub domain: String,
    /// From 180 to 200.
    pub ring: Duration,
    /// Where its voice is spoken, heard and recorded.
    pub studio: Studio,
}

/// A running phone; drop ends it, calls and all.
pub struct Phone {
    orders: mpsc::Sender<CallOrder>,
    task: JoinHandle<()>,
}

enum CallOrder {
    Place { from: String, to: String, talk: Duration, call_id: oneshot::Sender<Option<String>> },
    HangUp { call_id: String },
}

/// What leaves the pure half of a phone.
#[derive(Debug)]
enum Output {
    Send { to: SocketAddrV4, bytes: Vec<u8> },
    Event(PhoneEvent),
    Voice { port: u16, order: Order },
}

/// What the pure half of a phone runs on.
struct Shell {
    agent: Agent,
    socket: UdpSocket,
    studio: Studio,
    /// The pairs of ports of its calls, by the first one; one more lies ready for the next call.
    lines: HashMap<u16, Line>,
    events: mpsc::Sender<PhoneEvent>,
}

impl Phone {
    /// Binds the phone and starts it. Events of its calls, placed and taken, go to `events`; a full channel loses
    /// them with a warning.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(config: PhoneConfig, seed: u64, events: mpsc::Sender<PhoneEvent>) -> io::Result<Self> {
        let socket = UdpSocket::bind(config.address).await?;
        let (orders, inbox) = mpsc::channel(ORDERS);
        let studio = config.studio.clone();
        let agent = Agent::new(config, seed);
        let shell = Shell { agent, socket, studio, lines: HashMap::new(), events };
        Ok(Self { orders, task: tokio::spawn(shell.run(inbox)) })
    }

    /// Calls number `to`, showing number `from`, and hangs up after `talk`. Gives the Call-ID; None when the phone
    /// has ended, the numbers make no URI, or the host has no ports left.
    pub async fn call(&self, from: &str, to: &str, talk: Duration) -> Option<String> {
        let (call_id, placed) = oneshot::channel();
        let order = CallOrder::Place { from: from.into(), to: to.into(), talk, call_id };
        self.orders.send(order).await.ok()?;
        placed.await.ok()?
    }

    /// Hangs up a call that was placed here; one that is not answered yet, as soon as it is.
    pub async fn hang_up(&self, call_id: &str) {
        // A phone that has ended has no calls.
        let _ = self.orders.send(CallOrder::HangUp { call_id: call_id.into() }).await;
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shell {
    async fn run(mut self, mut orders: mpsc::Receiver<CallOrder>) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            self.lay_port();
            let deadline = self.agent.deadline();
            let wait = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                received = self.socket.recv_from(&mut buffer) => match received {
                    Ok((length, source)) => {
                        if let Some(source) = message::ipv4(source) {
                            self.agent.handle(clock::now(), &buffer[..length], source);
                        }
                    }
                    Err(error) => tracing::debug!(%error, "phone: receive"),
                },
                order = orders.recv() => match order {
                    Some(CallOrder::Place { from, to, talk, call_id }) => {
                        let _ = call_id.send(self.agent.place(clock::now(), &from, &to, talk));
                    }
                    Some(CallOrder::HangUp { call_id }) => self.agent.hang_up(clock::now(), &call_id),
                    None => return,
                },
                () = wait => self.agent.expire(clock::now()),
            }
            self.pump().await;
        }
    }

    fn lay_port(&mut self) {
        if !self.agent.wants_port() {
            return;
        }
        match self.socket.local_addr().map(message::ipv4) {
            Ok(Some(own)) => match self.studio.open(*own.ip()) {
                Ok(line) => {
                    self.agent.lay_port(line.port());
                    self.lines.insert(line.port(), line);
                }
                Err(error) => tracing::warn!(%error, "phone: no port for the voice of the next call"),
            },
            Ok(None) | Err(_) => unreachable!("the socket is bound to an IPv4 address"),
        }
    }

    async fn pump(&mut self) {
        while let Some(output) = self.agent.poll() {
            match output {
                Output::Send { to, bytes } => {
                    if let Err(error) = self.socket.send_to(&bytes, to).await {
                        tracing::debug!(%error, %to, "phone: send");
                    }
                }
                Output::Event(event) => {
                    if self.events.try_send(event).is_err() {
                        tracing::warn!("nobody takes the events of this phone; one is lost");
                    }
                }
                // A line that is let go ends its leg.
                Output::Voice { port, order: Order::Stop } => drop(self.lines.remove(&port)),
                Output::Voice { port, order } => {
                    if let Some(line) = self.lines.get(&port) {
                        line.order(order);
                    }
                }
            }
        }
    }
}
