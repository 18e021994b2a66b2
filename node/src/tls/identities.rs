//! Whom a certificate is for, as SIP has it: RFC 5922 §7.

use rustls::pki_types::{CertificateDer, ServerName};
use std::net::IpAddr;
use webpki::EndEntityCert;

/// Whether `certificate` is for `host`, a name or an address (IPv6 with or without brackets). That it is from an authority
/// that we trust is another question.
#[must_use]
pub fn is_for(certificate: &CertificateDer<'_>, host: &str) -> bool {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        // RFC 5922 speaks of domains alone. A peer that is called by its address shows an iPAddress (RFC 5280 §4.2.1.6).
        let address = ServerName::IpAddress(address.into());
        return certificate.verify_is_valid_for_subject_name(&address).is_ok();
    }
    // RFC 5922 §7.1: the SIP URIs without a user part; only where there is none, the DNS names. The Common Name, which it
    // leaves for old certificates, says nothing to us.
    let mut uris = certificate.valid_uri_names().filter_map(domain_of).peekable();
    if uris.peek().is_some() {
        return uris.any(|domain| domain.eq_ignore_ascii_case(host));
    }
    // RFC 5922 §7.2: the whole name, case apart, and no wildcard, which never is the name of a host.
    certificate.valid_dns_names().any(|name| name.eq_ignore_ascii_case(host))
}

/// The domain in `sip:domain`; a port or parameters do not belong to it.
fn domain_of(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    let domain = rest.split([':', ';', '?']).next()?;
    (scheme.eq_ignore_ascii_case("sip") && !rest.contains('@') && !domain.is_empty()).then_some(domain)
}
