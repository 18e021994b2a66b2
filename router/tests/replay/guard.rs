//! What must hold in every table, whatever the weather.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ringway_router::{Policy, RANKED_MAX, Region, RouteTable};

/// Which relays calls between two regions may not pass: the test's own reading of the policy.
pub(crate) type Forbidden = fn(from: &str, to: &str, relay: &str) -> bool;

pub(crate) struct Guard {
    policy: Arc<Policy>,
    pub(crate) forbidden: Forbidden,
    /// Regions that are gone, and may not relay.
    pub(crate) dead: BTreeSet<Region>,
    epochs: BTreeMap<Region, u64>,
    pub(crate) tables: u64,
}

impl Guard {
    pub(crate) fn new(policy: Arc<Policy>) -> Self {
        Self { policy, forbidden: |_, _, _| false, dead: BTreeSet::new(), epochs: BTreeMap::new(), tables: 0 }
    }

    /// Panics with a sentence when something is wrong.
    pub(crate) fn check(&mut self, table: &RouteTable) {
        self.tables += 1;
        let epoch = self.epochs.entry(table.home.clone()).or_default();
        assert_eq!(table.epoch, *epoch + 1, "one table an epoch, one epoch a table");
        *epoch = table.epoch;
        assert_eq!(table.policy_revision, self.policy.revision, "a table under another policy");
        for route in table.routes() {
            assert!(route.ranked.len() <= RANKED_MAX, "{} paths", route.ranked.len());
            assert_eq!(route.ranked.is_empty(), route.refused.is_some(), "no path, and no word why");
            for ranked in &route.ranked {
                let path = &ranked.path;
                let regions: BTreeSet<&Region> = path.regions().iter().collect();
                assert_eq!(regions.len(), path.regions().len(), "a loop: {path}");
                assert!(path.relays().len() <= 2, "too long: {path}");
                assert_eq!((path.source(), path.destination()), (&table.home, &route.to), "{path}");
                assert!(!regions.iter().any(|region| self.dead.contains(*region)), "over the dead: {path}");
                for relay in path.relays() {
                    let banned = (self.forbidden)(table.home.as_str(), route.to.as_str(), relay.as_str());
                    assert!(!banned, "forbidden: {path}");
                }
            }
        }
    }
}
