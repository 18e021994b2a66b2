//! What the callee asks of the caller inside the dialog.

use super::{Caller, Phase};
use crate::phone::{
    Output,
    message::{Identity, answer_address, print_response, via_stack},
    report::CallEnd,
};
use rsip::{Method, Request};
use std::{net::SocketAddrV4, time::Instant};

impl Caller {
    /// A request from the callee inside the dialog.
    pub(in crate::phone) fn handle_request(
        &mut self,
        now: Instant,
        request: &Request,
        identity: &Identity,
        source: SocketAddrV4,
    ) {
        match request.method {
            Method::Invite if matches!(self.phase, Phase::Talking { .. }) => {
                if let Some(dialog) = &mut self.dialog {
                    dialog.retarget(request);
                }
                let tag = self.tag();
                let (contact, output) = ((&*tag, self.order.local), &mut self.output);
                self.renewals.invite(now, (request, identity, source), contact, &mut self.voice, output);
            }
            Method::Invite => self.reply(request, source, (481, "Call/Transaction Does Not Exist")),
            Method::Ack => {
                self.renewals.acknowledge(request, identity, &mut self.voice, &mut self.output);
            }
            Method::Bye => {
                self.reply(request, source, (200, "OK"));
                // RFC 3261 §15.1.2; a BYE of its own that is still under way needs no answer then.
                if matches!(self.phase, Phase::Talking { .. } | Phase::Leaving(_)) {
                    self.end(now, CallEnd::HungUp);
                }
            }
            Method::Options => self.reply(request, source, (200, "OK")),
            _ => self.reply(request, source, (405, "Method Not Allowed")),
        }
    }

    /// Whether a request with this From tag comes from the other end.
    pub(in crate::phone) fn is_peer(&self, from_tag: &str) -> bool {
        self.dialog.as_ref().is_some_and(|dialog| dialog.remote_tag() == Some(from_tag))
    }

    fn reply(&mut self, request: &Request, source: SocketAddrV4, status: (u16, &str)) {
        if let Some(top) = via_stack(&request.headers).first() {
            let bytes = print_response(request, status, &self.tag(), None, None);
            self.output.push_back(Output::Send { to: answer_address(top, source), bytes });
        }
    }
}
