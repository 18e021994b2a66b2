//! How the relay is doing, in the shape of rtpengine's reply to `statistics`, as far as the relay has a meaning for it.

use super::{Dictionary, Kind, Value};
use std::time::Duration;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Since when the relay runs.
    pub uptime: Duration,
    /// Calls that there are.
    pub calls: u64,
    /// Calls that there were, and are over.
    pub calls_over: u64,
    /// Offers that were refused for want of ports.
    pub rejected: u64,
    /// Calls that ended because no media came.
    pub silent: u64,
    /// Calls that a controller ended.
    pub deleted: u64,
    /// Calls that ended otherwise: a lease ran out, or the relay drained.
    pub forced: u64,
    /// Streams without a packet in either way, of calls that are over.
    pub zero_way: u64,
    /// Streams with packets in one way alone.
    pub one_way: u64,
    /// How long calls that are over were, all together.
    pub duration: Duration,
    /// Packets passed on.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets dropped.
    pub errors: u64,
    /// Packets passed on in the last second.
    pub packet_rate: u64,
    /// Bytes in the last second.
    pub byte_rate: u64,
    /// Packets dropped in the last second.
    pub error_rate: u64,
    /// Orders that came, by kind.
    pub orders: Vec<(Kind, u64)>,
    /// Orders that were refused.
    pub refused: u64,
}

impl Statistics {
    /// The dictionary that stands under `statistics`.
    pub(super) fn dictionary<'a>(&self) -> Dictionary<'a> {
        let counts = |entries: &[(&'static str, u64)]| {
            let mut counts = Dictionary::new();
            entries.iter().for_each(|(key, count)| counts.push(*key, Value::count(*count)));
            counts
        };
        let current = counts(&[
            ("sessionsown", self.calls),
            ("sessionsforeign", 0),
            ("sessionstotal", self.calls),
            ("transcodedmedia", 0),
            ("packetrate", self.packet_rate),
            ("byterate", self.byte_rate),
            ("errorrate", self.error_rate),
        ]);
        let mean =
            self.duration.checked_div(u32::try_from(self.calls_over).unwrap_or(u32::MAX)).unwrap_or_default();
        let total = counts(&[
            ("managedsessions", self.calls_over),
            ("rejectedsessions", self.rejected),
            ("timeoutsessions", self.silent),
            ("silenttimeoutsessions", 0),
            ("finaltimeoutsessions", 0),
            ("offertimeoutsessions", 0),
            ("regularterminatedsessions", self.deleted),
            ("forcedterminatedsessions", self.forced),
            ("relayedpackets", self.packets),
            ("relayedpacketerrors", self.errors),
            ("relayedbytes", self.bytes),
            ("zerowaystreams", self.zero_way),
            ("onewaystreams", self.one_way),
        ]);
        // rtpengine writes times as texts.
        let total = total
            .with("uptime", Value::text(self.uptime.as_secs().to_string()))
            .with("avgcallduration", fraction(mean))
            .with("totalcallsduration", fraction(self.duration));
        let mut control = Dictionary::new().with("proxies", Value::List(Vec::new()));
        for kind in Kind::ALL {
            let count = self.orders.iter().filter(|(of, _)| *of == kind).map(|(_, count)| count).sum();
            control.push(total_key(kind), Value::count(count));
        }
        control.push("totalerrorcount", Value::count(self.refused));
        Dictionary::new()
            .with("currentstatistics", Value::Dictionary(current))
            .with("totalstatistics", Value::Dictionary(total))
            .with("controlstatistics", Value::Dictionary(control))
    }
}

fn fraction<'a>(duration: Duration) -> Value<'a> {
    Value::text(format!("{}.{:06}", duration.as_secs(), duration.subsec_micros()))
}

/// rtpengine's names, which follow no rule.
fn total_key(kind: Kind) -> &'static str {
    match kind {
        Kind::Ping => "totalpingcount",
        Kind::Offer => "totaloffercount",
        Kind::Answer => "totalanswercount",
        Kind::Delete => "totaldeletecount",
        Kind::Query => "totalquerycount",
        Kind::List => "totallistcount",
        Kind::Statistics => "totalstatistics",
        Kind::BlockMedia => "totalblkmedia",
        Kind::UnblockMedia => "totalunblkmedia",
        Kind::SilenceMedia => "totalsilencemedia",
        Kind::UnsilenceMedia => "totalunsilencemedia",
        Kind::BlockDtmf => "totalblkdtmfcount",
        Kind::UnblockDtmf => "totalunblkdtmfcount",
        Kind::StartForwarding => "totalstartfwdcount",
        Kind::StopForwarding => "totalstopfwdcount",
    }
}

#[cfg(test)]
mod tests {
    use super::Statistics;
    use crate::ng::{Kind, Value};
    use std::time::Duration;

    #[test]
    fn what_was_counted_stands_under_rtpengines_names() {
        let statistics = Statistics {
            uptime: Duration::from_millis(18_900),
            calls: 3,
            calls_over: 2,
            duration: Duration::from_millis(5_001),
            packets: 7,
            orders: vec![(Kind::Offer, 5), (Kind::BlockMedia, 1)],
            refused: 1,
            ..Statistics::default()
        };
        let dictionary = statistics.dictionary();
        for (section, key, value) in [
            ("currentstatistics", "sessionsown", Value::Integer(3)),
            ("totalstatistics", "uptime", Value::text("18")),
            ("totalstatistics", "avgcallduration", Value::text("2.500500")),
            ("totalstatistics", "relayedpackets", Value::Integer(7)),
            ("controlstatistics", "totaloffercount", Value::Integer(5)),
            ("controlstatistics", "totalblkmedia", Value::Integer(1)),
            ("controlstatistics", "totalanswercount", Value::Integer(0)),
            ("controlstatistics", "totalerrorcount", Value::Integer(1)),
        ] {
            let section = dictionary.value(section).and_then(Value::as_dictionary).unwrap();
            assert!(section.value(key) == Some(&value), "{key}: {section:?}");
        }
        assert_eq!(Statistics::default().dictionary().len(), 3, "no calls, and no division by them");
    }
}
