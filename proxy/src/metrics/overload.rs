//! Overload, of others and of this node.

use super::register::{counters, gauges, int_gauges};
use crate::core::overload::News;
use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Registry};

/// What overload does.
pub(super) struct Overload {
    shed: IntCounterVec,
    ignored: IntCounterVec,
    share: GaugeVec,
    throttled: IntGaugeVec,
}

impl Overload {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        let shed = "Requests held back from a hop that is overloaded, or refused because this node is";
        let ignored = "Orders of other hops to hold back that were ignored";
        Ok(Self {
            shed: counters(r, "sip_overload_shed_total", shed, &["reason"])?,
            ignored: counters(r, "sip_overload_ignored_total", ignored, &["reason"])?,
            share: gauges(
                r,
                "sip_overload_share_ratio",
                "Share of new requests that this node refuses",
                &["worker"],
            )?,
            throttled: int_gauges(
                r,
                "sip_overload_throttled",
                "Hops that get less than there is for them",
                &["worker"],
            )?,
        })
    }

    pub(super) fn note(&self, news: News) {
        match news {
            News::Shed(why) => self.shed.with_label_values(&[why.label()]).inc(),
            News::Refused => self.shed.with_label_values(&["own"]).inc(),
            News::Ignored(reason) => self.ignored.with_label_values(&[reason]).inc(),
            News::Began(..) | News::Ceased(_) => {}
        }
    }

    pub(super) fn set(&self, worker: usize, share: f64, throttled: usize) {
        let worker = worker.to_string();
        self.share.with_label_values(&[worker.as_str()]).set(share);
        let throttled = i64::try_from(throttled).unwrap_or(i64::MAX);
        self.throttled.with_label_values(&[worker.as_str()]).set(throttled);
    }
}
