//! Whose fault it is. A server that is overloaded on a clean network looks like a lossy path to a proxy that only counts
//! retransmissions, and rerouting for it carries the overload on. So the path is judged by what passes it without the
//! server (probes, tunnels), the server by what it says and by what only it can delay.

use crate::{Cause, HopCounts};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Loss beyond which a path is to blame.
const LOSS_BLAMED: f64 = 0.01;
/// Requests without which SIP proves nothing.
const REQUESTS_MIN: u64 = 5;
/// Shares of requests that are refused, not answered, or sent again, beyond which something is wrong.
const UNAVAILABLE_SHARE: f64 = 0.05;
const TIMEOUT_SHARE: f64 = 0.05;
const REPEATED_SHARE: f64 = 0.15;
/// How much later than a probe a first answer may be, ms: both pass the same path, and a proxy answers at once.
const LATE_MS: f64 = 50.0;

/// What is known of a link and of the server at its end, lately. Kept beside the verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Probes come back.
    pub up: bool,
    /// Loss of probes and tunnels on the way there, 0 to 1.
    pub loss: f64,
    /// The loss is no chance.
    pub brownout: bool,
    /// Median round trip of probes, ms.
    pub rtt_ms: f64,
    /// By how much it is longer than before a step, ms.
    pub slower_ms: f64,
    /// Loss of the tunnels' own packets, if there are any.
    pub tunnel_loss: Option<f64>,
    /// SIP of the last seconds.
    pub sip: HopCounts,
}

/// What SIP shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sip {
    Well,
    /// Requests get lost, or their answers: anybody's doing.
    Lossy,
    /// It says so, or is late beyond what the path takes.
    Overloaded,
}

impl Evidence {
    /// The verdict.
    pub fn cause(&self) -> Cause {
        let lossy = !self.up
            || self.brownout
            || self.loss > LOSS_BLAMED
            || self.tunnel_loss.is_some_and(|loss| loss > LOSS_BLAMED);
        let slow = self.slower_ms > 0.0;
        match (lossy, slow, self.sip()) {
            (false, false, Sip::Well) => Cause::None,
            (false, false, Sip::Overloaded) => Cause::Server,
            // The way is clean for probes and not for SIP: a firewall, or a server that drops. Or late for both: a node
            // without a free processor reflects late, too.
            (false, false, Sip::Lossy) | (false, true, Sip::Overloaded) => Cause::Unknown,
            (true, _, _) | (false, true, Sip::Well | Sip::Lossy) => Cause::Path,
        }
    }

    fn sip(&self) -> Sip {
        let HopCounts { requests, retransmissions, timeouts, answers, first_answer_ms, unavailable } =
            self.sip;
        if requests < REQUESTS_MIN {
            return Sip::Well;
        }
        #[expect(clippy::cast_precision_loss, reason = "shares of counts over seconds")]
        let share = |count: u64| count as f64 / requests as f64;
        let late = answers > 0 && self.rtt_ms > 0.0 && first_answer_ms > 1.5 * self.rtt_ms + LATE_MS;
        if late || share(unavailable) > UNAVAILABLE_SHARE {
            Sip::Overloaded
        } else if share(timeouts) > TIMEOUT_SHARE || share(retransmissions) > REPEATED_SHARE {
            Sip::Lossy
        } else {
            Sip::Well
        }
    }
}

impl fmt::Display for Evidence {
    /// In words: `probes 5.1 % lost (brownout), round trip 64 ms; SIP lately: 42 requests, 3 repeated, …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { up, loss, brownout, rtt_ms, slower_ms, tunnel_loss, sip } = *self;
        if up {
            let kind = if brownout { " (brownout)" } else { "" };
            write!(f, "probes {:.1} % lost{kind}, round trip {rtt_ms:.0} ms", loss * 100.0)?;
        } else {
            f.write_str("no probe comes back")?;
        }
        if slower_ms > 0.0 {
            write!(f, ", {slower_ms:.0} ms more than before")?;
        }
        if let Some(loss) = tunnel_loss {
            write!(f, "; tunnels {:.1} % lost", loss * 100.0)?;
        }
        let HopCounts { requests, retransmissions, timeouts, answers, first_answer_ms, unavailable } = sip;
        if requests == 0 {
            return f.write_str("; no SIP lately");
        }
        write!(
            f,
            "; SIP lately: {requests} requests, {retransmissions} repeated, {timeouts} unanswered, {unavailable} refused"
        )?;
        if answers > 0 { write!(f, ", first answer {first_answer_ms:.0} ms") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes() {
        let clean = Evidence { up: true, rtt_ms: 64.0, ..Evidence::default() };
        let well = HopCounts { requests: 100, answers: 95, first_answer_ms: 66.0, ..HopCounts::default() };
        let late = HopCounts { first_answer_ms: 300.0, ..well };
        let refusing = HopCounts { unavailable: 30, ..well };
        let repeating = HopCounts { retransmissions: 40, ..well };
        let silent = HopCounts { timeouts: 20, ..well };
        let few = HopCounts { requests: 3, timeouts: 3, ..well };
        let brownout = Evidence { brownout: true, loss: 0.05, ..clean };
        let slow = Evidence { slower_ms: 80.0, rtt_ms: 144.0, ..clean };
        let table = [
            (clean, well, Cause::None),
            (clean, few, Cause::None),
            (clean, late, Cause::Server),
            (clean, refusing, Cause::Server),
            (clean, repeating, Cause::Unknown),
            (clean, silent, Cause::Unknown),
            (brownout, well, Cause::Path),
            (brownout, repeating, Cause::Path),
            (brownout, refusing, Cause::Path),
            (Evidence { up: false, ..clean }, silent, Cause::Path),
            (Evidence { tunnel_loss: Some(0.04), ..clean }, well, Cause::Path),
            (slow, HopCounts { first_answer_ms: 146.0, ..well }, Cause::Path),
            (slow, refusing, Cause::Unknown),
        ];
        for (evidence, sip, cause) in table {
            let evidence = Evidence { sip, ..evidence };
            assert_eq!(evidence.cause(), cause, "{evidence:?}");
        }
    }

    #[test]
    fn evidence_in_words() {
        let sip = HopCounts { requests: 42, retransmissions: 3, unavailable: 1, ..HopCounts::default() };
        let lossy = Evidence { up: true, loss: 0.051, brownout: true, rtt_ms: 64.2, ..Evidence::default() };
        let table = [
            (Evidence::default(), "no probe comes back; no SIP lately"),
            (lossy, "probes 5.1 % lost (brownout), round trip 64 ms; no SIP lately"),
            (
                Evidence {
                    up: true,
                    rtt_ms: 144.0,
                    slower_ms: 80.0,
                    tunnel_loss: Some(0.04),
                    ..Evidence::default()
                },
                "probes 0.0 % lost, round trip 144 ms, 80 ms more than before; tunnels 4.0 % lost; no SIP lately",
            ),
            (
                Evidence { sip: HopCounts { answers: 40, first_answer_ms: 300.4, ..sip }, ..lossy },
                "probes 5.1 % lost (brownout), round trip 64 ms; SIP lately: 42 requests, 3 repeated, 0 unanswered, \
                 1 refused, first answer 300 ms",
            ),
        ];
        for (evidence, words) in table {
            assert_eq!(evidence.to_string(), words);
        }
    }
}
