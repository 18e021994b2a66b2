//! One binding: an address-of-record is reached at a contact, in a region, until a time (RFC 3261 §10).

use super::fingerprint::Fingerprint;
use ringway_router::{NodeId, Region};
use ringway_sip::{NameAddr, Uri};

/// The most that the texts of one binding take together, in bytes: more than any phone needs, and an end to what one
/// REGISTER can make every node keep.
pub const BINDING_BYTES_MAX: usize = 4_096;

/// The longest that a binding may last from when it was written, in milliseconds: a day.
pub const LIFETIME_MS_MAX: u64 = 86_400_000;

/// By how much the clock of another node may run ahead, in milliseconds. A record from further in the future would win
/// over every later one.
const CLOCK_AHEAD_MS_MAX: u64 = 600_000;

/// A binding as it travels through the mesh, or the tombstone of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The canonical address-of-record.
    pub aor: String,
    /// The URI of the Contact, as written.
    pub contact: String,
    /// `+sip.instance` without its quotes (RFC 5626 §4.1).
    pub instance: Option<String>,
    /// `reg-id`, where it counts (RFC 5626 §4.2).
    pub reg_id: Option<u32>,
    /// The Call-ID of the registration that wrote this.
    pub call_id: String,
    /// Its CSeq number.
    pub cseq: u32,
    /// Preference in thousandths, 0 to 1000.
    pub q: u16,
    /// The Path values, first hop first (RFC 3327).
    pub path: Vec<String>,
    /// The region that owns the binding.
    pub region: Region,
    /// The node that wrote it, of that region. When it is gone the binding stays until it ends, because another node of
    /// the region can still send to the contact or along the Path. Its flows (RFC 5626: the client's connection to this
    /// very node) are gone with it: a call over one fails at once and goes to the client's other flow, and the client
    /// registers anew when its keepalives are not answered.
    pub node: NodeId,
    /// When it ends, in Unix milliseconds.
    pub expires_unix_ms: u64,
    /// When the longest of the versions ends that this one replaced, in Unix milliseconds; 0 when none outlasts it. For
    /// so long it is remembered, or a node that missed it would bring such a version back.
    pub covers_unix_ms: u64,
    /// When it was written, in Unix microseconds.
    pub updated_unix_us: u64,
    /// Whether this is a tombstone.
    pub removed: bool,
}

/// A binding as its node serialized and signed it: anybody can pass it on, and nobody can change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The binding.
    pub binding: Vec<u8>,
    /// By the key of its node.
    pub signature: Vec<u8>,
}

/// What is wrong with a binding that another node wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Its texts are too long.
    #[error("a binding is too long")]
    TooLong,
    /// This field could do harm in a SIP message, or is none.
    #[error("bad {0} in a binding")]
    Field(&'static str),
    /// It was written in the future, or lasts beyond reason.
    #[error("a binding has an absurd time")]
    Time,
}

impl Binding {
    /// Whether calls may go there now.
    #[must_use]
    pub fn is_live(&self, now_unix_ms: u64) -> bool {
        !self.removed && now_unix_ms < self.expires_unix_ms
    }

    /// The flow of RFC 5626 §6, if both of its parts are given.
    #[must_use]
    pub fn flow(&self) -> Option<(&str, u32)> {
        self.instance.as_deref().zip(self.reg_id)
    }

    /// Whether a registrar takes both for one binding: the same flow, or without flows an equivalent contact
    /// (RFC 3261 §10.3 step 7).
    #[must_use]
    pub fn is_same(&self, contact: &str, flow: Option<(&str, u32)>) -> bool {
        match (self.flow(), flow) {
            (None, None) if self.contact == contact => true,
            (None, None) => match (Uri::parse(&self.contact), Uri::parse(contact)) {
                (Ok(ours), Ok(theirs)) => ours.equivalent(&theirs),
                (Err(_), _) | (_, Err(_)) => false,
            },
            (ours, theirs) => ours == theirs,
        }
    }

    /// Whether a binding of another node is one that our registrar could have written: it goes into SIP messages.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, now_unix_ms: u64) -> Result<(), Unfit> {
        let Binding { aor, contact, instance, reg_id, call_id, q, path, region, node, .. } = self;
        if self.text_bytes() > BINDING_BYTES_MAX {
            return Err(Unfit::TooLong);
        }
        let is_clean = |text: &str| !text.is_empty() && !text.contains(char::is_control);
        let is_instance = |text: &String| is_clean(text) && !text.contains(['"', '\\']);
        for (field, good) in [
            ("aor", is_clean(aor) && Uri::parse(aor).is_ok_and(|uri| uri.is_sip())),
            ("contact", is_clean(contact) && Uri::parse(contact).is_ok()),
            ("instance", instance.as_ref().is_none_or(is_instance)),
            ("reg_id", reg_id.is_none_or(|number| number > 0)),
            ("call_id", is_clean(call_id)),
            ("q", *q <= 1000),
            ("path", path.iter().all(|hop| is_clean(hop) && NameAddr::parse(hop).is_ok())),
            ("region", *region == node.region),
        ] {
            if !good {
                return Err(Unfit::Field(field));
            }
        }
        let written_unix_ms = self.updated_unix_us / 1000;
        let in_time = written_unix_ms <= now_unix_ms.saturating_add(CLOCK_AHEAD_MS_MAX)
            && self.ends_unix_ms() <= written_unix_ms.saturating_add(LIFETIME_MS_MAX);
        if in_time { Ok(()) } else { Err(Unfit::Time) }
    }

    /// How long its texts are together, in bytes, with a little for each Path value.
    pub(super) fn text_bytes(&self) -> usize {
        let Binding { aor, contact, instance, call_id, path, .. } = self;
        let path_bytes: usize = path.iter().map(|hop| hop.len() + 4).sum();
        aor.len() + contact.len() + instance.as_ref().map_or(0, String::len) + call_id.len() + path_bytes
    }

    /// When the last of it, and of what it replaced, has ended, in Unix milliseconds.
    pub(super) fn ends_unix_ms(&self) -> u64 {
        self.expires_unix_ms.max(self.covers_unix_ms)
    }

    /// Whether both are versions of one record. Stricter than [`Binding::is_same`], because URI equivalence is not
    /// transitive: nodes that merged by it in different orders would end with different records.
    pub(super) fn is_same_record(&self, other: &Binding) -> bool {
        let same_key = match (self.flow(), other.flow()) {
            (None, None) => self.contact == other.contact,
            (ours, theirs) => ours == theirs,
        };
        same_key && self.aor == other.aor && self.region == other.region
    }

    /// Whether this version wins over another of the same record. The fingerprint only decides between two that a
    /// node wrote in one microsecond.
    pub(super) fn is_newer(&self, other: &Binding) -> bool {
        let age = |b: &Binding| (b.updated_unix_us, b.fingerprint());
        let (ours, theirs) = (age(self), age(other));
        (ours.0, &self.node, ours.1) > (theirs.0, &other.node, theirs.1)
    }

    /// A hash over every field, the same on every node.
    pub(super) fn fingerprint(&self) -> u64 {
        let Binding { aor, contact, instance, reg_id, call_id, cseq, q, path, region, .. } = self;
        let mut hash = Fingerprint::new();
        for text in [aor, contact, instance.as_deref().unwrap_or_default(), call_id, region.as_str()] {
            hash.text(text);
        }
        hash.text(self.node.region.as_str());
        hash.text(self.node.node.as_str());
        hash.number(path.len() as u64);
        path.iter().for_each(|hop| hash.text(hop));
        let flags = [instance.is_some(), reg_id.is_some(), self.removed].map(u64::from);
        for number in [u64::from(reg_id.unwrap_or(0)), u64::from(*cseq), u64::from(*q)] {
            hash.number(number);
        }
        for number in
            flags.into_iter().chain([self.expires_unix_ms, self.covers_unix_ms, self.updated_unix_us])
        {
            hash.number(number);
        }
        hash.finish()
    }
}
