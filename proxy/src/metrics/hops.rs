//! Hops between proxies.

use super::register::{ANSWER_BUCKETS, counters, registered};
use crate::core::output::{HopEvent, HopSign};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Registry};

/// What SIP shows of the links from here.
pub(super) struct Hops {
    requests: IntCounterVec,
    retransmissions: IntCounterVec,
    timeouts: IntCounterVec,
    unavailable: IntCounterVec,
    answer: HistogramVec,
}

impl Hops {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            requests: counters(r, "hop_requests_total", "INVITEs sent to the region", &["to"])?,
            retransmissions: counters(r, "hop_retransmissions_total", "INVITEs sent again", &["to"])?,
            timeouts: counters(r, "hop_timeouts_total", "INVITEs to a silent next proxy", &["to"])?,
            unavailable: counters(r, "hop_unavailable_total", "INVITEs refused with 503", &["to"])?,
            answer: registered(r, first_answers()?)?,
        })
    }

    pub(super) fn note(&self, event: &HopEvent) {
        let to = [event.to.as_str()];
        match event.what {
            HopSign::Request => self.requests.with_label_values(&to).inc(),
            HopSign::Retransmission => self.retransmissions.with_label_values(&to).inc(),
            HopSign::Timeout => self.timeouts.with_label_values(&to).inc(),
            HopSign::Unavailable => self.unavailable.with_label_values(&to).inc(),
            HopSign::Answer(delay) => self.answer.with_label_values(&to).observe(delay.as_secs_f64()),
        }
    }
}

fn first_answers() -> Result<HistogramVec, prometheus::Error> {
    let name = HistogramOpts::new("hop_first_answer_seconds", "First answer to an INVITE (Karn's rule)");
    HistogramVec::new(name.buckets(ANSWER_BUCKETS.to_vec()), &["to"])
}
