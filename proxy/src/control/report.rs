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
        let (links, evidence) = self.links();
        self.evidence = evidence;
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
            links,
            media: self.media.clone(),
        };
        self.tell_router(router::Input::Report(statement.report()));
        self.tell_flood(Input::Own(Box::new(statement)));
    }

    /// What the cause that this node reports for a link rests on; `None` for links that it does not measure.
    #[must_use]
    pub fn evidence(&self, from: &Region, to: &Region) -> Option<&Evidence> {
        self.evidence.get(to).filter(|_| *from == self.facts.own.region)
    }

    /// What became of the latest OPTIONS from this region to another one, in words.
    #[must_use]
    pub fn asked(&self, from: &Region, to: &Region) -> Option<String> {
        let sounding = self.handle.soundings().of(to).filter(|_| *from == self.facts.own.region)?;
        let ago = self.now().saturating_duration_since(sounding.at).as_secs();
        Some(format!("{sounding}, {ago} s ago"))
    }

    /// The last word.
    pub(super) fn leave(&mut self) {
        self.speak(true);
    }

    /// One report a region, over its nodes: what was measured, and whose fault it is if it is bad; and the evidence.
    fn links(&self) -> (Vec<LinkReport>, BTreeMap<Region, Evidence>) {
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
                let evidence = evidence(&link, hops.lately(now, region));
                let report = link.report(region.clone(), evidence.cause(), hops.of(region));
                Some((report, (region.clone(), evidence)))
            })
            .unzip()
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
