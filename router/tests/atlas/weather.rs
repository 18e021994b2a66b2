//! The weather between regions, drawn ahead of time: when which link loses how much. Nobody publishes loss between
//! cloud regions, so all of this is modelled, after what was measured on the Internet: bursts of 10 ms to 34 s,
//! outages of 10 to 220 s, and trouble that comes in company, because when one way out of a place loses, another
//! loses too with a probability of 0.6 to 0.7 (Andersen, Snoeren, Balakrishnan, IMC 2003).

use super::{Atlas, chance::Chance};

/// What kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The bad state of Gilbert and Elliott: a share of the packets is lost, for 10 ms to 34 s.
    Burst,
    /// 1 to 20 % of loss, or 20 to 150 ms of delay, or both, for 10 s to 10 min.
    Brownout,
    /// Nothing passes, for 10 to 220 s.
    Cut,
    /// Nothing passes for some seconds, again and again.
    Flap,
    /// All links that lead to a region, or from it, or both, are bad.
    Region,
}

pub(crate) const KINDS: [Kind; 5] = [Kind::Burst, Kind::Brownout, Kind::Cut, Kind::Flap, Kind::Region];

/// Trouble on one link, one way, from one moment to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spell {
    pub(crate) kind: Kind,
    pub(crate) link: usize,
    pub(crate) from_ms: f64,
    pub(crate) until_ms: f64,
    /// 0 to 1. 1: nothing passes.
    pub(crate) loss: f64,
    pub(crate) added_ms: f64,
    pub(crate) jitter_ms: f64,
}

/// How often each kind strikes a region, times an hour, and how much company it brings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Climate {
    pub(crate) bursts: f64,
    pub(crate) brownouts: f64,
    pub(crate) cuts: f64,
    pub(crate) flaps: f64,
    pub(crate) regions: f64,
    /// A fault takes each other link of the region with it, with a probability between these.
    pub(crate) company: (f64, f64),
    /// Of all faults but cuts, those that are on one direction only.
    pub(crate) one_way: f64,
}

/// A bad day: a link sees a brownout every other hour, a cut every five, a burst every ten minutes or so.
pub(crate) const BAD_DAY: Climate = Climate {
    bursts: 5.0,
    brownouts: 0.4,
    cuts: 0.15,
    flaps: 0.1,
    regions: 0.1,
    company: (0.6, 0.7),
    one_way: 0.3,
};

/// One fault, before it is laid on links.
struct Fault {
    kind: Kind,
    at_ms: f64,
    lasts_ms: f64,
    loss: f64,
    added_ms: f64,
    /// Whether packets that leave the region suffer, and those that come.
    ways: (bool, bool),
}

/// All spells of these hours, by their beginning.
pub(crate) fn forecast(atlas: &Atlas, climate: &Climate, seed: u64, hours: f64) -> Vec<Spell> {
    let mut spells = Vec::new();
    let world = Chance::new(seed);
    for region in 0..atlas.len() {
        for kind in KINDS {
            let mut chance = world.fork((region * KINDS.len() + kind as usize) as u64);
            let mean_ms = 3_600_000.0 / climate.rate(kind);
            let mut at_ms = chance.exponential(mean_ms);
            while at_ms < hours * 3_600_000.0 {
                let fault = Fault::draw(kind, at_ms, climate, &mut chance);
                fault.strike(region, atlas, climate, &mut chance, &mut spells);
                at_ms += chance.exponential(mean_ms);
            }
        }
    }
    spells.sort_by(|a, b| a.from_ms.total_cmp(&b.from_ms).then(a.link.cmp(&b.link)));
    spells
}

impl Climate {
    /// All rates so many times as high.
    pub(crate) fn times(self, factor: f64) -> Self {
        self.map(|_, rate| rate * factor)
    }

    /// Nothing but this kind.
    pub(crate) fn only(self, kind: Kind) -> Self {
        self.map(|other, rate| if other == kind { rate } else { 0.0 })
    }

    fn map(self, new: impl Fn(Kind, f64) -> f64) -> Self {
        Self {
            bursts: new(Kind::Burst, self.bursts),
            brownouts: new(Kind::Brownout, self.brownouts),
            cuts: new(Kind::Cut, self.cuts),
            flaps: new(Kind::Flap, self.flaps),
            regions: new(Kind::Region, self.regions),
            ..self
        }
    }

    fn rate(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Burst => self.bursts,
            Kind::Brownout => self.brownouts,
            Kind::Cut => self.cuts,
            Kind::Flap => self.flaps,
            Kind::Region => self.regions,
        }
    }
}

impl Fault {
    fn draw(kind: Kind, at_ms: f64, climate: &Climate, chance: &mut Chance) -> Self {
        // A third of the brownouts only loses, a third is only slow.
        let mood = chance.below(3);
        let slow = if mood == 0 { 0.0 } else { 1.0 };
        let lossy = if mood == 1 { 0.0 } else { 1.0 };
        let (lasts_s, loss, added_ms) = match kind {
            Kind::Burst => (chance.log_between(0.01, 34.0), chance.log_between(0.05, 0.8), 0.0),
            Kind::Brownout => (
                chance.log_between(10.0, 600.0),
                lossy * chance.log_between(0.01, 0.2),
                slow * chance.between(20.0, 150.0),
            ),
            Kind::Cut => (chance.log_between(10.0, 220.0), 1.0, 0.0),
            Kind::Flap => (chance.log_between(300.0, 1_200.0), 1.0, 0.0),
            Kind::Region => (
                chance.log_between(10.0, 300.0),
                chance.log_between(0.01, 0.1),
                slow * chance.between(10.0, 50.0),
            ),
        };
        let out = chance.happens(0.5);
        // A call over a link that answers in one direction only is dead: SIP answers go back the way requests came.
        let whole = matches!(kind, Kind::Cut | Kind::Flap);
        let ways = if chance.happens(climate.one_way) && !whole { (out, !out) } else { (true, true) };
        Self { kind, at_ms, lasts_ms: lasts_s * 1_000.0, loss, added_ms, ways }
    }

    /// One link of the region, and those that it takes with it.
    fn strike(
        &self,
        region: usize,
        atlas: &Atlas,
        climate: &Climate,
        chance: &mut Chance,
        spells: &mut Vec<Spell>,
    ) {
        let first = (region + 1 + chance.below(atlas.len() - 1)) % atlas.len();
        let company = match self.kind {
            Kind::Flap => 0.0,
            Kind::Region => 1.0,
            Kind::Burst | Kind::Brownout | Kind::Cut => chance.between(climate.company.0, climate.company.1),
        };
        for other in (0..atlas.len()).filter(|other| *other != region) {
            // Company comes a little later, and is as bad or milder; a cut is a cut.
            let (later_ms, share) = match (other == first, self.kind) {
                (true, _) => (0.0, 1.0),
                (false, Kind::Cut) => (chance.between(0.0, 2_000.0), 1.0),
                (false, _) => (chance.between(0.0, 2_000.0f64.min(self.lasts_ms)), chance.between(0.5, 1.0)),
            };
            if other == first || chance.happens(company) {
                let (out, back) = self.ways;
                let ways = [(out, atlas.link(region, other)), (back, atlas.link(other, region))];
                for (_, link) in ways.into_iter().filter(|(struck, _)| *struck) {
                    self.lay(link, later_ms, share, chance, spells);
                }
            }
        }
    }

    fn lay(&self, link: usize, later_ms: f64, share: f64, chance: &mut Chance, spells: &mut Vec<Spell>) {
        let from_ms = self.at_ms + later_ms;
        let spell = Spell {
            kind: self.kind,
            link,
            from_ms,
            until_ms: from_ms + self.lasts_ms,
            loss: self.loss * share,
            added_ms: self.added_ms * share,
            // What queues also jitters.
            jitter_ms: self.added_ms * share / 15.0,
        };
        if self.kind != Kind::Flap {
            spells.push(spell);
            return;
        }
        let mut at_ms = spell.from_ms;
        while at_ms < spell.until_ms {
            let until_ms = at_ms + chance.between(2_000.0, 8_000.0);
            spells.push(Spell { from_ms: at_ms, until_ms, ..spell });
            at_ms = until_ms + chance.between(8_000.0, 32_000.0);
        }
    }
}
