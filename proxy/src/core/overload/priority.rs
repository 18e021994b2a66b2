//! Which requests go first when not all can: RFC 7339 §5.10.1 with RFC 4412 and RFC 5031.

use ringway_sip::{Message, Method, Name};

/// How dear a request is. The dearest is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// What begins something new: it can be tried again, and has cost nothing yet.
    New,
    /// What belongs to something that has begun, ends it, or asks whether we live.
    Begun,
    /// A call for help.
    Emergency,
}

impl Priority {
    /// Of a request.
    pub(crate) fn of(request: &Message) -> Self {
        if is_emergency(request) {
            Self::Emergency
        } else if request.to().tag().is_some()
            || matches!(request.method(), Method::Ack | Method::Cancel | Method::Options)
        {
            Self::Begun
        } else {
            Self::New
        }
    }
}

/// RFC 5031: the service `sos` as the Request-URI, or in the To, where it stays when the call has been routed. RFC 4412
/// §12: the namespaces of emergency networks (RFC 7135) and of the emergency telecommunications service.
fn is_emergency(request: &Message) -> bool {
    let namespace = |value: &str| value.split('.').next().unwrap_or_default().trim().to_ascii_lowercase();
    is_sos(request.uri())
        || is_sos(to_uri(request))
        || request
            .values(Name::Other("Resource-Priority"))
            .any(|value| ["esnet", "ets"].contains(&namespace(value).as_str()))
}

/// The URI in the To, as written.
fn to_uri(request: &Message) -> &str {
    let to = request.first(Name::To).unwrap_or_default();
    to.split_once('<').map_or(to, |(_, uri)| uri).trim_start()
}

fn is_sos(uri: &str) -> bool {
    const SOS: &str = "urn:service:sos";
    let named = uri.get(..SOS.len()).is_some_and(|start| start.eq_ignore_ascii_case(SOS));
    named && !uri[SOS.len()..].starts_with(|next: char| next.is_ascii_alphanumeric() || next == '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use ringway_sip::Limits;

    fn of(method: &str, uri: &str, to: &str, extra: &str) -> Priority {
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: {to}\r\nCall-ID: x\r\nCSeq: 1 {method}\r\n{extra}Content-Length: 0\r\n\r\n"
        );
        Priority::of(&Message::parse(Bytes::from(text), &Limits::default()).unwrap())
    }

    #[test]
    fn who_goes_first() {
        let to = "<sip:c@d>";
        let cases = [
            ("INVITE", "sip:c@d", to, "", Priority::New),
            ("SUBSCRIBE", "sip:c@d", to, "", Priority::New),
            ("INVITE", "sip:c@d", "<sip:c@d>;tag=2", "", Priority::Begun),
            ("BYE", "sip:c@d", "<sip:c@d>;tag=2", "", Priority::Begun),
            ("OPTIONS", "sip:c@d", to, "", Priority::Begun),
            ("INVITE", "urn:service:sos", to, "", Priority::Emergency),
            ("INVITE", "sip:psap@d", "<urn:service:SOS.police>", "", Priority::Emergency),
            ("INVITE", "sip:psap@d", "Help <urn:service:sos>", "", Priority::Emergency),
            ("INVITE", "sip:psap@d", "urn:service:sos", "", Priority::Emergency),
            ("INVITE", "sip:psap@d", "<urn:service:sosta>", "", Priority::New),
            ("INVITE", "sip:c@d", to, "Resource-Priority: dsn.flash, esnet.1\r\n", Priority::Emergency),
            ("INVITE", "sip:c@d", to, "resource-priority: ETS.0\r\n", Priority::Emergency),
            ("INVITE", "sip:c@d", to, "Resource-Priority: dsn.flash\r\n", Priority::New),
        ];
        for (method, uri, to, extra, want) in cases {
            assert_eq!(of(method, uri, to, extra), want, "{method} {uri} {to} {extra}");
        }
    }
}
