//! Phones: SIP user agents over UDP, callers and callees at once. They read and write SIP with rsip, never with the
//! product's own parser, and they report what they see on the wire.

mod agent;
mod callee;
mod caller;
mod dialog;
mod message;
mod report;
#[cfg(test)]
mod tests;
mod timer;

use std::{io, net::SocketAddrV4, sync::Arc, time::Duration};

use tokio::{
    net::UdpSocket,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::sleep_until,
};

use self::agent::Agent;
pub use self::report::{CallEnd, CallReport, PhoneEvent};
use crate::clock;

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
}

/// A running phone; drop ends it, calls and all.
pub struct Phone {
    orders: mpsc::Sender<CallOrder>,
    task: JoinHandle<()>,
}

struct CallOrder {
    from: String,
    to: String,
    talk: Duration,
    call_id: oneshot::Sender<Option<String>>,
}

/// What leaves the pure half of a phone.
#[derive(Debug)]
enum Output {
    Send { to: SocketAddrV4, bytes: Vec<u8> },
    Event(PhoneEvent),
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
        let agent = Agent::new(config, seed);
        let task = tokio::spawn(run(agent, Arc::new(socket), inbox, events));
        Ok(Self { orders, task })
    }

    /// Calls number `to`, showing number `from`, and hangs up after `talk`. Gives the Call-ID; None when the phone
    /// has ended or the numbers make no URI.
    pub async fn call(&self, from: &str, to: &str, talk: Duration) -> Option<String> {
        let (call_id, placed) = oneshot::channel();
        let order = CallOrder { from: from.into(), to: to.into(), talk, call_id };
        self.orders.send(order).await.ok()?;
        placed.await.ok()?
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    mut agent: Agent,
    socket: Arc<UdpSocket>,
    mut orders: mpsc::Receiver<CallOrder>,
    events: mpsc::Sender<PhoneEvent>,
) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        let deadline = agent.deadline();
        let wait = async {
            match deadline {
                Some(deadline) => sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            received = socket.recv_from(&mut buffer) => match received {
                Ok((length, source)) => {
                    if let Some(source) = message::ipv4(source) {
                        agent.handle(clock::now(), &buffer[..length], source);
                    }
                }
                Err(error) => tracing::debug!(%error, "phone: receive"),
            },
            order = orders.recv() => match order {
                Some(order) => {
                    let call_id = agent.place(clock::now(), &order.from, &order.to, order.talk);
                    let _ = order.call_id.send(call_id);
                }
                None => return,
            },
            () = wait => agent.expire(clock::now()),
        }
        pump(&mut agent, &socket, &events).await;
    }
}

async fn pump(agent: &mut Agent, socket: &UdpSocket, events: &mpsc::Sender<PhoneEvent>) {
    while let Some(output) = agent.poll() {
        match output {
            Output::Send { to, bytes } => {
                if let Err(error) = socket.send_to(&bytes, to).await {
                    tracing::debug!(%error, %to, "phone: send");
                }
            }
            Output::Event(event) => {
                if events.try_send(event).is_err() {
                    tracing::warn!("nobody takes the events of this phone; one is lost");
                }
            }
        }
    }
}
