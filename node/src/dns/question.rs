//! The words between the plan and the servers: what is asked, and what comes back.

use std::{net::IpAddr, sync::Arc, time::Duration};

/// The types of record that RFC 3263 knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Which services a domain has (RFC 3403).
    Naptr,
    /// Which hosts serve it (RFC 2782).
    Srv,
    /// A host's IPv4 addresses.
    A,
    /// A host's IPv6 addresses.
    Aaaa,
}

/// One question to DNS.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    /// In lower case, without the root's dot.
    pub(super) name: Arc<str>,
    /// The type of record asked for.
    pub(super) kind: Kind,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Records, and the shortest lifetime among them and the aliases that led to them.
    Records {
        /// At least one.
        records: Vec<Record>,
        /// How long they hold.
        ttl: Duration,
    },
    /// There are none, says one who must know.
    Nothing {
        /// How long that holds, if that was said (RFC 2308 §5).
        ttl: Option<Duration>,
    },
    /// Nobody answered, or only to say that they cannot.
    Failed,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    /// A NAPTR record.
    Naptr {
        /// Lower ones come first, and hide the others.
        order: u16,
        /// Lower ones come first among those of one order.
        preference: u16,
        /// `s`, in either case, for a pointer to SRV records.
        flags: String,
        /// `SIP+D2U`, `SIP+D2T`, `SIPS+D2T`, in any case.
        service: String,
        /// Not used for SIP.
        regexp: String,
        /// The name of the SRV records; empty for the root.
        replacement: Arc<str>,
    },
    /// An SRV record.
    Srv {
        /// Lower ones come first.
        priority: u16,
        /// Share among those of one priority.
        weight: u16,
        /// Where the service listens.
        port: u16,
        /// The host; empty for the root, which says that there is no such service.
        host: Arc<str>,
    },
    /// An A or AAAA record.
    Address(IpAddr),
}
