//! All who compete, on the same trace, step by step.

use std::{collections::BTreeMap, fmt};

use ringway_router::{Reason, Settings};

use super::{
    guard::Forbidden,
    ours::Ours,
    profile::Profile,
    rivals::{Direct, Oracle, Pair, Shortest, Steering, Twin},
    ron::Ron,
    tape::{Tape, Total},
};
use crate::atlas::{
    Atlas,
    chance::Chance,
    sky::Sky,
    weather::{Climate, forecast},
};

/// Not scored: until everybody has found the first paths.
const WARM_UP_MS: u64 = 60_000;

/// What is played.
pub(crate) struct Study {
    pub(crate) size: usize,
    /// Regions whose calls to all others are scored.
    pub(crate) homes: Vec<usize>,
    pub(crate) hours: f64,
    pub(crate) seed: u64,
    pub(crate) climate: Climate,
    pub(crate) settings: Settings,
    pub(crate) policy: String,
    pub(crate) forbidden: Forbidden,
}

/// How everybody did.
pub(crate) struct Score {
    pub(crate) rows: Vec<Row>,
    pub(crate) profile: Profile,
    pub(crate) trace_hash: u64,
    pub(crate) tables: u64,
    pub(crate) changes: Vec<ringway_router::Change>,
    title: String,
    nodes: usize,
}

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) total: Total,
    /// R gained over direct, of every pair.
    pub(crate) gains: Vec<f64>,
    pub(crate) bytes: u64,
}

impl Study {
    pub(crate) fn new(size: usize, homes: &[usize], hours: f64, seed: u64, climate: Climate) -> Self {
        Self {
            size,
            homes: homes.to_vec(),
            hours,
            seed,
            climate,
            settings: Settings::default(),
            policy: "revision = 1".to_owned(),
            forbidden: |_, _, _| false,
        }
    }

    fn pairs(&self) -> Vec<Pair> {
        let others = |home: &usize| {
            let home = *home;
            (0..self.size).filter(move |to| *to != home).map(move |to| (home, to))
        };
        self.homes.iter().flat_map(others).collect()
    }

    pub(crate) fn play(&self) -> Score {
        let atlas = Atlas::new(self.size);
        let spells = forecast(&atlas, &self.climate, self.seed, self.hours);
        let mut sky = Sky::new(&atlas, &spells);
        let pairs = self.pairs();
        let chance = Chance::new(self.seed);
        let mut ours = Ours::new(&pairs, &atlas, &self.settings, &self.policy, chance.fork(1_000_001));
        ours.guard.forbidden = self.forbidden;
        let mut rivals: Vec<Box<dyn Steering>> = vec![
            Box::new(Direct(pairs.clone())),
            Box::new(Ron::new(&pairs, &sky, chance.fork(1_000_002))),
            Box::new(Shortest::new(&pairs, &sky)),
            Box::new(Twin::new(&pairs, &sky)),
            Box::new(Oracle::new("oracle, 300 ms late", 3, &pairs, &sky)),
            Box::new(Oracle::new("oracle", 0, &pairs, &sky)),
        ];
        let mut tapes = vec![vec![Tape::default(); pairs.len()]; rivals.len() + 1];
        let mut profile = Profile::new(pairs.len());
        let oracle = rivals.len() - 1;
        let mut oracle_r = vec![0.0; pairs.len()];
        while (sky.now_ms() as f64) < self.hours * 3_600_000.0 {
            sky.advance();
            let scored = sky.now_ms() >= WARM_UP_MS;
            for (rival, tapes) in rivals.iter_mut().zip(&mut tapes) {
                rival.live(&sky);
                if scored {
                    let last = listen(rival.as_ref(), &sky, tapes);
                    oracle_r = last.unwrap_or(oracle_r);
                }
            }
            ours.live(&sky);
            if scored {
                (0..pairs.len()).for_each(|pair| profile.step(pair, &ours.leg(pair).before, &sky));
                if let Some(our_r) = listen(&ours, &sky, &mut tapes[oracle + 1]) {
                    (0..pairs.len()).for_each(|pair| profile.end_window(pair, oracle_r[pair] - our_r[pair]));
                }
            }
        }
        let everybody = rivals.iter().map(|rival| (rival.name(), rival.control_bytes()));
        let everybody = everybody.chain([(ours.name(), ours.control_bytes())]);
        let direct: Vec<f64> = tapes[0].iter().map(|tape| tape.total.r()).collect();
        let rows = everybody.zip(&tapes).map(|((name, bytes), tapes)| Row::new(name, bytes, tapes, &direct));
        Score {
            rows: rows.collect(),
            profile,
            trace_hash: sky.hash(),
            tables: ours.guard.tables,
            changes: ours.changes,
            title: format!(
                "{} regions, {} pairs, {} h, seed {}",
                self.size,
                pairs.len(),
                self.hours,
                self.seed
            ),
            nodes: self.size,
        }
    }
}

/// Plays one step to every pair; their ratings, when a window is over.
fn listen(steering: &dyn Steering, sky: &Sky<'_>, tapes: &mut [Tape]) -> Option<Vec<f64>> {
    let mut ratings = Vec::new();
    for (pair, tape) in tapes.iter_mut().enumerate() {
        let leg = steering.leg(pair);
        if leg.before == leg.after {
            tape.play(leg.after, 1.0, &leg.after.fate(sky));
        } else {
            tape.play(leg.before, leg.share, &leg.before.fate(sky));
            tape.play(leg.after, 1.0 - leg.share, &leg.after.fate(sky));
        }
        ratings.extend(tape.end_step());
    }
    (!ratings.is_empty()).then_some(ratings)
}

impl Row {
    fn new(name: &'static str, bytes: u64, tapes: &[Tape], direct: &[f64]) -> Self {
        let mut total = Total::default();
        tapes.iter().for_each(|tape| total.add(&tape.total));
        let gains = tapes.iter().zip(direct).map(|(tape, direct)| tape.total.r() - direct).collect();
        Self { name, total, gains, bytes }
    }

    fn gain(&self) -> f64 {
        self.gains.iter().sum::<f64>() / self.gains.len() as f64
    }
}

impl Score {
    pub(crate) fn row(&self, name: &str) -> &Row {
        self.rows.iter().find(|row| row.name == name).unwrap()
    }

    /// The share of the oracle's gain over direct, 0 to 1.
    pub(crate) fn share(&self, name: &str) -> f64 {
        self.row(name).gain() / self.row("oracle").gain()
    }
}

fn word(reason: &Reason) -> &'static str {
    match reason {
        Reason::Waiting => "waiting",
        Reason::First(_) => "first",
        Reason::Sooner(_) => "sooner",
        Reason::Policy { .. } => "policy",
        Reason::Held { .. } => "held",
        Reason::Better { .. } => "better",
        Reason::Gone { .. } => "gone",
        Reason::Ordered { .. } => "ordered",
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}, trace {:016x}, {} tables checked", self.title, self.trace_hash, self.tables)?;
        writeln!(
            f,
            "\n| | R, mean | R gained | of the oracle's | worst pair | calls below R 70 | switches a pair and hour | control, kbit/s a node |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for row in &self.rows {
            let hours = self.rows[0].total.hours() / self.rows[0].gains.len() as f64;
            let kbit_s = row.bytes as f64 * 8.0 / 1_000.0 / (hours * 3_600.0) / self.nodes as f64;
            let worst = row.gains.iter().copied().fold(f64::INFINITY, f64::min);
            writeln!(
                f,
                "| {} | {:.2} | {:+.2} | {:.1} % | {:+.2} | {:.2} % | {:.1} | {:.0} |",
                row.name,
                row.total.r(),
                row.gain(),
                100.0 * self.share(row.name),
                worst,
                row.total.poor_percent(),
                row.total.switches_an_hour(),
                kbit_s
            )?;
        }
        let windows = self.rows[0].total.windows as f64;
        let gain = self.row("oracle").gain();
        writeln!(f, "\nR that the oracle has and we have not, in % of its gain:")?;
        let mut lost: Vec<_> = self.profile.lost.iter().collect();
        lost.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
        for (blame, (r, count)) in lost.into_iter().take(14) {
            writeln!(
                f,
                "  {:5.2} {blame:?}, {count} windows of {:.2}",
                100.0 * r / windows / gain,
                r / *count as f64
            )?;
        }
        let mut reasons: BTreeMap<&'static str, u64> = BTreeMap::new();
        self.changes.iter().for_each(|change| *reasons.entry(word(&change.reason)).or_default() += 1);
        let hours = self.rows[0].total.hours();
        let told = reasons.iter().map(|(word, count)| format!("{word} {:.1}", *count as f64 / hours));
        writeln!(f, "\nchanges a pair and hour: {}", told.collect::<Vec<_>>().join(", "))
    }
}
