//! What happens to the router alone, as a table: trouble, when it is over, and how soon calls must be back on the best
//! path.

use super::alone::World;
use crate::atlas::{
    Atlas,
    weather::{BAD_DAY, Kind, Spell, forecast},
};

/// The home is us-west-2, region 0.
const VIRGINIA: usize = 1;
const OHIO: usize = 2;

pub(crate) enum Act {
    Kill(usize),
    Start(usize),
    Skew(usize, i64),
    CutOff(usize, bool),
    Overload(usize, bool),
}

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) weather: fn(&Atlas, seed: u64) -> Vec<Spell>,
    /// By the second.
    pub(crate) script: &'static [(u64, Act)],
    /// When nothing is wrong any more.
    pub(crate) healed_s: u64,
    /// So many seconds later calls are on the best paths.
    pub(crate) back_s: u64,
    /// Changes of any route after the first second, if they are limited.
    pub(crate) changes_max: Option<usize>,
}

/// A hold for the link, a hold for the route, and until the smoothed estimate has come down.
const BACK_S: u64 = 20;
/// The longest holds of both: 32 times 5 s.
const BACK_DAMPED_S: u64 = 345;

pub(crate) const CASES: [Case; 11] = [
    Case {
        name: "a cut",
        weather: |atlas, _| both(atlas, Kind::Cut, 5, 15, 1.0, 0.0),
        script: &[],
        healed_s: 15,
        back_s: BACK_S,
        changes_max: None,
    },
    Case {
        name: "a brownout",
        weather: |atlas, _| both(atlas, Kind::Brownout, 5, 20, 0.1, 80.0),
        script: &[],
        healed_s: 20,
        back_s: BACK_S,
        changes_max: None,
    },
    Case {
        name: "loss on the way there only",
        weather: |atlas, _| vec![spell(Kind::Brownout, atlas.link(0, VIRGINIA), 5, 20, 0.1, 0.0)],
        script: &[],
        healed_s: 20,
        back_s: BACK_S,
        changes_max: None,
    },
    Case {
        name: "loss on the way back only moves no call",
        weather: |atlas, _| vec![spell(Kind::Brownout, atlas.link(VIRGINIA, 0), 5, 20, 0.1, 0.0)],
        script: &[],
        healed_s: 20,
        back_s: 0,
        changes_max: Some(0),
    },
    Case {
        name: "a cut on the way back only",
        weather: |atlas, _| vec![spell(Kind::Cut, atlas.link(VIRGINIA, 0), 5, 20, 1.0, 0.0)],
        script: &[],
        healed_s: 20,
        back_s: BACK_S,
        changes_max: None,
    },
    Case {
        name: "a flapping link",
        weather: |atlas, _| {
            (0..15).flat_map(|i| both(atlas, Kind::Flap, 5 + 8 * i, 7 + 8 * i, 1.0, 0.0)).collect()
        },
        script: &[],
        healed_s: 119,
        back_s: BACK_DAMPED_S,
        changes_max: Some(4),
    },
    Case {
        name: "a relay dies while it is needed, and comes back",
        weather: |atlas, _| both(atlas, Kind::Brownout, 5, 25, 0.2, 0.0),
        script: &[(12, Act::Kill(OHIO)), (18, Act::Start(OHIO))],
        healed_s: 25,
        back_s: BACK_S,
        changes_max: None,
    },
    Case {
        name: "clocks that are wrong by hours",
        weather: |atlas, _| both(atlas, Kind::Cut, 10, 20, 1.0, 0.0),
        script: &[
            (2, Act::Skew(OHIO, 7_200)),
            (3, Act::Kill(OHIO)),
            (4, Act::Start(OHIO)),
            (5, Act::Skew(VIRGINIA, -7_200)),
        ],
        healed_s: 20,
        back_s: BACK_S,
        changes_max: None,
    },
    Case {
        // Its statements count as old until those from before are forgotten: 12 expiries.
        name: "a node starts again with its clock set back",
        weather: |_, _| Vec::new(),
        script: &[(5, Act::Skew(OHIO, -3_600)), (6, Act::Kill(OHIO)), (8, Act::Start(OHIO))],
        healed_s: 8,
        back_s: 60 + BACK_S,
        changes_max: None,
    },
    Case {
        name: "half of the mesh is not heard",
        weather: |atlas, _| both(atlas, Kind::Brownout, 8, 16, 0.2, 0.0),
        script: &[
            (5, Act::CutOff(VIRGINIA, true)),
            (5, Act::CutOff(OHIO, true)),
            (20, Act::CutOff(VIRGINIA, false)),
            (20, Act::CutOff(OHIO, false)),
        ],
        healed_s: 20,
        back_s: BACK_S,
        changes_max: None,
    },
    Case {
        name: "an overloaded server on a healthy network",
        weather: |_, _| Vec::new(),
        script: &[(5, Act::Overload(VIRGINIA, true)), (30, Act::Overload(VIRGINIA, false))],
        healed_s: 30,
        back_s: 0,
        changes_max: Some(0),
    },
];

/// Everything at once, ten times as often as on a bad day.
pub(crate) const STORM: Case = Case {
    name: "a storm",
    weather: |atlas, seed| {
        let mut spells = forecast(atlas, &BAD_DAY.times(10.0), seed, 120.0 / 3_600.0);
        // What would last longer ends with the storm.
        spells.retain(|spell| spell.from_ms < 120_000.0);
        spells.iter_mut().for_each(|spell| spell.until_ms = spell.until_ms.min(120_000.0));
        spells
    },
    script: &[(40, Act::Kill(OHIO)), (80, Act::Start(OHIO))],
    healed_s: 120,
    back_s: BACK_DAMPED_S,
    changes_max: None,
};

impl Case {
    /// Plays it; panics, naming case and seed, when something is wrong.
    pub(crate) fn play(&self, atlas: &Atlas, seed: u64) {
        let Case { name, weather, script, healed_s, back_s, changes_max } = self;
        let place = format!("{name}, {} regions, seed {seed}", atlas.len());
        let spells = weather(atlas, seed);
        let mut world = World::new(atlas, &spells);
        world.run_until(4);
        assert_eq!(world.astray(), [""; 0], "{place}: at the beginning");
        let first = world.changes.len();
        for (second, act) in *script {
            world.run_until(*second);
            match act {
                Act::Kill(region) => world.kill(*region),
                Act::Start(region) => world.start(*region),
                Act::Skew(region, seconds) => world.skew(*region, *seconds),
                Act::CutOff(region, cut_off) => world.cut_off(*region, *cut_off),
                Act::Overload(region, overloaded) => world.overload(*region, *overloaded),
            }
        }
        world.run_until(healed_s + back_s + 1);
        assert_eq!(world.astray(), [""; 0], "{place}: {back_s} s after it was over");
        let changes = world.changes.len() - first;
        if let Some(changes_max) = changes_max {
            let told: Vec<String> = world.changes[first..].iter().map(ToString::to_string).collect();
            assert!(changes <= *changes_max, "{place}: {told:#?}");
        }
        println!(
            "{place}: {changes} changes, {} tables, {} stale reports",
            world.guard.tables, world.refused
        );
    }
}

/// Both ways between the home and Virginia.
fn both(atlas: &Atlas, kind: Kind, from_s: u64, until_s: u64, loss: f64, added_ms: f64) -> Vec<Spell> {
    [atlas.link(0, VIRGINIA), atlas.link(VIRGINIA, 0)]
        .map(|link| spell(kind, link, from_s, until_s, loss, added_ms))
        .into()
}

fn spell(kind: Kind, link: usize, from_s: u64, until_s: u64, loss: f64, added_ms: f64) -> Spell {
    Spell {
        kind,
        link,
        from_ms: (from_s * 1_000) as f64,
        until_ms: (until_s * 1_000) as f64,
        loss,
        added_ms,
        jitter_ms: added_ms / 15.0,
    }
}
