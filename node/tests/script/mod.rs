//! A DNS server that misbehaves as a test wants it: what it sends for a query is the test's own choice.

use std::{
    collections::HashSet,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};
use tokio::{net::UdpSocket, task::JoinHandle};

/// `A` in a question.
pub(crate) const A: u16 = 1;
/// `SRV` in a question.
pub(crate) const SRV: u16 = 33;
/// `NAPTR` in a question.
pub(crate) const NAPTR: u16 = 35;

/// A server that answers by script, until it is dropped.
pub(crate) struct Script {
    pub(crate) address: SocketAddr,
    /// Id and kind of each packet.
    seen: Arc<Mutex<Vec<(u16, u16)>>>,
    task: JoinHandle<()>,
}

impl Script {
    /// Sends what `answer` makes of each query, in that order.
    pub(crate) async fn start(answer: impl Fn(&Query) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = socket.local_addr().expect("a bound socket has an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        let task = tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let query = Query(buffer[..length].to_vec());
                log.lock().expect("no test panics while it writes").push((query.id(), query.kind()));
                for packet in answer(&query) {
                    socket.send_to(&packet, from).await.expect("loopback takes a datagram");
                }
            }
        });
        Self { address, seen, task }
    }

    /// Packets that came.
    pub(crate) fn packets(&self) -> usize {
        self.seen.lock().expect("no test panics while it writes").len()
    }

    /// Queries of this kind that came: a packet that was sent again has the same id and is the same query.
    pub(crate) fn queries(&self, kind: u16) -> usize {
        let seen = self.seen.lock().expect("no test panics while it writes");
        seen.iter().filter(|(_, of)| *of == kind).collect::<HashSet<_>>().len()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One query as it came (RFC 1035 §4).
pub(crate) struct Query(Vec<u8>);

impl Query {
    fn id(&self) -> u16 {
        u16::from_be_bytes([self.0[0], self.0[1]])
    }

    /// The type of record that is asked for.
    pub(crate) fn kind(&self) -> u16 {
        let end = self.question_end();
        u16::from_be_bytes([self.0[end - 4], self.0[end - 3]])
    }

    /// An answer: this address when one is given, and the code (0 is good, 2 is SERVFAIL).
    pub(crate) fn answer(&self, code: u8, address: Option<[u8; 4]>) -> Vec<u8> {
        let mut packet = self.0[..self.question_end()].to_vec();
        packet[2] = 0x81;
        packet[3] = 0x80 | code;
        // One question; one answer or none; no authority, nothing additional.
        packet[6..12].copy_from_slice(&[0, u8::from(address.is_some()), 0, 0, 0, 0]);
        if let Some(address) = address {
            // The name of the question, type A, class IN, 60 s, four octets.
            packet.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            packet.extend(address);
        }
        packet
    }

    fn question_end(&self) -> usize {
        let name = self.0[12..].iter().position(|&octet| octet == 0).expect("the name ends with the root");
        12 + name + 1 + 4
    }
}
