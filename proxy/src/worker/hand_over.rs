//! The hand-over: which worker a datagram belongs to, and the queues between the workers.

use crate::core::question::{Answer, Ticket};
use bytes::Bytes;
use memchr::memchr_iter;
use mio::{Poll, Token, Waker};
use ringway_sip::Peer;
use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};
use tokio::time::sleep;

/// Datagrams that may wait for a worker; beyond that it is overloaded, and SIP sends again.
const QUEUE: usize = 4_096;

/// How long to leave a worker whose inbox is full.
const INBOX_FULL: Duration = Duration::from_millis(5);

/// Wakes every worker: there is a new view to look at.
pub type Wakers = Arc<[Waker]>;

/// One worker's way to the others.
#[derive(Clone)]
pub(super) struct HandOver {
    queues: Arc<[SyncSender<Handed>]>,
    wakers: Wakers,
}

/// What the others hand to one worker.
pub(super) struct Inbox(Receiver<Handed>);

/// What is handed to a worker.
pub(super) enum Handed {
    /// A message of a call that is its own.
    Message(Peer, Bytes),
    /// The answer to a question of this worker's core.
    Told(Ticket, Answer),
    /// A connection is gone, and every worker may have something out by it.
    Lost(Peer),
}

impl HandOver {
    /// Queues between as many workers as there are polls; a datagram in a queue wakes its poll with `token`.
    pub(super) fn between(polls: &[Poll], token: Token) -> io::Result<(Self, Vec<Inbox>)> {
        let wakers =
            polls.iter().map(|poll| Waker::new(poll.registry(), token)).collect::<io::Result<_>>()?;
        let (queues, inboxes): (Vec<_>, Vec<_>) = polls.iter().map(|_| sync_channel(QUEUE)).unzip();
        Ok((Self { queues: queues.into(), wakers }, inboxes.into_iter().map(Inbox).collect()))
    }

    pub(super) fn wakers(&self) -> Wakers {
        Arc::clone(&self.wakers)
    }

    /// The worker that a datagram belongs to: a hash of its Call-ID. One without any is nobody's in particular.
    pub(super) fn owner(&self, datagram: &[u8]) -> usize {
        if self.queues.len() == 1 {
            return 0;
        }
        let mut hasher = DefaultHasher::new();
        call_id(datagram).unwrap_or_default().hash(&mut hasher);
        usize::try_from(hasher.finish() % self.queues.len() as u64).unwrap_or(0)
    }

    /// The number of workers.
    pub(super) fn workers(&self) -> usize {
        self.queues.len()
    }

    /// Tells a worker the answer to a question of its core. What asked waits for this and for nothing else, so it must arrive;
    /// a full inbox is drained within moments.
    pub(super) async fn tell(self, worker: usize, ticket: Ticket, answer: Answer) {
        while !self.give(worker, Handed::Told(ticket, answer.clone())) {
            sleep(INBOX_FULL).await;
        }
    }

    /// False: the worker does not keep up.
    pub(super) fn give(&self, owner: usize, handed: Handed) -> bool {
        let given = self.queues[owner].try_send(handed).is_ok();
        // A waker that fails leaves the datagram for the worker's next turn.
        let _ = self.wakers[owner].wake();
        given
    }
}

impl Inbox {
    pub(super) fn take(&self) -> Option<Handed> {
        self.0.try_recv().ok()
    }
}

/// The value of the first Call-ID header, or its compact form `i` (RFC 3261 §7.3.3), without parsing the rest.
fn call_id(datagram: &[u8]) -> Option<&[u8]> {
    for end in memchr_iter(b'\n', datagram) {
        let line = &datagram[end + 1..];
        let name_length = match line.first()? {
            b'i' | b'I' => 1,
            b'c' | b'C' if line.get(..7)?.eq_ignore_ascii_case(b"call-id") => 7,
            b'\r' | b'\n' => return None,
            _ => continue,
        };
        let value = line[name_length..].trim_ascii_start();
        if let Some(value) = value.strip_prefix(b":") {
            let length = memchr::memchr2(b'\r', b'\n', value)?;
            return Some(value[..length].trim_ascii());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_id_is_found_in_every_form() {
        let cases: [(&[u8], Option<&[u8]>); 6] = [
            (b"INVITE sip:a SIP/2.0\r\nVia: x\r\nCall-ID: abc@h\r\n\r\n", Some(b"abc@h")),
            (b"INVITE sip:a SIP/2.0\r\ni:abc@h\r\n\r\n", Some(b"abc@h")),
            (b"INVITE sip:a SIP/2.0\ncall-id  :  abc@h \n\n", Some(b"abc@h")),
            (b"INVITE sip:a SIP/2.0\r\nIdentity: x\r\nCall-Info: y\r\nCALL-ID: 1\r\n\r\n", Some(b"1")),
            (b"INVITE sip:a SIP/2.0\r\nVia: x\r\n\r\nCall-ID: body\r\n", None),
            (b"\r\n\r\n", None),
        ];
        for (datagram, want) in cases {
            assert_eq!(call_id(datagram), want, "{:?}", String::from_utf8_lossy(datagram));
        }
    }

    #[test]
    fn all_messages_of_a_call_have_one_owner_and_calls_are_spread() {
        let polls: Vec<Poll> = (0..3).map(|_| Poll::new().unwrap()).collect();
        let (hand_over, inboxes) = HandOver::between(&polls, Token(1)).unwrap();
        let mut seen = [0; 3];
        for call in 0..300 {
            let invite = format!("INVITE sip:a SIP/2.0\r\nVia: x\r\nCall-ID: {call}@h\r\n\r\n");
            let ok = format!("SIP/2.0 200 OK\r\nVia: y\r\ni: {call}@h\r\n\r\n");
            let owner = hand_over.owner(invite.as_bytes());
            assert_eq!(hand_over.owner(ok.as_bytes()), owner);
            seen[owner] += 1;
        }
        assert!(seen.iter().all(|&calls| calls > 60), "{seen:?}");

        let from = Peer::udp(([127, 0, 0, 1], 5060).into());
        for _ in 0..QUEUE {
            assert!(hand_over.give(2, Handed::Message(from, Bytes::from_static(b"x"))));
        }
        assert!(!hand_over.give(2, Handed::Message(from, Bytes::from_static(b"x"))), "a full queue says so");
        assert_eq!(std::iter::from_fn(|| inboxes[2].take()).count(), QUEUE);
    }
}
