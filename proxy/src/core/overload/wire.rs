//! What two hops say to each other of overload, in the parameters of the topmost Via (RFC 7339 §4): the client
//! announces that it understands, the server says what share of the requests it wants to be spared.

use bytes::Bytes;
use ringway_sip::{Limits, Message, Name, Via};
use std::{fmt::Write as _, time::Duration};

/// RFC 7339 §4.1, §4.2: `oc` without a value in the Via of a request, and what algorithms are understood.
pub(crate) const ANNOUNCEMENT: &str = ";oc;oc-algo=\"loss\"";
/// RFC 7339 §4.3: how long an order holds that does not say so.
const VALIDITY: Duration = Duration::from_millis(500);
/// An order that wants to hold longer holds so long: a server that is still overloaded by then says it again.
const VALIDITY_MAX: Duration = Duration::from_secs(60);
/// All parameters of RFC 7339.
const NAMES: [&str; 4] = ["oc", "oc-algo", "oc-validity", "oc-seq"];

/// What a server wants from its client.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Order {
    /// The share of requests that it does not want, 0 to 100.
    pub(crate) percent: u8,
    /// For how long; zero ends the matter (RFC 7339 §4.3).
    pub(crate) validity: Duration,
    /// Newer orders have greater ones; `None` where the server gave none.
    pub(crate) sequence: Option<Sequence>,
}

/// RFC 7339 §4.4: seconds and their hundred thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sequence {
    pub(crate) seconds: u64,
    pub(crate) fraction: u32,
}

/// The parameters say something that no server means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nonsense;

impl Order {
    /// Reads the order in our Via of a response. `None`: there is none, the server does not speak RFC 7339 or has nothing to
    /// say (it gave `oc` back as it came).
    pub(crate) fn read(via: &Via<'_>) -> Result<Option<Self>, Nonsense> {
        let Some(Some(oc)) = via.param("oc") else { return Ok(None) };
        let percent = digits(oc, 3).and_then(|oc| u8::try_from(oc).ok()).filter(|oc| *oc <= 100);
        let percent = percent.ok_or(Nonsense)?;
        // RFC 7339 §4.2: the number means a share in the loss-based algorithm only (in RFC 7415 it is a rate).
        if !takes_loss(via) {
            return Err(Nonsense);
        }
        let validity = match via.param("oc-validity") {
            None => VALIDITY,
            Some(text) => {
                let ms = text.and_then(|text| digits(text, 10)).ok_or(Nonsense)?;
                Duration::from_millis(ms).min(VALIDITY_MAX)
            }
        };
        let sequence = match via.param("oc-seq") {
            None => None,
            Some(text) => Some(text.and_then(Sequence::parse).ok_or(Nonsense)?),
        };
        Ok(Some(Self { percent, validity, sequence }))
    }

    /// `response` with this order in its topmost Via; untouched when the client did not announce that it understands.
    pub(crate) fn put_on(&self, response: Bytes) -> Bytes {
        let Ok(message) = Message::parse(response.clone(), &Limits::NONE) else { return response };
        let via = message.via();
        if via.param("oc").is_none() || !takes_loss(&via) {
            return response;
        }
        let mut text = without(&via);
        // Writing to a String cannot fail.
        let _ =
            write!(text, ";oc={};oc-algo=\"loss\";oc-validity={}", self.percent, self.validity.as_millis());
        if let Some(Sequence { seconds, fraction }) = self.sequence {
            let _ = write!(text, ";oc-seq={seconds}.{fraction:05}");
        }
        let mut edit = message.edit();
        edit.pop_first(Name::Via);
        edit.push_first(Name::Via, &text);
        edit.finish()
    }
}

impl Sequence {
    fn parse(text: &str) -> Option<Self> {
        let (seconds, fraction) = text.split_once('.')?;
        // .5 is later than .12345.
        let scale = 10_u64.checked_pow(5_u32.checked_sub(u32::try_from(fraction.len()).ok()?)?)?;
        let fraction = digits(fraction, 5)? * scale;
        Some(Self { seconds: digits(seconds, 12)?, fraction: u32::try_from(fraction).ok()? })
    }
}

/// Whether a Via says that its owner understands overload control by loss.
pub(crate) fn is_announced(via: &Via<'_>) -> bool {
    via.param("oc").is_some() && takes_loss(via)
}

/// Whether a Via has an order in it.
pub(crate) fn has_order(via: &Via<'_>) -> bool {
    via.param("oc").flatten().is_some()
}

/// A Via without any order, as its owner wrote it. RFC 7339 §5.6: what one hop says goes no further, so what comes from
/// beyond in a Via that is not ours was put there by somebody who has no say.
pub(crate) fn as_announced(via: &Via<'_>) -> String {
    without(via) + ANNOUNCEMENT
}

fn without(via: &Via<'_>) -> String {
    let mut text = format!("SIP/2.0/{} {}", via.transport, via.host);
    if let Some(port) = via.port {
        let _ = write!(text, ":{port}");
    }
    let others = |name: &str| !NAMES.iter().any(|known| known.eq_ignore_ascii_case(name));
    for param in via.params.iter().filter(|param| others(param.name)) {
        let _ = match param.value {
            Some(value) => write!(text, ";{}={value}", param.name),
            None => write!(text, ";{}", param.name),
        };
    }
    text
}

/// Whether the list of algorithms, if there is one, has ours in it.
fn takes_loss(via: &Via<'_>) -> bool {
    let Some(list) = via.param("oc-algo") else { return true };
    let list = list.unwrap_or_default().trim_matches('"');
    list.split(',').any(|algorithm| algorithm.trim().eq_ignore_ascii_case("loss"))
}

fn digits(text: &str, length_max: usize) -> Option<u64> {
    let sound = (1..=length_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    sound.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
