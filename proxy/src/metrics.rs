//! What Prometheus sees of the proxy. Everything is named `ringway_…`; why something was dropped or refused is a label.

mod hops;
mod media;
mod overload;
mod register;

use crate::{
    core::output::{Dropped, Note},
    options::Sounding,
};
use hops::Hops;
use media::Media;
use overload::Overload;
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Registry, core::Collector as _, proto::MetricFamily,
};
use register::{ANSWER_BUCKETS, counter, counters, gauge, gauges, int_gauges, registered};

/// All metrics of one proxy.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    responses: IntCounterVec,
    dropped: IntCounterVec,
    refused: IntCounterVec,
    absorbed: IntCounter,
    overload: Overload,
    edge_unanswered: IntCounter,
    calls: IntCounter,
    calls_by_attempt: IntCounterVec,
    hops: Hops,
    options: IntCounterVec,
    options_answer: HistogramVec,
    probe_dropped: IntCounterVec,
    mesh_refused: IntCounterVec,
    policy_refused: IntCounter,
    route_changes: IntCounter,
    send_failed: IntCounter,
    transactions: IntGaugeVec,
    kernel_dropped: IntCounter,
    hand_over_dropped: IntCounter,
    media: Media,
    connections: IntGaugeVec,
    connections_closed: IntCounterVec,
    /// Epoch of the active route table.
    pub route_epoch: IntGauge,
    /// Revision of the active policy.
    pub policy_revision: IntGauge,
    /// 1: the policy store answers; 0: it does not.
    pub policy_store_up: IntGauge,
    /// 1: the policy store holds a document that this node refuses.
    pub policy_store_refused: IntGauge,
    /// Nodes that are heard of, this one included.
    pub nodes_live: IntGauge,
    /// Streams to other nodes.
    pub streams_open: IntGauge,
    /// Orders by hand that are in force.
    pub overrides_active: IntGauge,
    /// What the record had no room for.
    pub record_dropped: IntCounter,
    /// Bindings that have not ended, by the region that owns them.
    pub registrations_active: IntGaugeVec,
    /// 1: the link carries; 0: it does not.
    pub link_up: IntGaugeVec,
    /// Median round trip, seconds.
    pub link_rtt: GaugeVec,
    /// Loss one way as the router takes it, 0 to 1.
    pub link_loss: GaugeVec,
    /// Time from one message to the next view, and other work of the control task, seconds.
    pub control_busy: Histogram,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// When two metrics have one name: a mistake of ours that the first start shows.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("ringway".into()), None)?;
        let r = &registry;
        let refused = "1: the policy store holds a document that is refused";
        let unanswered = "Requests that the edge left unanswered";
        let closed = "Connections that ended, or were not made";
        let dropped = "Datagrams that the kernel dropped because the socket was full";
        Ok(Self {
            requests: counters(r, "sip_requests_total", "SIP requests taken in", &["method", "direction"])?,
            responses: counters(
                r,
                "sip_responses_total",
                "Final responses passed up or made here",
                &["code"],
            )?,
            dropped: counters(r, "sip_dropped_total", "Datagrams that were not treated", &["reason"])?,
            refused: counters(r, "sip_refused_total", "Requests refused", &["reason"])?,
            absorbed: counter(r, "sip_absorbed_total", "Copies of a request that came over another path")?,
            edge_unanswered: counter(r, "sip_edge_unanswered_total", unanswered)?,
            overload: Overload::new(r)?,
            calls: counter(r, "calls_total", "Requests that open a dialog, taken in from the edge")?,
            calls_by_attempt: counters(r, "call_legs_total", "Paths tried for them, by try", &["attempt"])?,
            hops: Hops::new(r)?,
            options: counters(
                r,
                "options_total",
                "OPTIONS from end to end, by what came back",
                &["to", "outcome"],
            )?,
            options_answer: registered(r, options_answers()?)?,
            probe_dropped: counters(
                r,
                "probe_dropped_total",
                "Probe packets that were not treated",
                &["reason"],
            )?,
            mesh_refused: counters(r, "mesh_refused_total", "Statements and reports refused", &["reason"])?,
            policy_refused: counter(r, "policy_refused_total", "Policy documents refused")?,
            route_changes: counter(r, "route_changes_total", "Times that a chosen path changed")?,
            send_failed: counter(r, "sip_send_failed_total", "Datagrams that the system did not take")?,
            transactions: int_gauges(
                r,
                "sip_transactions_active",
                "Transactions that are not over",
                &["worker"],
            )?,
            kernel_dropped: counter(r, "sip_kernel_dropped_total", dropped)?,
            hand_over_dropped: counter(
                r,
                "sip_hand_over_dropped_total",
                "Datagrams that a worker had no room for",
            )?,
            media: Media::new(r)?,
            connections: int_gauges(r, "sip_connections_active", "Connections at present", &["transport"])?,
            connections_closed: counters(r, "sip_connections_closed_total", closed, &["reason"])?,
            route_epoch: gauge(r, "route_epoch", "Epoch of the active route table")?,
            policy_revision: gauge(r, "policy_revision", "Revision of the active policy")?,
            policy_store_up: gauge(r, "policy_store_up", "1: the policy store answers")?,
            policy_store_refused: gauge(r, "policy_store_refused", refused)?,
            nodes_live: gauge(r, "nodes_live", "Nodes that are heard of, this one included")?,
            streams_open: gauge(r, "mesh_streams_open", "Streams to other nodes")?,
            overrides_active: gauge(r, "overrides_active", "Orders by hand that are in force")?,
            record_dropped: counter(r, "record_dropped_total", "Entries that the record had no room for")?,
            registrations_active: int_gauges(r, "registrations_active", "Live bindings", &["region"])?,
            link_up: int_gauges(r, "link_up", "1 while the link carries", &["from", "to"])?,
            link_rtt: gauges(r, "link_rtt_seconds", "Median round trip", &["from", "to"])?,
            link_loss: gauges(r, "link_loss_ratio", "Loss one way, as the router takes it", &["from", "to"])?,
            control_busy: registered(r, control_times()?)?,
            registry,
        })
    }

    /// What `/metrics` prints.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Counts what the core noted.
    pub fn note(&self, note: &Note) {
        match note {
            Note::Dropped(reason) => self.dropped(*reason),
            Note::Request { method, source } => self.requests.with_label_values(&[method, source]).inc(),
            Note::Answered(code) => self.responses.with_label_values(&[code.to_string().as_str()]).inc(),
            Note::Refused { label, .. } => self.refused.with_label_values(&[label]).inc(),
            Note::SetOut { attempt, .. } => {
                if *attempt == 1 {
                    self.calls.inc();
                }
                self.calls_by_attempt.with_label_values(&[attempt.to_string().as_str()]).inc();
            }
            Note::Unanswered(_) => self.edge_unanswered.inc(),
            Note::Absorbed => self.absorbed.inc(),
            Note::Media(fate) => self.media.descriptions.with_label_values(&[fate.label()]).inc(),
            Note::Overload(news) => self.overload.note(*news),
            Note::Hop(event) => self.hops.note(event),
        }
    }

    /// A datagram was not treated.
    pub fn dropped(&self, reason: Dropped) {
        self.dropped.with_label_values(&[reason.label()]).inc();
    }

    /// A worker's share of new requests that it refuses, and how many hops it holds back from.
    pub fn overload_of(&self, worker: usize, share: f64, throttled: usize) {
        self.overload.set(worker, share, throttled);
    }

    /// A probe packet was not treated.
    pub fn probe_dropped(&self, reason: &str) {
        self.probe_dropped.with_label_values(&[reason]).inc();
    }

    /// A statement or a report was refused.
    pub fn mesh_refused(&self, reason: &str) {
        self.mesh_refused.with_label_values(&[reason]).inc();
    }

    /// A policy document was refused.
    pub fn policy_refused(&self) {
        self.policy_refused.inc();
    }

    /// A chosen path changed.
    pub fn route_changed(&self) {
        self.route_changes.inc();
    }

    /// An OPTIONS to another region was answered, or was not.
    pub fn sounded(&self, sounding: &Sounding) {
        let to = sounding.region.as_str();
        self.options.with_label_values(&[to, sounding.outcome().as_str()]).inc();
        if sounding.status.is_some() {
            self.options_answer.with_label_values(&[to]).observe(sounding.took.as_secs_f64());
        }
    }

    /// The system did not take a datagram.
    pub fn send_failed(&self) {
        self.send_failed.inc();
    }

    /// Connections over `transport` that stand or are being made.
    #[must_use]
    pub fn sip_connections(&self, transport: &str) -> IntGauge {
        self.connections.with_label_values(&[transport])
    }

    /// A connection of SIP ended, or was not made.
    pub fn sip_connection_closed(&self, reason: &str) {
        self.connections_closed.with_label_values(&[reason]).inc();
    }

    /// A worker's transactions that are not over, for it to set.
    #[must_use]
    pub fn transactions(&self, worker: usize) -> IntGauge {
        self.transactions.with_label_values(&[worker.to_string().as_str()])
    }

    /// Transactions that are not over, of all workers.
    #[must_use]
    pub fn transactions_active(&self) -> u64 {
        let families = self.transactions.collect();
        let gauges = families.iter().flat_map(MetricFamily::get_metric);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let sum = gauges.map(|metric| metric.get_gauge().get_value() as u64).sum();
        sum
    }

    /// A media relay did not carry out an order.
    pub fn media_failed(&self, reason: &str) {
        self.media.failed.with_label_values(&[reason]).inc();
    }

    /// Whether a media relay answers.
    pub fn media_relay(&self, name: &str, is_well: bool) {
        self.media.relay_up.with_label_values(&[name]).set(i64::from(is_well));
    }

    /// The kernel dropped datagrams because the socket was full.
    pub fn kernel_dropped(&self, count: u32) {
        self.kernel_dropped.inc_by(u64::from(count));
    }

    /// A worker had no room for a datagram.
    pub fn hand_over_dropped(&self) {
        self.hand_over_dropped.inc();
    }

    /// Requests that opened a dialog, so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.get()
    }
}

fn options_answers() -> Result<HistogramVec, prometheus::Error> {
    let name = HistogramOpts::new("options_answer_seconds", "Answer to an OPTIONS from end to end");
    HistogramVec::new(name.buckets(ANSWER_BUCKETS.to_vec()), &["to"])
}

fn control_times() -> Result<Histogram, prometheus::Error> {
    let name = HistogramOpts::new("control_busy_seconds", "Time the control task takes for one event");
    Histogram::with_opts(name.buckets(vec![0.000_01, 0.000_1, 0.001, 0.01, 0.1]))
}
