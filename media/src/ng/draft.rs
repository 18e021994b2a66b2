//! From a dictionary to a [`Request`]: each key and each flag is read once, whatever the command, and what the command
//! needs is taken together in the end.

use super::wishes::{Family, Ice, Tos, Transport, Wishes};
use super::{Call, Command, Delete, Dictionary, Gate, Kind, Party, Proposal, Query, Refusal, Request, Value};
use ringway_sip::sdp::Profile;
use std::net::IpAddr;
use std::time::Duration;

/// How many calls `list` names when nothing is said.
const LIST: i64 = 32;
/// rtpengine's other commands.
const OTHER_COMMANDS: [&str; 12] = [
    "start recording",
    "stop recording",
    "pause recording",
    "play media",
    "stop media",
    "play dtmf",
    "publish",
    "subscribe request",
    "subscribe answer",
    "unsubscribe",
    "connect",
    "transform",
];

/// What has been read so far.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) wishes: Wishes,
    pub(super) ignored: Vec<String>,
    pub(super) fatal: bool,
    pub(super) all: bool,
    /// `SRTP` or `RTP`, and `AVPF` or `AVP`, as words of their own.
    pub(super) secure: Option<bool>,
    pub(super) feedback: Option<bool>,
    command: Option<String>,
    call: Call,
    sdp: Option<Vec<u8>>,
    to_label: String,
    address: Option<IpAddr>,
    limit: Option<i64>,
    load_limit: bool,
    /// Something that says which call or party is meant, and cannot be read.
    broken: Option<Refusal>,
    /// A wish that cannot be granted. Kamailio sends the wishes of its script with a `delete` too, where they mean
    /// nothing.
    refusal: Option<Refusal>,
}

impl Draft {
    /// Reads all of a dictionary.
    pub(super) fn request(dictionary: &Dictionary<'_>) -> Request {
        let mut draft = Draft::default();
        for (key, value) in dictionary.iter() {
            match std::str::from_utf8(key) {
                Ok(key) => draft.entry(key, value),
                Err(_) => draft.ignore("a key that is not UTF-8"),
            }
        }
        let ignored = std::mem::take(&mut draft.ignored);
        let load_limit = draft.load_limit;
        Request { command: draft.command(), ignored, load_limit }
    }

    /// One key and its value.
    pub(super) fn entry(&mut self, key: &str, value: &Value<'_>) {
        match &normal(key)[..] {
            "command" => self.command = value.as_str().map(normal_words),
            "sdp" => self.sdp = text_bytes(value),
            "call-id" => self.call.call_id = self.word(value, "call-id"),
            "from-tag" => self.call.from_tag = self.word(value, "from-tag"),
            "to-tag" => self.call.to_tag = self.word(value, "to-tag"),
            "via-branch" => self.call.branch = self.word(value, "via-branch"),
            "label" | "from-label" => self.wishes.label = self.word(value, "label"),
            "to-label" => self.to_label = self.word(value, "to-label"),
            "address" => self.address = value.as_str().and_then(ip).or_else(|| self.broken("address")),
            "limit" => self.limit = value.as_integer().or_else(|| self.broken("limit")),
            "supports" => self.load_limit |= words(value).any(|word| word == "load limit"),
            "flags" => words(value).for_each(|flag| self.flag(flag)),
            "rtpp-flags" => words(value).flat_map(str::split_whitespace).for_each(|flag| self.flag(flag)),
            "replace" => words(value).for_each(|word| self.replace(word)),
            "rtcp-mux" => words(value).for_each(|word| self.mux(word)),
            "sdes" => words(value).for_each(|word| self.sdes(word)),
            "direction" | "interface" => self.wishes.interfaces.extend(words(value).map(str::to_owned)),
            "received-from" => self.received_from(value),
            "media-address" => self.wishes.media_address = self.ip(value, "media-address"),
            "address-family" => self.family(value),
            "transport-protocol" => self.transport(value),
            "ice" => self.ice(value),
            "tos" => self.tos(value),
            "delete-delay" => self.delete_delay(value),
            "all" => self.all = value.as_str().is_some_and(|all| all != "none"),
            _ => self.foreign(key, value),
        }
    }

    /// Notes why offers and answers are refused; the first reason counts.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.refusal.get_or_insert(refusal);
    }

    /// Notes what is left aside.
    pub(super) fn ignore(&mut self, what: &str) {
        // Names come from the wire: few and short ones are enough to find a mistake.
        if self.ignored.len() < 16 && !self.ignored.iter().any(|known| known == what) {
            self.ignored.push(what.chars().filter(|letter| !letter.is_control()).take(64).collect());
        }
    }

    pub(super) fn transport(&mut self, value: &Value<'_>) {
        let name = value.as_str().unwrap_or_default();
        match Profile::named(name) {
            // RFC 5764: keys from a DTLS handshake, which the relay does not shake.
            Some(profile) if profile.is_tls() => self.refuse(Refusal::Unsupported("DTLS")),
            Some(profile) => self.wishes.transport = Transport::Profile(profile),
            None if name == "accept" => self.wishes.transport = Transport::Accept,
            None => self.refuse(Refusal::Invalid("transport-protocol")),
        }
    }

    /// Takes together what the command needs.
    fn command(mut self) -> Result<Command, Refusal> {
        let word = self.command.take().ok_or(Refusal::NoCommand)?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word);
        let kind = kind.ok_or_else(|| {
            let other = OTHER_COMMANDS.into_iter().find(|other| *other == word);
            other.map_or(Refusal::Unrecognized, Refusal::Unsupported)
        })?;
        if let Some(broken) = self.broken.filter(|_| kind != Kind::Ping) {
            return Err(broken);
        }
        let call = std::mem::take(&mut self.call);
        let call = if call.call_id.is_empty() { Err(Refusal::Missing("call-id")) } else { Ok(call) };
        match kind {
            Kind::Ping => Ok(Command::Ping),
            Kind::Statistics => Ok(Command::Statistics),
            Kind::List => {
                let limit = usize::try_from(self.limit.unwrap_or(LIST));
                limit.map(Command::List).map_err(|_| Refusal::Invalid("limit"))
            }
            Kind::Offer => self.proposal(call).map(|offer| Command::Offer(Box::new(offer))),
            Kind::Answer => {
                let answer = self.proposal(call)?;
                let tagged =
                    if answer.call.to_tag.is_empty() { Err(Refusal::Missing("to-tag")) } else { Ok(answer) };
                tagged.map(|answer| Command::Answer(Box::new(answer)))
            }
            Kind::Delete => {
                let (fatal, delay) = (self.fatal, self.wishes.delete_delay);
                call.map(|call| Command::Delete(Delete { call, fatal, delay }))
            }
            Kind::Query => call.map(|call| Command::Query(Query { call })),
            _ => {
                let (what, closed) = kind.gate().unwrap_or_else(|| unreachable!("all others are gates"));
                call.map(|call| Command::Gate(self.gate(call, what, closed)))
            }
        }
    }

    fn proposal(mut self, call: Result<Call, Refusal>) -> Result<Proposal, Refusal> {
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
        let sdp = self.sdp.take().filter(|sdp| !sdp.is_empty()).ok_or(Refusal::Missing("sdp"))?;
        let call = call?;
        if call.from_tag.is_empty() {
            return Err(Refusal::Missing("from-tag"));
        }
        if self.wishes.transport == Transport::Kept && (self.secure.is_some() || self.feedback.is_some()) {
            let profile = match (self.secure.unwrap_or_default(), self.feedback.unwrap_or_default()) {
                (false, false) => Profile::Avp,
                (false, true) => Profile::Avpf,
                (true, false) => Profile::Savp,
                (true, true) => Profile::Savpf,
            };
            self.wishes.transport = Transport::Profile(profile);
        }
        Ok(Proposal { call, sdp, wishes: self.wishes })
    }

    fn gate(self, call: Call, what: super::Gated, closed: bool) -> Gate {
        let named = |label: &str, tag: &str| match (label, tag) {
            ("", "") => Party::Everybody,
            ("", tag) => Party::Tag(tag.to_owned()),
            (label, _) => Party::Label(label.to_owned()),
        };
        // rtpengine's order: everybody, by label, by address, by tag.
        let from = match self.address {
            _ if self.all => Party::Everybody,
            Some(address) if self.wishes.label.is_empty() => Party::Address(address),
            _ => named(&self.wishes.label, &call.from_tag),
        };
        let to = if self.all { Party::Everybody } else { named(&self.to_label, &call.to_tag) };
        Gate { call, what, closed, from, to, all: self.all }
    }

    fn broken<T>(&mut self, key: &'static str) -> Option<T> {
        self.broken.get_or_insert(Refusal::Invalid(key));
        None
    }

    fn invalid<T>(&mut self, key: &'static str) -> Option<T> {
        self.refuse(Refusal::Invalid(key));
        None
    }

    fn word(&mut self, value: &Value<'_>, key: &'static str) -> String {
        value.as_str().map(str::to_owned).or_else(|| self.broken(key)).unwrap_or_default()
    }

    fn ip(&mut self, value: &Value<'_>, key: &'static str) -> Option<IpAddr> {
        value.as_str().and_then(ip).or_else(|| self.invalid(key))
    }

    /// `["IP4", "192.0.2.1"]`. Kamailio also writes the address alone, before the list.
    fn received_from(&mut self, value: &Value<'_>) {
        let address = words(value).last().and_then(ip);
        match address {
            Some(address) => self.wishes.received_from = Some(address),
            None => self.refuse(Refusal::Invalid("received-from")),
        }
    }

    fn family(&mut self, value: &Value<'_>) {
        self.wishes.family = match value.as_str().map(normal).as_deref() {
            Some("ip4" | "ipv4" | "inet") => Some(Family::V4),
            Some("ip6" | "ipv6" | "inet6") => Some(Family::V6),
            _ => self.invalid("address-family"),
        };
    }

    fn ice(&mut self, value: &Value<'_>) {
        match value.as_str().map(normal).as_deref() {
            Some("remove") => self.wishes.ice = Ice::Remove,
            Some("default" | "optional") => self.wishes.ice = Ice::Default,
            Some("force" | "force-relay" | "force_relay") => self.refuse(Refusal::Unsupported("ICE")),
            _ => self.refuse(Refusal::Invalid("ICE")),
        }
    }

    fn tos(&mut self, value: &Value<'_>) {
        match value.as_integer() {
            Some(tos) if tos < 0 => self.wishes.tos = Tos::Kept,
            Some(tos) => self.wishes.tos = u8::try_from(tos).map_or(Tos::Default, Tos::Set),
            None => self.refuse(Refusal::Invalid("TOS")),
        }
    }

    fn delete_delay(&mut self, value: &Value<'_>) {
        let delay = value.as_integer().and_then(|delay| u32::try_from(delay).ok());
        self.wishes.delete_delay = match delay {
            Some(seconds) => Some(Duration::from_secs(seconds.into())),
            None => self.invalid("delete-delay"),
        };
    }
}

/// A key or a flag, in the one form in which it is compared: rtpengine takes spaces for hyphens, and several cases.
pub(super) fn normal(word: &str) -> String {
    word.trim().to_ascii_lowercase().replace(' ', "-")
}

/// A command: words with spaces.
fn normal_words(command: &str) -> String {
    command.trim().to_ascii_lowercase().replace('-', " ")
}

/// The texts of a list, or the one that stands alone.
fn words<'a>(value: &'a Value<'_>) -> impl Iterator<Item = &'a str> {
    let alone = value.as_str();
    let list = value.as_list().unwrap_or_default();
    alone.into_iter().chain(list.iter().filter_map(Value::as_str))
}

fn text_bytes(value: &Value<'_>) -> Option<Vec<u8>> {
    match value {
        Value::Text(text) => Some(text.to_vec()),
        Value::Integer(_) | Value::List(_) | Value::Dictionary(_) => None,
    }
}

/// An address, perhaps in brackets.
fn ip(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.trim().parse().ok()
}

#[cfg(test)]
mod tests;
