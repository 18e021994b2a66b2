//! RFC 3261 §16.6: the request as it leaves, spliced from the request as it came.

use super::{
    branch::Token,
    decide::Source,
    marks::marked,
    media::Way,
    overload::wire,
    plan::{Hop, Leg},
    site::Site,
    strict,
};
use bytes::Bytes;
use ringway_sip::{Message, Method, Name, Peer};
use std::fmt::Write as _;

/// RFC 3261 §16.6 step 3: for a request that came without Max-Forwards.
const MAX_FORWARDS: u8 = 70;

/// What changes in a request on its way through.
pub struct Passage<'a> {
    /// The source, for `received` and `rport` on its Via.
    pub from: Peer,
    /// What that is.
    pub source: Source,
    /// How many Routes on top are ours.
    pub pops: usize,
    /// Whether this region stays in the dialog: the edges do, a relay never.
    pub record: bool,
    /// The Request-URI of the target, if it is another one.
    pub uri: Option<&'a str>,
    /// What the call is, as parameters of what is recorded.
    pub marks: &'a str,
    /// Where it goes.
    pub leg: &'a Leg,
    /// Of the Via that is put on.
    pub branch: &'a str,
    /// Marks the copies of one request on different paths.
    pub token: Option<Token>,
    /// Its share of the request's breadth (RFC 5393 §5.3.3).
    pub breadth: Option<usize>,
    /// Another body.
    pub body: Option<&'a [u8]>,
    /// The media is anchored here, and goes on over the mesh.
    pub anchored: bool,
}

impl Passage<'_> {
    /// The bytes to send.
    #[must_use]
    pub fn apply(&self, request: &Message, site: &Site) -> Bytes {
        let mut edit = request.edit();
        if let Some(uri) = self.uri {
            edit.uri(uri);
        }
        let strict = self.leg.routes.is_empty() && strict::follow(request, self.pops, &mut edit);
        for _ in 0..if strict { 0 } else { self.pops } {
            edit.pop_first(Name::Route);
        }
        for route in self.leg.routes.iter().rev() {
            edit.push_first(Name::Route, route);
        }
        let forwards = match request.max_forwards() {
            Ok(Some(left)) => left.saturating_sub(1),
            Ok(None) | Err(_) => MAX_FORWARDS,
        };
        edit.set(Name::MaxForwards, &forwards.to_string());
        if let Some(breadth) = self.breadth {
            edit.set(Name::Other("Max-Breadth"), &breadth.to_string());
        }
        if self.record {
            let values = [self.recorded_behind(request, site), self.recorded_ahead(site)]
                .map(|value| marked(value, self.marks));
            edit.push_first(Name::RecordRoute, &values[0]);
            // RFC 5658 §5: twice where both sides are not reached alike.
            if values[0] != values[1] {
                edit.push_first(Name::RecordRoute, &values[1]);
            }
        }
        if let Some(body) = self.body {
            edit.body(None, body);
        }
        edit.stamp_via(self.from.address);
        edit.push_first(Name::Via, &self.via(site));
        edit.finish()
    }

    /// How the element behind us reaches us, and we it, in the dialog.
    fn recorded_behind(&self, request: &Message, site: &Site) -> String {
        // An element whose contact is another address than it sends from sits behind a NAT.
        let contact = || request.contacts().next()?.ok()?.uri.ip();
        let (from, over) = (self.from.address.ip(), self.from.transport);
        let by_flow = self.source == Source::Edge
            && (over.is_reliable() || contact().is_some_and(|contact| contact != from));
        if by_flow { site.flow_route(self.from) } else { site.names.route(site.names.home()) }
    }

    /// How the element ahead does.
    fn recorded_ahead(&self, site: &Site) -> String {
        match self.leg.hop {
            Hop::Flow => site.flow_route(self.leg.to),
            Hop::Edge if self.leg.to.transport.is_reliable() => {
                site.names.route_over(site.names.home(), self.leg.to.transport)
            }
            Hop::Edge | Hop::Sibling | Hop::Mesh(..) => site.names.route(site.names.home()),
        }
    }

    fn via(&self, site: &Site) -> String {
        let to = &self.leg.to;
        let (transport, sent_by) = (to.transport.in_via(), site.sockets.toward(to));
        let mut via = ["SIP/2.0/", transport, " ", sent_by, ";rport;branch=", self.branch].concat();
        if to.transport.is_reliable() {
            // RFC 5923 §5: the other side may send its requests over this connection, too.
            via.push_str(";alias");
        }
        if site.overload.enabled {
            via.push_str(wire::ANNOUNCEMENT);
        }
        if let Some(token) = self.token {
            // Writing to a String cannot fail.
            let _ = write!(via, ";{}={token}", Token::PARAM);
        }
        if self.anchored {
            let _ = write!(via, ";{}={}", Way::PARAM, site.names.home());
        }
        via
    }
}

/// Whether a request opens a dialog, so that the edges record themselves in it (RFC 3261 §12.1, RFC 6665, RFC 3515).
#[must_use]
pub fn opens_dialog(request: &Message) -> bool {
    let method = request.method();
    request.to_tag().is_none()
        && (method == Method::Invite || ["SUBSCRIBE", "REFER"].contains(&method.as_str()))
}
