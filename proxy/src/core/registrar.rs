//! The registrar of a region (RFC 3261 §10.3, RFC 3327, RFC 5626 §6): reads a REGISTER and words its answer. The
//! bindings themselves are kept by [`crate::location`].

use super::names::Names;
use crate::location::{Binding, Change, Contacts, Refused, Unfit, Wish};
use ringway_sip::{Message, Name, NameAddr};

/// What the registrar grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Granted when nothing is asked for, in seconds.
    pub expires_s_default: u32,
    /// Less is refused with 423, in seconds; 0 removes and is always granted.
    pub expires_s_min: u32,
    /// More is cut to this, in seconds.
    pub expires_s_max: u32,
    /// Contacts in one request at most: each is compared with each that is bound.
    pub contacts_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { expires_s_default: 3600, expires_s_min: 60, expires_s_max: 7200, contacts_max: 10 }
    }
}

/// A REGISTER that can be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// What it asks of the store.
    pub change: Change,
    /// Whether the client reads Path (RFC 3327 §5.3).
    pub supports_path: bool,
    /// Whether a flow was registered (RFC 5626 §6).
    pub is_outbound: bool,
}

/// Why a REGISTER is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// A header that cannot be read, or that may not stand there.
    BadRequest(&'static str),
    /// The address-of-record is not one of the mesh.
    NotFound,
    /// More contacts than allowed.
    TooManyContacts,
    /// Options that we do not know, as a list.
    BadExtension(String),
    /// The shortest expiry that would be granted, in seconds.
    IntervalTooBrief(u32),
    /// A later REGISTER of the same Call-ID was here before.
    OutOfOrder,
    /// The directory has no room.
    Full,
    /// More text than a binding may have.
    TooLong,
    /// A flow is asked for, and the first hop keeps none.
    FirstHopLacksOutbound,
}

impl Rejection {
    /// Status code and reason phrase.
    #[must_use]
    pub fn status(&self) -> (u16, &'static str) {
        match self {
            Self::BadRequest(_) => (400, "Bad Request"),
            Self::NotFound => (404, "Not Found"),
            Self::TooManyContacts => (403, "Too Many Contacts"),
            Self::BadExtension(_) => (420, "Bad Extension"),
            Self::IntervalTooBrief(_) => (423, "Interval Too Brief"),
            Self::FirstHopLacksOutbound => (439, "First Hop Lacks Outbound Support"),
            Self::OutOfOrder => (500, "Registration Out Of Order"),
            Self::Full => (503, "Service Unavailable"),
            Self::TooLong => (513, "Message Too Large"),
        }
    }

    /// The header that tells the client how to do better, if one does.
    #[must_use]
    pub fn header(&self) -> Option<(Name<'static>, String)> {
        match self {
            Self::BadExtension(options) => Some((Name::Unsupported, options.clone())),
            Self::IntervalTooBrief(expires_s_min) => Some((Name::MinExpires, expires_s_min.to_string())),
            Self::BadRequest(_)
            | Self::NotFound
            | Self::TooManyContacts
            | Self::OutOfOrder
            | Self::Full
            | Self::TooLong
            | Self::FirstHopLacksOutbound => None,
        }
    }
}

impl From<Refused> for Rejection {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::OutOfOrder => Self::OutOfOrder,
            Refused::TooManyContacts => Self::TooManyContacts,
            Refused::Full => Self::Full,
            Refused::Unfit(Unfit::TooLong | Unfit::Time) => Self::TooLong,
            Refused::Unfit(Unfit::Field(field)) => Self::BadRequest(field),
        }
    }
}

impl Registration {
    /// Whether it only asks what is bound (RFC 3261 §10.2.3).
    #[must_use]
    pub fn is_question(&self) -> bool {
        matches!(&self.change.contacts, Contacts::Set(wishes) if wishes.is_empty())
    }

    /// Reads a REGISTER (RFC 3261 §10.3 steps 2, 5 and 6).
    ///
    /// # Errors
    /// A [`Rejection`] to answer with.
    pub fn read(request: &Message, names: &Names, settings: &Settings) -> Result<Self, Rejection> {
        let unknown: Vec<&str> = request.values(Name::Require).filter(|option| !is_known(option)).collect();
        if !unknown.is_empty() {
            return Err(Rejection::BadExtension(unknown.join(", ")));
        }
        // RFC 3261 §10.3 step 5: nobody registers here who is at home elsewhere.
        let aor = names.address_of_record(&request.to().uri).ok_or(Rejection::NotFound)?;
        let named = |option: &str| {
            let mut all = request.values(Name::Supported).chain(request.values(Name::Require));
            all.any(|value| value.eq_ignore_ascii_case(option))
        };
        let contacts = contacts(request, settings, named("outbound"))?;
        if has_flow(&contacts) && !first_hop_keeps_flows(request) {
            return Err(Rejection::FirstHopLacksOutbound);
        }
        let is_outbound = match &contacts {
            Contacts::Clear => false,
            Contacts::Set(wishes) => wishes.iter().any(|wish| wish.flow().is_some() && wish.expires_s > 0),
        };
        let path = request.values(Name::Path).map(hop).collect::<Result<_, _>>()?;
        let (call_id, cseq) = (request.call_id().to_owned(), request.cseq().number);
        let change = Change { aor, call_id, cseq, path, contacts };
        Ok(Self { change, supports_path: named("path"), is_outbound })
    }
}

/// The header lines of the 200 (RFC 3261 §10.3 step 8): one Contact for each live one of `bindings`, and what the
/// extensions want. `flow_timer_s` is for how long a flow may be silent (RFC 5626 §4.4), in seconds.
#[must_use]
pub fn answer(
    registration: &Registration,
    bindings: &[&Binding],
    now_unix_ms: u64,
    flow_timer_s: Option<u32>,
) -> Vec<(Name<'static>, String)> {
    let live = bindings.iter().filter(|binding| binding.is_live(now_unix_ms));
    let mut lines: Vec<_> =
        live.map(|binding| (Name::Contact, contact_value(binding, now_unix_ms))).collect();
    if registration.supports_path {
        lines.extend(registration.change.path.iter().map(|hop| (Name::Path, hop.clone())));
    }
    lines.push((Name::Supported, "path, outbound".to_owned()));
    if registration.is_outbound {
        lines.push((Name::Require, "outbound".to_owned()));
        lines.extend(flow_timer_s.map(|timer| (Name::Other("Flow-Timer"), timer.to_string())));
    }
    lines
}

fn contact_value(binding: &Binding, now_unix_ms: u64) -> String {
    // A client that is told 0 takes its binding for gone, so a part of a second counts as a whole one.
    let expires_s = binding.expires_unix_ms.saturating_sub(now_unix_ms).div_ceil(1000);
    let q = format!("{}.{:03}", binding.q / 1000, binding.q % 1000);
    let mut value = format!("<{}>;expires={expires_s};q={q}", binding.contact);
    if let Some(instance) = &binding.instance {
        value.push_str(&format!(";+sip.instance=\"{instance}\""));
    }
    if let Some(reg_id) = binding.reg_id {
        value.push_str(&format!(";reg-id={reg_id}"));
    }
    value
}

fn is_known(option: &str) -> bool {
    ["path", "outbound"].iter().any(|known| known.eq_ignore_ascii_case(option))
}

fn contacts(request: &Message, settings: &Settings, outbound: bool) -> Result<Contacts, Rejection> {
    let values: Vec<&str> = request.values(Name::Contact).collect();
    if values.contains(&"*") {
        // RFC 3261 §10.3 step 6: alone, and with Expires: 0.
        let clears = values.len() == 1 && request.expires() == Ok(Some(0));
        return if clears { Ok(Contacts::Clear) } else { Err(Rejection::BadRequest("Contact")) };
    }
    if values.len() > settings.contacts_max {
        return Err(Rejection::TooManyContacts);
    }
    // RFC 3261 §20.10: what cannot be read counts as the default.
    let asked_s = request.expires().ok().flatten().unwrap_or(settings.expires_s_default);
    let wish = |value: &&str| wish(value, asked_s, settings, outbound);
    let wishes: Vec<Wish> = values.iter().map(wish).collect::<Result<_, _>>()?;
    // RFC 5626 §4.2.1: a REGISTER goes over one flow, so it can make one at most.
    if wishes.iter().filter(|wish| wish.flow().is_some() && wish.expires_s > 0).count() > 1 {
        return Err(Rejection::BadRequest("reg-id"));
    }
    Ok(Contacts::Set(wishes))
}

fn wish(value: &str, asked_s: u32, settings: &Settings, outbound: bool) -> Result<Wish, Rejection> {
    let contact = NameAddr::parse(value).map_err(|_| Rejection::BadRequest("Contact"))?;
    let expires_s = match contact.param("expires").flatten() {
        Some(text) => text.parse().unwrap_or(settings.expires_s_default),
        None => asked_s,
    };
    if expires_s > 0 && expires_s < settings.expires_s_min {
        return Err(Rejection::IntervalTooBrief(settings.expires_s_min));
    }
    let q = match contact.param("q") {
        Some(text) => text.and_then(thousandths).ok_or(Rejection::BadRequest("q"))?,
        None => 1000,
    };
    let instance = match contact.param("+sip.instance") {
        Some(text) => Some(text.and_then(unquoted).ok_or(Rejection::BadRequest("+sip.instance"))?),
        None => None,
    };
    // RFC 5626 §6: a reg-id without an instance, or of a client that does not support outbound, means nothing.
    let reg_id = match contact.param("reg-id") {
        Some(text) if outbound && instance.is_some() => {
            let number = text.and_then(|text| text.parse::<u32>().ok()).filter(|number| *number > 0);
            Some(number.ok_or(Rejection::BadRequest("reg-id"))?)
        }
        Some(_) | None => None,
    };
    let expires_s = expires_s.min(settings.expires_s_max);
    Ok(Wish { contact: contact.uri.as_str().to_owned(), instance, reg_id, q, expires_s })
}

fn has_flow(contacts: &Contacts) -> bool {
    match contacts {
        Contacts::Clear => false,
        Contacts::Set(wishes) => wishes.iter().any(|wish| wish.flow().is_some()),
    }
}

/// RFC 5626 §6: with one Via this proxy is the first hop itself; else the first hop says `ob` in its Path value. Proxies
/// put their Path on top (RFC 3327 §5.2), so the first hop's is the last one; the RFC asks for "the first URI", and where
/// there are several, both readings count.
fn first_hop_keeps_flows(request: &Message) -> bool {
    let says_ob = |value: &str| NameAddr::parse(value).is_ok_and(|hop| hop.uri.param("ob").is_some());
    let (first, last) = (request.values(Name::Path).next(), request.values(Name::Path).last());
    request.vias().nth(1).is_none() || first.into_iter().chain(last).any(says_ob)
}

/// One Path value on a single line, so that it can be written back wherever it is wanted.
fn hop(value: &str) -> Result<String, Rejection> {
    NameAddr::parse(value).map_err(|_| Rejection::BadRequest("Path"))?;
    Ok(value.replace(char::is_control, " "))
}

/// RFC 3261 §25.1 qvalue: 0 to 1, three digits behind the point.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let legal = part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    let part: u16 = format!("{part:0<3}").parse().ok().filter(|_| legal)?;
    match (whole, part) {
        ("0", part) => Some(part),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

fn unquoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let legal = !inner.is_empty() && !inner.contains(|c: char| c.is_control() || matches!(c, '"' | '\\'));
    legal.then(|| inner.to_owned())
}

#[cfg(test)]
mod tests;
