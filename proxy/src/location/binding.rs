//! One binding: an address-of-record is reached at a contact, in a region, until a time (RFC 3261 §10).

use super::fingerprint::Fingerprint;
use ringway_router::{NodeId, Region};
use ringway_sip::Uri;

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
    /// The node that wrote it.
    pub node: NodeId,
    /// When it ends, in Unix milliseconds.
    pub expires_unix_ms: u64,
    /// When it was written, in Unix microseconds.
    pub updated_unix_us: u64,
    /// Whether this is a tombstone.
    pub removed: bool,
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
        for number in flags.into_iter().chain([self.expires_unix_ms, self.updated_unix_us]) {
            hash.number(number);
        }
        hash.finish()
    }
}
