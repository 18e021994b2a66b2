//! Why a request is refused: one word for the metrics, a status for the sender, a sentence for the trace.

use super::question::Unresolved;
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
    /// The same request came over another way before (RFC 3261 §8.2.2.2).
    Merged,
    /// The connection by which the target is reached is gone (RFC 5626 §5.3).
    FlowFailed,
    /// The target is registered, but nowhere that can be reached now.
    Unreachable,
    /// More devices at once than the request may fork to (RFC 5393 §5.3.3).
    MaxBreadth,
    /// DNS does not say where the target is; whether because there is no such host, or because it is away.
    Unresolved(Unresolved),
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
    /// The node has more to do than it can.
    Overloaded,
    /// No media relay of this region answers, and no call goes without.
    NoMediaRelay,
    /// The media relay cannot make sense of the session description.
    BadDescription,
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
            Self::NotFound | Self::Unresolved(Unresolved::Missing) => (404, "Not Found"),
            Self::UnsupportedScheme => (416, "Unsupported URI Scheme"),
            Self::BadExtension(_) => (420, "Bad Extension"),
            Self::FlowFailed => (430, "Flow Failed"),
            Self::MaxBreadth => (440, "Max-Breadth Exceeded"),
            Self::Unreachable => (480, "Temporarily Unavailable"),
            Self::Loop => (482, "Loop Detected"),
            Self::Merged => (482, "Merged Request"),
            Self::TooManyHops => (483, "Too Many Hops"),
            Self::BadDescription => (488, "Not Acceptable Here"),
            Self::NoPath(_) | Self::Draining | Self::Overloaded | Self::NoMediaRelay => {
                (503, "Service Unavailable")
            }
            // RFC 3261 §21.5.5: an external server, for instance DNS, did not answer in time.
            Self::PathFailed(_) | Self::Unresolved(Unresolved::Away) => (504, "Server Time-out"),
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
            Self::Merged => "merged",
            Self::FlowFailed => "flow_failed",
            Self::Unreachable => "unreachable",
            Self::MaxBreadth => "max_breadth",
            Self::Unresolved(Unresolved::Missing) => "no_such_host",
            Self::Unresolved(Unresolved::Away) => "dns_away",
            Self::NotFound => "not_found",
            Self::NotAllowed => "not_allowed",
            Self::Forbidden(_) => "forbidden_by_policy",
            Self::NoPath(_) => "no_path",
            Self::PathFailed(_) => "path_failed",
            Self::Draining => "draining",
            Self::Overloaded => "overloaded",
            Self::NoMediaRelay => "no_media_relay",
            Self::BadDescription => "bad_description",
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
            Self::Merged => f.write_str("this request came over another way before"),
            Self::FlowFailed => f.write_str("the connection to the target is gone"),
            Self::Unreachable => f.write_str("registered where no path leads now"),
            Self::MaxBreadth => f.write_str("more targets than Max-Breadth allows"),
            Self::Unresolved(Unresolved::Missing) => f.write_str("DNS knows no such host"),
            Self::Unresolved(Unresolved::Away) => f.write_str("DNS does not answer"),
            Self::NotFound => f.write_str("not registered, and not in the dial plan"),
            Self::NotAllowed => f.write_str("this source may not route there"),
            Self::Forbidden(why) | Self::NoPath(why) => f.write_str(why),
            Self::PathFailed(region) => write!(f, "no live node in {region}"),
            Self::Draining => f.write_str("draining"),
            Self::Overloaded => f.write_str("overloaded"),
            Self::NoMediaRelay => f.write_str("no media relay answers"),
            Self::BadDescription => f.write_str("the media relay cannot read the session description"),
            Self::BadRequest(header) => write!(f, "unreadable {header}"),
        }
    }
}
