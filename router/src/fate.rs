//! Which links suffer together, learned from their episodes of trouble: of two paths without a link in common, one is often
//! bad when the other is (60 % for loss: Andersen, Snoeren, Balakrishnan, IMC 2003). Until enough has been seen, structure
//! speaks: what shares a relay shares its fate, what shares an end may.
//!
//! The first backup is the path with the highest score to be expected once the chosen one has failed:
//! `score · (1 − p)`, where `p` is the chance that it fails too. The chosen path fails by one of its links, each as likely
//! as its past; given that link `e`, the backup is spared when all its links are: `1 − p = Π (1 − p(f | e))`, and
//! `p(f | e) = (episodes together + k · prior) / (episodes of e + k)`.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Path, Region, Time, pairs};

/// Episodes that begin within this time of each other have one cause.
const TOGETHER: Duration = Duration::from_secs(3);
/// After this time an episode counts half.
const HALF_LIFE_S: f64 = 12.0 * 3_600.0;
/// As many episodes as the prior is worth.
const PRIOR_EPISODES: f64 = 3.0;
/// A relay that both paths pass.
const PRIOR_RELAY: f64 = 0.6;
/// A region at which both links end: the source or the destination.
const PRIOR_END: f64 = 0.15;
/// Nothing that anyone can see.
const PRIOR_APART: f64 = 0.02;
/// The most links whose troubles are remembered.
const LINKS_MAX: usize = 512;
/// The most pairs of links that had trouble together.
const PAIRS_MAX: usize = 4_096;
/// The most links that one episode is paired with: when more than these fail at once, it was not one of them.
const PARTNERS_MAX: usize = 64;
/// What has decayed to this is forgotten.
const FORGOTTEN: f64 = 0.05;

/// A link by its two ends.
type Ends = (Region, Region);

/// What has been learned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fate {
    #[serde(with = "pairs")]
    links: BTreeMap<Ends, Trouble>,
    /// Episodes together, the lesser link first.
    #[serde(with = "pairs")]
    together: BTreeMap<(Ends, Ends), f64>,
    decayed_at: Time,
}

/// The troubles of one link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Trouble {
    /// How many episodes, older ones counting less.
    episodes: f64,
    began: Time,
}

impl Fate {
    /// An episode of trouble begins: the link went down, or began to lose.
    pub(crate) fn begin(&mut self, now: Time, ends: &Ends) {
        self.decay(now);
        let others: Vec<Ends> = self
            .links
            .iter()
            .filter(|(other, trouble)| *other != ends && now.since(trouble.began) <= TOGETHER)
            .map(|(other, _)| other.clone())
            .take(PARTNERS_MAX)
            .collect();
        for other in others {
            if self.together.len() >= PAIRS_MAX {
                // What happened once may have been chance.
                self.together.retain(|_, together| *together > 1.0);
            }
            if self.together.len() >= PAIRS_MAX {
                break;
            }
            *self.together.entry(paired(ends, &other)).or_default() += 1.0;
        }
        if !self.links.contains_key(ends) && self.links.len() >= LINKS_MAX {
            forget_least(&mut self.links, |trouble| trouble.episodes);
        }
        let trouble = self.links.entry(ends.clone()).or_default();
        trouble.episodes += 1.0;
        trouble.began = now;
    }

    /// The chance that the other path fails too when this one does.
    pub(crate) fn shared(&self, path: &Path, other: &Path) -> f64 {
        let weights = path.hops().map(|(a, b)| 1.0 + self.episodes(&(a.clone(), b.clone())));
        let (mut sum, mut all) = (0.0, 0.0);
        for (weight, failed) in weights.zip(path.hops()) {
            sum += weight * self.given(failed, path, other);
            all += weight;
        }
        sum / all
    }

    /// The chance that the other path fails too when this link of the path does.
    pub(crate) fn given(&self, failed: (&Region, &Region), path: &Path, other: &Path) -> f64 {
        let failed = (failed.0.clone(), failed.1.clone());
        let episodes = self.episodes(&failed);
        let spared = other.hops().map(|(from, to)| {
            if (from, to) == (&failed.0, &failed.1) {
                return 0.0;
            }
            let prior = prior(&failed, (from, to), path, other);
            let together = if episodes > 0.0 {
                let pair = paired(&failed, &(from.clone(), to.clone()));
                self.together.get(&pair).copied().unwrap_or(0.0).min(episodes)
            } else {
                0.0
            };
            1.0 - (together + PRIOR_EPISODES * prior) / (episodes + PRIOR_EPISODES)
        });
        1.0 - spared.product::<f64>()
    }

    fn episodes(&self, ends: &Ends) -> f64 {
        if self.links.is_empty() {
            return 0.0;
        }
        self.links.get(ends).map_or(0.0, |trouble| trouble.episodes)
    }

    fn decay(&mut self, now: Time) {
        let left = (-now.since(self.decayed_at).as_secs_f64() / HALF_LIFE_S).exp2();
        self.decayed_at = now;
        self.links.retain(|_, trouble| {
            trouble.episodes *= left;
            trouble.episodes > FORGOTTEN
        });
        self.together.retain(|_, together| {
            *together *= left;
            *together > FORGOTTEN
        });
    }
}

fn prior(failed: &Ends, link: (&Region, &Region), path: &Path, other: &Path) -> f64 {
    let relay = |region: &Region| path.relays().contains(region) && other.relays().contains(region);
    let common = [&failed.0, &failed.1].into_iter().filter(|end| **end == *link.0 || **end == *link.1);
    common.map(|region| if relay(region) { PRIOR_RELAY } else { PRIOR_END }).fold(PRIOR_APART, f64::max)
}

fn paired(a: &Ends, b: &Ends) -> (Ends, Ends) {
    if a < b { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) }
}

fn forget_least<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, weight: impl Fn(&V) -> f64) {
    let least =
        map.iter().min_by(|(_, a), (_, b)| weight(a).total_cmp(&weight(b))).map(|(key, _)| key.clone());
    if let Some(key) = least {
        map.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Path {
        Path::new(text.split(' ').map(|region| region.parse().unwrap())).unwrap()
    }

    fn ends(text: &str) -> Ends {
        let (from, to) = text.split_once('>').unwrap();
        (from.parse().unwrap(), to.parse().unwrap())
    }

    #[test]
    fn before_anything_is_known_structure_speaks() {
        let fate = Fate::default();
        let direct = path("a b");
        let (x, y) = (path("a x b"), path("a y b"));
        assert_eq!(fate.shared(&x, &x), 1.0);
        assert!(fate.shared(&x, &path("a x y b")) > fate.shared(&x, &y), "a shared link and relay");
        assert!(fate.shared(&x, &path("a y x b")) > fate.shared(&x, &y));
        assert!((0.1..0.4).contains(&fate.shared(&direct, &x)));
        assert_eq!(fate.shared(&direct, &x), fate.shared(&direct, &y));
    }

    #[test]
    fn links_that_fail_together_are_known_after_a_few_times() {
        let mut fate = Fate::default();
        let direct = path("a b");
        for hour in 1..=4 {
            let at = Time::from_millis(hour * 3_600_000);
            fate.begin(at, &ends("a>b"));
            fate.begin(at + Duration::from_secs(1), &ends("a>x"));
            fate.begin(at + Duration::from_secs(60), &ends("a>y"));
        }
        let (x, y) = (fate.shared(&direct, &path("a x b")), fate.shared(&direct, &path("a y b")));
        assert!(x > 0.5 && y < 0.2, "{x} {y}");
        fate.begin(Time::from_millis(20 * 24 * 3_600_000), &ends("a>b"));
        assert!(fate.shared(&direct, &path("a x b")) < 0.3, "after three weeks it is forgotten");
    }

    #[test]
    fn memory_is_bounded() {
        let mut fate = Fate::default();
        for i in 0..600_u64 {
            fate.begin(Time::from_millis(i), &ends(&format!("a{i}>b")));
        }
        assert!(fate.links.len() <= LINKS_MAX && fate.together.len() <= PAIRS_MAX);
    }
}
