//! What must hold at every step, and what must hold again once everything is well.

use crate::world::World;
use ringway_router::{NodeId, Path, Region, RouteTable, Traffic};
use std::collections::BTreeSet;

/// Over this region no call may go, says the policy of the simulated mesh.
pub(crate) const FORBIDDEN: &str = "ap-northeast-1";

/// Whether a table is one that calls may follow.
pub(crate) fn table(table: &RouteTable, at: &NodeId) {
    for route in table.routes() {
        for ranked in &route.ranked {
            let path: &Path = &ranked.path;
            let regions: Vec<&Region> = path.regions().iter().collect();
            let distinct: BTreeSet<&&Region> = regions.iter().collect();
            assert_eq!(distinct.len(), regions.len(), "{at}: a loop: {path:?}");
            assert_eq!(path.source(), &at.region, "{at}: {path:?}");
            let forbidden = |region: &Region| region.as_str() == FORBIDDEN;
            assert!(!path.relays().iter().any(forbidden), "{at}: outside the policy: {path:?}");
        }
    }
}

/// Nobody remembers more than there is.
pub(crate) fn bounded(world: &World) {
    let (all, seed) = (world.nodes.len(), world.seed);
    for node in world.nodes.iter().filter(|node| node.alive) {
        let ledger = node.flood.ledger();
        assert!(ledger.all().count() <= all && ledger.gone().count() <= all, "seed {seed}: {}", node.id);
    }
}

/// Every living node holds the same picture: of every living node what it said last, or what it said just now; and of
/// no other. What differs, for whoever reads the failure.
pub(crate) fn differences(world: &World) -> Vec<String> {
    let mut wrong = Vec::new();
    for node in world.nodes.iter().filter(|node| node.alive) {
        let ledger = node.flood.ledger();
        for other in &world.nodes {
            let heard = ledger.of(&other.id).map(ringway_proxy::mesh::ledger::Held::version);
            let said = other.flood.ledger().of(&other.id).map(|held| (held.version(), held.heard));
            let is_right = match (heard, said) {
                (heard, Some((version, at))) if other.alive => {
                    // What was said in the last second may be on its way.
                    heard == Some(version)
                        || (heard.is_some() && at + std::time::Duration::from_secs(1) > world.now())
                }
                (heard, _) => heard.is_none(),
            };
            if !is_right {
                wrong.push(format!("{} of {}: {heard:?}, but {said:?}", node.id, other.id));
            }
        }
    }
    wrong
}

/// Every route of every router leads over links that are up.
pub(crate) fn unusable(world: &World) -> Vec<String> {
    let mut wrong = Vec::new();
    let place = |region: &Region| world.network.regions.iter().position(|known| known == region);
    for node in world.nodes.iter().filter(|node| node.alive) {
        let Some(router) = &node.router else { continue };
        let table = router.table();
        for to in (0..world.network.regions.len()).filter(|to| *to != node.region && world.alive[*to] > 0) {
            let region = &world.network.regions[to];
            let best = table.route(region, &Traffic::voice()).and_then(|route| route.ranked.first());
            let Some(best) = best else {
                wrong.push(format!("{}: no path to {region}", node.id));
                continue;
            };
            let places: Vec<usize> = best.path.regions().iter().filter_map(place).collect();
            if !places.windows(2).all(|hop| world.network.is_up(hop[0], hop[1])) {
                wrong.push(format!("{}: {:?}", node.id, best.path));
            }
        }
    }
    wrong
}
