//! The calling side of the edge: places calls, acknowledges, hangs up, cancels.

use super::{
    repeat::{Agenda, Repeats},
    sip::{Draft, Sip, answer, is_sdp, sdp},
};
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

pub(crate) struct Caller {
    pub(crate) at: SocketAddr,
    /// By Call-ID.
    pub(crate) calls: BTreeMap<String, Placed>,
    repeats: Repeats,
    hang_ups: Agenda<String>,
    pub(crate) out: Vec<String>,
}

/// What became of one call, or of one other request.
pub(crate) struct Placed {
    pub(crate) request: Draft,
    talk: Duration,
    pub(crate) placed_at: Duration,
    /// 180s that came.
    pub(crate) rings: usize,
    /// Every final response to the first request, copies included.
    pub(crate) finals: Vec<u16>,
    /// When the first of them came.
    pub(crate) answered_at: Option<Duration>,
    /// The final response to the CANCEL.
    pub(crate) cancel: Option<u16>,
    /// The final response to the BYE.
    pub(crate) bye: Option<u16>,
    /// BYEs from the other side.
    pub(crate) hung_up: usize,
    heard: bool,
    cancel_wanted: bool,
    /// The ACK to the 2xx, sent again for each copy (RFC 3261 §13.2.2.4).
    ack: Option<String>,
}

impl Placed {
    pub(crate) fn is_invite(&self) -> bool {
        self.request.method == "INVITE"
    }
}

impl Caller {
    pub(crate) fn new(at: SocketAddr) -> Self {
        Self {
            at,
            calls: BTreeMap::new(),
            repeats: Repeats::default(),
            hang_ups: Agenda::new(),
            out: Vec::new(),
        }
    }

    /// Sends a request, and if it is an INVITE that is answered, hangs up after `talk`.
    pub(crate) fn place(&mut self, now: Duration, request: Draft, talk: Duration) {
        let text = request.text();
        self.repeats.start(now, &key(&request.call_id, &request.method), &text);
        self.out.push(text);
        let placed = Placed {
            talk,
            placed_at: now,
            rings: 0,
            finals: Vec::new(),
            answered_at: None,
            cancel: None,
            bye: None,
            hung_up: 0,
            heard: false,
            cancel_wanted: false,
            ack: None,
            request,
        };
        self.calls.insert(placed.request.call_id.clone(), placed);
    }

    /// RFC 3261 §9.1: at once if a provisional response has come, else when one comes.
    pub(crate) fn cancel(&mut self, now: Duration, call_id: &str) {
        let Some(call) = self.calls.get_mut(call_id) else { return };
        call.cancel_wanted = true;
        if call.heard && call.finals.is_empty() {
            let text = call.request.follow("CANCEL", &call.request.to).text();
            self.repeats.start(now, &key(call_id, "CANCEL"), &text);
            self.out.push(text);
        }
    }

    pub(crate) fn receive(&mut self, now: Duration, message: &Sip) {
        let call_id = message.one("Call-ID").to_owned();
        let Some(call) = self.calls.get_mut(&call_id) else { return };
        let Some(status) = message.status() else {
            call.hung_up += usize::from(message.is_request("BYE"));
            let body = if is_sdp(&message.body) { sdp(self.at, 41_000) } else { String::new() };
            return self.out.push(answer(message, 200, "caller", self.at, &body));
        };
        let method = message.method().to_owned();
        if status >= 200 || method == "INVITE" {
            self.repeats.stop(&key(&call_id, &method));
        }
        match (method.as_str(), status) {
            ("BYE", 200..) => call.bye = Some(status),
            ("CANCEL", 200..) => call.cancel = Some(status),
            ("INVITE", 200..) => self.on_final(now, &call_id, status, message),
            ("INVITE", _) => {
                call.rings += usize::from(status == 180);
                if !std::mem::replace(&mut call.heard, true) && call.cancel_wanted {
                    self.cancel(now, &call_id);
                }
            }
            (_, 200..) => call.finals.push(status),
            _ => {}
        }
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        [self.repeats.deadline(), self.hang_ups.deadline()].into_iter().flatten().min()
    }

    pub(crate) fn tick(&mut self, now: Duration) {
        self.out.extend(self.repeats.due(now));
        while let Some(bye) = self.hang_ups.pop(now) {
            self.repeats.start(now, &key(Sip::read(&bye).one("Call-ID"), "BYE"), &bye);
            self.out.push(bye);
        }
    }

    fn on_final(&mut self, now: Duration, call_id: &str, status: u16, response: &Sip) {
        let Some(call) = self.calls.get_mut(call_id) else { return };
        call.answered_at.get_or_insert(now);
        call.finals.push(status);
        if status >= 300 {
            // RFC 3261 §17.1.1.3: the ACK to a failure is part of the INVITE transaction.
            return self.out.push(call.request.follow("ACK", response.one("To")).text());
        }
        if call.ack.is_none() {
            // RFC 3261 §13.2.2.4: an offer in the 2xx is answered in the ACK.
            let offered = is_sdp(&response.body) && call.request.body.is_empty();
            let mut ack = draft_in_dialog(&call.request, response, "ACK", 1);
            if offered {
                ack = ack.with("Content-Type: application/sdp");
                ack.body = sdp(self.at, 42_000);
            }
            let ack = ack.text();
            call.ack = Some(ack);
            self.hang_ups.at(now + call.talk, in_dialog(&call.request, response, "BYE", 2));
        }
        self.out.extend(call.ack.clone());
    }
}

/// RFC 3261 §12.2.1.1: the route set is the Record-Route of the response, backwards.
fn in_dialog(invite: &Draft, response: &Sip, method: &str, cseq: u32) -> String {
    draft_in_dialog(invite, response, method, cseq).text()
}

pub(crate) fn draft_in_dialog(invite: &Draft, response: &Sip, method: &str, cseq: u32) -> Draft {
    let mut draft = invite.follow(method, response.one("To"));
    draft.uri = response.one("Contact").trim_matches(['<', '>']).to_owned();
    draft.routes = response.all("Record-Route").iter().rev().map(|&route| route.to_owned()).collect();
    draft.cseq = cseq;
    draft.branch = format!("{}-{method}-{cseq}", invite.branch);
    draft
}

fn key(call_id: &str, method: &str) -> String {
    format!("{call_id} {method}")
}
