//! What rules and orders mean for the calls of one slice between two regions, worked out once for every region and link:
//! the scan asks a hundred thousand times.

use crate::{
    Objective, Region, emodel::Hearing, graph::Graph, overrides::Orders, policy::Constraints,
    shortlist::Chain, worth::Worth,
};

/// Each tendency of the rules has a bit, so that it counts once a path.
#[derive(Clone, Debug)]
pub(crate) struct Masks {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Where calls may pass, in order.
    pub(crate) relays: Vec<usize>,
    pub(crate) relays_max: usize,
    pub(crate) worth: Worth,
    /// The chain that calls must take while it is up.
    pub(crate) pin: Option<Chain>,
    allowed: Vec<bool>,
    direct: bool,
    bits: Vec<u128>,
    direct_bits: u128,
    weights_r: Vec<f64>,
    /// What a path can gain at most by the relays on it.
    pub(crate) gain_r_max: f64,
    /// Points of R for each link, `None` where it may not be used; empty when nothing is said of links.
    links_r: Vec<Option<f64>>,
}

impl Masks {
    /// `None`: one of the two regions is not known, has no live node, or takes no calls.
    pub(crate) fn new(
        graph: &Graph,
        (from, to): (&Region, &Region),
        constraints: &Constraints<'_>,
        orders: &Orders<'_>,
        hearing: Hearing,
    ) -> Option<Self> {
        let (f, t) = (graph.index(from)?, graph.index(to)?);
        if !graph.is_live(f) || !graph.is_live(t) || orders.drains(to).is_some() {
            return None;
        }
        let tendencies: Vec<_> = constraints.tendencies().collect();
        let bits = |relay: Option<&Region>| {
            let meant = tendencies.iter().enumerate().filter(|(_, tendency)| tendency.means(relay));
            meant.fold(0_u128, |bits, (i, _)| bits | 1 << i)
        };
        let may_pass = |i: usize| {
            let region = graph.region(i);
            i != f
                && i != t
                && graph.is_live(i)
                && orders.drains(region).is_none()
                && constraints.forbids(Some(region)).is_none()
        };
        let allowed: Vec<bool> = (0..graph.len()).map(may_pass).collect();
        let weights_r: Vec<f64> = tendencies.iter().map(|tendency| tendency.r).collect();
        let pin =
            orders.pin(from, to).map(|(path, _)| path.relays()).or(constraints.pin.map(|(relays, _)| relays));
        let worth = Worth { hearing, objective: constraints.objective() };
        Some(Self {
            from: f,
            to: t,
            relays: (0..graph.len()).filter(|i| allowed[*i]).collect(),
            relays_max: constraints.relays_max(),
            pin: pin.and_then(|relays| graph.chain(relays)),
            direct: constraints.forbids(None).is_none(),
            bits: graph.regions().map(|region| bits(Some(region))).collect(),
            direct_bits: bits(None),
            gain_r_max: weights_r.iter().filter(|r| **r > 0.0).sum(),
            links_r: links_r(graph, constraints, orders, worth.objective),
            allowed,
            weights_r,
            worth,
        })
    }

    /// The same, without one link.
    pub(crate) fn without(&self, from: usize, to: usize) -> Self {
        let mut masks = self.clone();
        let regions = self.allowed.len();
        if masks.links_r.is_empty() {
            masks.links_r = vec![Some(0.0); regions * regions];
        }
        masks.links_r[from * regions + to] = None;
        masks
    }

    /// Whether rules and orders let calls take this chain, links aside.
    pub(crate) fn allows(&self, chain: &Chain) -> bool {
        chain.len() <= self.relays_max
            && if chain.len() == 0 { self.direct } else { chain.relays().iter().all(|i| self.allowed[*i]) }
    }

    /// Whether a bound that knows nothing of links holds.
    pub(crate) fn is_silent_on_links(&self) -> bool {
        self.links_r.is_empty()
    }

    /// `None`: the link may not be used.
    pub(crate) fn link_r(&self, from: usize, to: usize) -> Option<f64> {
        if self.links_r.is_empty() { Some(0.0) } else { self.links_r[from * self.allowed.len() + to] }
    }

    /// What the rules give a path for its relays.
    pub(crate) fn relays_r(&self, chain: &Chain) -> f64 {
        let bits = match *chain.relays() {
            [] => self.direct_bits,
            [a] => self.bits[a],
            [a, b, ..] => self.bits[a] | self.bits[b],
        };
        self.sum_r(bits)
    }

    fn sum_r(&self, mut bits: u128) -> f64 {
        let mut sum = 0.0;
        while bits != 0 {
            sum += self.weights_r[bits.trailing_zeros() as usize];
            bits &= bits - 1;
        }
        sum
    }
}

fn links_r(
    graph: &Graph,
    constraints: &Constraints<'_>,
    orders: &Orders<'_>,
    objective: Objective,
) -> Vec<Option<f64>> {
    let priced = objective == Objective::Cost;
    if !constraints.speaks_of_links() && !orders.speak_of_links() && !priced {
        return Vec::new();
    }
    let regions: Vec<&Region> = graph.regions().collect();
    let count = regions.len();
    let mut links_r = constraints.links_r(&regions);
    if links_r.is_empty() {
        links_r = vec![Some(0.0); count * count];
    }
    if orders.speak_of_links() {
        for (link, r) in links_r.iter_mut().enumerate() {
            if orders.disables(regions[link / count], regions[link % count]).is_some() {
                *r = None;
            }
        }
    }
    if priced {
        for (r, usd_per_gb) in links_r.iter_mut().zip(constraints.prices(&regions)) {
            *r = r.map(|r| r + Worth::cost_r(usd_per_gb));
        }
    }
    links_r
}
