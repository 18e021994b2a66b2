//! What Prometheus sees of the relay. Everything is named `ringway_relay_…`; why something was dropped is a label.

use crate::{
    core::{
        mesh,
        relay::{Counts, Present, Reason},
    },
    path::Shift,
    worker::{self, Kind},
};
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use std::sync::{Mutex, PoisonError};

/// All metrics of one relay.
pub struct Metrics {
    registry: Registry,
    calls: IntGauge,
    pairs_free: IntGauge,
    packets: IntCounter,
    dropped: IntCounterVec,
    kernel_dropped: IntCounterVec,
    send_failed: IntCounter,
    orders: IntCounterVec,
    frames: IntCounterVec,
    frames_refused: IntCounterVec,
    moves: IntCounterVec,
    /// What was told at the last look: Prometheus wants what came on top.
    told: Mutex<Sums>,
    /// The same of the tunnels.
    tunnels_told: Mutex<mesh::Counts>,
}

/// The numbers of all workers together, since they started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sums {
    calls: usize,
    pairs_free: usize,
    passed: u64,
    dropped: [u64; Reason::COUNT],
    kernel_dropped: [u64; 2],
    send_failed: u64,
    too_long: u64,
}

/// What became of an order of the ng protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was carried out.
    Answered,
    /// It got `result: error`.
    Refused,
    /// It could not be answered.
    Malformed,
    /// Too many were at work: it was dropped.
    Flooded,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// When two metrics have one name: a mistake of ours that the first start shows.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("ringway".into()), None)?;
        let counters = |name: &str, help: &str, label: &str| {
            let metric = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(metric.clone())).map(|()| metric)
        };
        let counter = |name: &str, help: &str| {
            let metric = IntCounter::new(name, help)?;
            registry.register(Box::new(metric.clone())).map(|()| metric)
        };
        let gauge = |name: &str, help: &str| {
            let metric = IntGauge::new(name, help)?;
            registry.register(Box::new(metric.clone())).map(|()| metric)
        };
        Ok(Self {
            calls: gauge("relay_calls_active", "Calls whose media is anchored here")?,
            pairs_free: gauge("relay_port_pairs_free", "Port pairs that serve nobody and do not rest")?,
            packets: counter("relay_packets_total", "Packets passed on")?,
            dropped: counters("relay_dropped_total", "Packets not passed on", "reason")?,
            kernel_dropped: counters(
                "relay_kernel_dropped_total",
                "Packets that the kernel dropped because a socket was full",
                "socket",
            )?,
            send_failed: counter("relay_send_failed_total", "Packets that the system did not take")?,
            orders: counters("relay_orders_total", "Orders of controllers", "result")?,
            frames: counters("relay_frames_total", "Frames of tunnels, by what became of them", "fate")?,
            frames_refused: counters(
                "relay_frames_refused_total",
                "Frames of tunnels not taken or sent",
                "reason",
            )?,
            moves: counters("relay_moves_total", "Routes whose packets took another path or lane", "reason")?,
            told: Mutex::default(),
            tunnels_told: Mutex::default(),
            registry,
        })
    }

    /// What `/metrics` prints.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// An order came.
    pub fn ordered(&self, fate: Fate) {
        let label = match fate {
            Fate::Answered => "answered",
            Fate::Refused => "refused",
            Fate::Malformed => "malformed",
            Fate::Flooded => "flooded",
        };
        self.orders.with_label_values(&[label]).inc();
    }

    /// Calls took another path.
    pub fn moved(&self, shift: &Shift) {
        self.moves.with_label_values(&[shift.to.why.label()]).inc();
    }

    /// The tunnels of all workers were looked at.
    pub fn tunneled(&self, workers: &[mesh::Counts]) {
        let mut told = self.tunnels_told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum = mesh::Counts::default();
        workers.iter().for_each(|counts| sum.add(counts));
        for ((fate, now), (_, before)) in sum.fates().into_iter().zip(told.fates()) {
            self.frames.with_label_values(&[fate]).inc_by(now - before);
        }
        for ((reason, now), (_, before)) in sum.refused.iter().zip(told.refused.iter()) {
            self.frames_refused.with_label_values(&[reason.label()]).inc_by(now - before);
        }
        *told = sum;
    }

    /// The workers were looked at.
    pub fn look(&self, sums: &Sums) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.calls.set(gauge(sums.calls));
        self.pairs_free.set(gauge(sums.pairs_free));
        self.packets.inc_by(sums.passed - told.passed);
        self.send_failed.inc_by(sums.send_failed - told.send_failed);
        let reasons = Reason::LABELS.into_iter().zip(sums.dropped.into_iter().zip(told.dropped));
        // The worker finds those that the relay never sees.
        let too_long = ("oversized", (sums.too_long, told.too_long));
        for (reason, (now, before)) in reasons.chain([too_long]) {
            self.dropped.with_label_values(&[reason]).inc_by(now - before);
        }
        for (place, socket) in ["port", "tunnel"].into_iter().enumerate() {
            let more = sums.kernel_dropped[place] - told.kernel_dropped[place];
            self.kernel_dropped.with_label_values(&[socket]).inc_by(more);
        }
        *told = *sums;
    }
}

impl Sums {
    /// Adds what one worker has.
    pub fn add(&mut self, counts: &Counts, present: Present, worker: &worker::Counts) {
        self.calls += present.calls;
        self.pairs_free += present.pairs_free;
        self.passed += counts.passed;
        self.dropped.iter_mut().zip(counts.dropped).for_each(|(sum, count)| *sum += count);
        let kernel = [Kind::Port, Kind::Tunnel].map(|kind| worker.kernel_dropped(kind).value());
        self.kernel_dropped.iter_mut().zip(kernel).for_each(|(sum, count)| *sum += count);
        self.send_failed += worker.send_failed().value();
        self.too_long += worker.too_long().value();
    }

    /// How many calls there are.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls
    }

    /// Packets that were passed on.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// Packets that were not.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().sum::<u64>() + self.too_long
    }
}
