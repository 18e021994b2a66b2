//! How much a link loses. A handful of probes is too little for an average: one probe lost of five says nothing,
//! four lost of twenty say everything. So a change-point test on every packet decides *when* the loss has changed, and
//! plain counts since that point say *how much* it is. More traffic means an earlier verdict.

use crate::Time;

/// Loss that is no news between cloud regions; on a link that always loses more, up to so much, that is no news.
const LOSS_USUAL: (f64, f64) = (0.001, 0.02);
/// Loss that is a brownout. Whether one is over is tested against what it was, up to the second.
const LOSS_BAD: (f64, f64) = (0.05, 0.5);
/// The sum at which a brownout is believed. See `proxy/tests/detection.rs` for what it costs and what it misses.
const ALARM: f64 = 13.5;
/// The sum at which it is taken to be over: after 5 %, 180 good packets since the last bad spell; after 20 %, 42.
const ALL_CLEAR: f64 = ALARM - 9.0;
/// A link without a history counts as one that carried this many packets without a loss.
const PRESUMED_CLEAN: f64 = 200.0;
/// How soon counts lose half their weight: while all is well, and at the beginning and later in a brownout.
const HALF_LIFE_USUAL_S: f64 = 60.0;
/// The same for what is taken for usual.
const HALF_LIFE_BASELINE_S: f64 = 300.0;
const HALF_LIFE_BAD_S: (f64, f64) = (2.0, 20.0);

/// Page's CUSUM test on the log-likelihood ratio of bad against usual loss, with the counts it dates:
///
/// ```text
///                  sum ≥ ALARM: count from where the sum last stood at 0
///          ┌──────────────────────────────────────────────────────────────▶┐
///   usual (half-life 60 s)                                     brownout (half-life 2 to 20 s)
///          └◀──────────────────────────────────────────────────────────────┘
///                  sum ≤ ALL_CLEAR: count from where the sum last stood at ALARM
/// ```
///
/// Losses in a row are one event (Gilbert's channel): that a packet is lost right after another says little about how
/// often such bursts come. A link whose every burst takes three packets would raise the alarm at the second burst.
#[derive(Clone, Debug)]
pub struct LossEstimate {
    sum: f64,
    brownout: bool,
    counts: Counts,
    /// What was counted since the sum last stood at the far end: where the change lies, if there was one.
    since_turn: Counts,
    /// What was counted in all the stretches in which nothing spoke for a brownout in the end.
    baseline: Counts,
    at: Time,
    turned: Time,
}

/// Packets, and how many of them were lost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) packets: f64,
    pub(crate) lost: f64,
}

impl LossEstimate {
    /// A link that nothing is known about.
    pub fn new(now: Time) -> Self {
        let counts = Counts { packets: PRESUMED_CLEAN, lost: 0.0 };
        Self {
            sum: 0.0,
            brownout: false,
            counts,
            since_turn: Counts::default(),
            baseline: counts,
            at: now,
            turned: now,
        }
    }

    /// Takes in packets whose fate is known, each loss by itself. `lost` is at most `packets`.
    pub fn update(&mut self, now: Time, packets: u32, lost: u32) {
        self.update_bursts(now, packets, lost, lost);
    }

    /// Takes in packets whose fate is known. `bursts`: how many separate gaps the losses make.
    pub fn update_bursts(&mut self, now: Time, packets: u32, lost: u32, bursts: u32) {
        let lost = lost.min(packets);
        let bursts = f64::from(bursts.min(lost));
        let (packets, lost) = (f64::from(packets), f64::from(lost));
        let passed_s = now.since(self.at).as_secs_f64();
        self.counts.fade(0.5_f64.powf(passed_s / self.half_life_s(now)));
        self.baseline.fade(0.5_f64.powf(passed_s / HALF_LIFE_BASELINE_S));
        self.at = now;
        self.counts.add(packets, lost);
        self.since_turn.add(packets, lost);

        let (usual, bad) = (self.usual(), self.bad());
        let evidence = bursts * (bad / usual).ln() + (packets - lost) * ((1.0 - bad) / (1.0 - usual)).ln();
        self.sum = (self.sum + evidence).clamp(0.0, ALARM);
        match self.brownout {
            false if self.sum >= ALARM => self.turn(now, true),
            false if self.sum <= 0.0 => {
                self.baseline.add(self.since_turn.packets, self.since_turn.lost);
                self.since_turn = Counts::default();
            }
            true if self.sum <= ALL_CLEAR => self.turn(now, false),
            true if self.sum >= ALARM => self.since_turn = Counts::default(),
            _ => {}
        }
    }

    /// Loss as it is now, 0 to 1.
    pub fn loss(&self) -> f64 {
        if self.counts.packets > 0.0 { (self.counts.lost / self.counts.packets).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Whether it is so much that it is no chance.
    pub fn is_brownout(&self) -> bool {
        self.brownout
    }

    /// A test on more packets than this one sees has found a brownout, with these counts since it began.
    pub(crate) fn believe(&mut self, now: Time, counts: Counts) {
        if !self.brownout {
            self.sum = ALARM;
            self.since_turn = counts;
            self.turn(now, true);
        }
    }

    /// Who knows more finds that it is over, or was none: what this one counted lately is of before.
    pub fn clear(&mut self, now: Time) {
        if self.brownout {
            self.since_turn = Counts::default();
            self.turn(now, false);
        }
    }

    /// Nothing speaks for a brownout.
    pub(crate) fn is_at_rest(&self) -> bool {
        !self.brownout && self.sum <= 0.0
    }

    /// What was counted since the sum last stood at the far end; after a turn, since the point that it dates.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    fn usual(&self) -> f64 {
        let Counts { packets, lost } = self.baseline;
        let (least, most) = LOSS_USUAL;
        (lost / packets.max(PRESUMED_CLEAN)).clamp(least, most)
    }

    fn bad(&self) -> f64 {
        let (least, most) = LOSS_BAD;
        if self.brownout { self.loss().clamp(least, most) } else { least }
    }

    fn half_life_s(&self, now: Time) -> f64 {
        let (first, later) = HALF_LIFE_BAD_S;
        if self.brownout {
            now.since(self.turned).as_secs_f64().clamp(first, later)
        } else {
            HALF_LIFE_USUAL_S
        }
    }

    fn turn(&mut self, now: Time, brownout: bool) {
        self.brownout = brownout;
        self.turned = now;
        self.counts = self.since_turn;
        self.since_turn = Counts::default();
        if !brownout {
            self.sum = 0.0;
            self.counts.add(PRESUMED_CLEAN, 0.0);
        }
    }
}

impl Counts {
    pub(crate) fn add(&mut self, packets: f64, lost: f64) {
        self.packets += packets;
        self.lost += lost;
    }

    fn fade(&mut self, factor: f64) {
        self.packets *= factor;
        self.lost *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One packet every 20 ms; lost where `lost` says so. The time at the end, ms.
    fn feed(
        estimate: &mut LossEstimate,
        from_ms: u64,
        packets: u64,
        mut lost: impl FnMut(u64) -> bool,
    ) -> u64 {
        for n in 0..packets {
            estimate.update(Time::from_millis(from_ms + 20 * n), 1, u32::from(lost(n)));
        }
        from_ms + 20 * packets
    }

    #[test]
    fn one_lost_packet_is_no_news_nor_are_two() {
        let mut estimate = LossEstimate::new(Time::default());
        feed(&mut estimate, 0, 200, |n| n == 20 || n == 140);
        assert!(!estimate.is_brownout() && estimate.loss() < 0.01, "{}", estimate.loss());
    }

    #[test]
    fn a_brownout_is_seen_within_seconds_and_sized() {
        let mut estimate = LossEstimate::new(Time::default());
        let ms = feed(&mut estimate, 0, 1_000, |_| false);
        let ms = feed(&mut estimate, ms, 25, |n| n % 5 == 0);
        assert!(estimate.is_brownout(), "one of five over 25 packets");
        feed(&mut estimate, ms, 100, |n| n % 5 == 0);
        assert!((0.15..=0.25).contains(&estimate.loss()), "{}", estimate.loss());
    }

    #[test]
    fn a_burst_is_one_event() {
        let mut estimate = LossEstimate::new(Time::default());
        estimate.update_bursts(Time::from_millis(20), 8, 8, 1);
        assert!(!estimate.is_brownout(), "eight in a row, once");
        estimate.update_bursts(Time::from_millis(40), 10, 4, 4);
        assert!(estimate.is_brownout(), "four by themselves");
    }

    #[test]
    fn a_healed_link_is_clean_after_a_good_second_or_two_not_before() {
        let mut estimate = LossEstimate::new(Time::default());
        let ms = feed(&mut estimate, 0, 300, |n| n % 5 == 0);
        let ms = feed(&mut estimate, ms, 35, |_| false);
        assert!(estimate.is_brownout() && estimate.loss() > 0.05, "that much luck happens in a bad spell");
        feed(&mut estimate, ms, 65, |_| false);
        assert!(!estimate.is_brownout() && estimate.loss() < 0.001, "{}", estimate.loss());
    }

    #[test]
    fn a_small_steady_loss_is_measured_in_the_long_run() {
        let mut estimate = LossEstimate::new(Time::default());
        feed(&mut estimate, 0, 20_000, |n| n % 200 == 0);
        assert!((0.004..0.006).contains(&estimate.loss()), "{}", estimate.loss());
        assert!(!estimate.is_brownout());
    }

    #[test]
    fn more_traffic_means_an_earlier_verdict() {
        let mut estimate = LossEstimate::new(Time::default());
        for n in 0..4 {
            estimate.update_bursts(Time::from_millis(100 * n), 50, 3, 3);
        }
        assert!(estimate.is_brownout(), "5 % of 500 packets a second, 0.4 s");
    }
}
