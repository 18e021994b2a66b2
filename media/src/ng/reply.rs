//! What the relay answers.

use super::{Dictionary, Refusal, Report, Statistics, Value};

/// An answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// To a ping.
    Pong,
    /// It is done. A warning where that was not quite so.
    Done {
        /// Empty for none.
        warning: &'static str,
    },
    /// The description that is to be passed on.
    Sdp(Sdp),
    /// How the call is doing, or has been doing.
    Report(Report),
    /// Call-IDs.
    Calls(Vec<String>),
    /// How the relay is doing.
    Statistics(Box<Statistics>),
    /// It was not done.
    Refused(String),
    /// There is no room for another call, said in the way that a controller understands who wrote `load limit` under
    /// `supports`: it asks the next relay.
    LoadLimit,
}

/// A description.
#[derive(Clone, PartialEq, Eq)]
pub struct Sdp(pub Vec<u8>);

impl Reply {
    /// It is done.
    #[must_use]
    pub fn done() -> Reply {
        Reply::Done { warning: "" }
    }

    /// There is no call of that name, in rtpengine's words.
    #[must_use]
    pub fn unknown_call() -> Reply {
        Reply::Refused("Unknown call-id".to_owned())
    }

    /// There was no call to delete. That is no error: calls are deleted from several places of a script. With
    /// `fatal` it is one.
    #[must_use]
    pub fn nothing_deleted(fatal: bool) -> Reply {
        const WARNING: &str = "Call-ID not found or tags didn't match";
        if fatal { Reply::Refused(WARNING.to_owned()) } else { Reply::Done { warning: WARNING } }
    }

    /// There is no room for another call. Both ways of saying so make Kamailio ask the next relay.
    #[must_use]
    pub fn full(load_limit: bool) -> Reply {
        if load_limit {
            Reply::LoadLimit
        } else {
            Reply::Refused("Parallel session limit reached".to_owned())
        }
    }

    /// The dictionary.
    pub(super) fn dictionary(&self) -> Dictionary<'_> {
        let ok = || Dictionary::new().with("result", Value::text("ok"));
        match self {
            Reply::Pong => Dictionary::new().with("result", Value::text("pong")),
            Reply::Done { warning: "" } => ok(),
            Reply::Done { warning } => ok().with("warning", Value::text(*warning)),
            Reply::Sdp(Sdp(sdp)) => ok().with("sdp", Value::Text(sdp.into())),
            Reply::Report(report) => {
                let mut reply = ok();
                report.write(&mut reply);
                reply
            }
            Reply::Calls(calls) => {
                let calls = calls.iter().map(|call| Value::text(&**call)).collect();
                ok().with("calls", Value::List(calls))
            }
            Reply::Statistics(statistics) => {
                ok().with("statistics", Value::Dictionary(statistics.dictionary()))
            }
            Reply::Refused(reason) => Dictionary::new()
                .with("result", Value::text("error"))
                .with("error-reason", Value::text(&**reason)),
            Reply::LoadLimit => Dictionary::new()
                .with("result", Value::text("load limit"))
                .with("message", Value::text("Parallel session limit reached")),
        }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Reply {
        Reply::Refused(refusal.to_string())
    }
}

impl std::fmt::Debug for Sdp {
    /// Without its content: it holds addresses and keys, and a log must not.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}
