//! What a link does to a packet. Pure: time and seed come in, so the same seed gives the same fate to the n-th
//! packet, whatever happened to the ones before it.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// One direction of the path between two regions, as the underlay behaves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkModel {
    /// One-way delay.
    pub delay_ms: f64,
    /// The most that is added to the delay, drawn evenly from 0 for every packet.
    pub jitter_ms: f64,
    /// Probability from 0 to 1 that a packet is lost, each on its own.
    pub loss: f64,
    /// Probability from 0 to 1 that a packet may be overtaken: it waits another half delay and holds nobody up.
    pub reorder: f64,
    /// Nothing passes.
    pub cut: bool,
    /// What a brownout adds to the delay.
    pub extra_delay_ms: f64,
    /// What a brownout adds to the loss.
    pub extra_loss: f64,
    /// The share of flows, from 0 to 1, that a cut and a brownout hit: all those whose source port hashes below it.
    pub flows: f64,
    /// Datagrams from this UDP source port are lost: one of the parallel ways that the underlay spreads flows over is
    /// broken.
    pub dead_port: Option<u16>,
}

impl Default for LinkModel {
    /// A perfect wire.
    fn default() -> Self {
        Self {
            delay_ms: 0.0,
            jitter_ms: 0.0,
            loss: 0.0,
            reorder: 0.0,
            cut: false,
            extra_delay_ms: 0.0,
            extra_loss: 0.0,
            flows: 1.0,
            dead_port: None,
        }
    }
}

impl LinkModel {
    /// The one-way delay before jitter, for a flow that nothing spares.
    pub fn one_way(&self) -> Duration {
        millis(self.delay_ms + self.extra_delay_ms)
    }

    /// Whether what is wrong with the link is wrong for the flow from this port. `salt` is the link's own, so that two
    /// links do not spare the same flows.
    pub(super) fn hits(&self, port: u16, salt: u64) -> bool {
        // A draw of its own for every port: the first number of a generator that is seeded with it.
        let draw =
            || fastrand::Rng::with_seed(salt ^ u64::from(port).wrapping_mul(0x9E37_79B9_7F4A_7C15)).f64();
        self.flows >= 1.0 || draw() < self.flows
    }

    /// The link as a flow that is spared has it.
    fn spared(self) -> Self {
        Self { cut: false, extra_delay_ms: 0.0, extra_loss: 0.0, ..self }
    }
}

/// Why a packet did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// Random loss.
    Loss,
    /// The link is cut.
    Cut,
}

/// What becomes of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It never arrives.
    Drop(DropReason),
    /// It arrives this much later.
    Deliver {
        /// Counted from the moment that it was sent.
        after: Duration,
    },
}

/// The fates of the packets of one link, one after the other.
#[derive(Debug)]
pub struct Fates {
    model: LinkModel,
    rng: fastrand::Rng,
    salt: u64,
    /// Of the flows that were hit and of those that were spared: they take parallel ways, and wait for each other nowhere.
    last_due: [Option<Instant>; 2],
}

impl Fates {
    /// Draws from `seed`.
    pub fn new(model: LinkModel, seed: u64) -> Self {
        Self { model, rng: fastrand::Rng::with_seed(seed), salt: seed, last_due: [None; 2] }
    }

    /// The model in force.
    pub fn model(&self) -> LinkModel {
        self.model
    }

    /// Changes the model for the packets that come; those under way keep their fate.
    pub fn set_model(&mut self, model: LinkModel) {
        self.model = model;
    }

    /// Decides over the next packet, which belongs to the flow from this port. Order is kept unless the packet is drawn
    /// to be reordered.
    pub fn fate(&mut self, now: Instant, port: u16) -> Fate {
        // Three draws for every packet, used or not: a change of the model must not shift the dice of later ones.
        let (loss, jitter, reorder) = (self.rng.f64(), self.rng.f64(), self.rng.f64());
        let hit = self.model.hits(port, self.salt);
        let model = if hit { self.model } else { self.model.spared() };
        if model.cut {
            return Fate::Drop(DropReason::Cut);
        }
        if loss < 1.0 - (1.0 - model.loss) * (1.0 - model.extra_loss) {
            return Fate::Drop(DropReason::Loss);
        }
        let after = model.one_way() + millis(model.jitter_ms * jitter);
        if reorder < model.reorder {
            return Fate::Deliver { after: after + model.one_way() / 2 };
        }
        let last_due = &mut self.last_due[usize::from(hit)];
        let due = last_due.map_or(now + after, |last| last.max(now + after));
        *last_due = Some(due);
        Fate::Deliver { after: due.saturating_duration_since(now) }
    }
}

fn millis(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1_000.0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const PORT: u16 = 40_000;

    fn fates_of(model: LinkModel, seed: u64, count: usize) -> Vec<Fate> {
        let (mut fates, start) = (Fates::new(model, seed), clock::now());
        (0..count).map(|n| fates.fate(start + Duration::from_millis(n as u64), PORT)).collect()
    }

    #[test]
    fn the_same_seed_gives_the_nth_packet_the_same_fate() {
        let model =
            LinkModel { delay_ms: 20.0, jitter_ms: 4.0, loss: 0.3, reorder: 0.1, ..LinkModel::default() };
        assert_eq!(fates_of(model, 7, 500), fates_of(model, 7, 500));
        assert_ne!(fates_of(model, 7, 500), fates_of(model, 8, 500));
    }

    #[test]
    fn a_change_of_the_model_does_not_shift_the_dice_of_later_packets() {
        let lossy = LinkModel { loss: 0.5, ..LinkModel::default() };
        let undisturbed = fates_of(lossy, 3, 200);
        let (mut fates, start) = (Fates::new(lossy, 3), clock::now());
        for (n, expected) in undisturbed.iter().enumerate() {
            let cut = (50..60).contains(&n);
            fates.set_model(LinkModel { cut, ..lossy });
            let fate = fates.fate(start + Duration::from_millis(n as u64), PORT);
            assert_eq!(fate, if cut { Fate::Drop(DropReason::Cut) } else { *expected }, "packet {n}");
        }
    }

    #[test]
    fn loss_comes_near_its_probability() {
        let lost = fates_of(LinkModel { loss: 0.2, ..LinkModel::default() }, 1, 10_000)
            .into_iter()
            .filter(|fate| *fate == Fate::Drop(DropReason::Loss))
            .count();
        assert!((1_850..2_150).contains(&lost), "{lost} of 10,000 lost at 20 %");
    }

    #[test]
    fn jitter_never_reorders_and_reordering_does() {
        let jittery = LinkModel { delay_ms: 10.0, jitter_ms: 8.0, ..LinkModel::default() };
        assert!(arrivals(jittery).is_sorted());
        assert!(!arrivals(LinkModel { reorder: 0.1, ..jittery }).is_sorted());
    }

    fn arrivals(model: LinkModel) -> Vec<Duration> {
        let sent = (0..).map(Duration::from_millis);
        let fates = fates_of(model, 11, 1_000).into_iter();
        sent.zip(fates)
            .map(|(sent, fate)| match fate {
                Fate::Deliver { after } => sent + after,
                Fate::Drop(reason) => panic!("{reason:?} on a link without loss"),
            })
            .collect()
    }

    #[test]
    fn brownout_adds_to_the_delay() {
        let model = LinkModel { delay_ms: 32.0, extra_delay_ms: 80.0, ..LinkModel::default() };
        assert_eq!(fates_of(model, 0, 1), [Fate::Deliver { after: Duration::from_millis(112) }]);
    }

    #[test]
    fn a_share_of_the_flows_is_hit_each_for_good_and_the_rest_is_spared() {
        let sick = LinkModel { delay_ms: 10.0, extra_delay_ms: 80.0, flows: 0.5, ..LinkModel::default() };
        let (mut fates, start) = (Fates::new(sick, 9), clock::now());
        let mut fate_of = |n: u64, port| fates.fate(start + Duration::from_millis(n), port);
        let delay = |ms| Fate::Deliver { after: Duration::from_millis(ms) };
        let ports = 40_000..41_000;
        let first: Vec<Fate> = ports.clone().map(|port| fate_of(0, port)).collect();
        let hit = first.iter().filter(|fate| **fate == delay(90)).count();
        assert!((450..550).contains(&hit), "{hit} of 1,000 flows");
        assert_eq!(
            hit + first.iter().filter(|fate| **fate == delay(10)).count(),
            1_000,
            "nobody waits for a sick flow"
        );
        let again: Vec<Fate> = ports.map(|port| fate_of(500, port)).collect();
        assert_eq!(first, again);
    }

    #[test]
    fn a_cut_of_some_flows_leaves_the_others() {
        let half = LinkModel { cut: true, flows: 0.5, ..LinkModel::default() };
        let dead = |salt| -> Vec<u16> { (40_000..40_100).filter(|port| half.hits(*port, salt)).collect() };
        assert!((35..65).contains(&dead(1).len()), "{}", dead(1).len());
        assert_ne!(dead(1), dead(2), "two links spare other flows");
        let none = LinkModel { flows: 0.0, ..half };
        assert!(!(0..=u16::MAX).any(|port| none.hits(port, 1)));
    }
}
