//! What one REGISTER asks of the bindings of an address-of-record (RFC 3261 §10.2).

/// The change, all or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The canonical address-of-record.
    pub aor: String,
    /// The Call-ID of the REGISTER.
    pub call_id: String,
    /// Its CSeq number.
    pub cseq: u32,
    /// Its Path values, first hop first (RFC 3327).
    pub path: Vec<String>,
    /// What is asked for.
    pub contacts: Contacts,
}

/// The contacts of a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contacts {
    /// `*` with Expires 0: every binding goes (RFC 3261 §10.2.2).
    Clear,
    /// These are added, refreshed or removed; none is a mere question (RFC 3261 §10.2.3).
    Set(Vec<Wish>),
}

/// One Contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Its URI, as written.
    pub contact: String,
    /// `+sip.instance` without its quotes.
    pub instance: Option<String>,
    /// `reg-id`, where it counts.
    pub reg_id: Option<u32>,
    /// Preference in thousandths, 0 to 1000.
    pub q: u16,
    /// For how long, in seconds; 0 removes.
    pub expires_s: u32,
}

impl Wish {
    /// The flow of RFC 5626 §6, if both of its parts are given.
    #[must_use]
    pub fn flow(&self) -> Option<(&str, u32)> {
        self.instance.as_deref().zip(self.reg_id)
    }
}
