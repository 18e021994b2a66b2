//! Models of the network that simulations share: where the regions lie (measured), and what the weather between them
//! does (modelled). All of it is drawn from one seed, so that a trace can be played again.

pub(crate) mod chance;
pub(crate) mod sky;
pub(crate) mod weather;

use chance::Chance;
use ringway_router::Region;

/// Round trips between 33 AWS regions, percentiles over one year to July 2025: cloudping.co by way of
/// commonwarexyz/monorepo `examples/estimator`, MIT or Apache-2.0. See `lab/data/README.md`.
const RTT: &str = include_str!("../../../lab/data/aws-rtt-2025.csv");

/// The four regions of the AWS whitepaper, then twelve more on every continent, then the others by name.
const FIRST: [&str; 16] = [
    "us-west-2",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "eu-west-1",
    "eu-central-1",
    "eu-west-3",
    "eu-north-1",
    "ap-northeast-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-south-1",
    "sa-east-1",
    "ca-central-1",
    "me-central-1",
    "af-south-1",
];

/// As in the lab: the jitter of a link is half the way from its median to its 90th percentile, 2 ms at most.
const JITTER_MS_MAX: f64 = 2.0;
const JITTER_MS_MIN: f64 = 0.1;
/// A region without measurements lies this far from a measured one, one way.
const SUBURB_MS: (f64, f64) = (1.0, 8.0);

/// Regions, and how far each is from each in fair weather.
pub(crate) struct Atlas {
    regions: Vec<Region>,
    delay_ms: Vec<f64>,
    jitter_ms: Vec<f64>,
}

impl Atlas {
    /// The first so many regions; beyond the 33 that were measured they are synthetic, each near a real one.
    pub(crate) fn new(size: usize) -> Self {
        let rows: Vec<(&str, &str, f64, f64)> = RTT.lines().skip(1).map(row).collect();
        let mut names: Vec<&str> = FIRST.to_vec();
        let mut others: Vec<&str> =
            rows.iter().map(|row| row.0).filter(|name| !FIRST.contains(name)).collect();
        others.dedup();
        names.extend(others);
        let measured = names.len();
        let mut chance = Chance::new(50);
        let (nearest, farthest) = SUBURB_MS;
        let sites: Vec<(usize, f64)> =
            (0..size)
                .map(|i| {
                    if i < measured {
                        (i, 0.0)
                    } else {
                        (i * 7 % measured, chance.between(nearest, farthest))
                    }
                })
                .collect();
        let name = |i: usize| match names.get(i) {
            Some(name) => name.parse().unwrap(),
            None => format!("synthetic-{}", i + 1 - measured).parse().unwrap(),
        };
        let mut atlas =
            Self { regions: (0..size).map(name).collect(), delay_ms: Vec::new(), jitter_ms: Vec::new() };
        for (a, from_center_ms) in &sites {
            for (b, to_center_ms) in &sites {
                let of = |row: &&(&str, &str, f64, f64)| (row.0, row.1) == (names[*a], names[*b]);
                let (_, _, p50_ms, p90_ms) = rows.iter().find(of).unwrap();
                let apart_ms = if a == b { 0.5 } else { p50_ms / 2.0 };
                atlas.delay_ms.push(apart_ms + from_center_ms + to_center_ms);
                atlas.jitter_ms.push(((p90_ms - p50_ms) / 2.0).clamp(JITTER_MS_MIN, JITTER_MS_MAX));
            }
        }
        atlas
    }

    pub(crate) fn len(&self) -> usize {
        self.regions.len()
    }

    pub(crate) fn region(&self, index: usize) -> &Region {
        &self.regions[index]
    }

    pub(crate) fn index(&self, region: &Region) -> usize {
        self.regions.iter().position(|known| known == region).unwrap()
    }

    /// The number of a link. Those from a region to itself have one too, which nobody uses.
    pub(crate) fn link(&self, from: usize, to: usize) -> usize {
        from * self.len() + to
    }

    /// The two ends of a link.
    pub(crate) fn ends(&self, link: usize) -> (usize, usize) {
        (link / self.len(), link % self.len())
    }

    /// One way, in fair weather, without jitter.
    pub(crate) fn delay_ms(&self, link: usize) -> f64 {
        self.delay_ms[link]
    }

    pub(crate) fn jitter_ms(&self, link: usize) -> f64 {
        self.jitter_ms[link]
    }
}

fn row(line: &str) -> (&str, &str, f64, f64) {
    let fields: Vec<&str> = line.split(',').collect();
    (fields[0], fields[1], fields[2].parse().unwrap(), fields[3].parse().unwrap())
}
