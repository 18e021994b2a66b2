//! Header field names: case-insensitive, with compact forms (RFC 3261 §7.3.3 and the IANA registry).

use std::fmt;

/// One row a name: variant, long form, compact form. The rows stand in order of length, so that a lookup only
/// compares names of its own length.
macro_rules! names {
    ($($variant:ident = $long:literal $(/ $compact:literal)?,)*) => {
        /// The name of a header field. Unknown ones pass through as [`Name::Other`].
        #[derive(Clone, Copy, Debug)]
        pub enum Name<'a> {
            $(#[doc = concat!("`", $long, "`")] $variant,)*
            /// Any other name, as written.
            Other(&'a str),
        }

        /// The position of each known name in [`TABLE`].
        #[repr(u8)]
        enum Code { $($variant,)* Other }

        static TABLE: &[(Name<'static>, &str)] = &[$((Name::$variant, $long),)*];

        fn known_code(name: &Name<'_>) -> u8 {
            match name {
                $(Name::$variant => Code::$variant as u8,)*
                Name::Other(other) => code_of(other.as_bytes()),
            }
        }

        fn compact_code(letter: u8) -> u8 {
            match letter {
                $($($compact => Code::$variant as u8,)?)*
                _ => OTHER,
            }
        }
    };
}

names! {
    To = "To" / b't',
    Via = "Via" / b'v',
    From = "From" / b'f',
    CSeq = "CSeq",
    Path = "Path",
    Allow = "Allow",
    Event = "Event" / b'o',
    Route = "Route",
    Accept = "Accept",
    MinSe = "Min-SE",
    Reason = "Reason",
    CallId = "Call-ID" / b'i',
    Contact = "Contact" / b'm',
    Expires = "Expires",
    Privacy = "Privacy",
    Require = "Require",
    Subject = "Subject" / b's',
    Warning = "Warning",
    Identity = "Identity" / b'y',
    ReferTo = "Refer-To" / b'r',
    Supported = "Supported" / b'k',
    Timestamp = "Timestamp",
    SessionId = "Session-ID",
    UserAgent = "User-Agent",
    MinExpires = "Min-Expires",
    ReferredBy = "Referred-By" / b'b',
    RetryAfter = "Retry-After",
    Unsupported = "Unsupported",
    AllowEvents = "Allow-Events" / b'u',
    ContentType = "Content-Type" / b'c',
    MaxForwards = "Max-Forwards",
    RecordRoute = "Record-Route",
    Authorization = "Authorization",
    IdentityInfo = "Identity-Info" / b'n',
    ProxyRequire = "Proxy-Require",
    ServiceRoute = "Service-Route",
    AcceptContact = "Accept-Contact" / b'a',
    ContentLength = "Content-Length" / b'l',
    RejectContact = "Reject-Contact" / b'j',
    SessionExpires = "Session-Expires" / b'x',
    ContentEncoding = "Content-Encoding" / b'e',
    WwwAuthenticate = "WWW-Authenticate",
    ProxyAuthenticate = "Proxy-Authenticate",
    PAssertedIdentity = "P-Asserted-Identity",
    ProxyAuthorization = "Proxy-Authorization",
    RequestDisposition = "Request-Disposition" / b'd',
}

/// The code of a name that stands in no row.
pub(crate) const OTHER: u8 = Code::Other as u8;

const LONGEST: usize = 19;

/// Where the rows of each length begin; the rows of length n are `STARTS[n]..STARTS[n + 1]`.
const STARTS: [u8; LONGEST + 2] = starts();

impl<'a> Name<'a> {
    /// The name in its long, canonical spelling; an unknown one as it was written.
    pub fn as_str(&self) -> &'a str {
        match self {
            Name::Other(name) => name,
            known => TABLE[usize::from(known_code(known))].1,
        }
    }

    /// The code that the message index stores. A name given as `Other` finds its row all the same.
    pub(crate) fn code(&self) -> u8 {
        known_code(self)
    }

    /// The name behind a code; `written` serves when no row has it.
    pub(crate) fn from_code(code: u8, written: &'a str) -> Name<'a> {
        TABLE.get(usize::from(code)).map_or(Name::Other(written), |(name, _)| *name)
    }
}

impl<'a> From<&'a str> for Name<'a> {
    fn from(written: &'a str) -> Name<'a> {
        Name::from_code(code_of(written.as_bytes()), written)
    }
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Name<'_>) -> bool {
        let code = self.code();
        code == other.code() && (code != OTHER || self.as_str().eq_ignore_ascii_case(other.as_str()))
    }
}

impl Eq for Name<'_> {}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The code of a name as it was written, long or compact, in any case.
pub(crate) fn code_of(written: &[u8]) -> u8 {
    let initial = match written {
        [] => return OTHER,
        [letter] => return compact_code(letter.to_ascii_lowercase()),
        [initial, ..] => initial.to_ascii_lowercase(),
    };
    if written.len() > LONGEST {
        return OTHER;
    }
    let rows = STARTS[written.len()]..STARTS[written.len() + 1];
    let is_it = |row: &u8| {
        let long = TABLE[usize::from(*row)].1.as_bytes();
        // Rows of one length mostly differ in their first letter, and most senders write the usual case.
        long[0].to_ascii_lowercase() == initial && (long == written || long.eq_ignore_ascii_case(written))
    };
    rows.into_iter().find(is_it).unwrap_or(OTHER)
}

const fn starts() -> [u8; LONGEST + 2] {
    let mut starts = [OTHER; LONGEST + 2];
    let mut row = TABLE.len();
    while row > 0 {
        row -= 1;
        let length = TABLE[row].1.len();
        assert!(length <= LONGEST, "LONGEST is the length of the last row");
        assert!(row == 0 || TABLE[row - 1].1.len() <= length, "the rows stand in order of length");
        let mut shorter = 0;
        while shorter <= length {
            starts[shorter] = row_code(row);
            shorter += 1;
        }
    }
    starts
}

#[expect(clippy::cast_possible_truncation, reason = "there are fewer than 256 rows: OTHER is a u8")]
const fn row_code(row: usize) -> u8 {
    row as u8
}

#[cfg(test)]
mod tests {
    use super::{Name, TABLE};

    #[test]
    fn every_row_is_found_in_any_case() {
        for (name, long) in TABLE {
            assert_eq!(Name::from(*long), *name);
            assert_eq!(Name::from(long.to_ascii_uppercase().as_str()), *name);
            assert_eq!(Name::from(long.to_ascii_lowercase().as_str()).as_str(), *long);
        }
    }

    #[test]
    fn compact_forms_are_the_long_ones() {
        for (compact, long) in
            [("v", "Via"), ("F", "From"), ("i", "Call-ID"), ("L", "Content-Length"), ("k", "Supported")]
        {
            assert_eq!(Name::from(compact), Name::from(long));
        }
    }

    #[test]
    fn unknown_names_keep_their_spelling_and_compare_without_case() {
        let name = Name::from("X-Frob");
        assert_eq!(name.as_str(), "X-Frob");
        assert_eq!(name, Name::Other("x-FROB"));
        assert_ne!(name, Name::Via);
        assert_eq!(Name::Other("via"), Name::Via);
        assert_ne!(Name::from("z"), Name::from("q"));
    }
}
