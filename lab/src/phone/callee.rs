//! A user agent server for one call. Pure. It rings at once, answers after the ring time, repeats its 200 until the
//! ACK comes (RFC 3261 §13.3.1.4) and answers whatever is retransmitted.
//!
//! ```text
//!         ring time over, send 200           ACK              BYE, send 200
//! RINGING ────────────────────────▶ ANSWERED ────▶ CONFIRMED ───────────────▶ OVER
//!    │ CANCEL: 200, 487                 │ 32 s without ACK                      ▲
//!    └──────────────────────────────────┴───────────────────────────────────────┘
//! ```
//! It speaks from its 200 on, and there must be something to hear from the ACK on.

use std::{
    collections::VecDeque,
    net::SocketAddrV4,
    time::{Duration, Instant},
};

use rsip::{Method, Request};

use super::{
    Output, PhoneEvent,
    message::{Identity, answer_address, print_response, tag, via_stack},
    renewal::Renewals,
    timer::{Due, PATIENCE, Retransmission},
    voice::Voice,
};
use crate::media::{LegName, Side};

pub(super) struct Callee {
    invite: Request,
    branch: String,
    cseq: u32,
    tag: String,
    local: SocketAddrV4,
    answer_to: SocketAddrV4,
    last_answer: Vec<u8>,
    phase: Phase,
    voice: Voice,
    renewals: Renewals,
    output: VecDeque<Output>,
}

enum Phase {
    Ringing { until: Instant, description: String },
    Answered { copies: Retransmission },
    Confirmed { forget_at: Instant },
    Over { forget_at: Instant },
}

/// Longer than any call of the lab: a caller that vanished must not stay for ever.
const CALL_MAX: Duration = Duration::from_secs(3_600);

impl Callee {
    /// Takes an INVITE and rings, or refuses it when it offers nothing that could be spoken. None when it has no Via to
    /// answer to.
    pub(super) fn ring(
        now: Instant,
        invite: Request,
        (identity, source): (&Identity, SocketAddrV4),
        (local, port): (SocketAddrV4, u16),
        (token, ring): (u64, Duration),
    ) -> Option<Self> {
        let stack = via_stack(&invite.headers);
        let top = stack.first()?;
        let (branch, answer_to) = (top.branch.clone(), answer_address(top, source));
        let hops = stack.into_iter().rev().map(|hop| hop.host).collect();
        let tag = format!("{token:x}");
        let call_id = identity.call_id.clone();
        let name = LegName { call_id: call_id.clone(), side: Side::Callee };
        let mut voice = Voice::new(SocketAddrV4::new(*local.ip(), port), name, identity.cseq.into());
        let description =
            if invite.body.is_empty() { Some(voice.offer()) } else { voice.answer(&invite.body) };
        let (status, phase) = match description {
            Some(description) => ((180, "Ringing"), Phase::Ringing { until: now + ring, description }),
            None => ((488, "Not Acceptable Here"), Phase::Over { forget_at: now + PATIENCE }),
        };
        let mut output = VecDeque::from([Output::Event(PhoneEvent::Arrived { call_id, hops })]);
        if status.0 >= 300 {
            output.extend(voice.stop());
        }
        let last_answer = print_response(&invite, status, &tag, Some(local), None);
        output.push_back(Output::Send { to: answer_to, bytes: last_answer.clone() });
        let (cseq, renewals) = (identity.cseq, Renewals::default());
        Some(Self {
            invite,
            branch,
            cseq,
            tag,
            local,
            answer_to,
            last_answer,
            phase,
            voice,
            renewals,
            output,
        })
    }

    pub(super) fn handle(
        &mut self,
        now: Instant,
        request: &Request,
        identity: &Identity,
        source: SocketAddrV4,
    ) {
        match request.method {
            Method::Invite => self.handle_invite(now, request, identity, source),
            Method::Ack => self.handle_ack(now, request, identity),
            Method::Bye => self.handle_bye(now, request, identity, source),
            Method::Cancel => self.handle_cancel(now, request, source),
            Method::Options => self.reply(request, source, (200, "OK")),
            _ => self.reply(request, source, (405, "Method Not Allowed")),
        }
    }

    pub(super) fn expire(&mut self, now: Instant) {
        self.renewals.expire(now, &mut self.output);
        match &mut self.phase {
            Phase::Ringing { until, description } if now >= *until => {
                let body = Some(std::mem::take(description));
                let answer = print_response(&self.invite, (200, "OK"), &self.tag, Some(self.local), body);
                self.answer(answer);
                // Not before the ACK where that has the answer: then nobody is there yet to speak to.
                self.output.extend(self.voice.speak());
                self.phase = Phase::Answered { copies: Retransmission::capped(now) };
            }
            Phase::Answered { copies } => match copies.due(now) {
                Due::Wait => {}
                Due::Copy => self.answer(self.last_answer.clone()),
                Due::GiveUp => self.leave(now),
            },
            Phase::Confirmed { forget_at } if now >= *forget_at => self.leave(now),
            Phase::Ringing { .. } | Phase::Confirmed { .. } | Phase::Over { .. } => {}
        }
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    pub(super) fn deadline(&self) -> Instant {
        let own = match &self.phase {
            Phase::Ringing { until, .. } => *until,
            Phase::Answered { copies } => copies.deadline(),
            Phase::Confirmed { forget_at } | Phase::Over { forget_at } => *forget_at,
        };
        self.renewals.deadline().map_or(own, |renewal| renewal.min(own))
    }

    /// Whether nothing more can come of it.
    pub(super) fn is_forgotten(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Over { forget_at } if now >= forget_at)
    }

    fn handle_invite(&mut self, now: Instant, request: &Request, identity: &Identity, source: SocketAddrV4) {
        let same = via_stack(&request.headers).first().is_some_and(|hop| hop.branch == self.branch);
        if same {
            return self.answer(self.last_answer.clone());
        }
        match tag(&identity.to) {
            // RFC 3261 §8.2.2.2: the same request by another way is a merged request.
            None if identity.cseq == self.cseq => self.reply(request, source, (482, "Loop Detected")),
            // A caller that tries its next proxy has given this attempt up; one call rings once.
            None => self.reply(request, source, (486, "Busy Here")),
            Some(tag) if tag == self.tag && matches!(self.phase, Phase::Confirmed { .. }) => {
                let (contact, output) = ((&*self.tag, self.local), &mut self.output);
                self.renewals.invite(now, (request, identity, source), contact, &mut self.voice, output);
            }
            Some(_) => self.reply(request, source, (481, "Call/Transaction Does Not Exist")),
        }
    }

    fn handle_ack(&mut self, now: Instant, request: &Request, identity: &Identity) {
        if identity.cseq != self.cseq {
            self.renewals.acknowledge(request, identity, &mut self.voice, &mut self.output);
        } else if matches!(self.phase, Phase::Answered { .. }) {
            if self.invite.body.is_empty() {
                self.voice.learn(&request.body);
                self.output.extend(self.voice.speak());
            }
            self.output.push_back(self.voice.listen());
            self.phase = Phase::Confirmed { forget_at: now + CALL_MAX };
        }
    }

    fn handle_bye(&mut self, now: Instant, request: &Request, identity: &Identity, source: SocketAddrV4) {
        // RFC 3261 §12.2.2: a BYE from outside of the dialog gets 481.
        if tag(&identity.to) != Some(&*self.tag) {
            return self.reply(request, source, (481, "Call/Transaction Does Not Exist"));
        }
        self.reply(request, source, (200, "OK"));
        if !matches!(self.phase, Phase::Over { .. }) {
            self.leave(now);
        }
    }

    fn handle_cancel(&mut self, now: Instant, request: &Request, source: SocketAddrV4) {
        self.reply(request, source, (200, "OK"));
        if matches!(self.phase, Phase::Ringing { .. }) {
            self.answer(print_response(&self.invite, (487, "Request Terminated"), &self.tag, None, None));
            self.leave(now);
        }
    }

    fn leave(&mut self, now: Instant) {
        self.output.extend(self.voice.stop());
        self.phase = Phase::Over { forget_at: now + PATIENCE };
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
