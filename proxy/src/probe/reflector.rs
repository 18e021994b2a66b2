//! The reflector's memory (RFC 8762 §4.3, stateful mode): how many probes each sender's lane got through.

use super::{
    packet::{Answer, BYTES, Question, Unfit},
    replay::Seen,
};
use ringway_node::mac::Mac;
use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Lanes that are remembered at the same time.
const SESSIONS_MAX: usize = 8_192;
/// A sender that was silent for so long begins anew.
const IDLE: Duration = Duration::from_secs(60);

/// Answers probes of those nodes whom the shell lets in.
#[derive(Debug)]
pub struct Reflector {
    key: Mac,
    sessions: HashMap<SocketAddr, Session>,
}

#[derive(Debug)]
struct Session {
    received: u32,
    seen: Seen,
    last: Instant,
}

/// Why a packet is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// No probe, or none for this node.
    Unfit(Unfit),
    /// Its number was seen before.
    Replayed,
    /// There is no room for another sender.
    Full,
}

impl Unanswered {
    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Unfit(unfit) => unfit.label(),
            Self::Replayed => "replayed",
            Self::Full => "full",
        }
    }
}

impl Reflector {
    /// Answers what is sealed with this key.
    #[must_use]
    pub fn new(key: Mac) -> Self {
        Self { key, sessions: HashMap::new() }
    }

    /// The answer to a packet.
    ///
    /// # Errors
    /// When there is none: a replayed or forged packet is neither answered nor counted as an arrival.
    pub fn reflect(
        &mut self,
        now: Instant,
        unix_us: u64,
        from: SocketAddr,
        packet: &[u8],
    ) -> Result<[u8; BYTES], Unanswered> {
        let (question, session) = Question::decode(packet, &self.key).map_err(Unanswered::Unfit)?;
        let packet: &[u8; BYTES] = packet.try_into().map_err(|_| Unanswered::Unfit(Unfit::Malformed))?;
        let idle = |session: &Session| now.saturating_duration_since(session.last) >= IDLE;
        if self.sessions.get(&from).is_some_and(idle) {
            self.sessions.remove(&from);
        }
        if self.sessions.len() >= SESSIONS_MAX && !self.sessions.contains_key(&from) {
            self.sessions.retain(|_, session| !idle(session));
            if self.sessions.len() >= SESSIONS_MAX {
                return Err(Unanswered::Full);
            }
        }
        let known = match self.sessions.get_mut(&from) {
            Some(known) => {
                if !known.seen.take(question) {
                    return Err(Unanswered::Replayed);
                }
                known
            }
            None => self.sessions.entry(from).or_insert(Session {
                received: 0,
                seen: Seen::new(question),
                last: now,
            }),
        };
        let answer = Answer { sequence: known.received, question, session };
        known.received = known.received.wrapping_add(1);
        known.last = now;
        Ok(answer.encode(packet, unix_us, &self.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Mac {
        Mac::new(&[3; 16])
    }

    fn probe(sequence: u32) -> [u8; BYTES] {
        Question { sequence, session: 5, sent_unix_us: 0 }.encode(&key())
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn each_sender_is_counted_by_itself_and_room_is_bounded() {
        let now = Instant::now();
        let mut reflector = Reflector::new(key());
        let mut ask = |now, port: u16, host: u8, sequence| {
            let from = SocketAddr::from(([127, 0, 0, host], port));
            let packet = reflector.reflect(now, 0, from, &probe(sequence))?;
            Ok(Answer::decode(&packet, &key()).expect("an answer").sequence)
        };
        assert_eq!(ask(now, 1, 1, 9), Ok(0));
        assert_eq!(ask(now, 1, 1, 10), Ok(1));
        assert_eq!(ask(now, 2, 1, 9), Ok(0));
        for port in 3..9_000 {
            let _ = ask(now, port, 1, 9);
        }
        assert_eq!(ask(now, 1, 2, 9), Err(Unanswered::Full));
        assert_eq!(ask(now + IDLE, 1, 2, 9), Ok(0), "the idle ones made room");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn replayed_and_forged_probes_are_neither_answered_nor_counted() {
        let now = Instant::now();
        let from = SocketAddr::from(([127, 0, 0, 1], 7_000));
        let mut reflector = Reflector::new(key());
        let first = probe(1);
        assert!(reflector.reflect(now, 0, from, &first).is_ok());
        for _ in 0..1_000 {
            assert_eq!(reflector.reflect(now, 0, from, &first), Err(Unanswered::Replayed));
        }
        let foreign = Question { sequence: 2, session: 5, sent_unix_us: 0 }.encode(&Mac::new(&[4; 16]));
        assert_eq!(reflector.reflect(now, 0, from, &foreign), Err(Unanswered::Unfit(Unfit::Forged)));
        assert_eq!(reflector.reflect(now, 0, from, &[0; 10]), Err(Unanswered::Unfit(Unfit::Malformed)));
        let packet = reflector.reflect(now, 0, from, &probe(2)).expect("a fresh one");
        assert_eq!(Answer::decode(&packet, &key()).expect("an answer").sequence, 1, "the second arrival");
    }
}
