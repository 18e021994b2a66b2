//! The reflector's memory (RFC 8762 §4.3, stateful mode): how many probes each sender's socket got through.

use super::packet::{Answer, BYTES, Question};
use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Senders that are remembered at the same time.
const SESSIONS_MAX: usize = 4_096;
/// A sender that was silent for so long begins anew.
const IDLE: Duration = Duration::from_secs(60);

/// Answers probes of those nodes whom the shell lets in.
#[derive(Debug, Default)]
pub struct Reflector {
    sessions: HashMap<SocketAddr, Session>,
}

#[derive(Debug)]
struct Session {
    received: u32,
    last: Instant,
}

impl Reflector {
    /// The answer to a packet; `None` when it is no probe, or there is no room for another sender.
    pub fn reflect(
        &mut self,
        now: Instant,
        unix_us: u64,
        from: SocketAddr,
        packet: &[u8],
    ) -> Option<[u8; BYTES]> {
        let packet: &[u8; BYTES] = packet.try_into().ok()?;
        let question = Question::decode(packet)?;
        if self.sessions.len() >= SESSIONS_MAX && !self.sessions.contains_key(&from) {
            self.sessions.retain(|_, session| now.saturating_duration_since(session.last) < IDLE);
            if self.sessions.len() >= SESSIONS_MAX {
                return None;
            }
        }
        let session = self.sessions.entry(from).or_insert(Session { received: 0, last: now });
        let answer = Answer { sequence: session.received, question };
        session.received = session.received.wrapping_add(1);
        session.last = now;
        Some(answer.encode(packet, unix_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn each_sender_is_counted_by_itself_and_room_is_bounded() {
        let now = Instant::now();
        let mut reflector = Reflector::default();
        let probe = Question { sequence: 9, sent_unix_us: 0 }.encode();
        let mut ask = |now, port: u16, host: u8| {
            let from = SocketAddr::from(([127, 0, 0, host], port));
            reflector.reflect(now, 0, from, &probe).and_then(|packet| Answer::decode(&packet))
        };
        assert_eq!(ask(now, 1, 1), Some(Answer { sequence: 0, question: 9 }));
        assert_eq!(ask(now, 1, 1), Some(Answer { sequence: 1, question: 9 }));
        assert_eq!(ask(now, 2, 1), Some(Answer { sequence: 0, question: 9 }));
        for port in 3..5_000 {
            ask(now, port, 1);
        }
        assert_eq!(ask(now, 1, 2), None, "full");
        assert!(ask(now + IDLE, 1, 2).is_some(), "the idle ones made room");
    }
}
