//! Why a request is refused: one word for the metrics, a status for the sender, a sentence for the trace.

use ringway_router::Region;
use std::fmt;

/// A request that is not forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// RFC 3261 §16.3 step 2: a scheme that we do not route.
    UnsupportedScheme,
    /// RFC 3261 §16.3 step 3.
    TooManyHops,
    /// RFC 3261 §16.3 step 4, or a source route that visits a region twice.
    Loop,
    /// RFC 3261 §16.3 step 5; the options that we do not know.
    BadExtension(String),
    /// We are no registrar (yet).
    MethodNotAllowed,
    /// No dial plan entry, or no such place.
    NotFound,
    /// A source route that an edge element may not ask for, or an address outside the edge.
    NotAllowed,
    /// Policy forbids every path.
    Forbidden(String),
    /// No path is up.
    NoPath(String),
    /// A relay cannot reach the next region of the path: the ingress tries another one.
    PathFailed(Region),
    /// The node takes no new calls.
    Draining,
    /// A header that decides about routing cannot be read.
    BadRequest(&'static str),
}

impl Refusal {
    /// Status code and reason phrase.
    #[must_use]
    pub fn status(&self) -> (u16, &'static str) {
        match self {
            Self::BadRequest(_) => (400, "Bad Request"),
            Self::NotAllowed | Self::Forbidden(_) => (403, "Forbidden"),
            Self::NotFound => (404, "Not Found"),
            Self::MethodNotAllowed => (405, "Method Not Allowed"),
            Self::UnsupportedScheme => (416, "Unsupported URI Scheme"),
            Self::BadExtension(_) => (420, "Bad Extension"),
            Self::Loop => (482, "Loop Detected"),
            Self::TooManyHops => (483, "Too Many Hops"),
            Self::NoPath(_) | Self::Draining => (503, "Service Unavailable"),
            Self::PathFailed(_) => (504, "Server Time-out"),
        }
    }

    /// The metric label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::UnsupportedScheme => "unsupported_scheme",
            Self::TooManyHops => "too_many_hops",
            Self::Loop => "loop",
            Self::BadExtension(_) => "bad_extension",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotFound => "not_found",
            Self::NotAllowed => "not_allowed",
            Self::Forbidden(_) => "forbidden_by_policy",
            Self::NoPath(_) => "no_path",
            Self::PathFailed(_) => "path_failed",
            Self::Draining => "draining",
            Self::BadRequest(_) => "bad_request",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedScheme => f.write_str("only sip is routed"),
            Self::TooManyHops => f.write_str("Max-Forwards is used up"),
            Self::Loop => f.write_str("this request has been here before"),
            Self::BadExtension(options) => write!(f, "unknown option {options}"),
            Self::MethodNotAllowed => f.write_str("no registrar here"),
            Self::NotFound => f.write_str("not in the dial plan"),
            Self::NotAllowed => f.write_str("this source may not route there"),
            Self::Forbidden(why) | Self::NoPath(why) => f.write_str(why),
            Self::PathFailed(region) => write!(f, "no live node in {region}"),
            Self::Draining => f.write_str("draining"),
            Self::BadRequest(header) => write!(f, "unreadable {header}"),
        }
    }
}
