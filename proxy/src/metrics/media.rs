//! Media that is anchored at relays.

use super::register::{counters, int_gauges};
use prometheus::{IntCounterVec, IntGaugeVec, Registry};

/// What becomes of media.
pub(super) struct Media {
    pub(super) descriptions: IntCounterVec,
    pub(super) failed: IntCounterVec,
    pub(super) relay_up: IntGaugeVec,
}

impl Media {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        let (descriptions, failed) =
            ("Session descriptions that passed, or did not", "Orders that a media relay did not carry out");
        Ok(Self {
            descriptions: counters(r, "media_descriptions_total", descriptions, &["fate"])?,
            failed: counters(r, "media_orders_failed_total", failed, &["reason"])?,
            relay_up: int_gauges(r, "media_relay_up", "1 while the media relay answers", &["relay"])?,
        })
    }
}
