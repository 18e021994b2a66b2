//! A datagram: cookie, space, dictionary.

use super::draft::Draft;
use super::{Command, Malformed, Refusal, Reply, Value, bencode, json};

/// The longest cookie that is taken: those of Kamailio and OpenSIPS have two numbers, others a UUID.
const COOKIE_MAX: usize = 255;

/// A datagram that can be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What tells requests apart, and is repeated in the reply.
    pub cookie: &'a [u8],
    /// How request and reply are written.
    pub encoding: Encoding,
    body: &'a [u8],
}

/// How a dictionary is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As Kamailio and OpenSIPS do.
    Bencode,
    /// As people do.
    Json,
}

/// What a packet asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The order, or why it gets `result: error`.
    pub command: Result<Command, Refusal>,
    /// Keys and flags that nobody here knows, or that mean nothing to this relay: to be logged, once each.
    pub ignored: Vec<String>,
    /// Whether the controller understands `load limit`: see [`Reply::full`].
    pub load_limit: bool,
}

impl<'a> Packet<'a> {
    /// Takes cookie and dictionary apart, without reading the dictionary.
    ///
    /// # Errors
    /// For what cannot be answered: it has no cookie, or no encoding that is known.
    pub fn read(datagram: &'a [u8]) -> Result<Packet<'a>, Malformed> {
        let window = &datagram[..datagram.len().min(COOKIE_MAX + 1)];
        let end = window.iter().position(|byte| *byte == b' ').ok_or(Malformed::Cookie)?;
        let cookie = &datagram[..end];
        if cookie.is_empty() || !cookie.iter().all(u8::is_ascii_graphic) {
            return Err(Malformed::Cookie);
        }
        let body = &datagram[end + 1..];
        let encoding = match body.first() {
            Some(b'd') => Encoding::Bencode,
            Some(b'{') => Encoding::Json,
            _ => return Err(Malformed::Encoding),
        };
        Ok(Packet { cookie, encoding, body })
    }

    /// The dictionary.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn dictionary(&self) -> Result<Value<'a>, Malformed> {
        match self.encoding {
            Encoding::Bencode => bencode::decode(self.body),
            Encoding::Json => json::decode(self.body),
        }
    }

    /// Reads what it asks for.
    #[must_use]
    pub fn request(&self) -> Request {
        let refused = |refusal| Request { command: Err(refusal), ignored: Vec::new(), load_limit: false };
        match self.dictionary() {
            Ok(value) => value.as_dictionary().map_or_else(|| refused(Refusal::NoCommand), Draft::request),
            Err(malformed) => refused(Refusal::Malformed(malformed)),
        }
    }

    /// The datagram that answers it.
    #[must_use]
    pub fn answer(&self, reply: &Reply) -> Vec<u8> {
        let value = Value::Dictionary(reply.dictionary());
        let mut datagram = Vec::with_capacity(1_024);
        datagram.extend_from_slice(self.cookie);
        datagram.push(b' ');
        match self.encoding {
            Encoding::Bencode => bencode::encode(&value, &mut datagram),
            Encoding::Json => json::encode(&value, &mut datagram),
        }
        datagram
    }
}

#[cfg(test)]
mod tests;
