//! A re-INVITE from the other end (RFC 3261 §14.2): hold, resume, a new address, or only a sign of life. It is answered
//! at once, and the 200 is repeated until its ACK comes.

use std::{collections::VecDeque, net::SocketAddrV4, time::Instant};

use rsip::Request;

use super::{
    Output,
    message::{Identity, answer_address, print_response, via_stack},
    timer::{Due, Retransmission},
    voice::Voice,
};

/// What was renewed last, if anything was.
#[derive(Default)]
pub(super) struct Renewals {
    last: Option<Renewal>,
}

struct Renewal {
    branch: String,
    cseq: u32,
    to: SocketAddrV4,
    answer: Vec<u8>,
    /// None when there is nothing to repeat: the ACK has come, or nobody sends one.
    copies: Option<Retransmission>,
    /// The 200 had the offer, so the ACK has the answer.
    offered: bool,
}

impl Renewals {
    /// Answers a re-INVITE, or answers it again. `tag` and `contact` are the own end's.
    pub(super) fn invite(
        &mut self,
        now: Instant,
        (request, identity, source): (&Request, &Identity, SocketAddrV4),
        (tag, contact): (&str, SocketAddrV4),
        voice: &mut Voice,
        output: &mut VecDeque<Output>,
    ) {
        let Some(top) = via_stack(&request.headers).into_iter().next() else { return };
        let to = answer_address(&top, source);
        if let Some(same) = self.last.as_ref().filter(|last| last.branch == top.branch) {
            return output.push_back(Output::Send { to, bytes: same.answer.clone() });
        }
        let respond = |status, body| print_response(request, status, tag, Some(contact), body);
        // §12.2.2: a request that was sent before another which is known already.
        if self.last.as_ref().is_some_and(|last| identity.cseq <= last.cseq) {
            let bytes = respond((500, "Server Internal Error"), None);
            return output.push_back(Output::Send { to, bytes });
        }
        let offered = request.body.is_empty();
        let body = if offered { Some(voice.offer()) } else { voice.answer(&request.body) };
        // §14.2: what is refused leaves the session as it was.
        let (answer, copies) = match body {
            Some(body) => (respond((200, "OK"), Some(body)), Some(Retransmission::capped(now))),
            None => (respond((488, "Not Acceptable Here"), None), None),
        };
        output.push_back(Output::Send { to, bytes: answer.clone() });
        if copies.is_some() && !offered {
            output.extend(voice.speak());
        }
        self.last = Some(Renewal { branch: top.branch, cseq: identity.cseq, to, answer, copies, offered });
    }

    /// Takes the ACK of a renewal; false when it belongs to none.
    pub(super) fn acknowledge(
        &mut self,
        request: &Request,
        identity: &Identity,
        voice: &mut Voice,
        output: &mut VecDeque<Output>,
    ) -> bool {
        let Some(last) = self.last.as_mut().filter(|last| last.cseq == identity.cseq) else { return false };
        if last.copies.take().is_some() && last.offered {
            voice.learn(&request.body);
            output.extend(voice.speak());
        }
        true
    }

    pub(super) fn expire(&mut self, now: Instant, output: &mut VecDeque<Output>) {
        let Some(last) = &mut self.last else { return };
        match last.copies.as_mut().map_or(Due::Wait, |copies| copies.due(now)) {
            Due::Wait => {}
            Due::Copy => output.push_back(Output::Send { to: last.to, bytes: last.answer.clone() }),
            Due::GiveUp => last.copies = None,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.last.as_ref()?.copies.as_ref().map(Retransmission::deadline)
    }
}
