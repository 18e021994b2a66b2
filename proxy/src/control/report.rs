//! What this node says: its own statement, made from its own measurements.

use super::Control;
use crate::mesh::{flood::Input, statement::Statement};
use ringway_node::phase::Phase;
use ringway_router::{
    self as router, HopCounts, LinkReport, Region,
    measure::{self, Evidence, LinkEstimate},
};
use std::{collections::BTreeMap, time::Duration};

impl Control {
    /// Says how things stand: to the router at once, and to the flood, which decides what of it the others have to know,
    /// and when.
    pub(super) fn speak(&mut self, leaving: bool) {
        self.sequence += 1;
        let statement = Statement {
            origin: self.facts.own.clone(),
            incarnation: self.handle.clock().start_unix_us(),
            sequence: self.sequence,
            zone: self.facts.zone.clone(),
            version: self.facts.version.to_owned(),
            draining: self.phase != Phase::Serving,
            leaving,
            sip_port: self.facts.sip.port(),
            probe_port: self.facts.probe.port(),
            probe_key: self.facts.probe_key,
            policy_revision: self.policy.policy.revision,
            policy_digest: self.policy.policy.digest(),
            route_epoch: self.router.table().epoch,
            basis: 0,
            refresh: Duration::ZERO,
            urgent: false,
            advertise: self.facts.advertise,
            overrides: self.orders.own().to_vec(),
            links: self.links(),
            media: self.media.clone(),
        };
        self.tell_router(router::Input::Report(statement.report()));
        self.tell_flood(Input::Own(Box::new(statement)));
    }

    /// The last word.
    pub(super) fn leave(&mut self) {
        self.speak(true);
    }

    /// One report a region, over its nodes: what was measured, and whose fault it is if it is bad.
    fn links(&self) -> Vec<LinkReport> {
        let mut by_region: BTreeMap<&Region, Vec<&LinkEstimate>> = BTreeMap::new();
        for (node, way) in &self.windows {
            by_region.entry(&node.region).or_default().push(way);
        }
        let now = self.now();
        by_region
            .into_iter()
            .filter_map(|(region, ways)| {
                let link = measure::together(&ways)?;
                let hops = self.handle.hops();
                let cause = evidence(&link, hops.lately(now, region)).cause();
                Some(link.report(region.clone(), cause, hops.of(region)))
            })
            .collect()
    }
}

/// What the verdict about a link rests on.
fn evidence(link: &LinkEstimate, sip: HopCounts) -> Evidence {
    Evidence {
        up: link.up,
        loss: link.loss,
        brownout: link.brownout,
        rtt_ms: link.rtt_ms,
        slower_ms: link.slower_ms,
        tunnel_loss: link.tunnel_loss,
        sip,
    }
}
