//! A user agent client for one call. Pure: responses and time come in, datagrams and reports go out.
//!
//! ```text
//!            18x               2xx, send ACK            talk time over, send BYE     200
//! INVITING ──────▶ PROCEEDING ──────────────▶ TALKING ──────────────────────▶ LEAVING ──────▶ OVER
//!    │ timer B, ≥ 300    │ ≥ 300, patience       (every 2xx again: ACK again)    │ timer F      ▲
//!    └───────────────────┴───────────────────────────────────────────────────────┴──────────────┘
//! ```
//! OVER lingers, so that late answers still get their ACK.

mod asked;

use std::{
    collections::VecDeque,
    net::SocketAddrV4,
    time::{Duration, Instant},
};

use rsip::{Method, Response};

use super::{
    Output, PhoneEvent,
    dialog::Dialog,
    message::{Identity, RequestParts, reason_phrase, via_stack},
    renewal::Renewals,
    report::{CallEnd, CallReport},
    timer::{Due, PATIENCE, Retransmission},
    voice::Voice,
};
use crate::media::{LegName, Side};

/// Copies of a request to a proxy that stays silent before the next proxy is tried: 1.5 s.
const COPIES_PER_PROXY: u32 = 2;

/// One call to place.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) call_id: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) domain: String,
    pub(super) token: u64,
    pub(super) local: SocketAddrV4,
    /// Where it hears RTP.
    pub(super) port: u16,
    pub(super) proxies: Vec<SocketAddrV4>,
    pub(super) talk: Duration,
}

pub(super) struct Caller {
    order: Order,
    phase: Phase,
    proxy: usize,
    proxies_tried: usize,
    cseq: u32,
    branches: u32,
    placed_at: Instant,
    setup: Option<Duration>,
    dialog: Option<Dialog>,
    acknowledged: Option<(u32, Vec<u8>)>,
    voice: Voice,
    offer: String,
    renewals: Renewals,
    output: VecDeque<Output>,
}

enum Phase {
    Inviting(Attempt),
    Proceeding { patience: Instant, invite: Attempt },
    Talking { until: Instant },
    Leaving(Attempt),
    Over { forget_at: Instant },
}

struct Attempt {
    request: Vec<u8>,
    branch: String,
    copies: Retransmission,
}

impl Caller {
    /// Places the call. None when the order's URIs cannot be printed.
    pub(super) fn place(now: Instant, order: Order) -> Option<Self> {
        let name = LegName { call_id: order.call_id.clone(), side: Side::Caller };
        let mut voice = Voice::new(SocketAddrV4::new(*order.local.ip(), order.port), name, order.token);
        let offer = voice.offer();
        let mut caller = Self {
            phase: Phase::Over { forget_at: now },
            proxy: 0,
            proxies_tried: 1,
            cseq: 0,
            branches: 0,
            placed_at: now,
            setup: None,
            dialog: None,
            acknowledged: None,
            voice,
            offer,
            renewals: Renewals::default(),
            output: VecDeque::new(),
            order,
        };
        let copies = Retransmission::invite(now);
        caller.phase = Phase::Inviting(caller.invite(copies)?);
        let Order { call_id, from, to, .. } = caller.order.clone();
        caller.output.push_back(Output::Event(PhoneEvent::Placed { call_id, from, to, at: now }));
        Some(caller)
    }

    pub(super) fn handle(&mut self, now: Instant, response: &Response, raw: &[u8], identity: &Identity) {
        let code = response.status_code.code();
        let ours = via_stack(&response.headers).first().is_some_and(|hop| self.is_own_branch(&hop.branch));
        if !ours {
            return;
        }
        match identity.method {
            Method::Invite => self.handle_invite_answer(now, response, code, raw, identity),
            Method::Bye => self.handle_bye_answer(now, code, raw),
            _ => {}
        }
    }

    /// Hangs up as soon as there is something to hang up.
    pub(super) fn leave(&mut self, now: Instant) {
        self.order.talk = Duration::ZERO;
        if matches!(self.phase, Phase::Talking { .. }) {
            self.hang_up(now);
        }
    }

    pub(super) fn expire(&mut self, now: Instant) {
        self.renewals.expire(now, &mut self.output);
        match &mut self.phase {
            Phase::Inviting(attempt) => match attempt.copies.due(now) {
                Due::Wait => {}
                Due::Copy => self.repeat(),
                Due::GiveUp => self.end(now, CallEnd::InviteTimeout),
            },
            Phase::Proceeding { patience, .. } if now >= *patience => {
                self.cancel();
                self.end(now, CallEnd::NoFinalAnswer);
            }
            Phase::Talking { until } if now >= *until => self.hang_up(now),
            Phase::Leaving(attempt) => match attempt.copies.due(now) {
                Due::Wait => {}
                Due::Copy => self.repeat(),
                Due::GiveUp => self.end(now, CallEnd::ByeTimeout),
            },
            Phase::Proceeding { .. } | Phase::Talking { .. } | Phase::Over { .. } => {}
        }
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    pub(super) fn deadline(&self) -> Instant {
        let own = match &self.phase {
            Phase::Inviting(attempt) | Phase::Leaving(attempt) => attempt.copies.deadline(),
            Phase::Proceeding { patience, .. } => *patience,
            Phase::Talking { until } => *until,
            Phase::Over { forget_at } => *forget_at,
        };
        self.renewals.deadline().map_or(own, |renewal| renewal.min(own))
    }

    /// Whether nothing more can come of it.
    pub(super) fn is_forgotten(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Over { forget_at } if now >= forget_at)
    }

    fn handle_invite_answer(
        &mut self,
        now: Instant,
        response: &Response,
        code: u16,
        raw: &[u8],
        identity: &Identity,
    ) {
        match code {
            100..=199 => self.progress(now, response, code),
            200..=299 => self.answered(now, response, identity),
            _ => {
                self.acknowledge_refusal(identity, response);
                if matches!(self.phase, Phase::Inviting(_) | Phase::Proceeding { .. }) {
                    self.end(now, CallEnd::Refused { code, reason: reason_phrase(raw) });
                }
            }
        }
    }

    fn progress(&mut self, now: Instant, response: &Response, code: u16) {
        if !matches!(self.phase, Phase::Inviting(_) | Phase::Proceeding { .. }) {
            return;
        }
        if code >= 180 {
            self.setup.get_or_insert(now - self.placed_at);
        }
        // RFC 3261 §13.2.1: the answer may come early; what the 200 says then is the same, or nothing.
        self.voice.learn(&response.body);
        let over = Phase::Over { forget_at: now };
        self.phase = match std::mem::replace(&mut self.phase, over) {
            // RFC 3261 §17.1.1.2: a provisional answer ends the copies.
            Phase::Inviting(invite) => Phase::Proceeding { patience: self.placed_at + PATIENCE, invite },
            other => other,
        };
    }

    fn answered(&mut self, now: Instant, response: &Response, identity: &Identity) {
        // RFC 3261 §13.2.2.4: every copy of the 2xx is answered by the same ACK.
        if let Some((cseq, ack)) = &self.acknowledged {
            if *cseq == identity.cseq {
                let bytes = ack.clone();
                self.send(bytes);
            }
            return;
        }
        if !matches!(self.phase, Phase::Inviting(_) | Phase::Proceeding { .. }) {
            return;
        }
        let setup = *self.setup.get_or_insert(now - self.placed_at);
        let branch = self.next_branch();
        let dialog = Dialog::new(response, identity);
        let ack = dialog
            .as_ref()
            .and_then(|dialog| dialog.request(Method::Ack, identity.cseq, self.order.local, &branch));
        let Some(ack) = ack else { return self.end(now, CallEnd::BadAnswer) };
        self.cseq = self.cseq.max(identity.cseq);
        self.dialog = dialog;
        self.acknowledged = Some((identity.cseq, ack.clone()));
        self.send(ack);
        let call_id = self.order.call_id.clone();
        self.output.push_back(Output::Event(PhoneEvent::Answered { call_id, setup, at: now }));
        self.voice.learn(&response.body);
        self.output.extend(self.voice.speak());
        self.output.push_back(self.voice.listen());
        self.phase = Phase::Talking { until: now + self.order.talk };
    }

    fn handle_bye_answer(&mut self, now: Instant, code: u16, raw: &[u8]) {
        let Phase::Leaving(attempt) = &mut self.phase else { return };
        match code {
            100..=199 => attempt.copies.slow_down(),
            200..=299 => self.end(now, CallEnd::HungUp),
            _ => self.end(now, CallEnd::ByeRefused { code, reason: reason_phrase(raw) }),
        }
    }

    fn hang_up(&mut self, now: Instant) {
        self.output.extend(self.voice.stop());
        match self.bye(Retransmission::capped(now)) {
            Some(attempt) => self.phase = Phase::Leaving(attempt),
            None => self.end(now, CallEnd::BadAnswer),
        }
    }

    /// Sends the present request again: to the next proxy, as a transaction of its own, when this one is silent.
    fn repeat(&mut self) {
        let (Phase::Inviting(attempt) | Phase::Leaving(attempt)) = &self.phase else { return };
        let (copies, leaving) = (attempt.copies, matches!(self.phase, Phase::Leaving(_)));
        let silent = copies.sent() > COPIES_PER_PROXY * u32::try_from(self.proxies_tried).unwrap_or(u32::MAX);
        if silent && self.proxies_tried < self.order.proxies.len() {
            self.proxies_tried += 1;
            self.proxy = (self.proxy + 1) % self.order.proxies.len();
            let next = if leaving { self.bye(copies) } else { self.invite(copies) };
            if let Some(next) = next {
                self.phase = if leaving { Phase::Leaving(next) } else { Phase::Inviting(next) };
            }
            return;
        }
        let bytes = attempt.request.clone();
        self.send(bytes);
    }

    fn invite(&mut self, copies: Retransmission) -> Option<Attempt> {
        self.cseq += 1;
        let branch = self.next_branch();
        let request = self.initial(Method::Invite, &branch)?;
        self.send(request.clone());
        Some(Attempt { request, branch, copies })
    }

    fn bye(&mut self, copies: Retransmission) -> Option<Attempt> {
        self.cseq += 1;
        let branch = self.next_branch();
        let request = self.dialog.as_ref()?.request(Method::Bye, self.cseq, self.order.local, &branch)?;
        self.send(request.clone());
        Some(Attempt { request, branch, copies })
    }

    /// RFC 3261 §9.1: CANCEL has the branch, CSeq number and Request-URI of its INVITE.
    fn cancel(&mut self) {
        let Phase::Proceeding { invite, .. } = &self.phase else { return };
        if let Some(request) = self.initial(Method::Cancel, &invite.branch) {
            self.send(request);
        }
    }

    fn initial(&self, method: Method, branch: &str) -> Option<Vec<u8>> {
        let order = &self.order;
        let is_invite = method == Method::Invite;
        RequestParts {
            method,
            uri: &self.uri(&order.to),
            sent_by: order.local,
            branch,
            from: &self.from(),
            to: &format!("<{}>", self.uri(&order.to)),
            call_id: &order.call_id,
            cseq: self.cseq,
            routes: &[],
            contact: is_invite,
            body: is_invite.then(|| self.offer.clone()),
        }
        .print()
    }

    /// RFC 3261 §17.1.1.3: the ACK to a refusal belongs to the INVITE's transaction.
    fn acknowledge_refusal(&mut self, identity: &Identity, response: &Response) {
        let Some(hop) = via_stack(&response.headers).into_iter().next() else { return };
        let ack = RequestParts {
            method: Method::Ack,
            uri: &self.uri(&self.order.to),
            sent_by: self.order.local,
            branch: &hop.branch,
            from: &self.from(),
            to: &identity.to,
            call_id: &identity.call_id,
            cseq: identity.cseq,
            routes: &[],
            contact: false,
            body: None,
        };
        if let Some(ack) = ack.print() {
            self.send(ack);
        }
    }

    fn end(&mut self, now: Instant, end: CallEnd) {
        let report = CallReport {
            call_id: self.order.call_id.clone(),
            placed_at: self.placed_at,
            setup: self.setup,
            answered: self.acknowledged.is_some(),
            ended_at: now,
            end,
        };
        self.output.extend(self.voice.stop());
        self.output.push_back(Output::Event(PhoneEvent::Ended(report)));
        self.phase = Phase::Over { forget_at: now + PATIENCE };
    }

    fn send(&mut self, bytes: Vec<u8>) {
        // The route set names regions, which nothing outside the mesh can resolve; so the outbound proxy carries
        // requests inside the dialog, too.
        if let Some(to) = self.order.proxies.get(self.proxy).copied() {
            self.output.push_back(Output::Send { to, bytes });
        }
    }

    fn from(&self) -> String {
        format!("<{}>;tag={}", self.uri(&self.order.from), self.tag())
    }

    fn tag(&self) -> String {
        format!("{:x}", self.order.token)
    }

    fn uri(&self, number: &str) -> String {
        format!("sip:{number}@{}", self.order.domain)
    }

    fn next_branch(&mut self) -> String {
        self.branches += 1;
        format!("z9hG4bK-{:016x}-{}", self.order.token, self.branches)
    }

    fn is_own_branch(&self, branch: &str) -> bool {
        branch
            .strip_prefix("z9hG4bK-")
            .is_some_and(|rest| rest.starts_with(&format!("{:016x}-", self.order.token)))
    }
}
