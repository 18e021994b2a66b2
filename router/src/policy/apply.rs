//! What a policy has to say about the paths between two regions.

use super::{Action, Biased, Cost, Glob, LinkWord, Objective, Policy, Protect, Rule, Word};
use crate::{
    Path, Region, Slice, Time,
    path::RELAYS_MAX,
    reason::{Obstacle, Sway, SwayKind},
};

/// The rules that apply between one source and one destination.
pub(crate) struct Constraints<'a> {
    ends: (Region, Region),
    rules: Vec<&'a Rule>,
    /// Those of them that speak of links one by one, biases among them.
    of_links: Vec<&'a Rule>,
    /// The relay chain that calls are pinned to, and the rule that says so.
    pub(crate) pin: Option<(&'a [Region], &'a Rule)>,
    max_relays: Option<(usize, &'a Rule)>,
    costs: &'a [Cost],
    /// Points of R for a dollar a gigabyte, the sum of what each rule says.
    cost_r: f64,
}

/// What the rules add to the score of a path.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Terms {
    /// Points of R, the sum of what each rule gives, [`links_r`](Constraints::links_r) of every link included.
    pub(crate) total_r: f64,
    /// Whether a rule pins calls to exactly this path.
    pub(crate) pinned: bool,
    /// What each rule did.
    pub(crate) sways: Vec<Sway>,
}

/// One `avoid` or `prefer` of a rule that applies: which relays it means, and what it gives.
pub(crate) struct Tendency<'a> {
    words: &'a [Word],
    pub(crate) r: f64,
    kind: SwayKind,
    rule: &'a Rule,
}

/// For which calls, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occasion<'a> {
    pub(crate) slice: &'a Slice,
    pub(crate) at: Time,
}

impl Policy {
    /// What applies between these two regions.
    pub(crate) fn between(&self, from: &Region, to: &Region, occasion: Occasion<'_>) -> Constraints<'_> {
        let Occasion { slice, at } = occasion;
        self.of_mask(self.applying(slice.rules, self.holding(at)), from, to)
    }

    /// What those of the rules say of these two regions.
    pub(crate) fn of_mask(&self, mask: u64, from: &Region, to: &Region) -> Constraints<'_> {
        let meant = self.rules.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, rule)| rule);
        let joining = meant.filter(|rule| rule.scope.joins(from, to)).collect();
        Constraints::gathered(joining, &self.costs, (from, to))
    }
}

impl<'a> Constraints<'a> {
    /// What those of the rules say that are about these two regions, whatever else they ask.
    pub(super) fn of(rules: &[&'a Rule], costs: &'a [Cost], (from, to): (&Region, &Region)) -> Self {
        let joining = rules.iter().copied().filter(|rule| rule.scope.joins(from, to)).collect();
        Self::gathered(joining, costs, (from, to))
    }

    fn gathered(rules: Vec<&'a Rule>, costs: &'a [Cost], (from, to): (&Region, &Region)) -> Self {
        // Of several pins and limits the last one holds.
        let pin = rules.iter().rev().find_map(|rule| Some((rule.action.pin.as_deref()?, *rule)));
        let max_relays = rules.iter().rev().find_map(|rule| Some((rule.action.max_relays?, *rule)));
        let of_links = rules.iter().copied().filter(|rule| rule.action.speaks_of_links()).collect();
        let cost_r = rules.iter().map(|rule| rule.action.cost_r).sum();
        let ends = (from.clone(), to.clone());
        Self { ends, rules, of_links, pin, max_relays, costs, cost_r }
    }

    /// The most relays that are allowed.
    pub(crate) fn relays_max(&self) -> usize {
        self.max_relays.map_or(RELAYS_MAX, |(max, _)| max)
    }

    /// The rule that forbids this relay, or with `None` the direct path.
    pub(crate) fn forbids(&self, relay: Option<&Region>) -> Option<&'a Rule> {
        self.rules.iter().copied().find(|rule| rule.action.forbid.iter().any(|word| word.means(relay)))
    }

    /// Whether links have to be asked for one by one: otherwise none is forbidden, and `link_r` is zero for all.
    pub(crate) fn speaks_of_links(&self) -> bool {
        !self.of_links.is_empty() || self.cost_r > 0.0
    }

    /// The rule that forbids this link.
    pub(crate) fn forbids_link(&self, from: &Region, to: &Region) -> Option<&'a Rule> {
        self.of_links.iter().copied().find(|rule| any(&rule.action.forbid_links, from, to))
    }

    /// One of [`links_r`](Self::links_r), worked out the plain way.
    #[cfg(test)]
    pub(crate) fn link_r(&self, from: &Region, to: &Region) -> f64 {
        let of_rules: f64 = self
            .of_links
            .iter()
            .map(|rule| self.avoided_r(rule, from, to) + self.bias_r(rule, from, to))
            .sum();
        of_rules - if self.cost_r > 0.0 { self.cost_r * self.usd_per_gb(from, to) } else { 0.0 }
    }

    /// What the rules and the cost of traffic add to a path for each time that it uses a link, points of R, mostly below
    /// zero: for every link between these regions, row by row, `None` where the link is forbidden. Empty when no rule
    /// speaks of links. What a rule says of a relay by `bias` counts for the link that leads to the relay, and what it
    /// says of `direct` for the link that is the direct path. Matches every name once and not once a link.
    pub(crate) fn links_r(&self, regions: &[&Region]) -> Vec<Option<f64>> {
        if !self.speaks_of_links() {
            return Vec::new();
        }
        let count = regions.len();
        let mut matrix = vec![Some(0.0); count * count];
        if self.cost_r > 0.0 {
            matrix = self.prices(regions).into_iter().map(|usd| Some(-self.cost_r * usd)).collect();
        }
        for rule in &self.of_links {
            let action = &rule.action;
            let mut avoided = vec![false; if action.avoid_links.is_empty() { 0 } else { count * count }];
            action.avoid_links.iter().for_each(|word| mark(word, regions, |link| avoided[link] = true));
            for (r, _) in matrix.iter_mut().zip(avoided).filter(|(_, avoided)| *avoided) {
                *r = r.map(|r| r - action.avoid_r);
            }
            if !action.bias.is_empty() {
                let links = regions.iter().flat_map(|from| regions.iter().map(move |to| (*from, *to)));
                for (r, (from, to)) in matrix.iter_mut().zip(links) {
                    *r = r.map(|r| r + self.bias_r(rule, from, to));
                }
            }
            action.forbid_links.iter().for_each(|word| mark(word, regions, |link| matrix[link] = None));
        }
        matrix
    }

    /// [`usd_per_gb`](Self::usd_per_gb) of every link between these regions, row by row.
    pub(crate) fn prices(&self, regions: &[&Region]) -> Vec<f64> {
        let mut prices = vec![0.0; regions.len() * regions.len()];
        for cost in self.costs {
            mark(&cost.links, regions, |link| prices[link] = cost.usd_per_gb);
        }
        prices
    }

    /// When packets and requests go over two paths. Of several rules the last one holds.
    pub(crate) fn protect(&self) -> Protect {
        self.rules.iter().rev().find_map(|rule| rule.action.protect).unwrap_or_default()
    }

    /// What paths are compared by. Of several rules the last one holds.
    pub(crate) fn objective(&self) -> Objective {
        self.rules.iter().rev().find_map(|rule| rule.action.objective).unwrap_or_default()
    }

    /// What a gigabyte over this link costs, in dollars.
    pub(crate) fn usd_per_gb(&self, from: &Region, to: &Region) -> f64 {
        self.costs.iter().rev().find(|cost| cost.links.means(from, to)).map_or(0.0, |cost| cost.usd_per_gb)
    }

    /// Whether others mean the same for every path, whatever their rules are called.
    pub(crate) fn same_as(&self, other: &Constraints<'_>) -> bool {
        let actions = |constraints: &Constraints<'a>| {
            constraints.rules.iter().map(|rule| &rule.action).collect::<Vec<_>>()
        };
        let priced = self.cost_r > 0.0 || self.objective() == Objective::Cost;
        actions(self) == other.rules.iter().map(|rule| &rule.action).collect::<Vec<_>>()
            && (!priced || self.costs == other.costs)
    }

    /// How many names of links have to be looked at.
    pub(crate) fn link_words(&self) -> usize {
        let words = |rule: &&Rule| {
            let Action { forbid_links, avoid_links, bias, .. } = &rule.action;
            // A bias looks at both ends of every link by itself.
            forbid_links.len() + avoid_links.len() + bias.len() * 32
        };
        let priced = self.cost_r > 0.0 || self.objective() == Objective::Cost;
        let costs = if priced { self.costs.len() } else { 0 };
        self.of_links.iter().map(words).sum::<usize>() + costs
    }

    /// What the rules are called, in order.
    pub(crate) fn names(&self) -> Vec<&'a str> {
        self.rules.iter().map(|rule| rule.name.as_str()).collect()
    }

    /// The rules that may take paths away.
    pub(crate) fn prohibitions(&self) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().copied().filter(|rule| rule.action.prohibits())
    }

    /// Why the rules keep calls off this path, if they do.
    pub(crate) fn obstacle(&self, path: &Path) -> Option<Obstacle> {
        let forbidden = |relay: Option<&Region>| {
            let rule = self.forbids(relay)?.name.clone();
            Some(Obstacle::Forbidden { relay: relay.cloned(), rule })
        };
        if let Some((max, rule)) = self.max_relays
            && path.relays().len() > max
        {
            return Some(Obstacle::TooManyRelays { max, rule: rule.name.clone() });
        }
        let relay = if path.is_direct() {
            forbidden(None)
        } else {
            path.relays().iter().find_map(|r| forbidden(Some(r)))
        };
        relay.or_else(|| {
            path.hops().find_map(|(from, to)| {
                let rule = self.forbids_link(from, to)?.name.clone();
                Some(Obstacle::ForbiddenLink { from: from.clone(), to: to.clone(), rule })
            })
        })
    }

    /// What may add to a score by the relays of a path. The scorer gives each a bit: a rule counts once a path,
    /// however many of the relays it names are on it.
    pub(crate) fn tendencies(&self) -> impl Iterator<Item = Tendency<'a>> {
        self.rules.iter().flat_map(|rule| {
            let Action { avoid, avoid_r, prefer, prefer_r, .. } = &rule.action;
            let avoid = Tendency { words: avoid, r: -avoid_r, kind: SwayKind::Avoids, rule };
            let prefer = Tendency { words: prefer, r: *prefer_r, kind: SwayKind::Prefers, rule };
            [avoid, prefer].into_iter().filter(|tendency| !tendency.words.is_empty())
        })
    }

    /// What the rules add to the score of this path, rule by rule.
    pub(crate) fn terms(&self, path: &Path) -> Terms {
        let mut terms = Terms::default();
        for tendency in self.tendencies() {
            let relays = path.relays();
            let meant = relays.iter().find(|relay| tendency.means(Some(relay)));
            if meant.is_some() || (path.is_direct() && tendency.means(None)) {
                terms.sways.push(tendency.rule.sway(tendency.kind, meant, tendency.r));
            }
        }
        if self.speaks_of_links() {
            terms.sways.extend(self.of_hops(path));
        }
        terms.total_r = terms.sways.iter().map(|sway| sway.r).sum();
        if let Some((relays, rule)) = self.pin
            && relays == path.relays()
        {
            terms.pinned = true;
            terms.sways.push(rule.sway(SwayKind::Pins, relays.first(), 0.0));
        }
        terms
    }

    /// The same points as the sum of `link_r`, by the rules that give them.
    fn of_hops(&self, path: &Path) -> Vec<Sway> {
        let over =
            |r: &dyn Fn(&Region, &Region) -> f64| path.hops().map(|(from, to)| r(from, to)).sum::<f64>();
        let mut sways = Vec::new();
        for rule in &self.of_links {
            let avoided_r = over(&|from, to| self.avoided_r(rule, from, to));
            let bias_r = over(&|from, to| self.bias_r(rule, from, to));
            sways.push(rule.sway(SwayKind::AvoidsLinks, None, avoided_r));
            sways.push(rule.sway(SwayKind::Biases, None, bias_r));
        }
        for rule in self.rules.iter().filter(|rule| rule.action.cost_r > 0.0) {
            let usd = over(&|from, to| self.usd_per_gb(from, to));
            sways.push(rule.sway(SwayKind::Costs, None, -rule.action.cost_r * usd));
        }
        sways.retain(|sway| sway.r != 0.0);
        sways
    }

    fn avoided_r(&self, rule: &Rule, from: &Region, to: &Region) -> f64 {
        if any(&rule.action.avoid_links, from, to) { -rule.action.avoid_r } else { 0.0 }
    }

    fn bias_r(&self, rule: &Rule, from: &Region, to: &Region) -> f64 {
        let (source, destination) = &self.ends;
        let means = |on: &Biased| match on {
            Biased::Link(word) => word.means(from, to),
            Biased::Relay(word) if to == destination => from == source && word.means(None),
            Biased::Relay(word) => word.means(Some(to)),
        };
        rule.action.bias.iter().filter(|bias| means(&bias.on)).map(|bias| bias.r).sum()
    }
}

impl Rule {
    fn sway(&self, kind: SwayKind, relay: Option<&Region>, r: f64) -> Sway {
        Sway { kind, relay: relay.cloned(), rule: self.name.clone(), r }
    }
}

impl Action {
    fn speaks_of_links(&self) -> bool {
        !self.forbid_links.is_empty() || !self.avoid_links.is_empty() || !self.bias.is_empty()
    }

    pub(super) fn prohibits(&self) -> bool {
        !self.forbid.is_empty() || !self.forbid_links.is_empty() || self.max_relays.is_some()
    }
}

impl Tendency<'_> {
    /// Whether it means this relay, or with `None` the direct path.
    pub(crate) fn means(&self, relay: Option<&Region>) -> bool {
        self.words.iter().any(|word| word.means(relay))
    }
}

fn any(words: &[LinkWord], from: &Region, to: &Region) -> bool {
    words.iter().any(|word| word.means(from, to))
}

/// Tells every link between these regions that the word means, row by row.
fn mark(word: &LinkWord, regions: &[&Region], mut link: impl FnMut(usize)) {
    let fitting =
        |glob: &Glob| (0..regions.len()).filter(|i| glob.matches(regions[*i].as_str())).collect::<Vec<_>>();
    let (from, to) = (fitting(&word.from), fitting(&word.to));
    for (a, b) in from.iter().flat_map(|a| to.iter().map(move |b| (*a, *b))) {
        link(a * regions.len() + b);
        if word.both_ways {
            link(b * regions.len() + a);
        }
    }
}
