//! Keepalives over UDP (RFC 5626 §4.4.2, §8): a STUN binding request between the messages of SIP, answered with the
//! address from which it came. Who was granted `keep` over UDP sends these, and takes silence for a dead flow.

use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};

/// RFC 8489 §5.
const HEADER_BYTES: usize = 20;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_RESPONSE: u16 = 0x0101;
const COOKIE: [u8; 4] = 0x2112_a442_u32.to_be_bytes();
/// RFC 8489 §14.2.
const XOR_MAPPED_ADDRESS: u16 = 0x0020;

/// The answer to a binding request from `from`; `None` if this is none. No SIP message begins with a byte so small.
pub(super) fn answer(datagram: &[u8], from: SocketAddr) -> Option<Bytes> {
    let header = datagram.get(..HEADER_BYTES)?;
    let number = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let fits = usize::from(number(2)) == datagram.len() - HEADER_BYTES;
    if number(0) != BINDING_REQUEST || header[4..8] != COOKIE || !fits {
        return None;
    }
    let (family, address) = match from.ip().to_canonical() {
        IpAddr::V4(address) => (1, address.octets().to_vec()),
        IpAddr::V6(address) => (2, address.octets().to_vec()),
    };
    // RFC 8489 §14.2: the port is masked with the cookie's first half, the address with cookie and transaction id, so that
    // no address translator mends them on the way.
    let mask = &header[4..];
    let mut value = vec![0, family];
    value.extend(from.port().to_be_bytes().iter().zip(mask).map(|(byte, mask)| byte ^ mask));
    value.extend(address.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
    let value_bytes = u16::try_from(value.len()).ok()?;
    let mut out = Vec::with_capacity(HEADER_BYTES + 4 + value.len());
    out.extend_from_slice(&BINDING_RESPONSE.to_be_bytes());
    out.extend_from_slice(&(value_bytes + 4).to_be_bytes());
    out.extend_from_slice(mask);
    out.extend_from_slice(&XOR_MAPPED_ADDRESS.to_be_bytes());
    out.extend_from_slice(&value_bytes.to_be_bytes());
    out.extend_from_slice(&value);
    Some(Bytes::from(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769 §2.2, §2.3: the transaction id and the addresses of the test vectors.
    const ID: [u8; 12] = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    fn request() -> Vec<u8> {
        [&[0, 1, 0, 0][..], &COOKIE, &ID].concat()
    }

    #[test]
    fn the_addresses_of_rfc_5769_come_out_as_there() {
        let answered = |from: &str| answer(&request(), from.parse().unwrap()).unwrap();
        let v4 = answered("192.0.2.1:32853");
        assert_eq!(v4[..20], [&[1, 1, 0, 12][..], &COOKIE, &ID].concat());
        assert_eq!(v4[20..], [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        let v6 = answered("[2001:db8:1234:5678:11:2233:4455:6677]:32853");
        let masked =
            [0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9];
        assert_eq!(v6[20..], [&[0, 0x20, 0, 20, 0, 2, 0xa1, 0x47][..], &masked].concat());
    }

    #[test]
    fn anything_else_is_no_binding_request() {
        let from = "192.0.2.1:5060".parse().unwrap();
        for (at, byte) in [(0, 1), (1, 2), (3, 4), (4, 0)] {
            let mut changed = request();
            changed[at] = byte;
            assert_eq!(answer(&changed, from), None, "byte {at}");
        }
        assert_eq!(answer(&request()[..19], from), None);
        assert_eq!(answer(b"OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n", from), None);
    }
}
