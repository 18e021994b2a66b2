//! The modelled network: round trips between AWS regions (`lab/data/aws-rtt-2025.csv`, where their source is named), more
//! regions made up from them, and what is wrong with which link.

use ringway_router::Region;
use std::collections::BTreeMap;

const MEASURED: &str = include_str!("../../../lab/data/aws-rtt-2025.csv");

/// Any slower and nothing is left of the model.
const RTT_MS_MIN: f64 = 2.0;

/// What is wrong with one direction of a link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weather {
    pub(crate) cut: bool,
    pub(crate) loss: f64,
    pub(crate) added_ms: f64,
}

const FINE: Weather = Weather { cut: false, loss: 0.0, added_ms: 0.0 };

pub(crate) struct Network {
    pub(crate) regions: Vec<Region>,
    rtt_ms: Vec<f64>,
    weather: BTreeMap<(usize, usize), Weather>,
}

impl Network {
    /// The first `count` regions of the data, by name; those beyond are made up: each lies between three that are known,
    /// and a little off.
    pub(crate) fn new(count: usize, chance: &mut fastrand::Rng) -> Self {
        let mut rows: BTreeMap<(&str, &str), f64> = BTreeMap::new();
        for line in MEASURED.lines().skip(1) {
            let mut fields = line.split(',');
            let mut text = || fields.next().expect("four fields a row");
            let (from, to, p50) = (text(), text(), text());
            rows.insert((from, to), p50.parse().expect("a number"));
        }
        let mut names: Vec<String> = rows.keys().map(|(from, _)| (*from).to_owned()).collect();
        names.dedup();
        let known = names.len();
        let mut full = vec![vec![0.0; count.max(known)]; count.max(known)];
        for (from, row) in full.iter_mut().enumerate().take(known) {
            for (to, rtt) in row.iter_mut().enumerate().take(known) {
                *rtt = rows.get(&(names[from].as_str(), names[to].as_str())).copied().unwrap_or(150.0);
            }
        }
        for new in known..count {
            let near = [0; 3].map(|_: i32| chance.usize(..known));
            for other in 0..new {
                let mean = near.iter().map(|&n| full[n][other]).sum::<f64>() / 3.0;
                let rtt = mean * (0.9 + 0.2 * chance.f64());
                (full[new][other], full[other][new]) = (rtt, rtt);
            }
            names.push(format!("synthetic-{}", new - known + 1));
        }
        let regions: Vec<Region> =
            names[..count].iter().map(|name| name.parse().expect("a region")).collect();
        let rtt_ms = full[..count].iter().flat_map(|row| row[..count].to_vec()).collect();
        Self { regions, rtt_ms, weather: BTreeMap::new() }
    }

    pub(crate) fn weather(&self, from: usize, to: usize) -> Weather {
        self.weather.get(&(from, to)).copied().unwrap_or(FINE)
    }

    /// Makes one direction of a link so.
    pub(crate) fn set(&mut self, from: usize, to: usize, weather: Weather) {
        if weather == FINE {
            self.weather.remove(&(from, to));
        } else {
            self.weather.insert((from, to), weather);
        }
    }

    pub(crate) fn cut(&mut self, from: usize, to: usize) {
        self.set(from, to, Weather { cut: true, ..FINE });
    }

    /// Everything is well again.
    pub(crate) fn heal(&mut self) {
        self.weather.clear();
    }

    /// Whether both directions carry packets. Within a region they always do.
    pub(crate) fn is_up(&self, one: usize, other: usize) -> bool {
        one == other || !(self.weather(one, other).cut || self.weather(other, one).cut)
    }

    /// Round trip with what the weather adds.
    pub(crate) fn rtt_ms(&self, from: usize, to: usize) -> f64 {
        if from == to {
            return RTT_MS_MIN;
        }
        let bare = self.rtt_ms[from * self.regions.len() + to].max(RTT_MS_MIN);
        bare + self.weather(from, to).added_ms + self.weather(to, from).added_ms
    }
}
