//! Which services of a domain are looked for, and in which order (RFC 3263 §4.1).

use super::{Record, Transport};
use std::sync::Arc;

/// Services of one domain that are looked for.
const SERVICES_MAX: usize = 8;

/// SIP over one transport, somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) transport: Transport,
    /// The name of its SRV records.
    pub(super) name: Arc<str>,
    /// True when a NAPTR record names it.
    pub(super) is_named: bool,
    /// True once an SRV record says that it does not exist.
    pub(super) is_declined: bool,
}

impl Service {
    /// The service of a domain under its usual name.
    pub(super) fn of(transport: Transport, domain: &str) -> Self {
        let name = format!("{}.{domain}", transport.service()).into();
        Self { transport, name, is_named: false, is_declined: false }
    }
}

/// What to look for when there is no NAPTR record: RFC 3263 §4.1 leaves the order to the client. `sips` leaves TLS only.
pub(super) fn default(domain: &str, sips: bool) -> Vec<Service> {
    let all = [Transport::Udp, Transport::Tcp, Transport::Tls];
    let allowed = all.into_iter().filter(|transport| is_allowed(*transport, sips));
    allowed.map(|transport| Service::of(transport, domain)).collect()
}

/// The services that NAPTR records point to, best first; `None` when there is none that we can use.
pub(super) fn pointed(records: &[Record], sips: bool) -> Option<Vec<Service>> {
    let mut usable: Vec<(u16, u16, Service)> =
        records.iter().filter_map(|record| usable(record, sips)).collect();
    usable.sort_by_key(|(order, preference, _)| (*order, *preference));
    // RFC 3403 §4.1: nothing beyond the first order in which something fits. So a domain that wants TLS first is not
    // talked down to UDP by whoever keeps us from its TLS servers.
    let best = usable.first()?.0;
    let first_order = usable.into_iter().take_while(|(order, ..)| *order == best);
    Some(first_order.map(|(.., service)| service).take(SERVICES_MAX).collect())
}

fn usable(record: &Record, sips: bool) -> Option<(u16, u16, Service)> {
    let Record::Naptr { order, preference, flags, service, regexp, replacement } = record else {
        return None;
    };
    // RFC 3263 §4.1: the flag is "s" and the expression empty; the replacement is the name of SRV records.
    let is_pointer = flags.eq_ignore_ascii_case("s") && regexp.is_empty() && !replacement.is_empty();
    let transport = match service.to_ascii_uppercase().as_str() {
        "SIP+D2U" => Transport::Udp,
        "SIP+D2T" => Transport::Tcp,
        "SIPS+D2T" => Transport::Tls,
        // SCTP, WebSocket, other protocols altogether.
        _ => return None,
    };
    let service = Service { transport, name: replacement.clone(), is_named: true, is_declined: false };
    (is_pointer && is_allowed(transport, sips)).then_some((*order, *preference, service))
}

/// RFC 3263 §4.1: for `sips`, all but the services of TLS are discarded.
fn is_allowed(transport: Transport, sips: bool) -> bool {
    !sips || transport == Transport::Tls
}
