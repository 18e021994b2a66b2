//! What a call is beyond where it goes ([`Traffic`]: class, tenant, whom it calls), as it travels: parameters of the mesh's
//! own Route values. An SBC puts them on the Route to its region; the ingress hands them to the egress on the Route to
//! that region, where they come off; and both record them for the requests in the dialog (RFC 3261 §12.1).

use super::{decide::Source, refusal::Refusal, site::Site};
use ringway_router::{Class, Tenant, Traffic};
use ringway_sip::{Message, NameAddr, Peer, Uri};

const CLASS: &str = "class";
const TENANT: &str = "tenant";
const CALLED: &str = "called";
/// The longest part of a number that rules are asked about (E.164 has 15 digits).
const CALLED_MAX: usize = 32;

/// What a request is.
///
/// # Errors
/// When a parameter says what cannot be: a rule might speak of just this call.
pub fn traffic(request: &Message, from: Peer, source: Source, site: &Site) -> Result<Traffic, Refusal> {
    let mut traffic = Traffic::voice();
    if let Some(usual) = site.usual(from.address.ip()).filter(|_| source == Source::Edge) {
        traffic.class.clone_from(&usual.class);
        traffic.tenant.clone_from(&usual.tenant);
    }
    let mut called = None;
    let routes = request.routes().map_while(|route| route.ok().map(|NameAddr { uri, .. }| uri));
    for route in routes.take_while(|route| site.names.is_home(route)) {
        let value = |name: &str| route.params.find(name).flatten();
        if let Some(class) = value(CLASS) {
            traffic.class = Class::try_from(class).map_err(|_| Refusal::BadRequest("class in Route"))?;
        }
        if let Some(tenant) = value(TENANT) {
            let tenant = Tenant::try_from(tenant).map_err(|_| Refusal::BadRequest("tenant in Route"))?;
            traffic.tenant = Some(tenant);
        }
        called = value(CALLED).map(str::to_owned).or(called);
    }
    traffic.called = match called {
        Some(called) => called,
        None if request.to_tag().is_none() => number(request.uri()),
        None => String::new(),
    };
    Ok(traffic)
}

/// The parameters that say so, for a Route of ours. `numbers`: whether any rule asks whom a call is for; nobody else has to
/// know.
#[must_use]
pub fn marks(traffic: &Traffic, numbers: bool) -> String {
    let Traffic { class, tenant, called } = traffic;
    let mut marks = String::new();
    let mut mark = |name: &str, value: &str| marks.extend([";", name, "=", value]);
    if *class != Class::voice() {
        mark(CLASS, class.as_str());
    }
    if let Some(tenant) = tenant {
        mark(TENANT, tenant.as_str());
    }
    if numbers && !called.is_empty() {
        mark(CALLED, called);
    }
    marks
}

/// A Route value with such parameters.
#[must_use]
pub fn marked(mut route: String, marks: &str) -> String {
    if !marks.is_empty() && route.ends_with('>') {
        route.pop();
        route.extend([marks, ">"]);
    }
    route
}

/// The number in a Request-URI; empty when it is a name that no prefix rule could mean.
fn number(uri: &str) -> String {
    let user = Uri::parse(uri).ok().and_then(|uri| uri.user.map(str::to_owned)).unwrap_or_default();
    let is_number = |c: char| c.is_ascii_digit() || c == '+';
    // RFC 3966 §5.1.1: visual separators mean nothing.
    user.chars().filter(|c| !"-.()".contains(*c)).take_while(|c| is_number(*c)).take(CALLED_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_a_route_is_what_is_read_from_it() {
        let traffic = Traffic {
            class: "video".parse().unwrap(),
            tenant: Some("acme".parse().unwrap()),
            called: "+1703".to_owned(),
        };
        assert_eq!(marks(&Traffic::voice(), true), "");
        assert_eq!(marks(&traffic, false), ";class=video;tenant=acme");
        let route = marked("<sip:us-east-1.mesh.example;lr>".to_owned(), &marks(&traffic, true));
        assert_eq!(route, "<sip:us-east-1.mesh.example;lr;class=video;tenant=acme;called=+1703>");
    }

    #[test]
    fn a_number_is_read_without_its_separators() {
        let table = [
            ("sip:+1-703-555.0100;phone-context=x@mesh.example", "+17035550100"),
            ("sip:911@mesh.example", "911"),
            ("sip:bob@mesh.example", ""),
            ("sip:mesh.example", ""),
        ];
        for (uri, called) in table {
            assert_eq!(number(uri), called, "{uri}");
        }
    }
}
