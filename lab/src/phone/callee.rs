//! A user agent server for one call. Pure. It rings at once, answers after the ring time, repeats its 200 until the
//! ACK comes (RFC 3261 §13.3.1.4) and answers whatever is retransmitted.
//!
//! ```text
//!         ring time over, send 200           ACK              BYE, send 200
//! RINGING ────────────────────────▶ ANSWERED ────▶ CONFIRMED ───────────────▶ OVER
//!    │ CANCEL: 200, 487                 │ 32 s without ACK                      ▲
//!    └──────────────────────────────────┴───────────────────────────────────────┘
//! ```

use std::{
    collections::VecDeque,
    net::SocketAddrV4,
    time::{Duration, Instant},
};

use rsip::{Method, Request};

use super::{
    Output, PhoneEvent,
    message::{Identity, answer_address, print_response, session_description, tag, via_stack},
    timer::{Due, PATIENCE, Retransmission},
};

pub(super) struct Callee {
    invite: Request,
    branch: String,
    cseq: u32,
    tag: String,
    local: SocketAddrV4,
    answer_to: SocketAddrV4,
    last_answer: Vec<u8>,
    phase: Phase,
    output: VecDeque<Output>,
}

enum Phase {
    Ringing { until: Instant },
    Answered { copies: Retransmission },
    Confirmed { forget_at: Instant },
    Over { forget_at: Instant },
}

/// Longer than any call of the lab: a caller that vanished must not stay for ever.
const CALL_MAX: Duration = Duration::from_secs(600);

impl Callee {
    /// Takes an INVITE and rings. None when it has no Via to answer to.
    pub(super) fn ring(
        now: Instant,
        invite: Request,
        identity: &Identity,
        source: SocketAddrV4,
        local: SocketAddrV4,
        (token, ring): (u64, Duration),
    ) -> Option<Self> {
        let stack = via_stack(&invite.headers);
        let top = stack.first()?;
        let (branch, answer_to) = (top.branch.clone(), answer_address(top, source));
        let hops = stack.into_iter().rev().map(|hop| hop.host).collect();
        let tag = format!("{token:x}");
        let ringing = print_response(&invite, (180, "Ringing"), &tag, Some(local), None);
        let call_id = identity.call_id.clone();
        let output = VecDeque::from([
            Output::Event(PhoneEvent::Arrived { call_id, hops }),
            Output::Send { to: answer_to, bytes: ringing.clone() },
        ]);
        let phase = Phase::Ringing { until: now + ring };
        let cseq = identity.cseq;
        Some(Self { invite, branch, cseq, tag, local, answer_to, last_answer: ringing, phase, output })
    }

    pub(super) fn handle(
        &mut self,
        now: Instant,
        request: &Request,
        identity: &Identity,
        source: SocketAddrV4,
    ) {
        match request.method {
            Method::Invite => self.handle_invite(request, identity, source),
            Method::Ack if identity.cseq == self.cseq => {
                if matches!(self.phase, Phase::Answered { .. }) {
                    self.phase = Phase::Confirmed { forget_at: now + CALL_MAX };
                }
            }
            Method::Ack => {}
            Method::Bye => self.handle_bye(now, request, identity, source),
            Method::Cancel => self.handle_cancel(now, request, source),
            Method::Options => self.reply(request, source, (200, "OK")),
            _ => self.reply(request, source, (405, "Method Not Allowed")),
        }
    }

    pub(super) fn expire(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Ringing { until } if now >= *until => {
                let id = u64::from(self.cseq);
                let body = session_description(*self.local.ip(), id);
                self.answer(print_response(
                    &self.invite,
                    (200, "OK"),
                    &self.tag,
                    Some(self.local),
                    Some(body),
                ));
                self.phase = Phase::Answered { copies: Retransmission::capped(now) };
            }
            Phase::Answered { copies } => match copies.due(now) {
                Due::Wait => {}
                Due::Copy => self.answer(self.last_answer.clone()),
                Due::GiveUp => self.phase = Phase::Over { forget_at: now },
            },
            Phase::Ringing { .. } | Phase::Confirmed { .. } | Phase::Over { .. } => {}
        }
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    pub(super) fn deadline(&self) -> Instant {
        match &self.phase {
            Phase::Ringing { until } => *until,
            Phase::Answered { copies } => copies.deadline(),
            Phase::Confirmed { forget_at } | Phase::Over { forget_at } => *forget_at,
        }
    }

    /// Whether nothing more can come of it.
    pub(super) fn is_forgotten(&self, now: Instant) -> bool {
        let (Phase::Confirmed { forget_at } | Phase::Over { forget_at }) = self.phase else { return false };
        now >= forget_at
    }

    fn handle_invite(&mut self, request: &Request, identity: &Identity, source: SocketAddrV4) {
        let same = via_stack(&request.headers).first().is_some_and(|hop| hop.branch == self.branch);
        if same {
            return self.answer(self.last_answer.clone());
        }
        match tag(&identity.to) {
            // RFC 3261 §8.2.2.2: the same request by another way is a merged request.
            None if identity.cseq == self.cseq => self.reply(request, source, (482, "Loop Detected")),
            // A caller that tries its next proxy has given this attempt up; one call rings once.
            None => self.reply(request, source, (486, "Busy Here")),
            Some(_) => self.reply(request, source, (488, "Not Acceptable Here")),
        }
    }

    fn handle_bye(&mut self, now: Instant, request: &Request, identity: &Identity, source: SocketAddrV4) {
        // RFC 3261 §12.2.2: a BYE from outside of the dialog gets 481.
        if tag(&identity.to) != Some(&*self.tag) {
            return self.reply(request, source, (481, "Call/Transaction Does Not Exist"));
        }
        self.reply(request, source, (200, "OK"));
        if !matches!(self.phase, Phase::Over { .. }) {
            self.phase = Phase::Over { forget_at: now + PATIENCE };
        }
    }

    fn handle_cancel(&mut self, now: Instant, request: &Request, source: SocketAddrV4) {
        self.reply(request, source, (200, "OK"));
        if matches!(self.phase, Phase::Ringing { .. }) {
            self.answer(print_response(&self.invite, (487, "Request Terminated"), &self.tag, None, None));
            self.phase = Phase::Over { forget_at: now + PATIENCE };
        }
    }

    /// Answers the INVITE and keeps the answer for its retransmissions.
    fn answer(&mut self, bytes: Vec<u8>) {
        self.last_answer.clone_from(&bytes);
        self.output.push_back(Output::Send { to: self.answer_to, bytes });
    }

    fn reply(&mut self, request: &Request, source: SocketAddrV4, status: (u16, &str)) {
        if let Some(top) = via_stack(&request.headers).first() {
            let bytes = print_response(request, status, &self.tag, None, None);
            self.output.push_back(Output::Send { to: answer_address(top, source), bytes });
        }
    }
}
